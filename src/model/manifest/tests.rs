#![allow(clippy::unwrap_used)]

use super::*;
use crate::dsp::{Compression, FrontEnd};

const GOOD: &str = r#"format = 1
name = "small"
description = "A model for tests"
licence = "CC0-1.0"

[front_end]
sample_rate_hz = 22050
n_fft = 1024
hop = 441
win_length = 1024
window = "hann"
periodic = true
centred = true
n_mels = 64
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0
f_max_hz = 11025
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }

[segment]
n_frames = 250
stride_frames = 32

[[labels]]
name = "dog"
on_threshold = 0.6
off_threshold = 0.4

[[labels]]
name = "rain"
on_threshold = 0.5
off_threshold = 0.5
group = "nature"
alarm = false

[classifier]
architecture = "vgg"
widths = [16, 32, 64, 128, 256, 512]
input_pool = 2
time_pools = [2, 2, 2, 2, 1]
head = "mean-max"
activation = "sigmoid"
taps = ["block4", "block5", "block6"]
weights = "classifier.safetensors"

[l2i]
dictionary = "dictionary.safetensors"
n_components = 2
component_names = ["dog 1", "noise 1"]
psi_channels = 64
theta_hidden = 128
pooling = "attention"
relevance_threshold = 0.1
weights = "l2i.safetensors"

[lmac]
channels = 48
conditioned = true
weights = "lmac.safetensors"

[flint]
n_attributes = 12
channels = 20
relevance_threshold = 0.25
weights = "flint.safetensors"

[vibi]
chunk_frames = 32
chunk_bands = 16
chosen = 0.125
channels = 5
weights = "vibi.safetensors"

[apnet]
n_prototypes = 26
frames = 48
channels = 7
relevance_threshold = 0.35
weights = "apnet.safetensors"

[iba]
layer = "block4"
beta = 11.0
weights = "iba.safetensors"

[drsa.prca]
layer = "block3"
concepts = 3
rules = "thesis"
weights = "prca.safetensors"
names = { dog = ["bark"] }

[files]
"apnet.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"classifier.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"dictionary.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"flint.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"iba.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"l2i.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"lmac.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"prca.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"vibi.safetensors" = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[training]
commands = ["earwitness train classifier --seed 1"]
data = "nothing"
seed = 1
date = "2026-11-20"

[scores]
accuracy = 0.9

[scores.ff_median]
"0.1" = 0.2
"#;

fn parse(text: &str) -> Result<Manifest> {
    Manifest::parse(text, "m/model.toml")
}

#[test]
fn a_good_manifest_is_read_whole() {
    let m = parse(GOOD).unwrap();
    assert_eq!(m.label_names().collect::<Vec<_>>(), ["dog", "rain"]);
    assert_eq!(m.front_end.n_bins(), 513);
    assert_eq!(m.front_end.compression, Compression::Log10 { floor: 1e-5, scale: 0.4, offset: 0.8 });
    assert_eq!(m.classifier.head, Head::MeanMax);
    assert_eq!(m.l2i.as_ref().unwrap().pooling, Pooling::Attention);
    let concepts = &m.drsa["prca"];
    assert_eq!((concepts.block(), concepts.given_name("dog", 0), concepts.given_name("dog", 1)), (Some(2), "bark", ""));
    assert_eq!(m.scores["ff_median"]["0.1"].as_float(), Some(0.2));
}

#[test]
fn a_label_without_group_and_alarm_is_reported_and_belongs_to_no_group() {
    let m = parse(GOOD).unwrap();
    assert_eq!((m.labels[0].group.as_deref(), m.labels[0].alarm), (None, true));
    assert_eq!((m.labels[1].group.as_deref(), m.labels[1].alarm), (Some("nature"), false));
    let text = m.to_toml().unwrap();
    assert_eq!((text.matches("alarm = ").count(), text.matches("group = ").count()), (1, 1), "{text}");
}

