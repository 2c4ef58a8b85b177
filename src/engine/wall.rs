//! Keeps the wall times of a stream true for weeks.
//!
//! A sound card's clock and the system's differ by some parts in a million, which is seconds a day; and the system's own
//! clock may be set, as on a small computer that boots in 1970 and asks for the time later. The sample position stays the
//! only audio time; what moves is the wall time that it counts from.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::units::{SamplePos, SampleRate, StreamClock};

/// Off by this many seconds, the clock was set or samples were lost unnoticed; less is drift.
const STEP_SECS: f64 = 2.0;

/// Two looks that are off by a step agree if they differ by less: while a device catches up, no two do.
const AGREE_SECS: f64 = 1.5;

/// Drift is corrected once it is this large, in seconds: chunks and scheduling make less of a difference.
const DRIFT_SECS: f64 = 0.25;

/// Looks that a drift is judged by.
const N_LOOKS: usize = 61;

/// How the stream's clock has to move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// The new wall time of sample 0.
    pub start: SystemTime,
    /// By how many seconds that is later than before; negative where it is earlier.
    pub by_secs: f64,
    /// Whether the clock was set (or samples are missing), rather than having drifted.
    pub stepped: bool,
}

/// Compares the wall time of the newest sample with the system's clock.
///
/// A sample is always known somewhat later than it was heard. How much later at the least is learnt in the first minute,
/// and only what differs from it counts: the start of the stream is trusted.
#[derive(Debug, Clone)]
pub struct ClockWatch {
    /// As it was at first.
    clock: StreamClock,
    /// What was added to it since, in seconds.
    moved_secs: f64,
    last: SamplePos,
    /// How much later than on `clock` the newest looks were, in seconds.
    delays: VecDeque<f64>,
    /// How much later a sample usually is known, once that is clear.
    usual: Option<f64>,
    /// The last look, where it was off by a step.
    doubt: Option<f64>,
}

impl ClockWatch {
    /// A watch over a stream that `started` then, at `rate`: the rate of the positions that it will be shown.
    #[must_use]
    pub fn new(started: SystemTime, rate: SampleRate) -> Self {
        Self {
            clock: StreamClock { start: started, sample_rate: rate },
            moved_secs: 0.0,
            last: SamplePos(0),
            delays: VecDeque::with_capacity(N_LOOKS),
            usual: None,
            doubt: None,
        }
    }

    /// Looks at the clock, about once a second: samples up to `position` have been *captured* (not: analysed), and it is
    /// `now`. Says where the stream's clock has to move: at once where two looks in a row are off by the same 2 s or more;
    /// where the last minute is off by more than 0.25 s, by as much as it is.
    ///
    /// As long as nothing new is captured, nothing is concluded.
    pub fn look(&mut self, position: SamplePos, now: SystemTime) -> Option<Moved> {
        if position <= self.last {
            return None;
        }
        self.last = position;
        let delay = secs_between(self.clock.start, now) - self.clock.secs(position);
        let off = delay - self.moved_secs - self.usual_secs();
        if off.abs() >= STEP_SECS {
            return match self.doubt.replace(off) {
                Some(before) if (before - off).abs() < AGREE_SECS => {
                    self.doubt = None;
                    self.delays.clear();
                    self.move_by(before.min(off), true)
                }
                _ => None,
            };
        }
        self.doubt = None;
        if self.delays.len() == N_LOOKS {
            self.delays.pop_front();
        }
        self.delays.push_back(delay);
        if self.delays.len() < N_LOOKS {
            return None;
        }
        let delay = shortest(&self.delays) - self.moved_secs;
        let off = delay - *self.usual.get_or_insert(delay);
        if off.abs() > DRIFT_SECS { self.move_by(off, false) } else { None }
    }

    /// How much later than it was heard a sample usually is known.
    fn usual_secs(&self) -> f64 {
        let so_far = || if self.delays.is_empty() { 0.0 } else { shortest(&self.delays) - self.moved_secs };
        self.usual.unwrap_or_else(so_far)
    }

