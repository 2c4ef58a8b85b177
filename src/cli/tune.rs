//! `earwitness tune`: thresholds for a wanted number of false alarms an hour.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use serde::Serialize;

use super::parse::{positive, share};
use super::train::data::command_line;
use super::{Globals, output};
use crate::checked_file::{self, Links};
use crate::config::{Config, ConfigFile, ConfigLayer, MAX_SETTINGS_BYTES, standard_path};
use crate::engine::detector::DetectorParams;
use crate::engine::inference::Inference;
use crate::engine::replay::Heard;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::events::Span;
use crate::eval::sound::{Limit, read_at};
use crate::eval::stream::{Sound, StreamOptions, assemble};
use crate::eval::stream_files::read_reference;
use crate::interpret::methods;
use crate::model::manifest::Training;
use crate::model::package::{MANIFEST_FILE, Package, find_model};
use crate::train::dataset::{ClipMeta, DataSet};
use crate::train::load::load_noise;
use crate::tune::{
    Advice, Evidence, Line, Marked, Source, Wanted, choose, read_marked, try_thresholds, with_thresholds,
};
use crate::units::SampleRate;

/// Longest recording that is heard, in seconds.
const MAX_SECS: f64 = 24.0 * 3600.0;

const AFTER_HELP: &str = "\
Examples:
  earwitness tune events                          from events that were marked right or wrong
  earwitness tune events --hours 80 --dry-run     the table only; 80 hours were listened to
  earwitness tune --data esc13 --noise noise --false-alarms-per-hour 2
  earwitness tune --stream yard.wav --reference yard.csv --json
  earwitness tune --stream x.wav --reference x.csv --model fold4 --into-model models/mine

The chosen thresholds go into [detector.thresholds] of the settings file, each with its
expected recall; the rest of the file stays. If both are given, recorded events decide, and the
stream decides for labels with too few marks.

Use a data set that the model was not trained on. A stream made of it is harder than most places.

Recorded events show nothing that was below the threshold at the time, so from them a threshold
only goes up, and recall refers to what was reported.";

/// Choose thresholds for a wanted number of false alarms an hour.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Folder that `monitor --record` wrote, with events that were marked right or wrong
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Allow at most this many false alarms of a label in an hour
    #[arg(long, value_name = "N", env = "EARWITNESS_FALSE_ALARMS_PER_HOUR", value_parser = positive, default_value_t = 1.0)]
    false_alarms_per_hour: f64,
    /// Hours that the monitor of DIR listened [default: from the first to the last recorded event]
    #[arg(long, value_name = "H", env = "EARWITNESS_HOURS", value_parser = positive)]
    hours: Option<f64>,
    /// Make a stream of this data set's clips
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA", requires = "noise", conflicts_with = "stream")]
    data: Option<PathBuf>,
    /// Folder of background recordings for that stream
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    noise: Option<PathBuf>,
    /// Use these folds of the data set only, as in 1,2 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    folds: Vec<u32>,
    /// Signal-to-noise ratio of that stream in dB
    #[arg(long, value_name = "DB", env = "EARWITNESS_SNR", default_value_t = 10.0, allow_negative_numbers = true)]
    snr: f64,
    /// Seed of that stream
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    seed: u64,
    /// Annotated recording
    #[arg(long, value_name = "FILE", env = "EARWITNESS_STREAM", requires = "reference")]
    stream: Option<PathBuf>,
    /// What sounds in it: CSV with the columns label,onset_s,offset_s,clip,snr_db
    #[arg(long, value_name = "FILE", env = "EARWITNESS_REFERENCE", requires = "stream")]
    reference: Option<PathBuf>,
    /// The model [default: the settings file's]
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL")]
    model: Option<OsString>,
    /// Never choose a threshold below this
    #[arg(long, value_name = "P", env = "EARWITNESS_MIN_THRESHOLD", default_value_t = 0.0, value_parser = share)]
    min_threshold: f64,
    /// Make the chosen thresholds the defaults of this package, which has the same labels, instead of writing settings; labels
    /// without one are only shown from then on, the others are reported
    #[arg(long, value_name = "DIR", env = "EARWITNESS_INTO_MODEL", conflicts_with = "dir")]
    into_model: Option<PathBuf>,
    /// Write nothing
    #[arg(long, env = "EARWITNESS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,
    /// Print JSON instead of the table
    #[arg(long, env = "EARWITNESS_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
}