#[test]
fn groups_come_in_one_order_whatever_the_order_of_the_labels() {
    let of = |name: &str, group: Option<&str>| Label { group: group.map(str::to_owned), ..Label::new(name, 0.5, 0.4) };
    let labels = [
        of("hum", None),
        of("zither", Some("zoo")),
        of("rain", Some("nature")),
        of("axe", Some("attic")),
        of("siren", Some("alarm")),
        of("wind", Some("nature")),
    ];
    let groups = [
        (Some("alarm"), vec![4]),
        (Some("nature"), vec![2, 5]),
        (Some("attic"), vec![3]),
        (Some("zoo"), vec![1]),
        (None, vec![0]),
    ];
    assert_eq!(by_group(&labels), groups);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let m = parse(GOOD).unwrap();
    let text = m.to_toml().unwrap();
    assert_eq!(parse(&text).unwrap(), m);
    assert!(text.contains("on_threshold = 0.6\n"), "thresholds stay as people wrote them: {text}");

    let mut bare = m;
    bare.l2i = None;
    bare.lmac = None;
    bare.flint = None;
    bare.vibi = None;
    bare.apnet = None;
    bare.iba = None;
    bare.drsa.clear();
    bare.training = None;
    bare.scores.clear();
    bare.front_end.compression = Compression::Log1p;
    assert_eq!(parse(&bare.to_toml().unwrap()).unwrap(), bare);
}

#[test]
fn another_format_is_named_before_anything_else_is_judged() {
    let e = parse("format = 7\nnovelty = true\n").unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Model);
    let sentence = e.to_string();
    assert!(sentence.starts_with("m/model.toml: this is manifest format 7, and this earwitness reads format 1; "));
}

