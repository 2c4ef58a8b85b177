//! One class's state machine.

use std::collections::VecDeque;

use super::detection::{Detection, Opening, StrideInput};
use super::evident::Evidence;
use super::reason::Reason;
use super::units::Units;
use crate::units::ClassId;

/// From this share of its threshold on, a score is noteworthy: why it is not enough is told.
const NOTEWORTHY: f32 = 0.5;

/// Waits for an event, or follows the one that is open.
pub(super) struct ClassDetector {
    class: ClassId,
    units: Units,
    /// The last strides, while no event is open.
    recent: VecDeque<Recent>,
    /// Evidence before this frame belongs to what is done with, or to the cooldown.
    floor: u64,
    /// Whether the floor is a cooldown's end.
    cooling: bool,
    open: Option<Open>,
    /// The event that was handed over last.
    last: Option<Detection>,
    /// Whether the event that is open began with the last stride.
    just_opened: bool,
    /// Whether the last stride took an event up again that had been handed over.
    just_resumed: bool,
    reason: Reason,
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
    /// Whether it has been reported already, and what follows is part of that.
    told: bool,
}

impl ClassDetector {
    pub(super) const fn new(class: ClassId, units: Units) -> Self {
        Self {
            class,
            units,
            recent: VecDeque::new(),
            floor: 0,
            cooling: false,
            open: None,
            last: None,
            just_opened: false,
            just_resumed: false,
            reason: Reason::None,
        }
    }

    /// Goes on under other parameters; what is under way goes on too.
    pub(super) const fn set_units(&mut self, units: Units) {
        self.units = units;
    }

