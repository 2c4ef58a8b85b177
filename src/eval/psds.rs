//! The polyphonic sound detection score (PSDS), over all decision thresholds.
//!
//! For each class, a curve: the share of its events that is found over the effective rate of false positives,
//! `eFPR = FP / hours + α_CT · mean over other classes (CT / hours of that class)`, each point one threshold. Over the
//! classes, `eTPR = mean − α_ST · standard deviation` at each rate. The score is the area below that, up to the largest
//! rate, divided by it: 0…1.

use rayon::prelude::*;

use super::intersections::{Change, Count, Interval, Tolerance, changes, microseconds};

const SECS_PER_HOUR: f64 = 3600.0;

/// What a score is taken with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsdsParams {
    /// How much has to intersect.
    pub tolerance: Tolerance,
    /// Weight of cross-triggers (α_CT).
    pub cross_trigger_weight: f64,
    /// Weight of the spread over classes (α_ST).
    pub spread_weight: f64,
    /// Up to so many effective false positives an hour (e_max).
    pub max_per_hour: f64,
}

impl PsdsParams {
    /// The first of the DCASE challenge: how well events are placed in time.
    pub const PSDS1: Self = Self {
        tolerance: Tolerance { detection: 0.7, ground_truth: 0.7, cross_trigger: None },
        cross_trigger_weight: 0.0,
        spread_weight: 1.0,
        max_per_hour: 100.0,
    };
    /// The second one: how well the model separates classes.
    pub const PSDS2: Self = Self {
        tolerance: Tolerance { detection: 0.1, ground_truth: 0.1, cross_trigger: Some(0.3) },
        cross_trigger_weight: 0.5,
        spread_weight: 1.0,
        max_per_hour: 100.0,
    };
}

/// Scores of a recording over time, and what sounds in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRecording {
    /// Where the scores begin, ascending, and where the last one ends; in seconds.
    pub edges_s: Vec<f64>,
    /// Scores of each class over time, one fewer than there are edges; those that are not finite never become detections.
    pub scores: Vec<Vec<f64>>,
    /// Onsets and offsets of each class's events, in seconds. Those of one class that touch count as one event.
    pub events: Vec<Vec<(f64, f64)>>,
    /// Length in seconds.
    pub secs: f64,
}

/// The score, 0…1.
#[derive(Debug, Clone, PartialEq)]
pub struct Psds {
    /// Over all classes that have events.
    pub score: f64,
    /// Of each class alone; `None` where it has no events.
    pub by_class: Vec<Option<f64>>,
}

/// Scores `recordings` together. Classes without any event do not count: nothing of them can be found. `None` where no
/// class has events. Classes are those of the first recording.
#[must_use]
pub fn psds(recordings: &[ScoredRecording], params: &PsdsParams) -> Option<Psds> {
    let recordings: Vec<Prepared<'_>> = recordings.iter().map(Prepared::new).collect();
    let n_classes = recordings.first()?.events.len();
    let of_class = |class: usize| recordings.iter().flat_map(move |r| r.events.get(class).into_iter().flatten());
    let hours: f64 = recordings.iter().map(|r| r.secs).sum::<f64>() / SECS_PER_HOUR;
    let class_hours: Vec<f64> = (0..n_classes)
        .map(|class| of_class(class).map(|event| event.length_us() as f64).sum::<f64>() / 1e6 / SECS_PER_HOUR)
        .collect();
    let n_events: Vec<usize> = (0..n_classes).map(|class| of_class(class).count()).collect();
    let curves: Vec<Option<Curve>> = (0..n_classes)
        .into_par_iter()
        .map(|class| {
            if n_events[class] == 0 {
                return None;
            }
            let others: Vec<usize> = (0..n_classes).filter(|c| *c != class && n_events[*c] > 0).collect();
            let rates = Rates { n_events: n_events[class], hours, class_hours: &class_hours, others: &others, params };
            let found = recordings.iter().flat_map(|recording| recording.changes(class, params.tolerance)).collect();
            Some(rates.curve(found))
        })
        .collect();
    let by_class = curves.iter().map(|c| c.as_ref().map(|c| area(c, params.max_per_hour))).collect();
    let known: Vec<&Curve> = curves.iter().flatten().collect();
    if known.is_empty() {
        return None;
    }
    Some(Psds { score: area(&over_classes(&known, params.spread_weight), params.max_per_hour), by_class })
}

/// Effective false positives an hour and share of events found, both rising from point to point.
type Curve = Vec<(f64, f64)>;

