//! What a person is told on stderr while recordings are heard one after another: what was left out and why, and how each one
//! went. While the terminal UI draws, it is kept until the screen is free again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::left_out::LeftOut;
use super::output;
use crate::error::{Error, ErrorKind, Result};

/// Lines that are kept for the time after the screen; of more, the newest.
const MAX_LINES: usize = 500;

/// What has been said, and what could not be heard. Shared by all threads that open inputs or hear of them.
#[derive(Default)]
pub(super) struct Told {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Whether lines are kept for later.
    keeps: bool,
    lines: VecDeque<String>,
    not_kept: usize,
    /// Inputs that there are, opened or not.
    n_inputs: usize,
    left_out: LeftOut,
    /// What cannot be passed over: a defect, or a wrong setting.
    fatal: Option<Error>,
    /// Why the only input cannot be heard.
    only: Option<Error>,
}

impl Told {
    /// With `keeps`, nothing is printed before [`Told::print`].
    pub(super) fn new(keeps: bool) -> Self {
        Self { inner: Mutex::new(Inner { keeps, ..Inner::default() }) }
    }

    /// There are so many inputs. Where it is one, it cannot be left out: why it cannot be heard is the program's error.
    pub(super) fn count(&self, n_inputs: usize) {
        self.inner().n_inputs = n_inputs;
    }

    /// Tells a person something.
    pub(super) fn say(&self, line: String) {
        let mut inner = self.inner();
        if !inner.keeps {
            output::note(&line);
            return;
        }
        inner.lines.push_back(line);
        if inner.lines.len() > MAX_LINES {
            inner.lines.pop_front();
            inner.not_kept += 1;
        }
    }

    /// An input cannot be opened.
    pub(super) fn cannot_open(&self, name: &str, e: Error) {
        let mut inner = self.inner();
        if e.kind() != ErrorKind::Input {
            inner.fatal.get_or_insert(e);
            return;
        }
        inner.left_out.add(name);
        if inner.n_inputs == 1 {
            inner.only = Some(e);
            return;
        }
        drop(inner);
        self.say(format!("left out: {e}"));
    }

    /// Prints what was kept, and from here on at once.
    pub(super) fn print(&self) {
        let mut inner = self.inner();
        inner.keeps = false;
        if inner.not_kept > 0 {
            output::note(&format!("{} earlier lines were not kept", inner.not_kept));
        }
        inner.lines.drain(..).for_each(|line| output::note(&line));
    }

    /// # Errors
    /// What could not be passed over.
    pub(super) fn fatal(&self) -> Result<()> {
        self.inner().fatal.take().map_or(Ok(()), Err)
    }

    /// # Errors
    /// [`ErrorKind::Input`] where an input could not be heard.
    pub(super) fn outcome(&self) -> Result<()> {
        let mut inner = self.inner();
        if let Some(e) = inner.fatal.take().or_else(|| inner.only.take()) {
            return Err(e);
        }
        inner.left_out.outcome(inner.n_inputs, "inputs")
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the program ends before it comes to printing, what was kept is printed now.
impl Drop for Told {
    fn drop(&mut self) {
        self.print();
    }
}
