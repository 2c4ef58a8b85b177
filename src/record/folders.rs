//! The recorder's side of the event folders: what it can say of them before they are written, and the disk that may hang.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    account::{Account, Written},
    notice::Notice,
    prepared::planned,
    store::{RecordingState, StoreOptions},
    writer::{Job, Outcome, Writer, clip_bytes},
};
use crate::{
    engine::report::{EventReport, Explained},
    error::{Error, Result},
};

/// After this time without an answer, the disk is reported as hanging. Tests wait less.
const HANGS: Duration = if cfg!(test) { Duration::from_secs(2) } else { Duration::from_secs(5) };

/// At the end, or when it is near, a disk that has not answered for so long is given up.
pub(super) const GIVEN_UP: Duration = if cfg!(test) { Duration::from_secs(4) } else { Duration::from_secs(10) };

/// How often to look while there is nothing else to do than to wait for the disk.
const WAIT: Duration = Duration::from_millis(100);

/// Hands events over to the [`Writer`].
pub(super) struct Folders {
    writer: Writer,
    account: Account,
    /// Whether reports wait while too many events do.
    waits: bool,
    /// Whether the end is near.
    ending: Arc<AtomicBool>,
    /// For whoever asks.
    state: Arc<Mutex<RecordingState>>,
}

impl Folders {
    pub(super) fn new(writer: Writer, notices: Sender<Notice>, waits: bool, ending: Arc<AtomicBool>) -> Self {
        let state = Arc::new(Mutex::new(writer.state()));
        Self { writer, account: Account::new(notices), waits, ending, state }
    }

    /// How recording goes, for whoever asks from now on.
    pub(super) fn shown_state(&self) -> Arc<Mutex<RecordingState>> {
        Arc::clone(&self.state)
    }

    /// What comes of the writer's work; each is for [`Folders::take`].
    pub(super) const fn outcomes(&self) -> &Receiver<Outcome> {
        self.writer.outcomes()
    }

    /// The folder that an event will get, if it is as good as sure that it will: the disk takes what comes, and there is room.
    pub(super) fn plan(&mut self, report: &EventReport) -> Option<PathBuf> {
        let dir = planned(self.writer.dir(), &report.event)?;
        if report.event.explanation == Explained::Pending {
            self.account.expect(&report.event.id, &dir);
        }
        self.is_sure(report).then_some(dir)
    }

    /// The folder that the explanation of an event will be put into, if that is as good as sure.
    pub(super) fn plan_explanation(&mut self, report: &EventReport) -> Option<PathBuf> {
        let dir = self.account.explained(&report.event.id)?;
        self.is_sure(report).then_some(dir)
    }

    fn is_sure(&mut self, report: &EventReport) -> bool {
        self.look_at_disk();
        self.account.is_well() && (self.waits || self.writer.has_room(clip_bytes(&report.clip)))
    }

    /// Has an event recorded; where too many wait, it counts as one that could not be.
    pub(super) fn keep_event(&mut self, report: Box<EventReport>, continues: Option<String>) {
        if self.wait_for_room(&report) {
            self.writer.send(Job::Record(report, continues));
        } else {
            self.account.lost(&report.event.id);
            self.account.overflows(self.writer.dir());
        }
        self.show();
    }

    /// Has the explanation of an event put into its folder.
    pub(super) fn keep_explanation(&mut self, report: Box<EventReport>, continues: Option<String>) {
        if self.wait_for_room(&report) {
            self.writer.send(Job::Attach(report, continues));
        } else {
            self.account.overflows(self.writer.dir());
        }
    }

    /// Has the disk looked at, and what is too old at `now` removed.
    pub(super) fn look(&mut self, now: SystemTime) {
        self.look_at_disk();
        if !std::mem::replace(&mut self.account.looks, true) {
            self.writer.send(Job::Look(now));
        }
    }

    /// Records like this from the next event on.
    pub(super) fn set_options(&self, options: StoreOptions) {
        self.writer.send(Job::Options(options));
    }

    /// How recording goes.
    pub(super) fn state(&self) -> RecordingState {
        let Written { recorded, unrecorded, error } = &self.account.written;
        RecordingState {
            error: error.as_ref().map(ToString::to_string),
            recorded: *recorded,
            unrecorded: *unrecorded,
            waiting: self.writer.waiting() as u64,
            ..self.writer.state()
        }
    }

    /// Says so where the disk has not answered for long.
    pub(super) fn look_at_disk(&mut self) {
        let silent = self.writer.pulse().silent_for();
        if silent >= HANGS {
            self.account.hangs(self.writer.dir(), silent);
            self.show();
        }
    }

    /// Takes account of what the writer did.
    pub(super) fn take(&mut self, outcome: Outcome) {
        self.account.take(outcome, self.writer.is_idle());
        self.show();
    }

    fn show(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = self.state();
    }

    /// Whether there is room for a report; where reports wait, they do so until there is.
    fn wait_for_room(&mut self, report: &EventReport) -> bool {
        let bytes = clip_bytes(&report.clip);
        while !self.writer.has_room(bytes) {
            let is_given_up = self.ending.load(Relaxed) && self.writer.pulse().silent_for() >= GIVEN_UP;
            if !self.waits || is_given_up {
                return false;
            }
            match self.writer.outcomes().recv_timeout(WAIT) {
                Ok(outcome) => self.take(outcome),
                Err(RecvTimeoutError::Timeout) => self.look_at_disk(),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// Waits until everything is written, until the disk has not answered for some seconds, or for as long as `limit` says;
    /// what became of the events.
    ///
    /// # Errors
    /// `Bug` where the writer has panicked.
    pub(super) fn finish(self, limit: Option<Duration>) -> Result<Written> {
        let Self { writer, mut account, .. } = self;
        let began = Instant::now();
        let closing = writer.close();
        let mut answered = began;
        loop {
            match closing.outcomes.recv_timeout(WAIT) {
                Ok(outcome) => {
                    answered = Instant::now();
                    account.take(outcome, closing.waiting() == 0);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    closing.thread.join().map_err(|_| broken_down())?;
                    return Ok(account.written);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let silent = closing.pulse.silent_for().min(answered.elapsed());
                    if silent < GIVEN_UP && limit.is_none_or(|limit| began.elapsed() < limit) {
                        continue;
                    }
                    let n = closing.waiting();
                    account.written.unrecorded += n as u64;
                    account.fails(Error::output(format!(
                        "the disk of {} did not take {n} events before the end; check the disk",
                        closing.dir.display()
                    )));
                    return Ok(account.written);
                }
            }
        }
    }
}

/// A thread of the recorder has panicked; the reason is told elsewhere.
pub(super) fn broken_down() -> Error {
    Error::bug("the recorder has broken down; please report this")
}
