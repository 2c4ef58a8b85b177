//! What the values of a manifest must be.

use std::collections::HashSet;

use super::bounds::{MAX_WIDTH, threshold, within};
use super::label::is_group_name;
use super::{Apnet, Architecture, Classifier, Flint, FrontEndSpec, Head, Iba, L2i, Lmac, Manifest, Vibi};
use crate::dsp::{Compression, MelScale};
use crate::toml_text::BadValue;

impl Manifest {
    /// The first value that cannot be used.
    pub(super) fn problem(&self) -> Option<BadValue> {
        self.head_problem()
            .or_else(|| front_end_problem(&self.front_end))
            .or_else(|| self.segment_problem())
            .or_else(|| self.labels_problem())
            .or_else(|| classifier_problem(&self.classifier))
            .or_else(|| self.onnx_problem())
            .or_else(|| self.l2i.as_ref().and_then(l2i_problem))
            .or_else(|| self.lmac.as_ref().and_then(lmac_problem))
            .or_else(|| self.flint.as_ref().and_then(Flint::problem))
            .or_else(|| self.vibi.as_ref().and_then(Vibi::problem))
            .or_else(|| self.apnet.as_ref().and_then(Apnet::problem))
            .or_else(|| self.iba.as_ref().and_then(Iba::problem))
            .or_else(|| self.drsa.iter().find_map(|(method, concepts)| concepts.problem(method, &self.labels)))
            .or_else(|| self.files_problem())
            .or_else(|| scores_problem(&self.scores, "scores"))
    }

    fn head_problem(&self) -> Option<BadValue> {
        if self.format != super::FORMAT_VERSION {
            let remedy = format!("this earwitness reads and writes format {}", super::FORMAT_VERSION);
            return Some(BadValue::new("format", self.format, remedy));
        }
        if !is_plain_name(&self.name) {
            return Some(BadValue::new(
                "name",
                quoted(&self.name),
                "give a name of letters, digits, '-', '_' and '.' that does not begin with '.'",
            ));
        }
        if self.licence.trim().is_empty() {
            return Some(BadValue::new("licence", quoted(&self.licence), "name the licence of the weights"));
        }
        None
    }

    fn segment_problem(&self) -> Option<BadValue> {
        let s = &self.segment;
        if s.n_frames == 0 || s.n_frames > 1 << 20 {
            return Some(BadValue::new("segment.n_frames", s.n_frames, "give 1 to 1048576 frames"));
        }
        within("segment.stride_frames", s.stride_frames, 1, s.n_frames, "frames, at most segment.n_frames").or_else(
            || {
                let clip = s.clip_frames.unwrap_or(s.n_frames);
                within("segment.clip_frames", clip, s.n_frames, 1 << 20, "frames, at least segment.n_frames")
            },
        )
    }

    fn labels_problem(&self) -> Option<BadValue> {
        if self.labels.is_empty() {
            return Some(BadValue::new("labels", "[]", "give one [[labels]] table for each output of the classifier"));
        }
        let mut seen = HashSet::new();
        for (i, label) in self.labels.iter().enumerate() {
            let key = |k: &str| format!("labels[{i}].{k}");
            if label.name.trim().is_empty() || label.name.chars().any(char::is_control) {
                return Some(BadValue::new(key("name"), quoted(&label.name), "give a printable name"));
            }
            if !seen.insert(label.name.as_str()) {
                return Some(BadValue::new(key("name"), quoted(&label.name), "give each label a name of its own"));
            }
            let (on, off) = (label.on_threshold, label.off_threshold);
            if !(on > 0.0 && on < 1.0) {
                return Some(BadValue::new(key("on_threshold"), on, "give a probability above 0 and below 1"));
            }
            if !(off > 0.0 && off <= on) {
                let remedy = format!("give a probability above 0 and at most on_threshold, here {on}");
                return Some(BadValue::new(key("off_threshold"), off, remedy));
            }
            if let Some(sure) = label.sure_threshold.filter(|sure| !(*sure > 0.0 && *sure <= 1.0)) {
                return Some(BadValue::new(key("sure_threshold"), sure, "give a probability above 0 and at most 1"));
            }
            if let Some(group) = label.group.as_deref().filter(|group| !is_group_name(group)) {
                let remedy = format!("give a lower-case word, as in {}", super::GROUPS.join(", "));
                return Some(BadValue::new(key("group"), quoted(group), remedy));
            }
        }
        None
    }

    fn files_problem(&self) -> Option<BadValue> {
        for (file, hash) in &self.files {
            if !is_plain_name(file) || file == super::super::package::MANIFEST_FILE {
                return Some(BadValue::new(
                    format!("files.{file}"),
                    quoted(hash),
                    "name a file that lies beside the manifest, without any folder",
                ));
            }
            if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                return Some(BadValue::new(
                    format!("files.{file}"),
                    quoted(hash),
                    "give the file's sha256 as 64 lower-case hex digits, as `sha256sum` prints them",
                ));
            }
        }
        let missing = self.referenced_files().into_iter().find(|(_, file)| !self.files.contains_key(*file));
        missing.map(|(key, file)| BadValue::new(key, quoted(file), "list that file with its sha256 under [files]"))
    }
}

