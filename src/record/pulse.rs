//! Whether the disk answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Since when the disk of a recording folder has been at one piece of work. Clones share it: one side works, another looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    /// Work begins.
    pub(super) fn begin(&self) {
        self.set(Some(Instant::now()));
    }

    /// Work that takes long goes on: one piece of it is done.
    pub(super) fn beat(&self) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some() {
            *since = Some(Instant::now());
        }
    }

    /// Work is done.
    pub(super) fn end(&self) {
        self.set(None);
    }

    /// How long the disk has not answered; nothing while nothing is asked of it.
    pub(super) fn silent_for(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
