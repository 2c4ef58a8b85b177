//! All figures of a model on an annotated stream. `docs/measuring.md` says what each one is.

use std::collections::BTreeSet;

use serde::Serialize;

use super::calibration::{Calibration, N_BINS, calibration};
use super::event_f1::{Collar, EventF1, F1, event_f1};
use super::events::Span;
use super::foreign::{Foreign, foreign};
use super::psds::{Psds, PsdsParams, psds};
use super::score_track::ScoreTrack;
use super::stream::ReferenceEvent;
use super::stream_files::ReportedEvent;
use super::stream_score::{StreamScore, score_among};

/// How far a report's onset may be off where it does not overlap its event, in seconds (operating point only).
pub const ONSET_COLLAR_SECS: f64 = 1.0;

const SECS_PER_HOUR: f64 = 3600.0;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// The model's labels.
    pub labels: &'a [String],
    /// Its scores over time.
    pub track: &'a ScoreTrack,
    /// What it reported, at its own thresholds.
    pub reported: &'a [ReportedEvent],
}

/// Reports at the model's thresholds, against what was there. `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// Events that were there.
    pub n_reference: usize,
    /// Events that were reported.
    pub n_detected: usize,
    /// Reports that were right.
    pub n_correct: usize,
    /// Share of the events that were found, 0…1.
    pub recall: Option<f64>,
    /// Share of the reports that were right, 0…1.
    pub precision: Option<f64>,
    /// Median of |reported onset − true onset| over the correct reports, in seconds.
    pub onset_error_median_s: Option<f64>,
    /// 90 % of the correct reports have an onset error up to this, in seconds.
    pub onset_error_p90_s: Option<f64>,
    /// As for the onset.
    pub offset_error_median_s: Option<f64>,
    /// As for the onset.
    pub offset_error_p90_s: Option<f64>,
    /// Wrong reports for each hour of stream.
    pub false_alarms_per_hour: Option<f64>,
    /// Those of them that tell an event again which another report has.
    pub repeats_per_hour: Option<f64>,
    /// Those that overlap an event of another label, or a foreign one.
    pub wrong_labels_per_hour: Option<f64>,
    /// Those where there is background only.
    pub in_background_per_hour: Option<f64>,
    /// Median, over the correct reports, of the time from the true onset to the report, in seconds.
    pub delay_p50_s: Option<f64>,
    /// 90 % of the correct reports came within this, in seconds.
    pub delay_p90_s: Option<f64>,
    /// 99 % of them.
    pub delay_p99_s: Option<f64>,
}

impl OperatingPoint {
    fn new(score: &StreamScore) -> Self {
        let per_hour = |n: usize| (score.stream_s > 0.0).then(|| n as f64 * SECS_PER_HOUR / score.stream_s);
        Self {
            n_reference: score.n_reference,
            n_detected: score.n_detected,
            n_correct: score.n_correct,
            recall: score.recall,
            precision: score.precision,
            onset_error_median_s: score.onset_error_median_s,
            onset_error_p90_s: score.onset_error_p90_s,
            offset_error_median_s: score.offset_error_median_s,
            offset_error_p90_s: score.offset_error_p90_s,
            false_alarms_per_hour: score.false_alarms_per_hour,
            repeats_per_hour: per_hour(score.false_repeats),
            wrong_labels_per_hour: per_hour(score.false_labels),
            in_background_per_hour: per_hour(score.false_in_background),
            delay_p50_s: score.true_latency_median_s,
            delay_p90_s: score.true_latency_p90_s,
            delay_p99_s: score.true_latency_p99_s,
        }
    }
}

/// All figures. Shares and scores are 0…1; `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamFigures {
    /// Length of the stream in seconds.
    pub stream_s: f64,
    /// Reports at the model's thresholds.
    pub operating_point: OperatingPoint,
    /// F1 with collars of 0.2 s (offset: or 20 % of the length), all events together.
    pub event_f1: F1,
    /// Mean of that F1 over the labels that have events.
    pub event_f1_macro: Option<f64>,
    /// PSDS with the first parameters of the DCASE challenge.
    pub psds1: Option<f64>,
    /// PSDS with the second ones.
    pub psds2: Option<f64>,
    /// Whether the scores of segments are probabilities, over all labels.
    pub calibration: Calibration,
    /// Each label of the model, in its order.
    pub labels: Vec<LabelFigures>,
    /// Events whose label the model does not have.
    pub foreign: Foreign,
}

