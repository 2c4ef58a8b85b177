//! Whether a time can be trusted with the removal of what is older.
//!
//! A computer's clock may jump: by a battery that is empty, a wrong server, a hand. One that jumps sixty days ahead would make
//! every recording too old within seconds, for good. So a new time has to prove itself: it counts only when it has gone on
//! evenly, beside a clock that cannot be set, for some hours. Until then the old time goes on.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// So long a new time has to go on evenly until it is trusted.
const PROOF: Duration = Duration::from_secs(6 * 3600);

/// The most, in seconds, that a time may be ahead of where it should be without being a new one; for short spans of keeping
/// it is a tenth of them. At the program's start it is half of them: it may have been off.
const MOST_STEP: f64 = 86_400.0;

/// Below this, every look would be a new time.
const LEAST_STEP: f64 = 60.0;

/// How long the program runs: a clock that no one can set.
#[derive(Clone)]
pub struct Uptime(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Uptime {
    /// What the system counts, from now on.
    #[must_use]
    pub fn of_system() -> Self {
        let began = Instant::now();
        Self::from_fn(move || began.elapsed())
    }

    /// What `uptime` says.
    pub fn from_fn(uptime: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(uptime))
    }

    pub(super) fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Uptime").field(&self.now()).finish()
    }
}

/// A wall time at a moment of the uptime: it should go on from there evenly.
#[derive(Debug, Clone, Copy)]
struct Line {
    at: Timestamp,
    uptime: Duration,
}

impl Line {
    /// What the wall time should be at `uptime`.
    fn expected(&self, uptime: Duration) -> Timestamp {
        let since = SignedDuration::try_from(uptime.saturating_sub(self.uptime)).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    /// By how many seconds `now` is ahead of what it should be.
    fn ahead_secs(&self, now: Timestamp, uptime: Duration) -> f64 {
        now.duration_since(self.expected(uptime)).as_secs_f64()
    }
}

/// A wall time that has to prove itself.
#[derive(Debug)]
pub(super) struct ProvenTime {
    trusted: Option<Line>,
    /// Another one, and since when it goes on evenly.
    other: Option<(Line, Duration)>,
    /// Nothing has come since the program began: nobody knows how long it was off.
    is_first: bool,
}

impl ProvenTime {
    /// Goes on from `proven`, where something is known from before; otherwise the first time that comes is trusted, because
    /// there is nothing that it could make too old.
    pub(super) fn since(proven: Option<Timestamp>, uptime: Duration) -> Self {
        Self { trusted: proven.map(|at| Line { at, uptime }), other: None, is_first: true }
    }

    /// What counts as the time when the clock says `now` after `uptime`, and what is kept is kept for `days`: it is never
    /// later than `now`.
    pub(super) fn look(&mut self, now: Timestamp, uptime: Duration, days: f64) -> Timestamp {
        let mut step = (days * 8640.0).clamp(LEAST_STEP, MOST_STEP);
        if std::mem::take(&mut self.is_first) {
            step = step.max(days * 43_200.0);
        }
        let line = Line { at: now, uptime };
        let Some(trusted) = self.trusted else {
            self.trusted = Some(line);
            return now;
        };
        let ahead = trusted.ahead_secs(now, uptime);
        if ahead.abs() <= step {
            (self.trusted, self.other) = (Some(line), None);
            return now;
        }
        match &mut self.other {
            Some((other, since)) if other.ahead_secs(now, uptime).abs() <= step => {
                *other = line;
                if uptime.saturating_sub(*since) >= PROOF {
                    tracing::info!("the time has proved itself; what is too old by it is removed");
                    (self.trusted, self.other) = (Some(line), None);
                    return now;
                }
            }
            other => {
                if ahead > 0.0 {
                    let hours = PROOF.as_secs() / 3600;
                    tracing::warn!(
                        "the clock is {:.1} days ahead of what was known; nothing is removed by that time until it has held for {hours} h",
                        ahead / 86_400.0
                    );
                }
                *other = Some((line, uptime));
            }
        }
        now.min(trusted.expected(uptime))
    }

