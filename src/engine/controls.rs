//! What a screen may ask of the worker while it runs: small numbers without locks, looked at several times a second.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests of a screen.
#[derive(Debug, Default)]
pub struct Controls {
    focus: AtomicUsize,
    listen_steps: AtomicUsize,
}

impl Controls {
    /// Index of the input that snapshots show.
    #[must_use]
    pub fn focus(&self) -> usize {
        self.focus.load(Ordering::Relaxed)
    }

    /// Shows another input; one that does not exist counts as the last.
    pub fn set_focus(&self, index: usize) {
        self.focus.store(index, Ordering::Relaxed);
    }

    /// Plays what comes next of interpretation, input and silence.
    pub fn next_listen_mode(&self) {
        self.listen_steps.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times that was asked for since the last look.
    pub fn take_listen_steps(&self) -> usize {
        self.listen_steps.swap(0, Ordering::Relaxed)
    }
}
