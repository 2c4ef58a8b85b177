//! What a device that is kept open is made of: its stream, where it is, and what waits for its readers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::capture_clock::CaptureClock;
use super::fan::Lane;
use super::ring::CapturePull;
use super::thread_source::EndState;
use crate::error::Error;
use crate::units::SampleRate;

/// How long closing a device may take before it is left to itself: some drivers never return from it.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

/// A stream that runs. Dropping it closes the device, and may hang.
pub(super) trait LiveStream: Send + 'static {
    /// Whether its callback has real-time priority, where that is known.
    fn realtime(&self) -> Option<bool>;
}

/// A stream whose end never holds its owner up: it is closed on a thread of its own, which is waited for only for
/// [`CLOSE_PATIENCE`].
pub(super) struct StreamGuard {
    stream: Option<Box<dyn LiveStream>>,
    /// How many are being closed.
    closing: Arc<AtomicUsize>,
}

impl StreamGuard {
    pub(super) fn new(stream: impl LiveStream) -> Self {
        Self { stream: Some(Box::new(stream)), closing: Arc::default() }
    }

    pub(super) fn realtime(&self) -> Option<bool> {
        self.stream.as_ref()?.realtime()
    }

    /// Where it is counted while it is being closed.
    pub(super) fn count_in(&mut self, closing: Arc<AtomicUsize>) {
        self.closing = closing;
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let stream = self.stream.take();
        let (closed, done) = channel();
        let closing = Arc::clone(&self.closing);
        closing.fetch_add(1, Ordering::AcqRel);
        let closer = thread::Builder::new().name("device-closer".to_owned()).spawn(move || {
            drop(stream);
            closing.fetch_sub(1, Ordering::AcqRel);
            let _ = closed.send(());
        });
        if closer.is_ok() {
            let _ = done.recv_timeout(CLOSE_PATIENCE);
        } else {
            // Without a thread the stream was closed here.
            self.closing.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// What opening a device gives.
pub(super) struct Attached {
    pub(super) held: Held,
    /// At least one.
    pub(super) lanes: Vec<(Lane, CapturePull)>,
    pub(super) clock: Arc<CaptureClock>,
    /// Set by the callbacks when the stream breaks.
    pub(super) state: Arc<EndState>,
    pub(super) stream: StreamGuard,
}

/// What a device that comes back must still have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) rate: SampleRate,
    pub(super) channels: u16,
}

/// Why a device cannot be opened.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not there.
    #[cfg_attr(not(feature = "cpal"), allow(dead_code))]
    Missing(Error),
    /// It is there; the sentence is worth showing.
    Refused(Error),
}

impl Refusal {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Missing(e) | Self::Refused(e) => e,
        }
    }
}

/// Opens a device, for the first time (`None`) or again. May hang.
pub(super) type Attach = Arc<dyn Fn(Option<Held>) -> Result<Attached, Refusal> + Send + Sync>;

/// A device that is gone and is being tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What has happened, and that it is being tried again: to be shown as it is.
    pub sentence: String,
    /// When its last sample came.
    pub since: Instant,
    /// Attempts so far.
    pub attempts: u32,
}

/// Where a device is.
#[derive(Debug, Clone)]
pub(super) enum Status {
    Running,
    Lost(Lost),
    Ended,
}

/// The continuation of a lane after its device was away.
pub(super) struct Attachment {
    pub(super) pull: CapturePull,
    /// Samples between the last one of the stream before and the first one of this.
    pub(super) gap: u64,
}

/// What the keeper and the readers share.
pub(super) struct Live {
    status: Mutex<Status>,
    /// 0 unknown, 1 yes, 2 no.
    realtime: AtomicU8,
    /// For each lane.
    waiting: Vec<Mutex<VecDeque<Attachment>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    pub(super) fn new(n_lanes: usize) -> Self {
        let waiting = std::iter::repeat_with(Mutex::default).take(n_lanes).collect();
        Self { status: Mutex::new(Status::Running), realtime: AtomicU8::new(0), waiting }
    }

    pub(super) fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        *lock(&self.status) = Status::Ended;
    }

    pub(super) fn realtime(&self) -> Option<bool> {
        match self.realtime.load(Ordering::Relaxed) {
            0 => None,
            value => Some(value == 1),
        }
    }

    pub(super) fn set_realtime(&self, realtime: bool) {
        self.realtime.store(if realtime { 1 } else { 2 }, Ordering::Relaxed);
    }

    pub(super) fn n_lanes(&self) -> usize {
        self.waiting.len()
    }

    /// How many rings wait for the slowest reader.
    pub(super) fn most_waiting(&self) -> usize {
        self.waiting.iter().map(|waiting| lock(waiting).len()).max().unwrap_or(0)
    }

    /// Gives new rings to the readers, `gap` samples behind the old ones.
    pub(super) fn go_on(&self, pulls: impl Iterator<Item = CapturePull>, gap: u64) {
        for (waiting, pull) in self.waiting.iter().zip(pulls) {
            lock(waiting).push_back(Attachment { pull, gap });
        }
        self.set_status(Status::Running);
    }

    /// What waits for the reader of a lane.
    pub(super) fn waiting(&self, lane: usize) -> Option<MutexGuard<'_, VecDeque<Attachment>>> {
        self.waiting.get(lane).map(lock)
    }

    /// The end stays.
    pub(super) fn set_status(&self, new: Status) {
        let mut status = lock(&self.status);
        if !matches!(*status, Status::Ended) {
            *status = new;
        }
    }
}
