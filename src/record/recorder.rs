//! The recorder: takes the engine's reports off its hands, tells of them, and has the folders of events written.

use std::{
    collections::HashMap,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crossbeam::channel::{self, Receiver, Sender};

use super::{
    folders::{Folders, broken_down},
    handle::{RecorderHandle, RecorderStats},
    journal,
    jsonl::JsonLines,
    notice::{NOTICES, Notice, notify},
    pieces::Pieces,
    relay::{Aside, Relay},
    store::{Store, StoreOptions},
    writer::{Keep, Writer},
};
use crate::{
    engine::report::{EventReport, Explained, Report, StatusReport},
    error::{Error, Result},
};

/// How often to look whether the disk answers.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    /// Who else is told.
    pub relays: Vec<Box<dyn Relay>>,
}

/// Tells of every report, in the order they come: first those who must know at once ([`Relay`]), then the lines. The folders
/// of events are written after that, by a thread of its own behind a bounded queue: **an alarm never waits for the disk.**
///
/// The line of an event names the folder that it will have, which is known before anything is written, as long as the disk
/// takes what comes; the folder appears, whole, a moment later, and [`Notice::Recorded`] says so.
///
/// A disk that fails or hangs stops nothing: that is counted, and logged once when it begins or its reason changes. Lines still
/// go out (without `files`), the status says so, and the next event is tried again. A reader of the lines that goes away is
/// logged once, and seen by [`RecorderHandle::lines_closed`].
pub struct Recorder {
    lines: Option<JsonLines<Box<dyn Write + Send>>>,
    relays: Vec<Box<dyn Relay>>,
    notices: Sender<Notice>,
    lines_closed: Arc<AtomicBool>,
    pieces: Pieces,
    folders: Option<Folders>,
    /// Events whose explanation is pending: the ids of those that they go on from.
    continued: HashMap<String, String>,
    /// What was said last of the sinks.
    sinks_trouble: Option<String>,
    stats: RecorderStats,
}

impl Recorder {
    /// Starts it so that no event is lost, however long the disk takes: reports wait while too many events do. For sources
    /// that wait as well, such as recordings that are read as quickly as possible.
    ///
    /// # Errors
    /// `Output` when the system gives no thread.
    pub fn spawn(options: RecorderOptions) -> Result<RecorderHandle> {
        let store = options.store;
        Self::start(options.capacity, store, options.lines, options.relays, true)
    }

    /// Starts it for live sound: while too many events wait for the disk, further events are reported but not recorded.
    ///
    /// # Errors
    /// As [`Recorder::spawn`].
    pub fn spawn_live(options: RecorderOptions) -> Result<RecorderHandle> {
        let store = options.store;
        Self::start(options.capacity, store, options.lines, options.relays, false)
    }

    pub(super) fn start(
        capacity: usize,
        store: Option<impl Keep>,
        lines: Option<JsonLines<Box<dyn Write + Send>>>,
        relays: Vec<Box<dyn Relay>>,
        waits: bool,
    ) -> Result<RecorderHandle> {
        journal::sinks(&relays);
        let (reports, incoming) = channel::bounded(capacity.max(1));
        let (notices, outgoing) = channel::bounded(NOTICES);
        let (done, finish) = channel::bounded(1);
        let (settings, changes) = channel::bounded(CHANGES);
        let lines_closed = Arc::new(AtomicBool::new(false));
        let ending = Arc::new(AtomicBool::new(false));
        let writer = store.map(Writer::spawn).transpose()?;
        let folders = writer.map(|writer| Folders::new(writer, notices.clone(), waits, Arc::clone(&ending)));
        let recording = folders.as_ref().map(Folders::shown_state);
        let recorder = Self {
            lines,
            relays,
            lines_closed: Arc::clone(&lines_closed),
            pieces: Pieces::default(),
            folders,
            notices,
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
        Ok(RecorderHandle { reports, notices: outgoing, lines_closed, recording, settings, ending, done, thread })
    }

    /// Works until every sender of reports is gone, or until asked to finish and nothing waits.
    fn run(
        mut self,
        incoming: &Receiver<Report>,
        changes: &Receiver<StoreOptions>,
        finish: &Receiver<Option<Duration>>,
    ) -> Result<RecorderStats> {
        // Nothing comes from a handle that is gone, and that is not to be waited for again and again.
        let mut changes = changes.clone();
        let outcomes = self.folders.as_ref().map_or_else(channel::never, |folders| folders.outcomes().clone());
        let looks = if self.folders.is_some() { channel::tick(LOOK_EVERY) } else { channel::never() };
        let limit = loop {
            channel::select! {
                recv(changes) -> options => match (options, &self.folders) {
                    (Ok(options), Some(folders)) => folders.set_options(options),
                    (Ok(_), None) => {}
                    (Err(_), _) => changes = channel::never(),
                },
                recv(incoming) -> report => match report {
                    Ok(report) => self.take(report),
                    Err(_) => break None,
                },
                recv(outcomes) -> outcome => match (outcome, &mut self.folders) {
                    (Ok(outcome), Some(folders)) => folders.take(outcome),
                    _ => return Err(broken_down()),
                },
                recv(looks) -> _ => self.folders.iter_mut().for_each(Folders::look_at_disk),
                // Asked, or the handle was dropped: what already waits is still told and written.
                recv(finish) -> limit => {
                    incoming.try_iter().for_each(|report| self.take(report));
                    break limit.ok().flatten();
                }
            }
        };
        if let Some(folders) = self.folders.take() {
            let written = folders.finish(limit)?;
            self.stats.folders_written = written.recorded;
            self.stats.folders_failed = written.unrecorded;
            self.stats.folders_error = written.error;
        }
        if let Some(lines) = &self.lines {
            self.stats.lines_written = lines.written_lines();
            self.stats.lines_lost = lines.lost_lines();
        }
        Ok(self.stats)
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Event(event) => self.take_event(event),
            Report::Explained(event) => self.take_explained(event),
            Report::Status(status) => self.take_status(status),
            _ => {
                if let Report::Stop(stop) = &report {
                    self.pieces.ended(&stop.source);
                }
                self.pass(&report, &Aside::default());
                self.write_line(|lines| lines.write(&report, None));
            }
        }
    }

