//! The capture clock as a playback device sees it: two devices with two clocks, and nothing between them but how much has
//! been captured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::SampleRate;

/// How far the playback may be from the capture clock before it jumps, in seconds.
const TOLERANCE_SECS: f64 = 0.06;

/// How long the two are compared before that, in seconds. A position is up to a chunk behind the true one: the most
/// advanced of them tells how far the capture is.
const WINDOW_SECS: f64 = 2.0;

/// From here on it is no drift: the timeline has jumped, and is followed at once.
const FAR_SECS: f64 = 1.5;

/// How far an input has been captured. Written by the worker, read in playback callbacks; nothing here waits.
#[derive(Debug, Default)]
pub struct ListenClock {
    /// Plus 1; 0 while nothing is known.
    position: AtomicU64,
}

impl ListenClock {
    /// So many samples of the input's timeline, at the input's own rate and gaps included, have been captured: those that
    /// were read, and those that wait to be. To be called whenever the worker looks, which may be as irregular as it is.
    pub fn set(&self, position: u64) {
        self.position.store(position.saturating_add(1), Ordering::Relaxed);
    }

    fn get(&self) -> Option<u64> {
        self.position.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Makes one steady clock of a [`ListenClock`] and the playback's own: it counts what is played, and is set right where the
/// two drift apart. It goes on while the capture or the worker stands still.
#[derive(Debug)]
pub struct ClockFollower {
    clock: Arc<ListenClock>,
    from: SampleRate,
    to: SampleRate,
    seen: Option<u64>,
    /// Where the capture clock stands at the next buffer, at the playback's rate.
    now: Option<i64>,
    /// The most that the clock was ahead of `now` in this window.
    ahead: Option<i64>,
    /// Samples left of the window.
    left: u64,
    /// Its length.
    window: u64,
}

impl ClockFollower {
    /// Follows the clock of an input at `input_rate`, for a playback at `output_rate`.
    #[must_use]
    pub fn new(clock: Arc<ListenClock>, input_rate: SampleRate, output_rate: SampleRate) -> Self {
        let window = output_rate.samples(WINDOW_SECS);
        Self { clock, from: input_rate, to: output_rate, seen: None, now: None, ahead: None, left: window, window }
    }

    /// Where the capture clock stands at the first of the next `n` samples that are played, at the playback's rate: what
    /// [`PlaybackPull::fill`](super::playback::PlaybackPull::fill) takes, with a tolerance of 0. For callbacks. 0 while
    /// nothing has been captured.
    pub fn next(&mut self, n: usize) -> u64 {
        let position = self.clock.get();
        // A position that has not changed says nothing of now.
        if position != self.seen
            && let Some(position) = position
        {
            self.seen = Some(position);
            let position = self.converted(position);
            match self.now {
                Some(now) if now.abs_diff(position) <= self.to.samples(FAR_SECS) => {
                    let ahead = position.saturating_sub(now);
                    self.ahead = Some(self.ahead.map_or(ahead, |most| most.max(ahead)));
                }
                _ => {
                    self.now = Some(position);
                    self.begin_window();
                }
            }
        }
        let Some(now) = &mut self.now else { return 0 };
        if self.left == 0 {
            if let Some(ahead) = self.ahead.filter(|ahead| ahead.unsigned_abs() > self.to.samples(TOLERANCE_SECS)) {
                *now = now.saturating_add(ahead);
            }
            self.begin_window();
        }
        let Some(now) = &mut self.now else { return 0 };
        let first = *now;
        *now = now.saturating_add(n as i64);
        self.left = self.left.saturating_sub(n as u64);
        u64::try_from(first).unwrap_or(0)
    }

    const fn begin_window(&mut self) {
        self.ahead = None;
        self.left = self.window;
    }

    fn converted(&self, position: u64) -> i64 {
        let position = u128::from(position) * u128::from(self.to.hz()) / u128::from(self.from.hz());
        i64::try_from(position).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn follower(from: u32, to: u32) -> (Arc<ListenClock>, ClockFollower) {
        let clock = Arc::new(ListenClock::default());
        let rate = |hz| SampleRate::new(hz).unwrap();
        let follower = ClockFollower::new(Arc::clone(&clock), rate(from), rate(to));
        (clock, follower)
    }

    /// Plays `secs` in buffers of 10 ms at 48 kHz against a capture at 16 kHz, in chunks of `chunk` samples and `drift`
    /// faster; gives the jumps, and how far it was off at the end, both in samples at 48 kHz.
    fn run(secs: usize, chunk: usize, drift: f64) -> (Vec<i64>, i64) {
        let (clock, mut follower) = follower(16_000, 48_000);
        let (mut expected, mut jumps, mut off) = (0, Vec::new(), 0);
        for i in 0..100 * secs {
            let captured = (160.0 * (i + 1) as f64 * (1.0 + drift)) as usize;
            clock.set((captured / chunk * chunk) as u64);
            let now = follower.next(480);
            if now != expected {
                jumps.push(now as i64 - expected as i64);
            }
            expected = now + 480;
            off = now as i64 - 3 * captured as i64;
        }
        (jumps, off)
    }

    #[test]
    fn chunks_of_any_length_make_no_jumps() {
        for chunk in [1, 100, 333, 1600] {
            let (jumps, off) = run(30, chunk, 0.0);
            assert!(jumps.len() <= 1 && off.unsigned_abs() as usize <= 2880 + 3 * chunk, "{chunk}: {jumps:?} {off}");
        }
        // A second at a time: it has to find out first what the chunks are.
        let (jumps, off) = run(30, 16_000, 0.0);
        assert!(jumps.len() <= 2 && off.abs() <= 2880 + 480, "{jumps:?} {off}");
    }

    #[test]
    fn a_clock_that_drifts_is_followed_in_steps_of_the_tolerance() {
        // 0.5 % is fifty times what sound cards do.
        for (drift, sign) in [(0.005, 1), (-0.005, -1)] {
            let (mut jumps, off) = run(60, 160, drift);
            // The first chunk is no drift.
            jumps.retain(|jump| *jump != 480);
            assert!((4..=6).contains(&jumps.len()), "{jumps:?}");
            assert!(jumps.iter().all(|jump| (2880..4000).contains(&(sign * jump))), "{jumps:?}");
            assert!(off.abs() < 4000, "{off}");
        }
    }

    #[test]
    fn it_goes_on_without_the_capture_and_follows_a_jump_of_the_timeline() {
        let (clock, mut follower) = follower(48_000, 48_000);
        assert_eq!((follower.next(480), follower.next(480)), (0, 0), "nothing has been captured");
        clock.set(10_000);
        assert_eq!((follower.next(480), follower.next(7), follower.next(1)), (10_000, 10_480, 10_487));
        for i in 0..2000 {
            assert_eq!(follower.next(480), 10_488 + 480 * i);
        }
        clock.set(5_000_000);
        assert_eq!(follower.next(480), 5_000_000);
        clock.set(0);
        assert_eq!(follower.next(480), 0);
    }
}
