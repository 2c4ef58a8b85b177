//! What whoever started a recorder holds of it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam::channel::{Receiver, Sender};

use super::{
    folders::broken_down,
    notice::Notice,
    store::{RecordingState, StoreOptions},
};
use crate::{
    engine::report::Report,
    error::{Error, Result},
};

/// What the recorder did.
#[derive(Debug, Default)]
pub struct RecorderStats {
    /// Events received.
    pub events: u64,
    /// Event folders on disk.
    pub folders_written: u64,
    /// Events that could not be recorded.
    pub folders_failed: u64,
    /// JSON lines that went out.
    pub lines_written: u64,
    /// JSON lines that could not be written.
    pub lines_lost: u64,
    /// Why folders cannot be written at the end; none where they could be written again.
    pub folders_error: Option<Error>,
    /// Why lines failed the last time they began to.
    pub lines_error: Option<Error>,
}

/// Holds a running recorder. Dropping it lets the recorder write what waits, without waiting for it.
#[derive(Debug)]
pub struct RecorderHandle {
    pub(super) reports: Sender<Report>,
    pub(super) notices: Receiver<Notice>,
    pub(super) lines_closed: Arc<AtomicBool>,
    pub(super) recording: Option<Arc<Mutex<RecordingState>>>,
    pub(super) settings: Sender<StoreOptions>,
    pub(super) ending: Arc<AtomicBool>,
    pub(super) done: Sender<Option<Duration>>,
    pub(super) thread: JoinHandle<Result<RecorderStats>>,
}

impl RecorderHandle {
    /// Where the engine sends its reports. Sending blocks while `capacity` reports wait, and fails once the recorder
    /// has finished.
    #[must_use]
    pub fn reports(&self) -> Sender<Report> {
        self.reports.clone()
    }

    /// The recorder's notices; each goes to one reader. They need not be read.
    #[must_use]
    pub fn notices(&self) -> Receiver<Notice> {
        self.notices.clone()
    }

    /// Whether the reader of the JSON lines has gone away for good: whoever monitors only for it can stop.
    #[must_use]
    pub fn lines_closed(&self) -> bool {
        self.lines_closed.load(Ordering::Acquire)
    }

    /// How recording goes, where events are recorded. The disk is not asked: it may hang.
    #[must_use]
    pub fn recording(&self) -> Option<RecordingState> {
        let state = self.recording.as_ref()?;
        Some(state.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Records like this from the next report on; the recording folder stays the same. Without one, nothing changes.
    pub fn reconfigure(&self, options: StoreOptions) {
        // A disk that hangs must not hold up whoever asks.
        if self.settings.try_send(options).is_err() {
            tracing::warn!("the recorder does not take new settings now; ask again later");
        }
    }

    /// The end is near: a recorder that lets reports wait for a disk that does not answer gives that up soon.
    pub fn stopping(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Writes what waits, ends the thread and says what it did. Call it when the engine has sent its last report. A disk that
    /// does not answer for some seconds is not waited for any longer: what it should have held counts as failed.
    ///
    /// # Errors
    /// `Bug` when a thread has panicked.
    pub fn finish(self) -> Result<RecorderStats> {
        self.end(None)
    }

    /// As [`RecorderHandle::finish`], and waits for the disk no longer than `limit`, even if it answers.
    ///
    /// # Errors
    /// As [`RecorderHandle::finish`].
    pub fn finish_within(self, limit: Duration) -> Result<RecorderStats> {
        self.end(Some(limit))
    }

    fn end(self, limit: Option<Duration>) -> Result<RecorderStats> {
        self.stopping();
        // Full or disconnected both mean that the recorder already knows.
        let _ = self.done.try_send(limit);
        self.thread.join().map_err(|_| broken_down())?
    }
}
