//! When a stream's first and last samples were captured, by the machine's monotonic clock: gaps between two streams of one
//! device are measured with it. Wall time comes in once, to say when sample 0 was.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// No chunk is older than this when it arrives; a driver that says so does not know.
const MAX_AGE: Duration = Duration::from_secs(10);

/// The capture clock of one stream, shared by its callback and its readers. Times are kept in nanoseconds since opening.
#[derive(Debug)]
pub(super) struct CaptureClock {
    opened: Instant,
    opened_wall: SystemTime,
    /// Capture of the first sample, plus 1; 0 while there was none.
    first: AtomicU64,
    /// Capture of the newest sample.
    end: AtomicU64,
    /// Arrival of the newest chunk.
    arrival: AtomicU64,
}

impl CaptureClock {
    /// The clock of a stream that is being opened now.
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            opened_wall: SystemTime::now(),
            first: AtomicU64::new(0),
            end: AtomicU64::new(0),
            arrival: AtomicU64::new(0),
        }
    }

    /// A chunk that lasts `len` has come; its first sample was captured `age` ago. For the callback: reading the clock is
    /// no system call (on Linux it is a function of the vDSO), and nothing here waits.
    pub(super) fn mark(&self, age: Duration, len: Duration) {
        let now = self.opened.elapsed();
        // No sample is older than the stream, none comes from the future, and time does not run backwards.
        let first = now.saturating_sub(age.min(MAX_AGE));
        let end = nanos((first + len).min(now)).max(self.end.load(Ordering::Relaxed));
        if self.first.load(Ordering::Relaxed) == 0 {
            self.first.store(nanos(first) + 1, Ordering::Release);
        }
        self.end.store(end, Ordering::Relaxed);
        self.arrival.store(nanos(now), Ordering::Release);
    }

    /// When the first sample was captured.
    pub(super) fn first_sample(&self) -> Option<Instant> {
        let first = self.first.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.opened + Duration::from_nanos(first))
    }

    /// When the newest sample was captured; the moment of opening where there was none.
    pub(super) fn end(&self) -> Instant {
        self.opened + Duration::from_nanos(self.end.load(Ordering::Relaxed))
    }

    /// How long ago the newest chunk came, or the stream was opened.
    pub(super) fn idle_for(&self) -> Duration {
        self.opened.elapsed().saturating_sub(Duration::from_nanos(self.arrival.load(Ordering::Acquire)))
    }

    /// Wall time of the first sample.
    pub(super) fn first_sample_wall(&self) -> Option<SystemTime> {
        let age = self.first_sample()?.elapsed();
        // Where the wall clock was set back meanwhile, the moment of opening is the better answer.
        SystemTime::now().checked_sub(age).map(|time| time.max(self.opened_wall))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_sample_lie_between_opening_and_now() {
        let clock = CaptureClock::new();
        assert!(clock.first_sample().is_none() && clock.first_sample_wall().is_none());
        assert_eq!(clock.end(), clock.opened);
        // A driver that claims that a sample is older than the stream, or comes from the future.
        clock.mark(Duration::from_secs(3600), Duration::from_secs(7200));
        assert_eq!(clock.first_sample(), Some(clock.opened));
        assert!(clock.end() <= Instant::now());
        let end = clock.end();
        clock.mark(Duration::MAX, Duration::from_millis(1));
        assert_eq!(clock.first_sample(), Some(clock.opened), "the first one stays");
        assert!(clock.end() >= end, "time does not run backwards");
        assert!(clock.first_sample_wall().unwrap() >= clock.opened_wall);
    }
}