/// The evidence, and what it rests on.
struct Known {
    marks: Option<(Marked, f64, String)>,
    stream: Vec<Evidence>,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    false_alarms_per_hour: f64,
    /// Of recorded events.
    hours: Option<f64>,
    hours_from: Option<&'a str>,
    /// Of the stream.
    stream_hours: Option<f64>,
    labels: &'a [Advice],
    file: Option<String>,
}

/// Chooses thresholds, prints them and writes them into the settings file.
///
/// # Errors
/// Where folders, files or model cannot be used, or the settings file cannot be written.
pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    if args.dir.is_none() && args.data.is_none() && args.stream.is_none() {
        return Err(Error::usage(
            "there is nothing to choose thresholds from; name a folder of marked events, or give --data and --noise, or --stream \
             and --reference",
        ));
    }
    let mut given = ConfigLayer::default();
    given.monitor.model = args.model.clone().map(Into::into);
    let loaded = globals.loaded(given)?;
    let model = &loaded.config.monitor.model;
    let package = match args.into_model {
        // Thresholds of the user's own labels are no package's.
        Some(_) => Package::open(&find_model(model)?)?,
        None => globals.open_model(model)?,
    };
    let labels: Vec<String> = package.manifest().label_names().map(str::to_owned).collect();
    let detector = loaded.detector(&package.manifest().name, &package.manifest().labels)?;
    let marks = match &args.dir {
        Some(dir) => {
            let marked = read_marked(dir, package.sha256())?;
            let (hours, from) = hours(&marked, args.hours);
            Some((marked, hours, from))
        }
        None => None,
    };
    let stream = match recording(args, &package)? {
        Some((samples, reference)) => listen(&samples, &reference, &package, &detector, &labels)?,
        None => Vec::new(),
    };
    let known = Known { marks, stream };
    let wanted = Wanted { false_alarms_per_hour: args.false_alarms_per_hour, min_threshold: args.min_threshold };
    let advice: Vec<Advice> =
        labels.iter().zip(&detector.classes).map(|(l, c)| known.advice(l, c.on, wanted)).collect();
    let names = loaded.config.names(&package.manifest().name, &package.manifest().labels);
    let key = |label: &str| names.unmistakable(label);
    let file = match &args.into_model {
        _ if args.dry_run => None,
        Some(dir) => write_into_model(&advice, dir)?,
        None => write(&advice, &known, &key, globals)?,
    };
    if args.json {
        return print_json(&advice, &known, wanted, file.as_deref());
    }
    output::print(&table(&advice))?;
    explain(&known, file.as_deref());
    Ok(())
}

/// What the thresholds were chosen from, and where they went.
fn explain(known: &Known, file: Option<&Path>) {
    if let Some((marked, hours, from)) = &known.marks {
        output::note(&format!(
            "{} of {} recorded events are marked; {hours:.2} h were listened to: {from}",
            marked.n_marked, marked.n_events
        ));
        if marked.n_foreign > 0 {
            output::note(&format!("{} marked events of another model were left out", marked.n_foreign));
        }
    }
    if let Some(evidence) = known.stream.first() {
        output::note(&format!("the stream lasts {:.2} h", evidence.hours));
    }
    match file {
        Some(file) => output::note(&format!("wrote {}", file.display())),
        None => output::note("no file was changed"),
    }
}

/// Makes the chosen thresholds the defaults of a package that has the labels. A label with a threshold is reported from then
/// on; one for which none can be chosen is only shown: nobody knows how often its alarms would be false.
fn write_into_model(advice: &[Advice], dir: &Path) -> Result<Option<PathBuf>> {
    let package = Package::open(dir)?;
    let mut manifest = package.manifest().clone();
    for advice in advice {
        let label = manifest.labels.iter_mut().find(|l| l.name == advice.label).ok_or_else(|| {
            Error::usage(format!(
                "the model in {} has no label '{}'; give a package of the same labels",
                dir.display(),
                advice.label
            ))
        })?;
        let Some(threshold) = advice.threshold else {
            label.alarm = false;
            continue;
        };
        label.alarm = true;
        // An event that began goes on at less evidence than it took to begin.
        let factor = threshold as f32 / label.on_threshold;
        label.on_threshold = threshold as f32;
        label.off_threshold *= factor;
        label.sure_threshold = label.sure_threshold.map(|sure| (sure * factor).min(1.0));
    }
    manifest.training.get_or_insert_with(Training::default).commands.push(command_line());
    Package::write(dir, manifest, &BTreeMap::new())?;
    Ok(Some(dir.join(MANIFEST_FILE)))
}

