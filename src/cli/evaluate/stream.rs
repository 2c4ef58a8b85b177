//! `evaluate --stream`: a model on an annotated recording.

use std::path::Path;

use serde::Serialize;

use super::args::Args;
use super::figures_file::write_json;
use super::stream_table::table;
use crate::cli::{Globals, output};
use crate::engine::detector::{Detection, DetectorParams};
use crate::engine::inference::{DeviceChoice, Inference};
use crate::engine::replay::Heard;
use crate::error::{Error, Result};
use crate::eval::evaluate::EvaluatedModel;
use crate::eval::events::Span;
use crate::eval::score_track::{ScoreTrack, ScoredSegment};
use crate::eval::sound::{Limit, read_at};
use crate::eval::stream_figures::{self, StreamFigures, stream_figures};
use crate::eval::stream_files::{ReportedEvent, read_reference};
use crate::interpret::methods;
use crate::model::package::Package;

/// Longest recording that is heard, in seconds.
const MAX_SECS: f64 = 24.0 * 3600.0;

/// What is written as JSON.
#[derive(Serialize)]
struct Report<'a> {
    model: EvaluatedModel,
    /// What placed events in time: a method, or `none` for the network's own frames or the loudness.
    method: &'a str,
    stream: String,
    truth: String,
    /// Thresholds of each label at which events were reported, in the model's order.
    thresholds: Vec<Threshold<'a>>,
    #[serde(flatten)]
    figures: &'a StreamFigures,
}

#[derive(Serialize)]
struct Threshold<'a> {
    label: &'a str,
    on: f32,
    off: f32,
}

/// Hears the recording, measures, prints the table and writes the file.
pub(super) fn run(args: &Args, stream: &Path, truth: &Path, globals: &Globals) -> Result<()> {
    if args.compares() || args.probes.is_wanted() || !args.folds.is_empty() {
        return Err(Error::usage(
            "a stream has no folds, and methods are not compared on it; leave those flags out, or --stream",
        ));
    }
    let package = globals.open_model(&args.model)?;
    let labels: Vec<String> = package.manifest().label_names().map(str::to_owned).collect();
    let reference = read_reference(truth)?;
    let rate = package.manifest().front_end.params()?.sample_rate;
    let recording = read_at(stream, rate, Limit::Refuse(MAX_SECS), |_| {})?;
    if recording.told.invalid > 0 {
        output::note(&format!("{} holds samples that are no numbers; they count as silence", stream.display()));
    }
    if let Some(late) = reference.iter().find(|event| event.span.onset_s > rate.secs(recording.samples.len() as u64)) {
        return Err(Error::input(format!(
            "{} has an event at {:.1} s, behind the end of {}; give the recording's own list",
            truth.display(),
            late.span.onset_s,
            stream.display()
        )));
    }
    let method = methods::for_onsets(&package);
    // Levels are not part of the measurement: neither gate nor loud sounds.
    let mut detector = DetectorParams::from_labels(&package.manifest().labels);
    if args.every_label {
        detector.classes.iter_mut().for_each(|class| class.alarm = true);
    }
    let heard = listen(&recording.samples, &package, method, &detector)?;
    let reported = reported(&heard, &heard.detect(&detector)?, &labels);
    let track = track(&heard);
    let figures =
        stream_figures(stream_figures::Heard { labels: &labels, track: &track, reported: &reported }, &reference);
    let report = Report {
        model: EvaluatedModel { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        method,
        stream: stream.display().to_string(),
        truth: truth.display().to_string(),
        thresholds: labels
            .iter()
            .zip(&detector.classes)
            .map(|(label, class)| Threshold { label, on: class.on, off: class.off })
            .collect(),
        figures: &figures,
    };
    // What was measured is shown, also where the file cannot be written.
    let written = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &report));
    output::print(&table(&figures))?;
    written
}

fn listen(samples: &[f32], package: &Package, method: &str, detector: &DetectorParams) -> Result<Heard> {
    let mut inference = Inference::open(package, method, DeviceChoice::Cpu)?;
    let bar = output::progress("listening {wide_bar} {percent} % {eta} left");
    bar.set_length(samples.len() as u64);
    let heard = Heard::listen(samples, &mut inference, detector, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(heard)
}

/// The events as a monitor reports them: inside the recording, with the time from onset to report.
fn reported(heard: &Heard, detections: &[Detection], labels: &[String]) -> Vec<ReportedEvent> {
    let one = |detection: &Detection| {
        let (onset_s, offset_s) = (heard.at(detection.onset), heard.at(detection.offset).min(heard.secs()));
        let span = Span { label: labels.get(detection.class.0)?.clone(), onset_s, offset_s };
        let latency_s = Some(heard.at(detection.sure_end) - onset_s);
        // Only in the silence behind the end, where there is nothing to hear.
        (offset_s > onset_s).then_some(ReportedEvent { span, faithfulness: None, verdict: None, latency_s })
    };
    detections.iter().filter_map(one).collect()
}

fn track(heard: &Heard) -> ScoreTrack {
    let segments = heard.scores().map(|stride| ScoredSegment { end_s: stride.end_s, scores: stride.probs.to_vec() });
    ScoreTrack::new(heard.secs(), heard.segment_secs(), heard.stride_secs(), segments.collect())
}