    fn move_by(&mut self, by_secs: f64, stepped: bool) -> Option<Moved> {
        let moved_secs = self.moved_secs + by_secs;
        let start = later(self.clock.start, moved_secs)?;
        self.moved_secs = moved_secs;
        Some(Moved { start, by_secs, stepped })
    }
}

/// How early samples are known at the best. A sample is never known before it was heard, so the shortest delays are the
/// truest, however long the chunks and however busy the computer; not quite the shortest, which may be a mistake.
fn shortest(delays: &VecDeque<f64>) -> f64 {
    let mut delays: Vec<f64> = delays.iter().copied().collect();
    let Some(last) = delays.len().checked_sub(1) else { return 0.0 };
    *delays.select_nth_unstable_by(last.min(2), f64::total_cmp).1
}

/// Seconds from `a` to `b`; negative where `b` is earlier.
fn secs_between(a: SystemTime, b: SystemTime) -> f64 {
    b.duration_since(a).map_or_else(|e| -e.duration().as_secs_f64(), |d| d.as_secs_f64())
}

/// `secs` later, or earlier where they are negative; `None` where no such time exists.
fn later(time: SystemTime, secs: f64) -> Option<SystemTime> {
    let by = Duration::try_from_secs_f64(secs.abs()).ok()?;
    if secs < 0.0 { time.checked_sub(by) } else { time.checked_add(by) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RATE: u32 = 22_050;

    /// A device, a system clock, and the watch between them.
    struct Simulated {
        watch: ClockWatch,
        clock: StreamClock,
        /// True seconds since the stream began.
        secs: f64,
        /// True seconds of which nothing was captured.
        missed_secs: f64,
        /// The device's clock is this much faster than true.
        ppm: f64,
        /// The system clock at the beginning, and what was added to it.
        began: SystemTime,
        set_by: f64,
        /// The newest sample is known so much later, at most; the device delivers chunks this long.
        jitter_secs: f64,
        chunk_secs: f64,
        random: u64,
        moves: Vec<Moved>,
        /// The largest error of a wall time, in seconds, since it was last cleared.
        worst: f64,
    }

    impl Simulated {
        fn new(ppm: f64, jitter_secs: f64) -> Self {
            let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let clock = StreamClock { start: began, sample_rate: SampleRate::new(RATE).unwrap() };
            Self {
                watch: ClockWatch::new(began, clock.sample_rate),
                clock,
                secs: 0.0,
                missed_secs: 0.0,
                ppm,
                began,
                set_by: 0.0,
                jitter_secs,
                chunk_secs: 0.01,
                random: 1,
                moves: Vec::new(),
                worst: 0.0,
            }
        }

        fn random(&mut self) -> f64 {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.random >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// One look, a second (or somewhat more) later.
        fn look(&mut self) {
            let pause = 1.0 + 0.1 * self.random();
            self.secs += pause;
            let now = later(self.began, self.secs + self.set_by).unwrap();
            let delay = self.jitter_secs * self.random();
            let heard = (self.secs - self.missed_secs) * (1.0 + self.ppm * 1e-6);
            let captured = ((heard - delay) / self.chunk_secs).floor() * self.chunk_secs;
            let position = SamplePos(self.clock.sample_rate.samples(captured));
            if let Some(moved) = self.watch.look(position, now) {
                assert!((secs_between(self.clock.start, moved.start) - moved.by_secs).abs() < 1e-3);
                self.clock.start = moved.start;
                self.moves.push(moved);
            }
            // What is heard now gets the time of now.
            let wall = self.clock.wall(SamplePos(self.clock.sample_rate.samples(heard)));
            self.worst = self.worst.max(secs_between(wall, now).abs());
        }

        fn looks(&mut self, n: usize) {
            self.worst = 0.0;
            (0..n).for_each(|_| self.look());
        }
    }

    #[test]
    fn jitter_moves_nothing() {
        for jitter_secs in [0.0, 0.05, 0.2] {
            let mut stream = Simulated::new(0.0, jitter_secs);
            stream.looks(100_000);
            assert_eq!(stream.moves, [], "{jitter_secs} s");
        }
        // Nor do chunks of a second, nor a worker's stalls: only then are no looks.
        let mut stream = Simulated::new(0.0, 0.2);
        stream.chunk_secs = 1.0;
        for _ in 0..1000 {
            stream.looks(50);
            stream.secs += 30.0 * stream.random();
        }
        assert_eq!(stream.moves, []);
    }

    #[test]
    fn drift_is_followed_for_days() {
        for ppm in [-100.0, -20.0, 20.0, 100.0] {
            let mut stream = Simulated::new(ppm, 0.2);
            stream.looks(3 * 86_400);
            assert!(stream.worst < 0.4, "{ppm} ppm: {} s off", stream.worst);
            // Three days make 26 s at 100 ppm (a look is 1.05 s), in steps of a quarter second.
            let total = 3.0 * 86_400.0 * 1.05 * ppm.abs() * 1e-6;
            let n = stream.moves.len() as f64;
            assert!(n > total / 0.30 - 2.0 && n < total / 0.25 + 1.0, "{ppm} ppm: {n} moves");
            assert!(stream.moves.iter().all(|m| !m.stepped && m.by_secs.abs() < 0.35 && m.by_secs * ppm < 0.0));
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        const YEAR: f64 = 365.25 * 86_400.0;
        for by in [55.0 * YEAR, -3600.0, 3600.0, -2.5, 2.5] {
            // In the first seconds, and much later.
            for before in [5, 5000] {
                let mut stream = Simulated::new(30.0, 0.2);
                stream.looks(before);
                let n = stream.moves.len();
                stream.set_by = by;
                stream.looks(2);
                let [moved] = stream.moves[n..] else { panic!("{by} s: {:?}", stream.moves) };
                assert!(moved.stepped && (moved.by_secs - by).abs() < 0.45, "{by} s: {moved:?}");
                stream.looks(5000);
                assert!(stream.worst < 0.5, "{by} s: {} s off", stream.worst);
                assert!(stream.moves[n + 1..].iter().all(|m| !m.stepped));
            }
        }
    }

    #[test]
    fn a_small_step_is_followed_within_a_minute() {
        let mut stream = Simulated::new(0.0, 0.2);
        stream.looks(200);
        stream.set_by = 1.2;
        stream.looks(60);
        assert!(matches!(stream.moves[..], [m] if !m.stepped && (m.by_secs - 1.2).abs() < 0.2), "{:?}", stream.moves);
    }

    #[test]
    fn samples_that_were_lost_unnoticed_do_not_shift_what_follows() {
        let mut stream = Simulated::new(0.0, 0.1);
        stream.looks(100);
        // The computer slept for an hour.
        stream.secs += 3600.0;
        stream.missed_secs = 3600.0;
        stream.looks(2);
        assert!(matches!(stream.moves[..], [m] if m.stepped && (m.by_secs - 3600.0).abs() < 0.2), "{:?}", stream.moves);
        stream.looks(1000);
        assert!(stream.worst < 0.3);
    }

    #[test]
    fn a_device_that_stands_still_or_catches_up_moves_nothing() {
        let rate = SampleRate::new(RATE).unwrap();
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut watch = ClockWatch::new(began, rate);
        let mut look =
            |captured: f64, secs: f64| watch.look(SamplePos(rate.samples(captured)), later(began, secs).unwrap());
        assert!((1..100).all(|i| look(i.into(), i.into()).is_none()));
        // Nothing comes for 20 s; then all of it, as quickly as it can be carried.
        assert!((100..120).all(|i| look(99.0, i.into()).is_none()));
        assert!((0..5).all(|i| look(104.0 + 4.0 * f64::from(i), 120.0 + f64::from(i)).is_none()));
        assert!((125..300).all(|i| look(i.into(), i.into()).is_none()));
        // A single look that is off: the clock was set, and set back.
        assert_eq!(look(300.0, 4000.0), None);
        assert!((301..400).all(|i| look(i.into(), i.into()).is_none()));
    }

    #[test]
    fn times_that_do_not_exist_are_no_trouble() {
        let rate = SampleRate::new(1).unwrap();
        let mut watch = ClockWatch::new(SystemTime::UNIX_EPOCH, rate);
        for i in 0..4 {
            assert_eq!(watch.look(SamplePos(u64::MAX - 4 + i), SystemTime::UNIX_EPOCH), None);
        }
    }
}
