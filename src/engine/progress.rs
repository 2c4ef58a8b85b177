//! A sign of life of the worker, for whoever must tell a hung one from a quiet one.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the worker's rounds in which every input that has sound waiting moved on. An input that has nothing waiting (a
/// quiet pipe, a device that is away) holds no round up: it is told of by its health.
#[derive(Debug, Default)]
pub struct Progress(AtomicU64);

impl Progress {
    /// Another round.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds so far: a number that stands still means that the worker does.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
