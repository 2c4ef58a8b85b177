//! Events that a model has no label for: every report on one is a false alarm.

use std::collections::BTreeMap;

use serde::Serialize;

use super::events::{Span, score_events};

/// What foreign events did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Foreign {
    /// Events whose label the model does not have.
    pub n_events: usize,
    /// Those of them that overlap a wrong report.
    pub n_alarmed: usize,
    /// By foreign label, by name.
    pub labels: Vec<ForeignLabel>,
}

/// What the events of one foreign label did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignLabel {
    /// The label.
    pub label: String,
    /// Its events.
    pub n_events: usize,
    /// Those that overlap a wrong report.
    pub n_alarmed: usize,
    /// What they were taken for, and how often, by name.
    pub taken_for: BTreeMap<String, usize>,
}

/// Holds reports against `others`, which are foreign. A report that is right of one of `own` (as in [`score_events`], with
/// the same collar) does not count, though a foreign event may sound at the same time.
#[must_use]
pub fn foreign(own: &[Span], others: &[Span], reported: &[Span], collar_s: f64) -> Foreign {
    let mut is_right = vec![false; reported.len()];
    for (_, d) in score_events(own, reported, 0.0, collar_s).hits {
        is_right[d] = true;
    }
    let wrong: Vec<&Span> = reported.iter().zip(&is_right).filter(|(_, right)| !**right).map(|(r, _)| r).collect();
    let mut labels: BTreeMap<&str, ForeignLabel> = BTreeMap::new();
    for event in others {
        let entry = labels.entry(&event.label).or_insert_with(|| ForeignLabel {
            label: event.label.clone(),
            n_events: 0,
            n_alarmed: 0,
            taken_for: BTreeMap::new(),
        });
        let alarms: Vec<&&Span> = wrong.iter().filter(|report| report.overlaps(event)).collect();
        entry.n_events += 1;
        entry.n_alarmed += usize::from(!alarms.is_empty());
        for alarm in alarms {
            *entry.taken_for.entry(alarm.label.clone()).or_default() += 1;
        }
    }
    let labels: Vec<ForeignLabel> = labels.into_values().collect();
    Foreign { n_events: others.len(), n_alarmed: labels.iter().map(|label| label.n_alarmed).sum(), labels }
}
