//! The thread that the recording folder's disk may hold up, and the bounded queue before it: nobody else waits for the disk.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::SystemTime,
};

use crossbeam::channel::{self, Receiver, Sender};

use super::{
    pulse::Pulse,
    store::{RecordingState, Store, StoreOptions},
};
use crate::{
    engine::report::{Clip, EventReport},
    error::{Error, Result},
};

/// Jobs that may wait for the disk.
pub(super) const MOST_JOBS: usize = 64;

/// What they may take of the memory together, in bytes. One event may always wait, however long it is.
const MOST_BYTES: u64 = 128 << 20;

/// Where events are kept: a [`Store`], or what a test puts in its place.
pub(super) trait Keep: Send + 'static {
    /// As [`Store::dir`].
    fn dir(&self) -> &Path;
    /// As [`Store::record`].
    fn record(&mut self, report: &EventReport, continues: Option<&str>) -> Result<PathBuf>;
    /// As [`Store::attach`].
    fn attach(&mut self, report: &EventReport, continues: Option<&str>) -> Result<Option<PathBuf>>;
    /// As [`Store::look`].
    fn look(&mut self, now: SystemTime) -> Result<()>;
    /// As [`Store::set_options`].
    fn set_options(&mut self, options: StoreOptions);
    /// As [`Store::state`].
    fn state(&self) -> &RecordingState;
    /// As [`Store::pulse`].
    fn pulse(&self) -> Pulse;
}

impl Keep for Store {
    fn dir(&self) -> &Path {
        self.dir()
    }
    fn record(&mut self, report: &EventReport, continues: Option<&str>) -> Result<PathBuf> {
        self.record(report, continues)
    }
    fn attach(&mut self, report: &EventReport, continues: Option<&str>) -> Result<Option<PathBuf>> {
        self.attach(report, continues)
    }
    fn look(&mut self, now: SystemTime) -> Result<()> {
        self.look(now)
    }
    fn set_options(&mut self, options: StoreOptions) {
        self.set_options(options);
    }
    fn state(&self) -> &RecordingState {
        self.state()
    }
    fn pulse(&self) -> Pulse {
        self.pulse()
    }
}

/// What is to be done with the disk.
pub(super) enum Job {
    /// Record an event; it goes on from the one with the id given.
    Record(Box<EventReport>, Option<String>),
    /// Put an event's explanation into its folder.
    Attach(Box<EventReport>, Option<String>),
    /// Look whether the disk can be written, and what has become too old by then.
    Look(SystemTime),
    /// Go by these options from now on.
    Options(StoreOptions),
}

impl Job {
    /// The memory that its report takes, in bytes.
    fn bytes(&self) -> u64 {
        match self {
            Self::Record(report, _) | Self::Attach(report, _) => clip_bytes(&report.clip),
            Self::Look(_) | Self::Options(_) => 0,
        }
    }

    const fn is_event(&self) -> bool {
        matches!(self, Self::Record(..))
    }
}

/// The memory that a clip takes, in bytes.
pub(super) fn clip_bytes(clip: &Clip) -> u64 {
    let components: usize = clip.components.iter().map(|(_, audio)| audio.len()).sum();
    let picture = clip.picture.level_db.len() + clip.picture.mask.len();
    4 * (clip.heard.len() + clip.interpretation.len() + components + picture) as u64
}

/// What came of a job.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An event is on the disk: its id and its folder.
    Recorded(String, PathBuf),
    /// An event could not be recorded: its id, and why.
    Unrecorded(String, Error),
    /// An explanation was put into its folder, or there was none any more; or why not.
    Attached(Result<()>),
    /// The disk was looked at: whether events can be recorded, as far as is known.
    Looked(Result<bool>),
}

/// What both sides see.
#[derive(Debug, Default)]
struct Shared {
    /// Events that wait or are at work.
    events: AtomicUsize,
    /// Jobs of any kind that do.
    jobs: AtomicUsize,
    /// The memory that their reports take.
    bytes: AtomicU64,
    state: Mutex<RecordingState>,
}

