//! Detections against events by intersection, at every decision threshold at once.
//!
//! As a threshold falls over a track of scores, stretches of it become detections, grow and merge. A change is local, so
//! the counts are kept up by the changes alone, as in J. Ebbers, R. Serizel and R. Haeb-Umbach, "Threshold-Independent
//! Evaluation of Sound Event Detection Scores" (ICASSP 2022). Times are whole microseconds, so that a detection which
//! meets a criterion exactly counts as one that does.

/// How much has to intersect; C. Bilen et al., "A Framework for the Robust Evaluation of Sound Event Detection" (ICASSP 2020).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Share of a detection that has to lie in events of its class, else it is a false positive (ρ_DTC).
    pub detection: f64,
    /// Share of an event that right detections have to cover, for a true positive (ρ_GTC).
    pub ground_truth: f64,
    /// Least share of a false positive inside another class's events that makes it a cross-trigger (ρ_CTTC); `None` counts none.
    pub cross_trigger: Option<f64>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Events that are found.
    TruePositive,
    /// Detections that are wrong.
    FalsePositive,
    /// False positives on the class with this index.
    CrossTrigger(usize),
}

/// A count changes by `by` when the threshold falls to `score`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) score: f64,
    pub(super) count: Count,
    pub(super) by: i64,
}

/// An event in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) onset_us: i64,
    pub(super) offset_us: i64,
}

impl Interval {
    /// Of seconds.
    pub(super) fn of_secs(onset_s: f64, offset_s: f64) -> Self {
        Self { onset_us: microseconds(onset_s), offset_us: microseconds(offset_s) }
    }

    /// Its length; a reversed one has none.
    pub(super) fn length_us(self) -> i64 {
        (self.offset_us - self.onset_us).max(0)
    }

    fn intersection_us(self, other: Self) -> i64 {
        (self.offset_us.min(other.offset_us) - self.onset_us.max(other.onset_us)).max(0)
    }
}

pub(super) fn microseconds(secs: f64) -> i64 {
    (secs * 1e6).round() as i64
}

/// `share` of a length, to the microsecond; halves go to the even one.
fn share_us(share: f64, length_us: i64) -> i64 {
    (share * length_us as f64).round_ties_even() as i64
}

/// All changes of one class's counts over one recording, in no order. `edges_us` are the borders of the scores, one more
/// than there are scores; scores that are not finite are never reached. `events` holds the events of each class.
pub(super) fn changes(
    scores: &[f64],
    edges_us: &[i64],
    events: &[Vec<Interval>],
    class: usize,
    tolerance: Tolerance,
) -> Vec<Change> {
    let mut order: Vec<usize> =
        (0..scores.len().min(edges_us.len().saturating_sub(1))).filter(|i| scores[*i].is_finite()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let own = Events::new(events.iter().enumerate().filter(|(c, _)| *c == class));
    let others =
        Events::new(events.iter().enumerate().filter(|(c, _)| *c != class && tolerance.cross_trigger.is_some()));
    let mut counter = Counter {
        covered_us: vec![0; own.sorted.len()],
        other_us: vec![0; events.len()],
        own,
        others,
        tolerance,
        changes: Vec::new(),
    };
    // Of a stretch that is active, its first score knows the last one, and the last one the first.
    let mut partner: Vec<Option<usize>> = vec![None; scores.len()];
    for i in order {
        let mut stretch = (i, i);
        let span =
            |(first, last): (usize, usize)| Interval { onset_us: edges_us[first], offset_us: edges_us[last + 1] };
        if let Some(first) = i.checked_sub(1).and_then(|before| partner[before]) {
            counter.count(span((first, i - 1)), scores[i], -1);
            stretch.0 = first;
        }
        if let Some(last) = partner.get(i + 1).copied().flatten() {
            counter.count(span((i + 1, last)), scores[i], -1);
            stretch.1 = last;
        }
        partner[i] = Some(i);
        (partner[stretch.0], partner[stretch.1]) = (Some(stretch.1), Some(stretch.0));
        counter.count(span(stretch), scores[i], 1);
    }
    counter.changes
}

/// Events by onset, with their classes.
struct Events {
    sorted: Vec<(Interval, usize)>,
    longest_us: i64,
}

impl Events {
    fn new<'a>(of_classes: impl Iterator<Item = (usize, &'a Vec<Interval>)>) -> Self {
        let mut sorted: Vec<(Interval, usize)> =
            of_classes.flat_map(|(class, events)| events.iter().map(move |event| (*event, class))).collect();
        sorted.sort_by_key(|(event, _)| event.onset_us);
        let longest_us = sorted.iter().map(|(event, _)| event.length_us()).max().unwrap_or(0);
        Self { sorted, longest_us }
    }

    /// Those that intersect `detection`: index, class and length of the intersection.
    fn intersecting(&self, detection: Interval) -> impl Iterator<Item = (usize, usize, i64)> {
        let from = self.sorted.partition_point(|(event, _)| event.onset_us < detection.onset_us - self.longest_us);
        let begun = self.sorted[from..].iter().take_while(move |(event, _)| event.onset_us < detection.offset_us);
        let all =
            begun.enumerate().map(move |(i, (event, class))| (from + i, *class, event.intersection_us(detection)));
        all.filter(|(.., us)| *us > 0)
    }
}

/// The counts' changes so far, and what they follow from.
struct Counter {
    own: Events,
    others: Events,
    /// How much of each own event is covered by right detections.
    covered_us: Vec<i64>,
    /// Scratch: how much of a detection each other class covers.
    other_us: Vec<i64>,
    tolerance: Tolerance,
    changes: Vec<Change>,
}

impl Counter {
    /// `detection` appears (`by` = 1) or goes (−1) at `score`.
    fn count(&mut self, detection: Interval, score: f64, by: i64) {
        let length_us = detection.length_us();
        if length_us == 0 {
            return;
        }
        let mut change = |count, by| self.changes.push(Change { score, count, by });
        let right_us: i64 = self.own.intersecting(detection).map(|(.., us)| us).sum();
        if right_us >= share_us(self.tolerance.detection, length_us) {
            for (i, _, us) in self.own.intersecting(detection) {
                let needed_us = share_us(self.tolerance.ground_truth, self.own.sorted[i].0.length_us());
                let before = self.covered_us[i] >= needed_us;
                self.covered_us[i] += by * us;
                let after = self.covered_us[i] >= needed_us;
                if before != after {
                    change(Count::TruePositive, i64::from(after) - i64::from(before));
                }
            }
            return;
        }
        change(Count::FalsePositive, by);
        let Some(share) = self.tolerance.cross_trigger else { return };
        let needed_us = share_us(share, length_us);
        for (_, class, us) in self.others.intersecting(detection) {
            // Told at the moment it is reached, for a class may have several events there.
            let before = self.other_us[class];
            self.other_us[class] += us;
            if before < needed_us && self.other_us[class] >= needed_us {
                change(Count::CrossTrigger(class), by);
            }
        }
        self.other_us.fill(0);
    }
}
