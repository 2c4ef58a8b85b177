//! Scoring what a monitor reported on a stream against what was really there.

use super::metrics::{median, quantile};

/// A stretch of a stream in which one class is heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The class's name.
    pub label: String,
    /// Where it begins, in seconds since the stream began.
    pub onset_s: f64,
    /// Where it ends, in seconds since the stream began.
    pub offset_s: f64,
}

impl Span {
    /// Whether the two share any time or touch; so a span without length counts where it lies inside the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.onset_s <= other.offset_s && other.onset_s <= self.offset_s
    }
}

/// How events were detected. Shares are 0…1; `None` where nothing was there to take a share of.
#[derive(Debug, Clone, PartialEq)]
pub struct EventScores {
    /// Events that were there.
    pub n_reference: usize,
    /// Events that were reported.
    pub n_detected: usize,
    /// Pairs of the two that belong together, each event in at most one: `(reference index, detected index)`.
    pub hits: Vec<(usize, usize)>,
    /// Share of the events that were found.
    pub recall: Option<f64>,
    /// Share of the reports that were right.
    pub precision: Option<f64>,
    /// Median of |reported onset − true onset| over the hits, in seconds.
    pub onset_error_median_s: Option<f64>,
    /// 90 % of the hits have an onset error up to this, in seconds.
    pub onset_error_p90_s: Option<f64>,
    /// Median of |reported offset − true offset| over the hits, in seconds.
    pub offset_error_median_s: Option<f64>,
    /// Reports that were wrong, for each hour of stream.
    pub false_alarms_per_hour: Option<f64>,
}

/// Scores `detected` against `reference` over a stream of `stream_s` seconds.
///
/// A report is a hit where it has the event's label and overlaps the event or begins within `collar_s` seconds (1 s is
/// usual) of its onset. Each event and each report counts once: as many pairs are made as possible, nearer onsets
/// first. A second report of the same event is a false alarm.
#[must_use]
pub fn score_events(reference: &[Span], detected: &[Span], stream_s: f64, collar_s: f64) -> EventScores {
    let onset_error = |event: &Span, found: &Span| (found.onset_s - event.onset_s).abs();
    let hits = matched(reference, detected, |event, found| {
        found.label == event.label && (found.overlaps(event) || onset_error(event, found) <= collar_s)
    });
    let share = |of: usize| if of == 0 { None } else { Some(hits.len() as f64 / of as f64) };
    let errors = |edge: fn(&Span) -> f64| -> Vec<f64> {
        hits.iter().map(|&(r, d)| (edge(&detected[d]) - edge(&reference[r])).abs()).collect()
    };
    let onset_errors = errors(|s| s.onset_s);
    let offset_errors = errors(|s| s.offset_s);
    let false_alarms = (detected.len() - hits.len()) as f64;
    EventScores {
        n_reference: reference.len(),
        n_detected: detected.len(),
        recall: share(reference.len()),
        precision: share(detected.len()),
        onset_error_median_s: median(&onset_errors),
        onset_error_p90_s: quantile(&onset_errors, 0.9),
        offset_error_median_s: median(&offset_errors),
        false_alarms_per_hour: if stream_s > 0.0 { Some(false_alarms * 3600.0 / stream_s) } else { None },
        hits,
    }
}

/// Pairs references with detections that belong to them, as many as possible, nearer onsets first; ordered by reference.
pub(super) fn matched(
    reference: &[Span],
    detected: &[Span],
    belongs: impl Fn(&Span, &Span) -> bool,
) -> Vec<(usize, usize)> {
    let onset_error = |r: usize, d: usize| (detected[d].onset_s - reference[r].onset_s).abs();
    let candidates: Vec<Vec<usize>> = reference
        .iter()
        .enumerate()
        .map(|(r, event)| {
            let mut nearest_first: Vec<usize> = (0..detected.len()).filter(|d| belongs(event, &detected[*d])).collect();
            nearest_first.sort_by(|&a, &b| onset_error(r, a).total_cmp(&onset_error(r, b)));
            nearest_first
        })
        .collect();
    // The nearest pairs first, each where both are free; then augmenting paths, so that an event whose only report was
    // taken by a neighbour with another choice still gets it.
    let mut pairs: Vec<(usize, usize)> =
        candidates.iter().enumerate().flat_map(|(r, ds)| ds.iter().map(move |&d| (r, d))).collect();
    pairs.sort_by(|a, b| onset_error(a.0, a.1).total_cmp(&onset_error(b.0, b.1)));
    let mut event_of: Vec<Option<usize>> = vec![None; detected.len()];
    let mut paired = vec![false; reference.len()];
    for (r, d) in pairs {
        if !paired[r] && event_of[d].is_none() {
            paired[r] = true;
            event_of[d] = Some(r);
        }
    }
    for (r, _) in paired.iter().enumerate().filter(|(_, paired)| !**paired) {
        find_place(r, &candidates, &mut event_of, &mut vec![false; detected.len()]);
    }
    let mut hits: Vec<(usize, usize)> = event_of.iter().enumerate().filter_map(|(d, r)| r.map(|r| (r, d))).collect();
    hits.sort_unstable();
    hits
}

/// Gives reference `r` a detection, moving others to another of theirs where that helps. `tried` marks the detections
/// this search has looked at.
fn find_place(r: usize, candidates: &[Vec<usize>], event_of: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for &d in &candidates[r] {
        if std::mem::replace(&mut tried[d], true) {
            continue;
        }
        let free = event_of[d].is_none_or(|owner| find_place(owner, candidates, event_of, tried));
        if free {
            event_of[d] = Some(r);
            return true;
        }
    }
    false
}
