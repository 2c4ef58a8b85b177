//! How far a step is.

use indicatif::ProgressBar;

use crate::cli::output;

/// A bar on stderr for one step, gone when it ends.
pub(super) struct Bar(pub(super) ProgressBar);

impl Bar {
    pub(super) fn new(what: &str) -> Self {
        let bar = output::progress("{msg} {wide_bar} {pos}/{len} {eta} left");
        bar.set_message(what.to_owned());
        Self(bar)
    }

    pub(super) fn at(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