fn front_end_problem(f: &FrontEndSpec) -> Option<BadValue> {
    let key = |k: &str| format!("front_end.{k}");
    let nyquist_hz = f.sample_rate_hz as f32 / 2.0;
    if !(8_000..=192_000).contains(&f.sample_rate_hz) {
        return Some(BadValue::new(key("sample_rate_hz"), f.sample_rate_hz, "give 8000 to 192000 Hz"));
    }
    if f.periodic != f.window.is_periodic() {
        let remedy = format!("give {}, which the window is", f.window.is_periodic());
        return Some(BadValue::new(key("periodic"), f.periodic, remedy));
    }
    if !(0.0..1.0).contains(&f.pre_emphasis) {
        return Some(BadValue::new(key("pre_emphasis"), f.pre_emphasis, "give 0 or more and less than 1"));
    }
    if f.pre_emphasis > 0.0 && f.win_length + 2 > f.n_fft {
        let remedy = "give at most n_fft - 2 samples where there is pre-emphasis";
        return Some(BadValue::new(key("win_length"), f.win_length, remedy));
    }
    within(&key("n_fft"), f.n_fft, 2, 1 << 20, "samples")
        .or_else(|| within(&key("win_length"), f.win_length, 2, f.n_fft, "samples, at most n_fft"))
        .or_else(|| within(&key("hop"), f.hop, 1, f.win_length, "samples, at most win_length"))
        .or_else(|| within(&key("n_mels"), f.n_mels, 1, f.n_bins(), "bands, at most n_fft/2 + 1"))
        .or_else(|| {
            (!(f.f_min_hz >= 0.0 && f.f_min_hz < nyquist_hz)).then(|| {
                let remedy = format!("give 0 to less than half the sample rate, here {nyquist_hz} Hz");
                BadValue::new(key("f_min_hz"), f.f_min_hz, remedy)
            })
        })
        .or_else(|| {
            (!(f.f_max_hz > f.f_min_hz && f.f_max_hz <= nyquist_hz)).then(|| {
                let remedy = format!("give more than f_min_hz and at most half the sample rate, here {nyquist_hz} Hz");
                BadValue::new(key("f_max_hz"), f.f_max_hz, remedy)
            })
        })
        .or_else(|| compression_problem(&f.compression))
        .or_else(|| samples_problem(f))
}

/// What columns of samples need.
fn samples_problem(f: &FrontEndSpec) -> Option<BadValue> {
    if f.mel_scale != MelScale::Samples {
        return None;
    }
    if f.n_mels != f.hop {
        let remedy =
            "give front_end.hop where mel_scale is \"samples\", so that columns follow each other without a gap";
        return Some(BadValue::new("front_end.n_mels", f.n_mels, remedy));
    }
    if f.compression != Compression::None {
        let remedy = "give kind = \"none\" where mel_scale is \"samples\"";
        return Some(BadValue::new("front_end.compression.kind", "another kind", remedy));
    }
    if f.pre_emphasis > 0.0 {
        let remedy = "leave it out where mel_scale is \"samples\"";
        return Some(BadValue::new("front_end.pre_emphasis", f.pre_emphasis, remedy));
    }
    (f.win_length < 2 * f.hop).then(|| {
        let remedy = "give at least twice the hop where mel_scale is \"samples\"";
        BadValue::new("front_end.win_length", f.win_length, remedy)
    })
}

fn compression_problem(c: &Compression) -> Option<BadValue> {
    let key = |k: &str| format!("front_end.compression.{k}");
    match *c {
        Compression::Log10 { floor, .. } | Compression::Ln { floor, .. } | Compression::Db { floor }
            if !(floor > 0.0 && floor.is_finite()) =>
        {
            Some(BadValue::new(key("floor"), floor, "give an energy greater than 0, as in 1e-5"))
        }
        Compression::Log10 { scale, .. } | Compression::Ln { scale, .. } if !scale.is_finite() || scale == 0.0 => {
            Some(BadValue::new(key("scale"), scale, "give a number other than 0"))
        }
        Compression::Log10 { offset, .. } | Compression::Ln { offset, .. } if !offset.is_finite() => {
            Some(BadValue::new(key("offset"), offset, "give a finite number"))
        }
        _ => None,
    }
}