    /// Up to when the time has proved itself.
    pub(super) fn proven(&self) -> Option<Timestamp> {
        self.trusted.map(|line| line.at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;

    /// A clock, an uptime and the proof between them; what is kept is kept for 30 days.
    struct Simulated {
        time: ProvenTime,
        uptime: u64,
        /// Seconds since 2026-11-20 on the clock, besides the uptime.
        offset: i64,
    }

    impl Simulated {
        fn new(known: Option<i64>) -> Self {
            Self { time: ProvenTime::since(known.map(at), Duration::ZERO), uptime: 0, offset: 0 }
        }

        /// So many seconds later: what counts as the time, in seconds since 2026-11-20.
        fn after(&mut self, secs: u64) -> i64 {
            let mut counts = Timestamp::MIN;
            for _ in 0..secs.div_ceil(600).max(1) {
                self.uptime += 600.min(secs);
                let now = at(self.uptime as i64 + self.offset);
                counts = self.time.look(now, Duration::from_secs(self.uptime), 30.0);
            }
            counts.duration_since(at(0)).as_secs()
        }

        fn clock(&self) -> i64 {
            self.uptime as i64 + self.offset
        }
    }

    fn at(secs: i64) -> Timestamp {
        let base: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap();
        base.checked_add(SignedDuration::from_secs(secs)).unwrap()
    }

    #[test]
    fn a_clock_that_runs_is_trusted_and_so_is_the_first_time() {
        let mut it = Simulated::new(None);
        for secs in [600, HOUR, 40 * DAY] {
            assert_eq!(it.after(secs), it.clock());
        }
        // Summer time set by hand, drift, a correction.
        for offset in [3600, 7200, -3600] {
            it.offset = offset;
            assert_eq!(it.after(600), it.clock());
        }
        assert_eq!(it.time.proven(), Some(at(it.clock())));
    }

    #[test]
    fn a_jump_ahead_counts_only_when_it_has_held_for_hours() {
        let mut it = Simulated::new(None);
        it.after(DAY);
        it.offset = 60 * DAY as i64;
        let before = it.uptime as i64;
        assert_eq!(it.after(600), before + 600, "the old time goes on");
        assert_eq!(it.after(5 * HOUR), before + 600 + 5 * HOUR as i64);
        assert_eq!(it.time.proven(), Some(at(before)));
        assert_eq!(it.after(HOUR), it.clock(), "it has proved itself");
    }

    #[test]
    fn a_jump_that_is_mended_has_done_nothing_and_each_one_begins_anew() {
        let mut it = Simulated::new(None);
        it.after(DAY);
        for offset in [60, 90, 60, 65, 0] {
            it.offset = offset * DAY as i64;
            let counts = it.after(4 * HOUR);
            assert_eq!(counts, it.uptime as i64, "{offset}");
        }
        assert_eq!(it.after(10 * HOUR), it.clock());
    }

    /// A restart after the jump: what was proven before is known.
    #[test]
    fn what_was_known_before_a_restart_counts() {
        let mut it = Simulated::new(Some(-60 * DAY as i64));
        assert_eq!(it.after(600), 600 - 60 * DAY as i64);
        assert_eq!(it.after(6 * HOUR), it.clock());
        // Off for ten days, of the thirty that events are kept for.
        let mut it = Simulated::new(Some(-10 * DAY as i64));
        assert_eq!(it.after(600), it.clock());
    }

    /// Set back, a time makes nothing too old; it needs no proof for that.
    #[test]
    fn a_jump_back_counts_at_once() {
        let mut it = Simulated::new(None);
        it.after(DAY);
        it.offset = -20 * DAY as i64;
        assert_eq!(it.after(600), it.clock());
        assert_eq!(it.after(7 * HOUR), it.clock());
        it.offset = 0;
        assert!(it.after(600) < it.clock() - 19 * DAY as i64, "by then it was the new time that was trusted");
    }

    /// Two streams with times of their own.
    #[test]
    fn a_stream_from_the_future_never_proves_itself_beside_another() {
        let mut it = Simulated::new(None);
        for _ in 0..100 {
            it.offset = 0;
            assert_eq!(it.after(HOUR), it.clock());
            it.offset = 60 * DAY as i64;
            assert_eq!(it.after(600), it.uptime as i64);
        }
    }
}
