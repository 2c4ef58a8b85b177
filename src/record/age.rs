//! What counts as the time when events are removed for their age.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use super::proven::{ProvenTime, Uptime};
use crate::archive::Index;

/// The time that has proved itself is remembered no more often than this.
const REMEMBER_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The time that has proved itself, remembered in the index for later runs.
#[derive(Debug)]
pub(super) struct Age {
    uptime: Uptime,
    time: ProvenTime,
    remembered: Option<Timestamp>,
}

impl Age {
    /// Goes on from what earlier runs have left in `index`.
    pub(super) fn of(index: &Index) -> Self {
        let (uptime, remembered) = (Uptime::of_system(), index.proven().unwrap_or_default());
        Self { time: ProvenTime::since(remembered, uptime.now()), uptime, remembered }
    }

    /// Goes by this uptime from now on.
    pub(super) fn set_uptime(&mut self, uptime: Uptime) {
        self.time = ProvenTime::since(self.remembered, uptime.now());
        self.uptime = uptime;
    }

    /// What counts as the time where the clock says `now` and events are kept for `days`; none where that is no time, or they
    /// are kept for ever.
    pub(super) fn trusted(&mut self, now: SystemTime, days: f64, index: &mut Index) -> Option<Timestamp> {
        let now = Timestamp::try_from(now).ok().filter(|_| days > 0.0)?;
        let trusted = self.time.look(now, self.uptime.now(), days);
        let proven = self.time.proven()?;
        let is_due = self.remembered.is_none_or(|last| proven.duration_since(last).abs() >= REMEMBER_EVERY);
        // What cannot be written now is tried again at the next look.
        if is_due && index.set_proven(proven).is_ok() {
            self.remembered = Some(proven);
        }
        Some(trusted)
    }
}