fn classifier_problem(c: &Classifier) -> Option<BadValue> {
    let mut seen = HashSet::new();
    if let Some(tap) = c.taps.iter().find(|t| t.is_empty() || !seen.insert(t.as_str())) {
        return Some(BadValue::new("classifier.taps", quoted(tap), "name each hidden layer once"));
    }
    match c.architecture {
        Architecture::Vgg => vgg_problem(c),
        // Its loader looks at the rest.
        Architecture::Causal => c.causal.is_none().then(|| {
            BadValue::new(
                "classifier.architecture",
                "\"causal\"",
                "describe the network in a table [classifier.causal]",
            )
        }),
        Architecture::EfficientAt => efficientat_problem(c),
        // Its loader looks at each layer.
        Architecture::Sequential => sequential_problem(c),
        // `onnx_problem` looks at it.
        Architecture::Onnx => None,
    }
}

fn sequential_problem(c: &Classifier) -> Option<BadValue> {
    if c.head != Head::Dense {
        let remedy = "give \"dense\" where architecture is \"sequential\"";
        return Some(BadValue::new("classifier.head", "another head", remedy));
    }
    c.layers.is_empty().then(|| {
        BadValue::new(
            "classifier.layers",
            "[]",
            "give one [[classifier.layers]] table for each layer before the logits",
        )
    })
}

fn efficientat_problem(c: &Classifier) -> Option<BadValue> {
    let foreign = [
        ("classifier.widths", !c.widths.is_empty()),
        ("classifier.time_pools", !c.time_pools.is_empty()),
        ("classifier.input_pool", c.input_pool != 1),
    ];
    if let Some((key, _)) = foreign.into_iter().find(|(_, there)| *there) {
        return Some(BadValue::new(key, "a value", "leave it out where architecture is \"efficientat\""));
    }
    let width = c.width.unwrap_or(0.0);
    if !(width > 0.0 && width <= 10.0) {
        return Some(BadValue::new("classifier.width", width, "give a factor above 0 and at most 10, as in 0.4"));
    }
    if c.head != Head::Mlp {
        return Some(BadValue::new(
            "classifier.head",
            "another head",
            "give \"mlp\" where architecture is \"efficientat\"",
        ));
    }
    within("classifier.hidden_units", c.hidden_units.unwrap_or(0), 1, 1 << 16, "units")
}

fn vgg_problem(c: &Classifier) -> Option<BadValue> {
    let foreign = [("classifier.width", c.width.is_some()), ("classifier.hidden_units", c.hidden_units.is_some())];
    if let Some((key, _)) = foreign.into_iter().find(|(_, there)| *there) {
        return Some(BadValue::new(key, "a value", "leave it out where architecture is \"vgg\""));
    }
    if c.widths.is_empty() || c.widths.len() > 16 {
        return Some(BadValue::new("classifier.widths", format!("{:?}", c.widths), "give 1 to 16 blocks"));
    }
    if c.widths.iter().any(|w| !(1..=MAX_WIDTH).contains(w)) {
        let remedy = format!("give each block 1 to {MAX_WIDTH} channels");
        return Some(BadValue::new("classifier.widths", format!("{:?}", c.widths), remedy));
    }
    if c.time_pools.len() + 1 != c.widths.len() || c.time_pools.iter().any(|p| !(1..=2).contains(p)) {
        let remedy = format!("give 1 or 2 for each of the {} blocks but the last", c.widths.len());
        return Some(BadValue::new("classifier.time_pools", format!("{:?}", c.time_pools), remedy));
    }
    within("classifier.input_pool", c.input_pool, 1, 16, "frames")
}

fn l2i_problem(l: &L2i) -> Option<BadValue> {
    let names = l.component_names.len();
    within("l2i.n_components", l.n_components, 1, MAX_WIDTH, "components")
        .or_else(|| within("l2i.psi_channels", l.psi_channels, 1, MAX_WIDTH, "channels"))
        .or_else(|| within("l2i.theta_hidden", l.theta_hidden, 1, MAX_WIDTH, "units"))
        .or_else(|| {
            (names != 0 && names != l.n_components).then(|| {
                let remedy = format!("give one name for each of the {} components, or none", l.n_components);
                BadValue::new("l2i.component_names", format!("a list of {names} names"), remedy)
            })
        })
        .or_else(|| threshold("l2i.relevance_threshold", l.relevance_threshold))
}

fn lmac_problem(l: &Lmac) -> Option<BadValue> {
    within("lmac.channels", l.channels, 1, MAX_WIDTH, "channels")
}

fn scores_problem(scores: &toml::Table, key: &str) -> Option<BadValue> {
    scores.iter().find_map(|(name, value)| match value {
        toml::Value::Integer(_) => None,
        toml::Value::Float(x) if x.is_finite() => None,
        toml::Value::Table(inner) => scores_problem(inner, &format!("{key}.{name}")),
        other => Some(BadValue::new(format!("{key}.{name}"), other, "give a finite number or a table of numbers")),
    })
}

/// Whether `name` is safe as the name of a file or folder: one plain component, not hidden.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

pub(super) fn quoted(s: &str) -> String {
    format!("{s:?}")
}
