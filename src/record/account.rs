//! Counts events that were and were not recorded. Reports once when recording starts to fail or fails for a new reason, and once
//! when it works again.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crossbeam::channel::Sender;

use super::{
    disk::cause,
    notice::{Notice, notify},
    writer::Outcome,
};
use crate::error::Error;

/// What became of the events.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Events that are on the disk.
    pub(super) recorded: u64,
    /// Events that are not.
    pub(super) unrecorded: u64,
    /// Why events cannot be recorded; none where they can.
    pub(super) error: Option<Error>,
}

/// Counts events and reports failures.
pub(super) struct Account {
    pub(super) written: Written,
    notices: Sender<Notice>,
    /// Events whose explanation is pending, with the folder that they have or will have.
    pending: HashMap<String, PathBuf>,
    /// That the disk does not answer has been said.
    hangs: bool,
    /// More events wanted to wait than can; it has not caught up since.
    overflows: bool,
    /// A look at the disk is asked for.
    pub(super) looks: bool,
}

impl Account {
    pub(super) fn new(notices: Sender<Notice>) -> Self {
        let written = Written::default();
        Self { written, notices, pending: HashMap::new(), hangs: false, overflows: false, looks: false }
    }

    /// Whether what comes now is as good as recorded, as far as the disk is concerned.
    pub(super) const fn is_well(&self) -> bool {
        self.written.error.is_none()
    }

    /// The event `id` will be explained later; it is to lie in `dir`.
    pub(super) fn expect(&mut self, id: &str, dir: &Path) {
        self.pending.insert(id.to_owned(), dir.to_owned());
    }

    /// The event `id` is explained, or never will be: where it lies, if it does.
    pub(super) fn explained(&mut self, id: &str) -> Option<PathBuf> {
        self.pending.remove(id)
    }

    /// Takes in what the writer did; `is_idle` says whether nothing more waits for it.
    pub(super) fn take(&mut self, outcome: Outcome, is_idle: bool) {
        self.hangs = false;
        match outcome {
            Outcome::Recorded(id, dir) => {
                self.written.recorded += 1;
                self.works(is_idle);
                notify(&self.notices, Notice::Recorded { id, dir });
            }
            Outcome::Unrecorded(id, e) => {
                self.lost(&id);
                self.fails(e);
            }
            Outcome::Attached(Ok(())) => {}
            Outcome::Attached(Err(e)) => self.fails(e),
            Outcome::Looked(looked) => {
                self.looks = false;
                match looked {
                    Ok(true) => self.works(is_idle),
                    Ok(false) => {}
                    Err(e) => self.fails(e),
                }
            }
        }
    }

    /// The event `id` is not recorded.
    pub(super) fn lost(&mut self, id: &str) {
        self.written.unrecorded += 1;
        self.pending.remove(id);
    }

    /// The disk below `dir` has not answered for so long.
    pub(super) fn hangs(&mut self, dir: &Path, silent: Duration) {
        if !std::mem::replace(&mut self.hangs, true) {
            let (dir, secs) = (dir.display(), silent.as_secs());
            self.fails(Error::output(format!(
                "the disk of {dir} has not answered for {secs} s; events are reported and wait to be recorded: check the disk"
            )));
        }
    }

    /// More events want to be recorded below `dir` than can wait.
    pub(super) fn overflows(&mut self, dir: &Path) {
        if !std::mem::replace(&mut self.overflows, true) {
            self.fails(Error::output(format!(
                "too many events wait for the disk of {}; until it catches up, some are reported but not recorded",
                dir.display()
            )));
        }
    }

    /// Events can be recorded: says so if they could not.
    fn works(&mut self, is_idle: bool) {
        // Said while more events come than can be recorded, it would be said again and again.
        if self.overflows && !is_idle {
            return;
        }
        self.overflows = false;
        if self.written.error.take().is_some() {
            tracing::warn!("events are recorded again");
            notify(&self.notices, Notice::FoldersWorking);
        }
    }

    /// Events cannot be recorded: says so if they could, or if the reason is another.
    pub(super) fn fails(&mut self, e: Error) {
        if self.written.error.as_ref().is_none_or(|last| cause(last) != cause(&e)) {
            tracing::error!("{e}");
            notify(&self.notices, Notice::FoldersFailing(e.to_string()));
            self.written.error = Some(e);
        }
    }
}