/// Each row: what to replace, by what, and how the error must begin; `@` is the line of what was replaced.
#[test]
fn each_wrong_value_has_an_error_that_names_it() {
    let cases: &[(&str, &str, &str)] = &[
        ("hop = 441", "hpo = 441", "m/model.toml, line @: unknown key 'hpo', expected one of "),
        ("hop = 441\n", "", "m/model.toml, line 6: missing key 'hop' in [front_end]; add it"),
        ("hop = 441", "hop = \"a\"", "m/model.toml, line @: front_end.hop = \"a\" cannot be used"),
        ("hop = 441", "hop = 0", "m/model.toml, line @: front_end.hop = 0 cannot be used; give 1 to 1024 samples"),
        ("hop = 441", "hop = 1025", "m/model.toml, line @: front_end.hop = 1025"),
        ("format = 1\n", "", "m/model.toml, line 1: missing key 'format'"),
        ("name = \"small\"", "name = \"../x\"", "m/model.toml, line @: name = \"../x\""),
        ("CC0-1.0", " ", "m/model.toml, line @: licence = \" \""),
        (
            "= 22050",
            "= 100",
            "m/model.toml, line @: front_end.sample_rate_hz = 100 cannot be used; give 8000 to 192000",
        ),
        ("n_fft = 1024", "n_fft = 1", "m/model.toml, line @: front_end.n_fft = 1"),
        ("win_length = 1024", "win_length = 1025", "m/model.toml, line @: front_end.win_length = 1025"),
        (
            "\"hann\"",
            "\"kaiser\"",
            "m/model.toml, line @: front_end.window = \"kaiser\" cannot be used (unknown variant",
        ),
        ("periodic = true", "periodic = false", "m/model.toml, line @: front_end.periodic = false"),
        ("n_mels = 64", "n_mels = 514", "m/model.toml, line @: front_end.n_mels = 514"),
        ("f_min_hz = 0", "f_min_hz = -1", "m/model.toml, line @: front_end.f_min_hz = -1"),
        ("f_min_hz = 0", "f_min_hz = nan", "m/model.toml, line @: front_end.f_min_hz = NaN"),
        ("f_max_hz = 11025", "f_max_hz = 11026", "m/model.toml, line @: front_end.f_max_hz = 11026"),
        ("\"log10\", floor", "\"log10\", flor", "m/model.toml, line @: "),
        ("kind = \"log10\"", "kind = \"log1p\"", "m/model.toml, line @: "),
        ("floor = 1e-5", "floor = 0", "m/model.toml, line @: front_end.compression.floor = 0"),
        ("scale = 0.4", "scale = 0", "m/model.toml, line @: front_end.compression.scale = 0"),
        ("stride_frames = 32", "stride_frames = 251", "m/model.toml, line @: segment.stride_frames = 251"),
        ("n_frames = 250", "n_frames = 0", "m/model.toml, line @: segment.n_frames = 0"),
        ("name = \"rain\"", "name = \"dog\"", "m/model.toml, line @: labels[1].name = \"dog\""),
        ("name = \"rain\"", "name = \"\"", "m/model.toml, line @: labels[1].name = \"\""),
        ("on_threshold = 0.6", "on_threshold = 1", "m/model.toml, line @: labels[0].on_threshold = 1"),
        ("off_threshold = 0.4", "off_threshold = 0.7", "m/model.toml, line @: labels[0].off_threshold = 0.7"),
        ("off_threshold = 0.4", "off_threshold = 0", "m/model.toml, line @: labels[0].off_threshold = 0"),
        (
            "\"nature\"",
            "\"Nature\"",
            "m/model.toml, line @: labels[1].group = \"Nature\" cannot be used; give a lower-case word",
        ),
        ("\"nature\"", "\"\"", "m/model.toml, line @: labels[1].group = \"\""),
        ("alarm = false", "alarm = 0", "m/model.toml, line @: labels[1].alarm = 0 cannot be used"),
        ("\"vgg\"", "\"cnn14\"", "m/model.toml, line @: classifier.architecture = \"cnn14\""),
        ("[16, 32, 64, 128, 256, 512]", "[]", "m/model.toml, line @: classifier.widths = []"),
        ("[16, 32,", "[16, 0,", "m/model.toml, line @: classifier.widths = [16, 0,"),
        ("input_pool = 2", "input_pool = 0", "m/model.toml, line @: classifier.input_pool = 0"),
        ("[2, 2, 2, 2, 1]", "[2, 2, 2, 2]", "m/model.toml, line @: classifier.time_pools = [2, 2, 2, 2]"),
        ("[2, 2, 2, 2, 1]", "[2, 2, 2, 2, 3]", "m/model.toml, line @: classifier.time_pools = [2, 2, 2, 2, 3]"),
        ("\"block5\"", "\"block4\"", "m/model.toml, line @: classifier.taps = \"block4\""),
        ("n_components = 2", "n_components = 0", "m/model.toml, line @: l2i.n_components = 0"),
        ("[\"dog 1\", \"noise 1\"]", "[\"dog 1\"]", "m/model.toml, line @: l2i.component_names = a list of 1 names"),
        ("_threshold = 0.1", "_threshold = 1.0", "m/model.toml, line @: l2i.relevance_threshold = 1"),
        (
            "weights = \"l2i.safetensors\"",
            "weights = \"other\"",
            "m/model.toml, line @: l2i.weights = \"other\" cannot be used; list that file with its sha256 under [files]",
        ),
        ("channels = 48", "channels = 0", "m/model.toml, line @: lmac.channels = 0"),
        ("conditioned = true", "condition = true", "m/model.toml, line @: "),
        (
            "weights = \"lmac.safetensors\"",
            "weights = \"other\"",
            "m/model.toml, line @: lmac.weights = \"other\" cannot be used; list that file with its sha256 under [files]",
        ),
        ("n_attributes = 12", "n_attributes = 0", "m/model.toml, line @: flint.n_attributes = 0"),
        ("channels = 20", "channels = 9000", "m/model.toml, line @: flint.channels = 9000"),
        ("_threshold = 0.25", "_threshold = -0.1", "m/model.toml, line @: flint.relevance_threshold = -0.1"),
        (
            "weights = \"flint.safetensors\"",
            "weights = \"other\"",
            "m/model.toml, line @: flint.weights = \"other\" cannot be used; list that file with its sha256 under [files]",
        ),
        (
            "chunk_frames = 32",
            "chunk_frames = 33",
            "m/model.toml, line @: vibi.chunk_frames = 33 cannot be used; give a multiple of 16",
        ),
        ("chunk_bands = 16", "chunk_bands = 0", "m/model.toml, line @: vibi.chunk_bands = 0"),
        ("chosen = 0.125", "chosen = 1.0", "m/model.toml, line @: vibi.chosen = 1"),
        ("channels = 5", "channels = 0", "m/model.toml, line @: vibi.channels = 0"),
        ("n_prototypes = 26", "n_prototypes = 0", "m/model.toml, line @: apnet.n_prototypes = 0"),
        ("frames = 48", "frames = 46", "m/model.toml, line @: apnet.frames = 46 cannot be used; give a multiple of 4"),
        ("channels = 7", "channels = 0", "m/model.toml, line @: apnet.channels = 0"),
        ("_threshold = 0.35", "_threshold = 1.0", "m/model.toml, line @: apnet.relevance_threshold = 1"),
        (
            "layer = \"block4\"",
            "layer = \"pool4\"",
            "m/model.toml, line @: iba.layer = \"pool4\" cannot be used; name a block",
        ),
        ("beta = 11.0", "beta = 0.0", "m/model.toml, line @: iba.beta = 0"),
        ("[drsa.prca]", "[drsa.pca]", "m/model.toml, line @: drsa.pca = "),
        ("\"block3\"", "\"fc\"", "m/model.toml, line @: drsa.prca.layer = \"fc\" cannot be used; name a block"),
        ("\"block3\"", "\"block0\"", "m/model.toml, line @: drsa.prca.layer = \"block0\""),
        ("concepts = 3", "concepts = 0", "m/model.toml, line @: drsa.prca.concepts = 0"),
        ("{ dog =", "{ cat =", "m/model.toml, line @: drsa.prca.names.cat = a list of names"),
        ("[\"bark\"]", "[\"a\", \"b\", \"c\", \"d\"]", "m/model.toml, line @: drsa.prca.names.dog = a list of 4 names"),
        ("[\"bark\"]", "[\"a\\nb\"]", "m/model.toml, line @: drsa.prca.names.dog = \"a\\nb\""),
        (
            "weights = \"prca.safetensors\"",
            "weights = \"other\"",
            "m/model.toml, line @: drsa.prca.weights = \"other\" cannot be used; list that file with its sha256 under [files]",
        ),
        ("\"l2i.safetensors\" = \"e3b0", "\"l2i.safetensors\" = \"E3b0", "m/model.toml, line @: files.l2i.safetensors"),
        ("\"l2i.safetensors\" =", "\"../l2i.safetensors\" =", "m/model.toml, line @: files.../l2i.safetensors = "),
        ("accuracy = 0.9", "accuracy = \"high\"", "m/model.toml, line @: scores.accuracy = \"high\""),
        ("\"0.1\" = 0.2", "\"0.1\" = inf", "m/model.toml, line @: scores.ff_median.0.1 = inf"),
        ("[classifier]", "[classifier", "m/model.toml, line @: "),
    ];
    for (old, new, begins) in cases {
        assert_eq!(GOOD.matches(old).count(), 1, "the case replaces exactly one place: {old}");
        let line = GOOD.split(old).next().unwrap().matches('\n').count() + 1;
        let begins = begins.replace('@', &line.to_string());
        let e = parse(&GOOD.replace(old, new)).expect_err(new);
        assert_eq!(e.kind(), ErrorKind::Model);
        let sentence = e.to_string();
        assert!(sentence.starts_with(&begins), "{new}: {sentence}");
        assert!(!sentence.contains('\n') && sentence.contains("; "), "one sentence with a remedy: {sentence}");
    }
}

#[test]
fn the_front_end_is_built_from_the_manifest() {
    let m = parse(GOOD).unwrap();
    let params = m.front_end.params().unwrap();
    assert_eq!(FrontEndSpec::from(&params), m.front_end);
    assert_eq!(FrontEnd::new(&params).unwrap().n_mels(), 64);
    assert_eq!((params.sample_rate.hz(), params.stft.hop), (22_050, 441));
}

#[test]
fn no_labels_is_an_error() {
    let (before, rest) = GOOD.split_once("[[labels]]").unwrap();
    let (_, after) = rest.split_once("[classifier]").unwrap();
    let e = parse(&format!("labels = []\n{before}[classifier]{after}")).unwrap_err().to_string();
    assert!(e.starts_with("m/model.toml, line 1: labels = [] cannot be used; give one [[labels]] table"), "{e}");
}

#[test]
fn a_manifest_made_by_hand_is_judged_too() {
    let mut m = parse(GOOD).unwrap();
    m.check("new").unwrap();
    m.segment.stride_frames = 0;
    let e = m.check("new").unwrap_err().to_string();
    assert!(e.starts_with("new: segment.stride_frames = 0 cannot be used"), "{e}");
}