    /// To the log, and to whoever else is told. Before the line, because nobody of these ever waits, and whoever reads the lines may.
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        journal::report(report, aside);
        for relay in &mut self.relays {
            relay.pass(report, aside);
        }
    }

    fn take_event(&mut self, event: Box<EventReport>) {
        self.stats.events += 1;
        let continues = self.pieces.before(&event.event);
        if event.event.explanation == Explained::Pending
            && let Some(before) = &continues
        {
            self.continued.insert(event.event.id.clone(), before.clone());
        }
        let dir = self.folders.as_mut().and_then(|folders| folders.plan(&event));
        let report = Report::Event(event);
        self.pass(&report, &Aside { dir: dir.as_deref(), continues: continues.as_deref(), recording: None });
        let Report::Event(event) = report else { return };
        self.write_line(|lines| lines.write_event(&event.event, dir.as_deref(), continues.as_deref()));
        if let Some(folders) = &mut self.folders {
            folders.keep_event(event, continues);
        }
    }

    /// An event that was taken before is explained, or will not be.
    fn take_explained(&mut self, event: Box<EventReport>) {
        let continues = self.continued.remove(&event.event.id);
        let dir = self.folders.as_mut().and_then(|folders| folders.plan_explanation(&event));
        let report = Report::Explained(event);
        self.pass(&report, &Aside { dir: dir.as_deref(), continues: continues.as_deref(), recording: None });
        let Report::Explained(event) = report else { return };
        self.write_line(|lines| lines.write_explained(&event.event, dir.as_deref(), continues.as_deref()));
        if let Some(folders) = &mut self.folders {
            folders.keep_explanation(event, continues);
        }
    }

    fn take_status(&mut self, status: StatusReport) {
        let recording = self.folders.as_mut().map(|folders| {
            folders.look(status.clock.wall(status.position));
            folders.state()
        });
        let report = Report::Status(status);
        self.look_after_sinks();
        self.pass(&report, &Aside { recording: recording.as_ref(), ..Aside::default() });
        let Report::Status(status) = report else { return };
        self.write_line(|lines| lines.write_status(&status, recording.as_ref()));
    }

    /// A status tells how the sinks are, and so does a notice where that has changed.
    fn look_after_sinks(&mut self) {
        let states: Vec<_> = self.relays.iter().flat_map(|relay| relay.states()).collect();
        let trouble = states.iter().find_map(|sink| Some(format!("{}: {}", sink.name, sink.error.as_ref()?)));
        if trouble != self.sinks_trouble {
            self.sinks_trouble.clone_from(&trouble);
            notify(&self.notices, Notice::Sinks(trouble));
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
            notify(&self.notices, Notice::LinesFailing(e.to_string()));
            self.stats.lines_error = Some(e);
        }
    }
}
