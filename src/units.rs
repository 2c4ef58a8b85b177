//! Newtypes for the numbers that must not be mixed up: sample positions, sample rates, classes.

use std::time::{Duration, SystemTime};

/// Samples per second and channel, in Hz. Always at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// A sample rate of `hz`; `None` for 0 Hz, which no stream can have.
    #[must_use]
    pub const fn new(hz: u32) -> Option<Self> {
        if hz == 0 { None } else { Some(Self(hz)) }
    }

    /// The rate in Hz.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How long `samples` samples last, in seconds.
    #[must_use]
    pub fn secs(self, samples: u64) -> f64 {
        samples as f64 / f64::from(self.0)
    }

    /// The number of samples nearest to `secs` seconds; 0 for a negative duration.
    #[must_use]
    pub fn samples(self, secs: f64) -> u64 {
        (secs.max(0.0) * f64::from(self.0)).round() as u64
    }
}

/// A position in a stream: samples (at the stream's own rate) since it began. The only audio time there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SamplePos(pub u64);

impl SamplePos {
    /// The position `samples` later.
    #[must_use]
    pub const fn plus(self, samples: u64) -> Self {
        Self(self.0.saturating_add(samples))
    }

    /// The position `samples` earlier, stopping at the stream's beginning.
    #[must_use]
    pub const fn minus(self, samples: u64) -> Self {
        Self(self.0.saturating_sub(samples))
    }

    /// Samples from `earlier` to here; 0 where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Index of a class in its model's label list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub usize);

/// Ties sample positions to wall time: the stream's first sample was captured at `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamClock {
    /// Wall time of sample 0, from the capture clock (never from the moment of processing).
    pub start: SystemTime,
    /// The stream's rate.
    pub sample_rate: SampleRate,
}

impl StreamClock {
    /// Seconds since the stream began.
    #[must_use]
    pub fn secs(&self, pos: SamplePos) -> f64 {
        self.sample_rate.secs(pos.0)
    }

    /// Wall time of `pos`.
    #[must_use]
    pub fn wall(&self, pos: SamplePos) -> SystemTime {
        self.start + Duration::from_secs_f64(self.secs(pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_zero_does_not_exist() {
        assert!(SampleRate::new(0).is_none());
        assert_eq!(SampleRate::new(22_050).map(SampleRate::hz), Some(22_050));
    }

    #[test]
    fn positions_stop_at_the_beginning() {
        assert_eq!(SamplePos(5).minus(9), SamplePos(0));
        assert_eq!(SamplePos(5).since(SamplePos(9)), 0);
        assert_eq!(SamplePos(9).since(SamplePos(5)), 4);
    }
}
