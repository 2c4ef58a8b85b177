//! Ids of events.

use std::time::{SystemTime, UNIX_EPOCH};

use ulid::Ulid;

/// Makes ULIDs from an event's wall time and numbers that follow from a seed: the same stream, begun at the same moment,
/// gets the same ids.
#[derive(Debug, Clone)]
pub(super) struct EventIds(u64);

impl EventIds {
    /// Ids of the stream of `source` that began at `start`.
    #[must_use]
    pub(super) fn new(start: SystemTime, source: &str) -> Self {
        let nanos = start.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        // FNV-1a: the channels of one device begin at the same moment.
        let name =
            source.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Self(nanos as u64 ^ name)
    }

    /// The next id, for an event at `onset`.
    pub(super) fn next(&mut self, onset: SystemTime) -> String {
        let millis = onset.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let random = (u128::from(self.random()) << 64) | u128::from(self.random());
        Ulid::from_parts(millis as u64, random).to_string()
    }

    /// SplitMix64 (Steele et al. 2014): every seed gives another sequence, and nothing here needs to be secret.
    const fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn ids_tell_the_time_differ_and_come_again() {
        let start = UNIX_EPOCH + Duration::from_millis(1_763_650_000_123);
        let mut ids = EventIds::new(start, "x");
        let (a, b) = (ids.next(start), ids.next(start));
        assert_ne!(a, b);
        assert_eq!(Ulid::from_string(&a).unwrap().timestamp_ms(), 1_763_650_000_123);
        assert_eq!(EventIds::new(start, "x").next(start), a);
        assert_ne!(EventIds::new(start + Duration::from_nanos(1), "x").next(start), a);
        assert_ne!(EventIds::new(start, "y").next(start), a);
    }
}