/// The figures of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelFigures {
    /// The label.
    pub label: String,
    /// Reports of it, at its threshold.
    pub operating_point: OperatingPoint,
    /// F1 with collars.
    pub event_f1: Option<F1>,
    /// Its own PSDS, without the spread over labels.
    pub psds1: Option<f64>,
    /// The same with the second parameters.
    pub psds2: Option<f64>,
    /// Whether its scores are probabilities.
    pub calibration: Calibration,
}

/// Measures what was heard of a stream that holds the events of `reference`. Those of labels that the model does not have
/// are foreign: nothing can be right there.
#[must_use]
pub fn stream_figures(heard: Heard<'_>, reference: &[ReferenceEvent]) -> StreamFigures {
    let known: BTreeSet<&str> = heard.labels.iter().map(String::as_str).collect();
    let (own, others): (Vec<ReferenceEvent>, Vec<ReferenceEvent>) =
        reference.iter().cloned().partition(|event| known.contains(event.span.label.as_str()));
    let stream_s = heard.track.stream_s();
    let others: Vec<Span> = others.into_iter().map(|event| event.span).collect();
    let told: Vec<Span> = heard.reported.iter().map(|event| event.span.clone()).collect();
    let there: Vec<Span> = own.iter().map(|event| event.span.clone()).collect();
    let recording = heard.track.recording(heard.labels, &there);
    let by_params = |params: &PsdsParams| psds(std::slice::from_ref(&recording), params);
    let events = event_f1(&there, &told, Collar::DCASE);
    let of = Measured {
        heard,
        own: &own,
        there: &there,
        others: &others,
        events: &events,
        psds1: by_params(&PsdsParams::PSDS1),
        psds2: by_params(&PsdsParams::PSDS2),
    };
    let pairs = (0..heard.labels.len()).flat_map(|class| of.scored(class));
    StreamFigures {
        stream_s,
        operating_point: OperatingPoint::new(&score_among(&own, &others, heard.reported, stream_s, ONSET_COLLAR_SECS)),
        event_f1: events.micro,
        event_f1_macro: events.macro_f1,
        psds1: of.psds1.as_ref().map(|psds| psds.score),
        psds2: of.psds2.as_ref().map(|psds| psds.score),
        calibration: calibration(pairs, N_BINS),
        labels: (0..heard.labels.len()).map(|class| of.label(class)).collect(),
        foreign: foreign(&there, &others, &told, ONSET_COLLAR_SECS),
    }
}

/// What a label's figures are taken from.
struct Measured<'a> {
    heard: Heard<'a>,
    own: &'a [ReferenceEvent],
    there: &'a [Span],
    others: &'a [Span],
    events: &'a EventF1,
    psds1: Option<Psds>,
    psds2: Option<Psds>,
}

impl Measured<'_> {
    fn label(&self, class: usize) -> LabelFigures {
        let label = &self.heard.labels[class];
        let is_it = |span: &Span| span.label == *label;
        let own: Vec<ReferenceEvent> = self.own.iter().filter(|event| is_it(&event.span)).cloned().collect();
        let reported: Vec<ReportedEvent> =
            self.heard.reported.iter().filter(|event| is_it(&event.span)).cloned().collect();
        let others: Vec<Span> = self.there.iter().filter(|span| !is_it(span)).chain(self.others).cloned().collect();
        let score = score_among(&own, &others, &reported, self.heard.track.stream_s(), ONSET_COLLAR_SECS);
        let of_class = |psds: &Option<Psds>| psds.as_ref().and_then(|psds| psds.by_class.get(class).copied().flatten());
        LabelFigures {
            label: label.clone(),
            operating_point: OperatingPoint::new(&score),
            event_f1: self.events.by_label.iter().find(|(of, _)| of == label).map(|(_, f1)| *f1),
            psds1: of_class(&self.psds1),
            psds2: of_class(&self.psds2),
            calibration: calibration(self.scored(class), N_BINS),
        }
    }

    /// The class's scores, with what is true of each.
    fn scored(&self, class: usize) -> Vec<(f64, bool)> {
        let label = &self.heard.labels[class];
        let events: Vec<&Span> = self.there.iter().filter(|span| span.label == *label).collect();
        self.heard.track.scores_and_truth(class, &events)
    }
}
