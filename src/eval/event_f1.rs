//! Event-based F1 with collars: onset and offset have to be right, as `sed_eval` scores them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::events::{Span, matched};
use super::metrics::mean;

/// How far a report may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Collar {
    /// Seconds, of onset and offset.
    pub secs: f64,
    /// The offset may be off by this share of the event's length where that is more.
    pub share_of_length: f64,
}

impl Collar {
    /// That of the DCASE challenge: 200 ms, and 20 % of the length.
    pub const DCASE: Self = Self { secs: 0.2, share_of_length: 0.2 };

    fn holds(self, event: &Span, found: &Span) -> bool {
        let offset_collar_s = self.secs.max(self.share_of_length * (event.offset_s - event.onset_s));
        (event.onset_s - found.onset_s).abs() <= self.secs && (event.offset_s - found.offset_s).abs() <= offset_collar_s
    }
}

/// Events counted, and what follows. Shares are 0…1; `None` (JSON `null`) where there was nothing to take a share of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct F1 {
    /// Events that were there.
    pub n_reference: usize,
    /// Events that were reported.
    pub n_detected: usize,
    /// Reports that were right; each belongs to one event, and each event has one at most.
    pub n_correct: usize,
    /// Share of the reports that were right.
    pub precision: Option<f64>,
    /// Share of the events that were found.
    pub recall: Option<f64>,
    /// Harmonic mean of the two: `2 · correct / (reference + detected)`.
    pub f1: Option<f64>,
}

impl F1 {
    fn new(n_reference: usize, n_detected: usize, n_correct: usize) -> Self {
        let share = |n: usize, of: usize| if of == 0 { None } else { Some(n as f64 / of as f64) };
        Self {
            n_reference,
            n_detected,
            n_correct,
            precision: share(n_correct, n_detected),
            recall: share(n_correct, n_reference),
            f1: share(2 * n_correct, n_reference + n_detected),
        }
    }
}

/// F1 over all labels and of each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventF1 {
    /// All events together.
    pub micro: F1,
    /// Mean F1 of the labels that have events.
    pub macro_f1: Option<f64>,
    /// Each label that was there or was reported, by name.
    pub by_label: Vec<(String, F1)>,
}

/// Scores `detected` against `reference`: as many pairs of one label are made as the collar allows.
#[must_use]
pub fn event_f1(reference: &[Span], detected: &[Span], collar: Collar) -> EventF1 {
    let hits = matched(reference, detected, |event, found| event.label == found.label && collar.holds(event, found));
    let labels: BTreeSet<&str> = reference.iter().chain(detected).map(|span| span.label.as_str()).collect();
    let of_label = |label: &str| {
        let count = |spans: &[Span]| spans.iter().filter(|span| span.label == label).count();
        let n_correct = hits.iter().filter(|(r, _)| reference[*r].label == label).count();
        (label.to_owned(), F1::new(count(reference), count(detected), n_correct))
    };
    let by_label: Vec<(String, F1)> = labels.into_iter().map(of_label).collect();
    let with_events: Vec<f64> =
        by_label.iter().filter(|(_, f1)| f1.n_reference > 0).filter_map(|(_, f1)| f1.f1).collect();
    EventF1 { micro: F1::new(reference.len(), detected.len(), hits.len()), macro_f1: mean(&with_events), by_label }
}
