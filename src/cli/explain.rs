//! `earwitness explain`: what the classifier heard in a recording.

mod summary;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::left_out::LeftOut;
use super::methods::{MethodParser, asked_for};
use super::{Globals, output, signals};
use crate::audio::channel_watch::RecordingChannels;
use crate::engine::inference::Inference;
use crate::engine::offline::{MAX_SECS, RecordingParams, explain_unless_stopped};
use crate::engine::report::ModelRef;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::sound::{AtRate, Limit, read_at};
use crate::interpret::methods;
use crate::media::folder::FolderOfRecordings;
use crate::media::recorded_at::{StartTime, recorded_at};
use crate::model::classifier::Classifier;
use crate::model::device::DeviceChoice;
use crate::model::package::Package;
use crate::record::{EventFolders, FolderOptions};
use crate::units::{ClassId, SamplePos, SampleRate, StreamClock};
use summary::Explained;

const AFTER_HELP: &str = "\
Examples:
  earwitness explain bark.wav --out explained
  earwitness explain *.flac --out explained --label dog
  earwitness explain card/ --out explained     every recording in a folder and below
  earwitness explain bark.wav --out explained --method lrp,gradcam
  earwitness explain bark.wav --out explained --method all

Writes one folder per recording and method, with clip.wav, interpretation.wav, a file for each
relevant component or concept, spectrogram.png and event.json. summary.json lists them, with the
classifier's score for each interpretation alone and the seconds that it took.
audiolime and slime ask the model hundreds of times about every segment, and take long; Ctrl-C
stops early and keeps what was explained until then.
A bad recording among several is reported and skipped; the exit code is then 3.";

/// Explain recordings offline.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Recordings, and folders of recordings
    #[arg(required = true, value_name = "FILE|DIR")]
    pub files: Vec<PathBuf>,
    /// Folder to write the explanations into
    #[arg(long, value_name = "DIR", env = "EARWITNESS_OUT")]
    pub out: PathBuf,
    /// The methods, with commas between them, or all; some take options, as in lrp:epsilon-plus; auto is the most faithful one
    /// that the model has
    #[arg(long, value_name = "METHOD,…", env = "EARWITNESS_METHOD", default_value = methods::AUTO, value_delimiter = ',', value_parser = MethodParser::OFFLINE)]
    pub method: Vec<String>,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = crate::model::package::DEFAULT_MODEL)]
    pub model: OsString,
    /// Explain this label, whatever its score; repeatable [default: the top label]
    #[arg(long, value_name = "LABEL", env = "EARWITNESS_LABEL", value_delimiter = ',')]
    pub label: Vec<String>,
    /// When the first recording began, as in 2026-07-02T06:44:04+02:00; the others follow it without a gap [default: what its
    /// bext or GUANO chunk or its name says, else the file's time of change less its length]
    #[arg(long, value_name = "RFC3339", env = "EARWITNESS_START_TIME", value_parser = str::parse::<StartTime>)]
    pub start_time: Option<StartTime>,
}

/// Most components that get a file of their own.
const MAX_COMPONENTS: usize = 5;

/// A recording that is named, or found in a folder that is.
struct Named {
    path: PathBuf,
    /// Its name; in a folder, the path below it.
    name: String,
}

/// A recording at the model's rate.
struct Recording {
    name: String,
    samples: Vec<f32>,
    params: RecordingParams,
}

/// Explains each recording and says where the folder is.
///
/// # Errors
/// Where the model, a recording or the output folder cannot be used.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    let package = globals.open_model(&args.model)?;
    let open = |asked: &String| {
        let method = methods::chosen(&package, asked);
        Ok(Inference::open(&package, &methods::offline(method), DeviceChoice::Cpu)?.called(method))
    };
    let mut methods: Vec<Inference> =
        asked_for(&args.method, &package, false).iter().map(open).collect::<Result<_>>()?;
    let Some(first) = methods.first() else {
        return Err(Error::usage(format!(
            "the model {} has no method; name one with --method",
            package.manifest().name
        )));
    };
    let classes = classes(first.classifier(), &args.label)?;
    let sample_rate = first.classifier().front_end().sample_rate;
    let folders = EventFolders::new(&args.out, FolderOptions { private: false, ..FolderOptions::default() })?;
    let mut summary = Vec::new();
    let mut left_out = LeftOut::default();
    let (files, unreadable) = recordings(&args.files);
    let n_files = files.len() + unreadable.len();
    let bar = output::progress("{msg} {wide_bar} {pos}/{len}");
    bar.set_length((files.len() * classes.len() * methods.len()) as u64);
    let interrupted = signals::interrupted()?;
    let stopped = || interrupted.load(Ordering::Relaxed);
    let mut start_time = args.start_time;
    let mut explain_one = |file: &Named| {
        let recording = read(file, &package, sample_rate, start_time)?;
        start_time = start_time.map(|_| recording.end());
        for class in &classes {
            for inference in &mut methods {
                let what = format!("{} by {}", recording.name, inference.method());
                let goes_on = |share: f32| {
                    bar.set_message(format!("{what}, {:.0} %", 100.0 * share));
                    !stopped()
                };
                let Some(explained) = explain(&recording, inference, *class, &folders, &goes_on)? else {
                    return Ok(());
                };
                bar.suspend(|| output::print(&explained.sentence()))?;
                summary.push(explained);
                bar.inc(1);
            }
        }
        Ok(())
    };
    let mut pass_over = |name: &str, e: Error| {
        // The only recording cannot be left out, and what is wrong with the output is wrong for all.
        if n_files == 1 || e.kind() != ErrorKind::Input {
            return Err(e);
        }
        bar.suspend(|| output::note(&format!("left out: {e}")));
        left_out.add(name);
        Ok(())
    };
    let mut outcome = unreadable.into_iter().try_for_each(|(name, e)| pass_over(&name, e));
    for file in files.iter().take_while(|_| !stopped()) {
        outcome = outcome.and_then(|()| explain_one(file).or_else(|e| pass_over(&file.name, e)));
    }
    bar.finish_and_clear();
    if stopped() {
        output::note(&format!("stopped; {} explanations were made before", summary.len()));
    }
    let outcome = outcome.and_then(|()| left_out.outcome(n_files, "recordings"));
    if outcome.is_err() && summary.is_empty() {
        return outcome;
    }
    // What was explained before something went wrong is listed, too.
    let written = summary::write(&args.out, &summary);
    written.and(outcome)
}