/// Hours that were listened to, and how that is known.
fn hours(marked: &Marked, given: Option<f64>) -> (f64, String) {
    match (given, marked.span) {
        (Some(hours), _) => (hours, "as --hours says".to_owned()),
        (None, Some(span)) => {
            let when = |t: jiff::Timestamp| t.strftime("%Y-%m-%d %H:%M UTC").to_string();
            (
                span.hours(),
                format!(
                    "from the first to the last event, {} to {}; --hours can say more",
                    when(span.from),
                    when(span.to)
                ),
            )
        }
        (None, None) => (0.0, "there are no events".to_owned()),
    }
}

impl Known {
    /// What to do with a label whose threshold is `now`: recorded events decide, and the stream where they cannot.
    fn advice(&self, label: &str, now: f32, wanted: Wanted) -> Advice {
        // As it is written, and not as it lies between binary fractions.
        let now = (f64::from(now) * 1e4).round() / 1e4;
        let marks = self.marks.as_ref().and_then(|(marked, hours, _)| marked.evidence(label, now, *hours));
        let stream = self.stream.iter().find(|evidence| evidence.label == label);
        let mut all = marks.iter().chain(stream).map(|evidence| choose(evidence, wanted));
        let first = all.next();
        match (first, all.next()) {
            (Some(first), Some(second)) if first.threshold.is_none() && second.threshold.is_some() => second,
            (Some(first), _) => first,
            (None, _) => Advice {
                label: label.to_owned(),
                source: None,
                n_true: 0,
                n_wrong: 0,
                threshold_before: now,
                threshold: None,
                recall: None,
                false_alarms_per_hour: None,
                why_not: "too little evidence: none of its events was marked".to_owned(),
            },
        }
    }
}

/// The stream that is given or made, at the model's rate, and what sounds in it.
fn recording(args: &Args, package: &Package) -> Result<Option<(Vec<f32>, Vec<Span>)>> {
    let rate = package.manifest().front_end.params()?.sample_rate;
    if let (Some(stream), Some(reference)) = (&args.stream, &args.reference) {
        let reference = read_reference(reference)?.into_iter().map(|event| event.span).collect();
        return Ok(Some((read_at(stream, rate, Limit::Refuse(MAX_SECS), |_| {})?.samples, reference)));
    }
    let (Some(data), Some(noise)) = (&args.data, &args.noise) else { return Ok(None) };
    let data = DataSet::open(data)?;
    let folds = if args.folds.is_empty() { data.folds() } else { args.folds.clone() };
    let (clips, _) = data.split(&folds)?;
    let sounds: Vec<Sound> = clips.iter().map(|clip| sound(clip, &data, rate)).collect::<Result<_>>()?;
    let options = StreamOptions { snr_db: args.snr, seed: args.seed, ..StreamOptions::default() };
    let stream = assemble(&sounds, &load_noise(noise, rate)?, rate, &options)?;
    // As a sound card would.
    let samples = stream.samples.into_iter().map(|x| x.clamp(-1.0, 1.0)).collect();
    Ok(Some((samples, stream.reference.into_iter().map(|event| event.span).collect())))
}

/// A clip in full length at the stream's rate.
fn sound(clip: &ClipMeta, data: &DataSet, rate: SampleRate) -> Result<Sound> {
    Ok(Sound {
        name: clip.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        labels: clip.targets.iter().filter_map(|&class| data.labels.get(class).cloned()).collect(),
        samples: read_at(&clip.path, rate, Limit::Refuse(MAX_SECS), |_| {})?.samples,
    })
}