/// A recording in microseconds.
struct Prepared<'a> {
    scores: &'a [Vec<f64>],
    edges_us: Vec<i64>,
    events: Vec<Vec<Interval>>,
    secs: f64,
}

impl<'a> Prepared<'a> {
    fn new(recording: &'a ScoredRecording) -> Self {
        let interval = |&(onset_s, offset_s): &(f64, f64)| Interval::of_secs(onset_s, offset_s);
        Self {
            scores: &recording.scores,
            edges_us: recording.edges_s.iter().copied().map(microseconds).collect(),
            events: recording.events.iter().map(|events| joined(events.iter().map(interval).collect())).collect(),
            secs: recording.secs,
        }
    }

    fn changes(&self, class: usize, tolerance: Tolerance) -> Vec<Change> {
        let scores = self.scores.get(class).map_or(&[][..], Vec::as_slice);
        changes(scores, &self.edges_us, &self.events, class, tolerance)
    }
}

/// The events by onset, those that touch as one.
fn joined(mut events: Vec<Interval>) -> Vec<Interval> {
    events.sort_by_key(|event| event.onset_us);
    events.dedup_by(|next, event| {
        let touches = next.onset_us <= event.offset_us;
        if touches {
            event.offset_us = event.offset_us.max(next.offset_us);
        }
        touches
    });
    events
}

/// What turns one class's counts into rates.
struct Rates<'a> {
    n_events: usize,
    hours: f64,
    class_hours: &'a [f64],
    others: &'a [usize],
    params: &'a PsdsParams,
}

impl Rates<'_> {
    fn curve(&self, mut changes: Vec<Change>) -> Curve {
        changes.sort_by(|a, b| b.score.total_cmp(&a.score));
        // Above all scores nothing is detected.
        let mut points = vec![(0.0, 0.0)];
        let (mut found, mut wrong, mut crossed) = (0, 0, vec![0_i64; self.class_hours.len()]);
        for at_one_score in changes.chunk_by(|a, b| a.score == b.score) {
            for change in at_one_score {
                match change.count {
                    Count::TruePositive => found += change.by,
                    Count::FalsePositive => wrong += change.by,
                    Count::CrossTrigger(class) => crossed[class] += change.by,
                }
            }
            let rate = wrong as f64 / self.hours + self.params.cross_trigger_weight * self.cross_trigger_rate(&crossed);
            points.push((rate, found as f64 / self.n_events as f64));
        }
        rising(points, self.params.max_per_hour)
    }

    fn cross_trigger_rate(&self, crossed: &[i64]) -> f64 {
        if self.params.cross_trigger_weight == 0.0 || self.others.is_empty() {
            return 0.0;
        }
        let least_hours = 1e-12 / SECS_PER_HOUR;
        let rate = |&class: &usize| crossed[class] as f64 / self.class_hours[class].max(least_hours);
        self.others.iter().map(rate).sum::<f64>() / self.others.len() as f64
    }
}

/// The best that is found at each rate up to `max`, where that is more than at any lower one.
fn rising(mut points: Curve, max: f64) -> Curve {
    points.retain(|(rate, _)| *rate <= max);
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    points.retain(|&(_, found)| {
        let is_more = found > best;
        best = best.max(found);
        is_more
    });
    points
}

/// The mean of the curves less `weight` times their standard deviation, at every rate of any of them.
fn over_classes(curves: &[&Curve], weight: f64) -> Curve {
    let mut rates: Vec<f64> = curves.iter().flat_map(|curve| curve.iter().map(|(rate, _)| *rate)).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let n = curves.len() as f64;
    let mut at = vec![0; curves.len()];
    rates
        .into_iter()
        .map(|rate| {
            let found: Vec<f64> = curves
                .iter()
                .zip(&mut at)
                .map(|(curve, at)| {
                    *at += curve[*at..].iter().take_while(|(r, _)| *r <= rate).count();
                    at.checked_sub(1).map_or(0.0, |last| curve[last].1)
                })
                .collect();
            let mean = found.iter().sum::<f64>() / n;
            let deviation = (found.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / n).sqrt();
            (rate, (mean - weight * deviation).max(0.0))
        })
        .collect()
}

/// Area below the steps up to `max`, divided by it.
fn area(curve: &Curve, max: f64) -> f64 {
    let ends = curve.iter().skip(1).map(|(rate, _)| *rate).chain([max]);
    curve.iter().zip(ends).map(|((rate, found), end)| found * (end - rate)).sum::<f64>() / max
}