/// Holds the thread.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    jobs: Sender<Job>,
    outcomes: Receiver<Outcome>,
    shared: Arc<Shared>,
    pulse: Pulse,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Output` when the system gives no thread.
    pub(super) fn spawn(mut store: impl Keep) -> Result<Self> {
        // Neither side ever waits for room: what is sent is admitted first, and every outcome belongs to one that was.
        let ((jobs, incoming), (outgoing, outcomes)) = (channel::unbounded::<Job>(), channel::unbounded());
        let shared = Arc::new(Shared::default());
        let (dir, pulse) = (store.dir().to_owned(), store.pulse());
        shared.set_state(store.state());
        let (seen, beating) = (Arc::clone(&shared), pulse.clone());
        let body = move || {
            for job in incoming {
                let (bytes, is_event) = (job.bytes(), job.is_event());
                beating.begin();
                let outcome = work(&mut store, job);
                beating.end();
                seen.set_state(store.state());
                seen.left(bytes, is_event);
                // Nobody may be left who wants to know.
                outcome.into_iter().for_each(|outcome| drop(outgoing.send(outcome)));
            }
        };
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(body).map_err(|e| {
            Error::output(format!("the recorder could not start ({e}); end other programs and try again"))
                .with_source(e)
        })?;
        Ok(Self { dir, jobs, outcomes, shared, pulse, thread })
    }

    /// The recording folder, as a full path.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether a report of so many bytes may wait, too.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let waiting = self.shared.bytes.load(Relaxed);
        waiting == 0 || (self.shared.jobs.load(Relaxed) < MOST_JOBS && waiting.saturating_add(bytes) <= MOST_BYTES)
    }

    /// Hands a job over. Reports must have been let in by [`Writer::has_room`].
    pub(super) fn send(&self, job: Job) {
        self.shared.came(job.bytes(), job.is_event());
        // It ends only when this does, or with a panic, which is told elsewhere.
        let _ = self.jobs.send(job);
    }

    /// What came of jobs, in order.
    pub(super) const fn outcomes(&self) -> &Receiver<Outcome> {
        &self.outcomes
    }

    /// Events that wait for the disk, the one at work included.
    pub(super) fn waiting(&self) -> usize {
        self.shared.events.load(Relaxed)
    }

    /// Whether nothing is left to do.
    pub(super) fn is_idle(&self) -> bool {
        self.shared.jobs.load(Relaxed) == 0
    }

    /// Whether the disk answers.
    pub(super) const fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// How recording goes, as far as the disk has answered.
    pub(super) fn state(&self) -> RecordingState {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// No more jobs come: what there is left to wait for.
    pub(super) fn close(self) -> Closing {
        let Self { outcomes, pulse, thread, dir, shared, .. } = self;
        Closing { outcomes, pulse, thread, dir, shared }
    }
}

/// A writer that gets no more jobs.
pub(super) struct Closing {
    pub(super) outcomes: Receiver<Outcome>,
    pub(super) pulse: Pulse,
    pub(super) thread: JoinHandle<()>,
    pub(super) dir: PathBuf,
    shared: Arc<Shared>,
}

impl Closing {
    /// As [`Writer::waiting`].
    pub(super) fn waiting(&self) -> usize {
        self.shared.events.load(Relaxed)
    }
}

impl Shared {
    fn came(&self, bytes: u64, is_event: bool) {
        self.jobs.fetch_add(1, Relaxed);
        self.events.fetch_add(usize::from(is_event), Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn left(&self, bytes: u64, is_event: bool) {
        self.bytes.fetch_sub(bytes, Relaxed);
        self.events.fetch_sub(usize::from(is_event), Relaxed);
        self.jobs.fetch_sub(1, Relaxed);
    }

    fn set_state(&self, state: &RecordingState) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone_from(state);
    }
}

/// Does one job.
fn work(store: &mut impl Keep, job: Job) -> Option<Outcome> {
    match job {
        Job::Record(report, continues) => {
            let recorded = store.record(&report, continues.as_deref());
            let id = report.event.id;
            Some(match recorded {
                Ok(dir) => Outcome::Recorded(id, dir),
                Err(e) => Outcome::Unrecorded(id, e),
            })
        }
        Job::Attach(report, continues) => {
            Some(Outcome::Attached(store.attach(&report, continues.as_deref()).map(drop)))
        }
        Job::Look(now) => {
            let looked = store.look(now);
            Some(Outcome::Looked(looked.map(|()| store.state().error.is_none())))
        }
        Job::Options(options) => {
            store.set_options(options);
            None
        }
    }
}
