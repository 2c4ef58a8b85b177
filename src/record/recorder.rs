//! The recorder thread: takes the engine's reports off its hands and makes folders and lines of them.

use std::{
    collections::HashMap,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};

use super::{
    jsonl::JsonLines,
    pieces::Pieces,
    relay::{Aside, Relay},
    store::{RecordingState, Store, StoreOptions, cause},
};
use crate::{
    engine::report::{EventReport, Explained, Report, StatusReport},
    error::{Error, Result},
};

/// Notices that wait for a reader; more are dropped, for nobody may hold up the recorder.
const NOTICES: usize = 256;

/// Changes of settings that may wait.
const CHANGES: usize = 16;

/// Where reports go.
pub struct RecorderOptions {
    /// Reports that may wait before the engine has to (at least 1).
    pub capacity: usize,
    /// Where events are recorded, if they are.
    pub store: Option<Store>,
    /// JSON lines, if they are wanted.
    pub lines: Option<JsonLines<Box<dyn Write + Send>>>,
    /// Who else is told, after folder and line.
    pub relays: Vec<Box<dyn Relay>>,
}

/// What the recorder tells a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An event's evidence is on disk.
    Recorded {
        /// The event's id.
        id: String,
        /// Its folder.
        dir: PathBuf,
    },
    /// Event folders fail from here on, or fail for another reason; the sentence says why. Monitoring goes on.
    FoldersFailing(String),
    /// Event folders are written again.
    FoldersWorking,
    /// JSON lines fail from here on; the sentence says why.
    LinesFailing(String),
    /// What is wrong with the sinks from here on, as a sentence; none when all is well again.
    Sinks(Option<String>),
}

