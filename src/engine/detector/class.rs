//! One class's state machine.

use std::collections::VecDeque;

use super::{ClassThresholds, Detection, Opening, StrideInput, Units};
use crate::units::ClassId;

/// Waits for an event, or follows the one that is open.
pub(super) struct ClassDetector {
    class: ClassId,
    thresholds: ClassThresholds,
    /// The last strides, while no event is open.
    recent: VecDeque<Recent>,
    /// Evidence before this frame belongs to what is done with, or to the cooldown.
    floor: u64,
    /// Whether the floor is a cooldown's end.
    cooling: bool,
    open: Option<Open>,
    /// Whether the event that is open began with the last stride.
    just_opened: bool,
    reason: String,
}

/// One of the last strides.
#[derive(Debug, Clone, Copy)]
struct Recent {
    end: u64,
    prob: f32,
    /// Whether it spoke for the class.
    positive: bool,
}

/// An event under way.
#[derive(Debug, Clone)]
struct Open {
    onset: u64,
    last_evident: u64,
    score: f32,
    peak_end: u64,
    sure_end: u64,
    /// Successive strides below the off threshold.
    n_below: usize,
}

/// Evidence of the frames from one on.
struct Evidence {
    /// Stream index of the first value.
    first: u64,
    values: Vec<f32>,
    /// Largest value of the whole segment.
    segment_peak: f32,
}

impl Evidence {
    /// The part of a segment's evidence that lies at or behind `floor`.
    fn behind(floor: u64, class: ClassId, input: &StrideInput<'_>) -> Self {
        let mut values = (input.evidence)(class);
        let segment_peak = max(&values);
        // A segment may begin before the stream; those frames hold nothing.
        let n_before = (values.len() as u64).saturating_sub(input.end) as usize;
        values.drain(..n_before);
        let begin = input.end - (values.len() as u64).min(input.end);
        let n_old = floor.saturating_sub(begin).min(values.len() as u64);
        values.drain(..n_old as usize);
        Self { first: begin + n_old, values, segment_peak }
    }

    /// Walks back from the newest strong frame over gaps of at most `merge_gap` frames.
    fn onset(&self, units: &Units) -> Option<u64> {
        let peak = max(&self.values);
        if peak <= 0.0 {
            return None;
        }
        let strong = self.values.iter().rposition(|v| *v >= units.tuning.strong_share * peak)?;
        let mut onset = strong;
        for i in (0..strong).rev() {
            if self.values[i] >= units.tuning.evident_share * peak {
                onset = i;
            } else if (onset - i) as u64 > units.merge_gap {
                break;
            }
        }
        Some(self.first + onset as u64)
    }

    /// The last evident frame that hangs together with `from` over gaps of at most `merge_gap` frames, and whether there
    /// is evidence behind it that does not.
    fn follow(&self, from: u64, units: &Units) -> (u64, bool) {
        let level = units.tuning.evident_share * max(&self.values);
        let mut last = from;
        if level <= 0.0 {
            return (last, false);
        }
        for (t, value) in (self.first..).zip(&self.values) {
            if t > last && *value >= level {
                if t - last - 1 > units.merge_gap {
                    return (last, true);
                }
                last = t;
            }
        }
        (last, false)
    }
}

fn max(values: &[f32]) -> f32 {
    values.iter().copied().fold(0.0, f32::max)
}

impl ClassDetector {
    pub(super) fn new(class: ClassId, thresholds: ClassThresholds) -> Self {
        Self {
            class,
            thresholds,
            recent: VecDeque::new(),
            floor: 0,
            cooling: false,
            open: None,
            just_opened: false,
            reason: String::new(),
        }
    }

    pub(super) const fn thresholds(&self) -> ClassThresholds {
        self.thresholds
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn opening(&self) -> Option<Opening> {
        let open = self.open.as_ref().filter(|_| self.just_opened)?;
        Some(Opening { class: self.class, onset: open.onset, score: open.score })
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.class, self.thresholds);
    }

    pub(super) fn stride(&mut self, prob: f32, input: &StrideInput<'_>, units: &Units, over: &mut Vec<Detection>) {
        self.reason.clear();
        self.just_opened = false;
        if !self.thresholds.enabled {
            if prob >= self.thresholds.on {
                self.reason.push_str("switched off");
            }
            return;
        }
        let was_open = self.open.is_some();
        if was_open {
            self.follow(prob, input, units, over);
        }
        // A stride that closes one event may be the first that speaks for the next.
        if self.open.is_none() {
            self.wait(prob, input, units);
        }
    }