/// Hears the stream once and tries all thresholds on it.
fn listen(
    samples: &[f32],
    reference: &[Span],
    package: &Package,
    detector: &DetectorParams,
    labels: &[String],
) -> Result<Vec<Evidence>> {
    // Only where events lie matters here, not why.
    let method = methods::for_onsets(package);
    let mut inference = Inference::open(package, method, "cpu".parse()?)?;
    let bar = output::progress("listening {wide_bar} {percent} % {eta} left");
    bar.set_length(samples.len() as u64);
    let heard = Heard::listen(samples, &mut inference, detector, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    try_thresholds(&heard, detector, labels, reference)
}

/// Writes what was chosen into the settings file; gives its name if anything was.
fn write(advice: &[Advice], known: &Known, key: &dyn Fn(&str) -> String, globals: &Globals) -> Result<Option<PathBuf>> {
    let lines = advice.iter().filter_map(|advice| Some(Line { label: key(&advice.label), ..line(advice, known)? }));
    let lines: Vec<Line> = lines.collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let file = globals.config.clone().or_else(standard_path);
    let file =
        file.ok_or_else(|| Error::usage("this user has no home folder for a settings file; name one with --config"))?;
    let failed = |e| {
        output::io_error(ErrorKind::Output, &format!("writing {}", file.display()), "check the folder and its space", e)
    };
    let text = match checked_file::read_text(&file, Links::Follow, MAX_SETTINGS_BYTES) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Config::default().to_toml()?,
        Err(e) => return Err(failed(e)),
    };
    let text = with_thresholds(&text, &lines)?;
    // What is written can be used.
    ConfigFile::from_text(file.display().to_string(), text.clone()).config()?;
    // Through a link, not over it.
    let target = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
    if let Some(dir) = target.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    replace(&target, &text).map_err(failed)?;
    Ok(Some(file))
}

/// The whole file or the old one, with the old one's permissions.
fn replace(target: &Path, text: &str) -> std::io::Result<()> {
    let mut temporary = target.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    fs::write(&temporary, text)?;
    if let Ok(metadata) = fs::metadata(target) {
        fs::set_permissions(&temporary, metadata.permissions())?;
    }
    fs::File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, target)
}

/// A label's line in the settings file, with what is to be expected of it.
fn line(advice: &Advice, known: &Known) -> Option<Line> {
    let (threshold, recall) = (advice.threshold?, advice.recall?);
    let rate = advice.false_alarms_per_hour?;
    let (of, evidence) = match (advice.source?, &known.marks) {
        (Source::Marks, Some((_, hours, _))) => (
            " of what was reported",
            format!("{} events marked right and {} wrong in {hours:.1} h", advice.n_true, advice.n_wrong),
        ),
        _ => {
            let hours = known.stream.first().map_or(0.0, |evidence| evidence.hours);
            ("", format!("{} events in a labelled stream of {hours:.2} h", advice.n_true))
        }
    };
    let comment = format!("expected recall {recall:.2}{of}, {rate:.2} false alarms an hour ({evidence})");
    Some(Line { label: advice.label.clone(), threshold, comment })
}

fn table(advice: &[Advice]) -> String {
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.2}"));
    let mut rows = vec![
        ["label", "from", "events", "wrong", "now", "threshold", "recall", "false/h", ""].map(str::to_owned).to_vec(),
    ];
    for a in advice {
        let source = match a.source {
            Some(Source::Marks) => "marks",
            Some(Source::Stream) => "stream",
            None => "-",
        };
        rows.push(vec![
            a.label.clone(),
            source.to_owned(),
            a.n_true.to_string(),
            a.n_wrong.to_string(),
            format!("{:.2}", a.threshold_before),
            number(a.threshold),
            number(a.recall.filter(|_| a.threshold.is_some())),
            number(a.false_alarms_per_hour.filter(|_| a.threshold.is_some())),
            a.why_not.clone(),
        ]);
    }
    output::columns(&rows)
}

fn print_json(advice: &[Advice], known: &Known, wanted: Wanted, file: Option<&Path>) -> Result<()> {
    let report = Report {
        false_alarms_per_hour: wanted.false_alarms_per_hour,
        hours: known.marks.as_ref().map(|(_, hours, _)| *hours),
        hours_from: known.marks.as_ref().map(|(.., from)| from.as_str()),
        stream_hours: known.stream.first().map(|evidence| evidence.hours),
        labels: advice,
        file: file.map(|file| file.display().to_string()),
    };
    output::print(&output::json("the thresholds", &report)?)
}