/// What the recorder did.
#[derive(Debug, Default)]
pub struct RecorderStats {
    /// Events received.
    pub events: u64,
    /// Event folders on disk.
    pub folders_written: u64,
    /// Events whose folder could not be written.
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

/// Writes every event's folder and every report's line, in the order they come, on a thread of its own.
///
/// A disk that fails does not stop it: the failure is counted and logged once when it begins or its reason changes, the
/// event's line still goes out (without `files`), the status says so, and the next event is tried again. A reader of the lines that goes away is logged once,
/// and seen by [`RecorderHandle::lines_closed`].
pub struct Recorder {
    store: Option<Store>,
    lines: Option<JsonLines<Box<dyn Write + Send>>>,
    relays: Vec<Box<dyn Relay>>,
    notices: Sender<Notice>,
    lines_closed: Arc<AtomicBool>,
    pieces: Pieces,
    /// Of events whose explanation is pending: the ids of those that they go on from.
    continued: HashMap<String, String>,
    /// What was said last of the sinks.
    sinks_trouble: Option<String>,
    stats: RecorderStats,
}

impl Recorder {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Output` when the system gives no thread.
    pub fn spawn(options: RecorderOptions) -> Result<RecorderHandle> {
        let (reports, incoming) = channel::bounded(options.capacity.max(1));
        let (notices, outgoing) = channel::bounded(NOTICES);
        let (done, finish) = channel::bounded(1);
        let (settings, changes) = channel::bounded(CHANGES);
        let lines_closed = Arc::new(AtomicBool::new(false));
        let recorder = Self {
            store: options.store,
            lines: options.lines,
            relays: options.relays,
            notices,
            lines_closed: Arc::clone(&lines_closed),
            pieces: Pieces::default(),
            continued: HashMap::new(),
            sinks_trouble: None,
            stats: RecorderStats::default(),
        };
        let thread = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || recorder.run(&incoming, &changes, &finish))
            .map_err(|e| {
                Error::output(format!("the recorder could not start ({e}); end other programs and try again"))
                    .with_source(e)
            })?;
        Ok(RecorderHandle { reports, notices: outgoing, lines_closed, settings, done, thread })
    }

    /// Works until every sender of reports is gone, or until asked to finish and nothing waits.
    fn run(
        mut self,
        incoming: &Receiver<Report>,
        changes: &Receiver<StoreOptions>,
        finish: &Receiver<()>,
    ) -> RecorderStats {
        // Nothing comes from a handle that is gone, and that is not to be waited for again and again.
        let mut changes = changes.clone();
        loop {
            channel::select! {
                recv(changes) -> options => match options {
                    Ok(options) => self.store.iter_mut().for_each(|store| store.set_options(options.clone())),
                    Err(_) => changes = channel::never(),
                },
                recv(incoming) -> report => match report {
                    Ok(report) => self.take(&report),
                    Err(_) => break,
                },
                // Asked, or the handle was dropped: what already waits is still written.
                recv(finish) -> _ => {
                    incoming.try_iter().for_each(|report| self.take(&report));
                    break;
                }
            }
        }
        if let Some(lines) = &self.lines {
            self.stats.lines_written = lines.written_lines();
            self.stats.lines_lost = lines.lost_lines();
        }
        self.stats
    }

    fn take(&mut self, report: &Report) {
        match report {
            Report::Event(event) => self.take_event(event, report),
            Report::Explained(event) => self.take_explained(event, report),
            Report::Status(status) => self.take_status(status, report),
            _ => {
                if let Report::Stop(stop) = report {
                    self.pieces.ended(&stop.source);
                }
                self.write_line(|lines| lines.write(report, None));
                self.pass(report, &Aside::default());
            }
        }
    }

    /// To whoever else is told, after the line, so that whoever acts on it finds both.
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        for relay in &mut self.relays {
            relay.pass(report, aside);
        }
    }

    fn take_event(&mut self, event: &EventReport, report: &Report) {
        self.stats.events += 1;
        let continues = self.pieces.before(&event.event);
        if event.event.explanation == Explained::Pending
            && let Some(before) = &continues
        {
            self.continued.insert(event.event.id.clone(), before.clone());
        }
        let dir = self.record(event, continues.as_deref());
        self.write_line(|lines| lines.write_event(&event.event, dir.as_deref(), continues.as_deref()));
        self.pass(report, &Aside { dir: dir.as_deref(), continues: continues.as_deref(), recording: None });
        // After the line, so that whoever acts on the notice finds both.
        if let Some(dir) = dir {
            self.notify(Notice::Recorded { id: event.event.id.clone(), dir });
        }
    }

    /// An event that was taken before is explained, or will not be.
    fn take_explained(&mut self, event: &EventReport, report: &Report) {
        let continues = self.continued.remove(&event.event.id);
        let attached = self.store.as_mut().map(|store| store.attach(event, continues.as_deref()));
        let dir = match attached {
            Some(Ok(dir)) => dir,
            Some(Err(e)) => {
                self.fails(e);
                None
            }
            None => None,
        };
        self.write_line(|lines| lines.write_explained(&event.event, dir.as_deref(), continues.as_deref()));
        self.pass(report, &Aside { dir: dir.as_deref(), continues: continues.as_deref(), recording: None });
    }

    /// The folder of `event`, if it was written.
    fn record(&mut self, event: &EventReport, continues: Option<&str>) -> Option<PathBuf> {
        match self.store.as_mut()?.record(event, continues) {
            Ok(dir) => {
                self.stats.folders_written += 1;
                self.works();
                Some(dir)
            }
            Err(e) => {
                self.stats.folders_failed += 1;
                self.fails(e);
                None
            }
        }
    }

    fn take_status(&mut self, status: &StatusReport, report: &Report) {
        let looked = self.store.as_mut().map(|store| store.look(status.clock.wall(status.position)));
        match looked {
            Some(Err(e)) => self.fails(e),
            Some(Ok(())) if self.store.as_ref().is_some_and(|store| store.state().error.is_none()) => self.works(),
            _ => {}
        }
        let recording: Option<RecordingState> = self.store.as_ref().map(|store| store.state().clone());
        self.look_after_sinks();
        self.write_line(|lines| lines.write_status(status, recording.as_ref()));
        self.pass(report, &Aside { recording: recording.as_ref(), ..Aside::default() });
    }

    /// Events can be recorded: says so if they could not.
    fn works(&mut self) {
        if self.stats.folders_error.take().is_some() {
            tracing::warn!("events are recorded again");
            self.notify(Notice::FoldersWorking);
        }
    }

    /// Events cannot be recorded: says so if they could, or if the reason is another.
    fn fails(&mut self, e: Error) {
        if self.stats.folders_error.as_ref().is_none_or(|last| cause(last) != cause(&e)) {
            tracing::error!("{e}");
            self.notify(Notice::FoldersFailing(e.to_string()));
            self.stats.folders_error = Some(e);
        }
    }

    /// A status tells how the sinks are, and so does a notice where that has changed.
    fn look_after_sinks(&mut self) {
        let states: Vec<_> = self.relays.iter().flat_map(|relay| relay.states()).collect();
        let trouble = states.iter().find_map(|sink| Some(format!("{}: {}", sink.name, sink.error.as_ref()?)));
        if trouble != self.sinks_trouble {
            self.sinks_trouble.clone_from(&trouble);
            self.notify(Notice::Sinks(trouble));
        }
        if let Some(lines) = &mut self.lines {
            lines.set_sinks(states);
        }
    }

    fn write_line(&mut self, write: impl FnOnce(&mut JsonLines<Box<dyn Write + Send>>) -> Result<()>) {
        let Some(lines) = &mut self.lines else { return };
        let outcome = write(lines);
        if lines.is_closed() {
            self.lines_closed.store(true, Ordering::Release);
        }
        if let Err(e) = outcome {
            if lines.is_closed() {
                // A reader that has seen enough (`| head -1`) is nothing to worry anyone with.
                tracing::info!("{e}");
            } else {
                tracing::error!("{e}");
            }
            self.notify(Notice::LinesFailing(e.to_string()));
            self.stats.lines_error = Some(e);
        }
    }

    fn notify(&self, notice: Notice) {
        match self.notices.try_send(notice) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(notice)) => tracing::debug!(?notice, "nobody reads the recorder's notices"),
        }
    }
}

/// Holds a running [`Recorder`]. Dropping it lets the recorder write what waits, without waiting for it.
#[derive(Debug)]
pub struct RecorderHandle {
    reports: Sender<Report>,
    notices: Receiver<Notice>,
    lines_closed: Arc<AtomicBool>,
    settings: Sender<StoreOptions>,
    done: Sender<()>,
    thread: JoinHandle<RecorderStats>,
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

    /// Records like this from the next report on; the recording folder stays the same. Without one, nothing changes.
    pub fn reconfigure(&self, options: StoreOptions) {
        // A disk that hangs must not hold up whoever asks.
        if self.settings.try_send(options).is_err() {
            tracing::warn!("the recorder does not take new settings now; ask again later");
        }
    }

    /// Writes what waits, ends the thread and says what it did. Call it when the engine has sent its last report.
    ///
    /// # Errors
    /// `Bug` when the thread has panicked.
    pub fn finish(self) -> Result<RecorderStats> {
        // Full or disconnected both mean that the recorder already knows.
        let _ = self.done.try_send(());
        self.thread.join().map_err(|_| Error::bug("the recorder has broken down; please report this"))
    }
}