/// The recordings that are named, those of folders in order; and the folders that cannot be read, with why.
fn recordings(named: &[PathBuf]) -> (Vec<Named>, Vec<(String, Error)>) {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    for path in named {
        if !path.is_dir() {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            files.push(Named { path: path.clone(), name });
            continue;
        }
        match FolderOfRecordings::list(path) {
            Ok(folder) => {
                files.extend(folder.files.into_iter().map(|file| {
                    let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
                    Named { path: file, name }
                }));
                unreadable.extend(folder.unreadable.into_iter().map(|e| (path.display().to_string(), e)));
            }
            Err(e) => unreadable.push((path.display().to_string(), e)),
        }
    }
    (files, unreadable)
}

/// The classes to explain; `None` is the top one.
fn classes(classifier: &Classifier, labels: &[String]) -> Result<Vec<Option<ClassId>>> {
    if labels.is_empty() {
        return Ok(vec![None]);
    }
    let known: Vec<&str> = classifier.labels().iter().map(|l| l.name.as_str()).collect();
    let find = |label: &String| {
        known
            .iter()
            .position(|k| k == label)
            .map(|i| Some(ClassId(i)))
            .ok_or_else(|| Error::usage(format!("the model has no label '{label}'; it has {}", known.join(", "))))
    };
    labels.iter().map(find).collect()
}

impl Recording {
    /// When the one that follows it begins.
    fn end(&self) -> StartTime {
        StartTime(self.params.clock.wall(SamplePos(self.samples.len() as u64)))
    }
}

fn read(named: &Named, package: &Package, sample_rate: SampleRate, start_time: Option<StartTime>) -> Result<Recording> {
    let file = named.path.as_path();
    let mut channels = None;
    let AtRate { samples, told } = read_at(file, sample_rate, Limit::Refuse(MAX_SECS), |piece| {
        let watch = channels.get_or_insert_with(|| RecordingChannels::new(piece.channels, piece.sample_rate));
        watch.push(piece.interleaved);
    })?;
    if let Some(sentence) = told.faults.sentence(&file.display().to_string()) {
        output::note(&format!("{sentence}; what is there is explained"));
    }
    if told.invalid > 0 {
        let n = told.invalid;
        output::note(&format!("{}: {n} samples are no numbers or far too large, and count as silence", file.display()));
    }
    if let Some(trouble) = channels.as_ref().and_then(RecordingChannels::trouble) {
        let fault = trouble.fault(&file.display().to_string());
        output::note(&format!("{fault}; write one channel into a file of its own, and explain that"));
    }
    let name = named.name.clone();
    let heard = Duration::try_from_secs_f64(sample_rate.secs(samples.len() as u64)).ok();
    let began = recorded_at(file, start_time, heard)?;
    tracing::info!("{}", began.sentence(&name));
    let params = RecordingParams {
        source: format!("file:{name}"),
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_string() },
        clock: StreamClock { start: began.at, sample_rate },
        max_components: MAX_COMPONENTS,
    };
    Ok(Recording { name, samples, params })
}

/// Explains one recording by one method. `goes_on` gets the share that is done; `None` if it returns false.
fn explain(
    recording: &Recording,
    inference: &mut Inference,
    class: Option<ClassId>,
    folders: &EventFolders,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Explained>> {
    let began = Instant::now();
    let explained = explain_unless_stopped(&recording.samples, inference, class, &recording.params, goes_on)?;
    let Some(report) = explained else { return Ok(None) };
    let seconds = began.elapsed().as_secs_f64();
    let dir = folders.write(&report)?;
    let figures = report.event.faithfulness;
    let (label, score) = (report.event.label, report.event.score);
    let starts_at = inference.classifier().labels().iter().find(|known| known.name == label).map(|l| l.on_threshold);
    Ok(Some(Explained {
        file: recording.name.clone(),
        heard: starts_at.is_none_or(|on| score >= on),
        label,
        score,
        method: report.event.method,
        seconds,
        verdict: figures.map(|f| f.verdict()),
        agrees: figures.map(|f| f.agrees),
        prob: figures.map(|f| f.prob),
        prob_in: figures.map(|f| f.prob_in),
        prob_out: figures.map(|f| f.prob_out),
        folder: dir.to_string_lossy().into_owned(),
    }))
}