    pub(super) const fn class(&self) -> ClassId {
        self.class
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn opening(&self) -> Option<Opening> {
        let open = self.open.as_ref().filter(|_| self.just_opened)?;
        Some(Opening { class: self.class, onset: open.onset, score: open.score })
    }

    /// The event that is open, as it would be handed over now.
    pub(super) fn so_far(&self) -> Option<Detection> {
        let open = self.open.as_ref().filter(|open| !open.told)?;
        let detection = open.detection(self.class, open.last_evident + 1);
        (detection.offset - detection.onset >= self.units.min_duration).then_some(detection)
    }

    /// First frame of the event that the last stride took up again.
    pub(super) fn resumed(&self) -> Option<u64> {
        self.open.as_ref().filter(|_| self.just_resumed).map(|open| open.onset)
    }

    /// The event that was taken up again will come again, and only then.
    pub(super) const fn is_called_back(&mut self) {
        self.just_resumed = false;
    }

    /// The event that was taken up again has been reported: what follows is part of that.
    pub(super) fn is_told(&mut self) {
        if let Some(open) = &mut self.open {
            open.told = true;
            self.reason = Reason::Reported;
        }
    }

    /// What was handed over last was not reported: nothing can be part of it, and `why`.
    pub(super) fn not_reported(&mut self, why: Reason) {
        self.last = None;
        if self.open.is_none() {
            self.reason = why;
        }
    }

    pub(super) const fn reason(&self) -> Reason {
        self.reason
    }

    /// First frame of the event that is open.
    pub(super) fn open_since(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.onset)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.class, self.units);
    }

    pub(super) fn stride(&mut self, prob: f32, input: &StrideInput<'_>, over: &mut Vec<Detection>) {
        self.reason = Reason::None;
        (self.just_opened, self.just_resumed) = (false, false);
        if !(self.units.enabled && self.units.alarm) {
            // Where it was just switched off, what has been heard so far is told.
            self.finish(over);
            self.recent.clear();
            if prob >= self.units.on {
                self.reason = if self.units.enabled { Reason::OnlyShown } else { Reason::Off };
            }
            return;
        }
        let gate = input.gate_dbfs.filter(|_| self.units.gated);
        if self.open.is_some() {
            self.follow(prob, gate.is_some(), input, over);
        }
        // A stride that closes one event may be the first that speaks for the next.
        match &self.open {
            None => self.wait(prob, gate, input),
            Some(open) if open.told => self.reason = Reason::Reported,
            Some(_) => {}
        }
    }

    pub(super) fn finish(&mut self, over: &mut Vec<Detection>) {
        if let Some(open) = self.open.take() {
            let offset = open.last_evident + 1;
            self.close(open, offset, over);
        }
    }

    /// No event is open: looks whether one begins.
    fn wait(&mut self, prob: f32, gate: Option<f32>, input: &StrideInput<'_>) {
        let evidence = match self.speaks(prob, gate, input) {
            Ok(evidence) => Some(evidence),
            Err(why) => {
                // That the stride has ended an event which was too short says more.
                if self.reason == Reason::None {
                    self.reason = why;
                }
                None
            }
        };
        self.recent.push_back(Recent { end: input.end, prob, positive: evidence.is_some() });
        while self.recent.len() > self.units.of_strides {
            self.recent.pop_front();
        }
        let Some(evidence) = evidence else { return };
        let n = self.recent.iter().filter(|r| r.positive).count();
        if n < self.units.min_strides && prob < self.units.sure {
            self.reason = Reason::Strides { n, of: self.units.min_strides };
            return;
        }
        let Some(onset) = evidence.onset(&self.units) else { return };
        let (last_evident, _) = evidence.follow(onset, &self.units);
        let (peak_end, sure_end) = (input.end, input.end);
        let mut open = Open { onset, last_evident, score: prob, peak_end, sure_end, n_below: 0, told: false };
        for recent in self.recent.iter().filter(|r| r.positive && r.end > onset) {
            if recent.prob > open.score {
                (open.score, open.peak_end) = (recent.prob, recent.end);
            }
        }
        self.recent.clear();
        self.cooling = false;
        self.reason = Reason::None;
        match self.last.take().filter(|last| onset <= last.offset + self.units.near) {
            // Its score only paused: it is the same event.
            Some(last) => {
                if last.score > open.score {
                    (open.score, open.peak_end) = (last.score, last.peak_end);
                }
                self.open = Some(Open { onset: last.onset, sure_end: last.sure_end, ..open });
                self.just_resumed = true;
            }
            None => {
                self.open = Some(open);
                self.just_opened = true;
            }
        }
    }

    /// The evidence with which a stride speaks for the class, or why it does not.
    fn speaks(&self, prob: f32, gate: Option<f32>, input: &StrideInput<'_>) -> Result<Evidence, Reason> {
        if prob < self.units.on {
            let noteworthy = prob >= NOTEWORTHY * self.units.on;
            return Err(if noteworthy { Reason::Below { threshold: self.units.on } } else { Reason::None });
        }
        if let Some(dbfs) = gate {
            return Err(Reason::Gate { dbfs });
        }
        if self.cooling && input.end <= self.floor {
            return Err(Reason::Cooldown { left_secs: (self.floor - input.end) as f64 * self.units.frame_secs });
        }
        let evidence = Evidence::behind(self.floor, self.class, input);
        if evidence.is_new(&self.units) {
            Ok(evidence)
        } else {
            Err(if evidence.is_any() { Reason::NothingNew } else { Reason::NoEvidence })
        }
    }

    /// An event is open: looks how far it goes, and whether it is over.
    fn follow(&mut self, prob: f32, gated: bool, input: &StrideInput<'_>, over: &mut Vec<Detection>) {
        let Some(mut open) = self.open.take() else { return };
        if prob > open.score {
            (open.score, open.peak_end) = (prob, input.end);
        }
        let mut another = false;
        if prob >= self.units.off && !gated {
            open.n_below = 0;
            let evidence = Evidence::behind(open.onset, self.class, input);
            (open.last_evident, another) = evidence.follow(open.last_evident, &self.units);
        } else {
            open.n_below += 1;
        }
        while open.last_evident + 1 - open.onset > self.units.max_event {
            let rest = Open {
                onset: open.onset + self.units.max_event,
                score: prob,
                peak_end: input.end,
                sure_end: input.end,
                told: false,
                ..open.clone()
            };
            let offset = rest.onset;
            self.close(open, offset, over);
            open = rest;
        }
        let silent = input.end.saturating_sub(open.last_evident + 1);
        let units = &self.units;
        if another || open.n_below >= units.of_strides || silent > units.merge_gap + units.linger {
            let offset = open.last_evident + 1;
            let reported = self.close(open, offset, over);
            // The cooldown follows what was reported; a piece of a long event does not begin one.
            if reported && self.units.cooldown > 0 {
                self.floor += self.units.cooldown;
                self.cooling = true;
            }
        } else {
            self.open = Some(open);
        }
    }

    /// Hands an event over, or says why not.
    fn close(&mut self, open: Open, offset: u64, over: &mut Vec<Detection>) -> bool {
        self.floor = self.floor.max(offset);
        if open.told {
            self.last = Some(open.detection(self.class, offset));
            return true;
        }
        let duration = offset.saturating_sub(open.onset);
        if duration == 0 || duration < self.units.min_duration {
            self.reason = Reason::TooShort { secs: duration as f64 * self.units.frame_secs };
            return false;
        }
        let detection = open.detection(self.class, offset);
        self.last = Some(detection.clone());
        over.push(detection);
        true
    }
}

impl Open {
    const fn detection(&self, class: ClassId, offset: u64) -> Detection {
        let Self { onset, score, peak_end, sure_end, .. } = *self;
        Detection { class, onset, offset, score, peak_end, sure_end }
    }
}
