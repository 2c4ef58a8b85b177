//! What the JACK callback does with one process cycle, as a plain function on slices: no server is needed to run it.

use super::fan::CaptureFan;
use crate::units::SampleRate;

/// Input ports that a client may have.
pub const MAX_PORTS: usize = 8;

/// What the server tells of a process cycle.
#[derive(Debug, Clone, Copy)]
pub struct Cycle {
    /// The server's frame counter at the cycle's first channel frame. Wraps.
    pub first_frame: u32,
    /// When the cycle began, in microseconds of the server's clock; `None` where it does not say.
    pub began_usecs: Option<u64>,
}

/// The cycle before.
#[derive(Debug, Clone, Copy)]
struct Before {
    cycle: Cycle,
    n_frames: u32,
}

/// The capturing half of the JACK callback. [`process`](Self::process) keeps the real-time rule (see [`crate::audio`]).
pub struct CycleCapture {
    fan: CaptureFan,
    rate: SampleRate,
    before: Option<Before>,
}

impl CycleCapture {
    /// For a server that runs at `rate`.
    #[must_use]
    pub const fn new(fan: CaptureFan, rate: SampleRate) -> Self {
        Self { fan, rate, before: None }
    }

    /// Takes the samples of one cycle: one slice a port, all of one length, at most [`MAX_PORTS`]. Channel frames that the
    /// server's counter skipped since the cycle before are told to the fan first. Says how many these were.
    pub fn process(&mut self, cycle: Cycle, ports: &[&[f32]]) -> u64 {
        let n_frames = ports.first().map_or(0, |port| port.len()) as u32;
        let skipped = self.before.map_or(0, |before| self.skipped(before, cycle, n_frames));
        if skipped > 0 {
            self.fan.lost(skipped);
        }
        self.fan.push_planar(ports);
        self.before = Some(Before { cycle, n_frames });
        skipped
    }

    /// A counter that went back, or forth by more than the time that passed allows, was set anew: that is no gap of a
    /// known length.
    fn skipped(&self, before: Before, now: Cycle, n_frames: u32) -> u64 {
        let expected = before.cycle.first_frame.wrapping_add(before.n_frames);
        let ahead = now.first_frame.wrapping_sub(expected);
        if ahead == 0 || ahead > u32::MAX / 2 {
            return 0;
        }
        let ahead = u64::from(ahead);
        let passed = before.cycle.began_usecs.zip(now.began_usecs).map(|(before, now)| now.saturating_sub(before));
        // Cycles begin with some jitter, and after an xrun the server may catch up.
        let slack = 4 * u64::from(before.n_frames.max(n_frames));
        let plausible = passed.is_none_or(|usecs| {
            let frames = u128::from(usecs) * u128::from(self.rate.hz()) / 1_000_000;
            u128::from(ahead) <= frames + u128::from(slack)
        });
        if plausible { ahead } else { 0 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::fan::ChannelChoice;
    use super::super::ring::{CapturePull, capture_ring};
    use super::*;

    fn capture() -> (CycleCapture, CapturePull) {
        let (push, pull) = capture_ring(100_000, 1);
        let lane = ChannelChoice::Mix.lanes(1).unwrap()[0];
        let rate = SampleRate::new(48_000).unwrap();
        (CycleCapture::new(CaptureFan::new(vec![(lane, push)], 1), rate), pull)
    }

    /// Cycles as (first frame, microseconds, frames); gives what was said to be skipped at each.
    fn skipped(cycles: &[(u32, u64, usize)]) -> Vec<u64> {
        let (mut capture, pull) = capture();
        let samples = [0.5; 1024];
        let cycle = |&(first_frame, usecs, n): &(u32, u64, usize)| {
            let began_usecs = (usecs > 0).then_some(usecs);
            capture.process(Cycle { first_frame, began_usecs }, &[&samples[..n]])
        };
        let skipped: Vec<u64> = cycles.iter().map(cycle).collect();
        let account = pull.account();
        assert_eq!(account.dropped, skipped.iter().sum::<u64>());
        assert_eq!(account.pending, cycles.iter().map(|c| c.2 as u64).sum::<u64>());
        skipped
    }

    #[test]
    fn what_the_counter_skips_is_lost_exactly() {
        let ms = |ms: u64| 1_000_000 + 1000 * ms;
        // Another size of the cycle, a skip of one cycle, then of three seconds.
        let cycles = [
            (7, ms(0), 480),
            (487, ms(10), 480),
            (967, ms(20), 960),
            (1927, ms(40), 480),
            (2887, ms(60), 480),
            (147_367, ms(3070), 480),
        ];
        assert_eq!(skipped(&cycles), [0, 0, 0, 0, 480, 144_000]);
        // Without a clock the counter is believed.
        assert_eq!(skipped(&[(0, 0, 480), (960, 0, 480)]), [0, 480]);
    }

    #[test]
    fn a_counter_that_wraps_or_is_set_anew_is_no_gap() {
        let ms = |ms: u64| 1_000_000 + 1000 * ms;
        assert_eq!(skipped(&[(u32::MAX - 479, ms(0), 480), (0, ms(10), 480)]), [0, 0], "wraps");
        assert_eq!(skipped(&[(u32::MAX - 479, ms(0), 480), (480, ms(20), 480)]), [0, 480], "wraps in a gap");
        assert_eq!(skipped(&[(96_000, ms(0), 480), (480, ms(10), 480), (960, ms(20), 480)]), [0, 0, 0], "back");
        assert_eq!(skipped(&[(0, ms(0), 480), (5_000_000, ms(10), 480), (5_000_480, ms(20), 480)]), [0, 0, 0], "ahead");
    }
}