    pub(super) fn finish(&mut self, units: &Units, over: &mut Vec<Detection>) {
        if let Some(open) = self.open.take() {
            let offset = open.last_evident + 1;
            self.close(open, offset, units, over);
        }
    }

    /// No event is open: looks whether one begins.
    fn wait(&mut self, prob: f32, input: &StrideInput<'_>, units: &Units) {
        let mut evidence = None;
        if prob >= self.thresholds.on {
            if self.cooling && input.end <= self.floor {
                let left_secs = (self.floor - input.end) as f64 * units.frame_secs;
                self.reason = format!("cooldown {left_secs:.0} s left");
            } else {
                let found = Evidence::behind(self.floor, self.class, input);
                let peak = max(&found.values);
                if peak > 0.0 && peak >= units.tuning.new_share * found.segment_peak {
                    evidence = Some(found);
                } else if self.reason.is_empty() {
                    let why = if found.segment_peak > 0.0 { "nothing new since the last" } else { "no evidence" };
                    self.reason.push_str(why);
                }
            }
        }
        self.recent.push_back(Recent { end: input.end, prob, positive: evidence.is_some() });
        while self.recent.len() > units.of_strides {
            self.recent.pop_front();
        }
        let n_positive = self.recent.iter().filter(|r| r.positive).count();
        let Some(evidence) = evidence else { return };
        if n_positive < units.min_strides && prob < units.sure {
            self.reason = format!("{n_positive} of {} strides", units.min_strides);
            return;
        }
        let Some(onset) = evidence.onset(units) else { return };
        let (last_evident, _) = evidence.follow(onset, units);
        let mut open = Open { onset, last_evident, score: prob, peak_end: input.end, sure_end: input.end, n_below: 0 };
        for recent in self.recent.iter().filter(|r| r.positive && r.end > onset) {
            if recent.prob > open.score {
                (open.score, open.peak_end) = (recent.prob, recent.end);
            }
        }
        self.recent.clear();
        self.cooling = false;
        self.reason.clear();
        self.open = Some(open);
        self.just_opened = true;
    }

    /// An event is open: looks how far it goes, and whether it is over.
    fn follow(&mut self, prob: f32, input: &StrideInput<'_>, units: &Units, over: &mut Vec<Detection>) {
        let Some(mut open) = self.open.take() else { return };
        if prob > open.score {
            (open.score, open.peak_end) = (prob, input.end);
        }
        let mut another = false;
        if prob >= self.thresholds.off {
            open.n_below = 0;
            let evidence = Evidence::behind(open.onset, self.class, input);
            (open.last_evident, another) = evidence.follow(open.last_evident, units);
        } else {
            open.n_below += 1;
        }
        while open.last_evident + 1 - open.onset > units.max_event {
            let rest = Open {
                onset: open.onset + units.max_event,
                score: prob,
                peak_end: input.end,
                sure_end: input.end,
                ..open.clone()
            };
            let offset = rest.onset;
            self.close(open, offset, units, over);
            open = rest;
        }
        let silent = input.end.saturating_sub(open.last_evident + 1);
        if another || open.n_below >= units.of_strides || silent > units.merge_gap + units.linger {
            let offset = open.last_evident + 1;
            let reported = self.close(open, offset, units, over);
            // The cooldown follows what was reported; a piece of a long event does not begin one.
            if reported && units.cooldown > 0 {
                self.floor += units.cooldown;
                self.cooling = true;
            }
        } else {
            self.open = Some(open);
        }
    }

    /// Hands an event over, or says why not.
    fn close(&mut self, open: Open, offset: u64, units: &Units, over: &mut Vec<Detection>) -> bool {
        self.floor = self.floor.max(offset);
        let duration = offset.saturating_sub(open.onset);
        if duration == 0 || duration < units.min_duration {
            self.reason = "too short".to_owned();
            return false;
        }
        over.push(Detection {
            class: self.class,
            onset: open.onset,
            offset,
            score: open.score,
            peak_end: open.peak_end,
            sure_end: open.sure_end,
        });
        true
    }
}
