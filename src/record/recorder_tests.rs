//! A disk that hangs, in the place of the real one: whatever it does, reports are told at once.
#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam::channel::{self, Receiver, Sender};
use serde_json::Value;

use super::{
    folders::GIVEN_UP,
    handle::RecorderHandle,
    jsonl::JsonLines,
    notice::Notice,
    pulse::Pulse,
    recorder::Recorder,
    relay::{Aside, Relay},
    store::{RecordingState, StoreOptions},
    writer::{Keep, MOST_JOBS},
};
use crate::{
    engine::{
        health::Health,
        report::{Clip, Event, EventReport, Explained, Handling, MelPicture, ModelRef, Report, StatusReport, Totals},
    },
    error::{Error, ErrorKind, Result},
    units::{ClassId, SamplePos, SampleRate, StreamClock},
};

/// Longer than any of these should take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk that does one piece of work for each word that it gets, and hangs until then.
struct Hanging {
    words: Receiver<Result<()>>,
    state: RecordingState,
    pulse: Pulse,
}

impl Hanging {
    fn new() -> (Self, Sender<Result<()>>) {
        let (say, words) = channel::unbounded();
        (Self { words, state: RecordingState::default(), pulse: Pulse::default() }, say)
    }

    fn work(&mut self) -> Result<()> {
        // Once nobody is left to say a word, it hangs no more.
        self.words.recv().unwrap_or(Ok(()))
    }
}

impl Keep for Hanging {
    fn dir(&self) -> &Path {
        Path::new("/events")
    }
    fn record(&mut self, report: &EventReport, _: Option<&str>) -> Result<PathBuf> {
        self.work().map(|()| Path::new("/events").join(&report.event.id))
    }
    fn attach(&mut self, _: &EventReport, _: Option<&str>) -> Result<Option<PathBuf>> {
        self.work().map(|()| None)
    }
    fn look(&mut self, _: SystemTime) -> Result<()> {
        self.work()
    }
    fn set_options(&mut self, _: StoreOptions) {}
    fn state(&self) -> &RecordingState {
        &self.state
    }
    fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Who is told: what kind of report, and whether a folder was named.
struct Told(Sender<(&'static str, bool)>);

impl Relay for Told {
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        let kind = match report {
            Report::Event(_) => "event",
            Report::Explained(_) => "explained",
            _ => "other",
        };
        self.0.send((kind, aside.dir.is_some())).unwrap();
    }
}

struct Running {
    recorder: RecorderHandle,
    reports: Sender<Report>,
    notices: Receiver<Notice>,
    lines: Lines,
    told: Receiver<(&'static str, bool)>,
    say: Sender<Result<()>>,
    n_lines: usize,
}

impl Running {
    fn start(waits: bool) -> Self {
        let (store, say) = Hanging::new();
        let (tell, told) = channel::unbounded();
        let lines = Lines::default();
        let out: Box<dyn Write + Send> = Box::new(lines.clone());
        let recorder =
            Recorder::start(4, Some(store), Some(JsonLines::new(out)), vec![Box::new(Told(tell))], waits).unwrap();
        let (reports, notices) = (recorder.reports(), recorder.notices());
        Self { recorder, reports, notices, lines, told, say, n_lines: 0 }
    }

    /// Sends a report and waits for its line, which names its folder or not, as whoever else is told hears it.
    fn line(&mut self, report: Report) -> Value {
        self.reports.send_timeout(report, PATIENCE).unwrap();
        let began = Instant::now();
        let line = loop {
            let text = String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap();
            if let Some(line) = text.lines().nth(self.n_lines) {
                break serde_json::from_str::<Value>(line).unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "a line waits for the disk");
            std::thread::sleep(Duration::from_millis(1));
        };
        self.n_lines += 1;
        let (kind, named) = self.told.recv_timeout(PATIENCE).unwrap();
        assert!(kind == "other" || named == line.get("files").is_some(), "{line}");
        line
    }

    fn event(&mut self, id: &str) -> bool {
        let line = self.line(event(id, Explained::Done));
        let dir = format!("/events/2026-11-20/150001Z-dog-{id}");
        line.get("files").inspect(|files| assert_eq!(files["dir"], dir)).is_some()
    }

    /// What the status line says of recording: state, whether it names a hang, recorded, unrecorded, waiting.
    fn status(&mut self) -> (String, bool, [u64; 3]) {
        let recording = self.line(status())["recording"].clone();
        let error = recording["error"].as_str().unwrap_or_default().to_owned();
        let counts = ["recorded", "unrecorded", "waiting"].map(|key| recording[key].as_u64().unwrap());
        (recording["state"].as_str().unwrap().to_owned(), error.contains("has not answered"), counts)
    }

    fn notice(&self) -> Notice {
        self.notices.recv_timeout(PATIENCE).unwrap()
    }
}

fn event(id: &str, explanation: Explained) -> Report {
    let rate = SampleRate::new(16_000).unwrap();
    let clock = StreamClock { start: UNIX_EPOCH + Duration::from_secs(1_795_186_800), sample_rate: rate };
    let event = Event {
        id: id.to_owned(),
        label: "dog".to_owned(),
        class: ClassId(0),
        score: 0.9,
        onset: SamplePos(16_000),
        offset: SamplePos(32_000),
        in_file: None,
        source: "yard".to_owned(),
        model: ModelRef { name: "m".to_owned(), sha256: String::new() },
        method: "l2i".to_owned(),
        components: Vec::new(),
        faithfulness: None,
        explanation,
        latency_secs: 0.5,
        lag_secs: 0.0,
        level_dbfs: None,
        handling: Handling::default(),
        clock,
    };
    let clip = Clip {
        start: SamplePos(8_000),
        sample_rate: rate,
        heard: vec![0.0; 32_000],
        interpretation: vec![0.0; 32_000],
        components: Vec::new(),
        picture: MelPicture::default(),
    };
    let report = Box::new(EventReport { event, clip });
    if explanation == Explained::Pending || id != "explained" {
        Report::Event(report)
    } else {
        Report::Explained(report)
    }
}

fn status() -> Report {
    let Report::Event(of) = event("status", Explained::Done) else { unreachable!() };
    Report::Status(StatusReport {
        source: "yard".to_owned(),
        position: SamplePos(48_000),
        clock: of.event.clock,
        level_dbfs: -40.0,
        load: 0.1,
        lag_secs: 0.0,
        latency: None,
        health: Health::Hearing,
        trouble: None,
        shed: &[],
        device: "cpu".to_owned(),
        totals: Totals::default(),
    })
}

#[test]
fn an_alarm_never_waits_for_the_disk() {
    let mut it = Running::start(false);
    assert!(it.event("A") && it.event("B"), "their folders are as good as there");
    assert_eq!(it.status(), ("recording".to_owned(), false, [0, 0, 2]));
    match it.notice() {
        Notice::FoldersFailing(why) => {
            assert!(why.contains("/events has not answered") && why.contains("check"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    assert!(!it.event("C"), "now nobody knows");
    assert_eq!(it.status(), ("failing".to_owned(), true, [0, 0, 3]));
    // It answers again: A, B, the look, C. Nothing is lost, and what was said is taken back.
    for _ in 0..4 {
        it.say.send(Ok(())).unwrap();
    }
    let recorded = |id: &str| Notice::Recorded { id: id.to_owned(), dir: Path::new("/events").join(id) };
    assert_eq!(
        [it.notice(), it.notice(), it.notice(), it.notice()],
        [Notice::FoldersWorking, recorded("A"), recorded("B"), recorded("C")]
    );
    assert!(it.event("D"));
    it.say.send(Ok(())).unwrap();
    assert_eq!(it.notice(), recorded("D"));
    assert_eq!(it.status(), ("recording".to_owned(), false, [4, 0, 0]));
    drop(it.say);
    let stats = it.recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (4, 4, 0));
    assert!(stats.folders_error.is_none());
}

#[test]
fn events_that_do_not_find_room_are_told_and_counted() {
    let mut it = Running::start(false);
    let named = (0..MOST_JOBS + 6).filter(|i| it.event(&i.to_string())).count();
    assert!(named > 0 && named <= MOST_JOBS, "{named}");
    let (state, _, counts) = it.status();
    assert_eq!((state.as_str(), counts), ("failing", [0, 6, MOST_JOBS as u64]));
    drop(it.say);
    let stats = it.recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (70, 64, 6));
    // Said once, and taken back when all that waited was written.
    assert!(stats.folders_error.is_none());
    // On a slow machine it may also have been said that the disk hangs.
    let other = |notice: &Notice| match notice {
        Notice::Recorded { .. } => false,
        Notice::FoldersFailing(why) => !why.contains("has not answered"),
        _ => true,
    };
    let told: Vec<Notice> = it.notices.try_iter().filter(other).collect();
    assert!(
        matches!(&told[..], [Notice::FoldersFailing(why), Notice::FoldersWorking] if why.contains("too many events")),
        "{told:?}"
    );
}

/// A recording that is read as quickly as it goes: its events wait, and so does the reading.
#[test]
fn where_reports_can_wait_no_event_is_lost() {
    let mut it = Running::start(true);
    let n = MOST_JOBS + 6;
    let (say, words) = (it.say.clone(), n);
    let disk = std::thread::spawn(move || {
        for _ in 0..words {
            std::thread::sleep(Duration::from_millis(2));
            say.send(Ok(())).unwrap();
        }
    });
    assert!((0..n).all(|i| it.event(&i.to_string())));
    disk.join().unwrap();
    let stats = it.recorder.finish().unwrap();
    assert_eq!((stats.folders_written, stats.folders_failed), (n as u64, 0));
}

#[test]
fn a_disk_that_hangs_at_the_end_is_waited_for_no_longer_than_is_said() {
    for waits in [false, true] {
        let mut it = Running::start(waits);
        assert!(it.event("A") && it.event("B"));
        let began = Instant::now();
        let stats = it.recorder.finish().unwrap();
        let took = began.elapsed();
        assert!(took >= GIVEN_UP / 2 && took < PATIENCE, "{took:?}");
        assert_eq!((stats.events, stats.folders_written, stats.folders_failed, stats.lines_written), (2, 0, 2, 2));
        let error = stats.folders_error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(error.to_string().contains("did not take 2 events"), "{error}");
    }
    // One that answers three times, and no more.
    let mut it = Running::start(false);
    for i in 0..40 {
        it.event(&i.to_string());
    }
    let say = it.say.clone();
    (0..3).for_each(|_| say.send(Ok(())).unwrap());
    let stats = it.recorder.finish_within(Duration::from_secs(2)).unwrap();
    assert!(stats.folders_written > 0 && stats.folders_failed > 0, "{stats:?}");
    assert_eq!(stats.folders_written + stats.folders_failed, 40);
    drop(say);
}

/// The program is told to stop while events of a recording wait for a disk that does not answer.
#[test]
fn whoever_waits_for_room_gives_up_when_the_end_is_near() {
    let it = Running::start(true);
    let reports = it.reports.clone();
    let source = std::thread::spawn(move || {
        for i in 0..MOST_JOBS + 20 {
            reports.send_timeout(event(&i.to_string(), Explained::Done), PATIENCE).unwrap();
        }
    });
    std::thread::sleep(Duration::from_millis(100));
    it.recorder.stopping();
    source.join().unwrap();
    let stats = it.recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written), (MOST_JOBS as u64 + 20, 0));
    assert_eq!((stats.folders_failed, stats.lines_written), (stats.events, stats.events));
}

#[test]
fn an_explanation_names_the_folder_only_of_an_event_that_has_one() {
    let mut it = Running::start(false);
    let of = |it: &mut Running, report: Report| it.line(report).get("files").is_some();
    assert!(of(&mut it, event("explained", Explained::Pending)));
    assert!(of(&mut it, event("explained", Explained::Done)), "it waits for the disk, and goes behind the event");
    it.say.send(Ok(())).unwrap();
    it.say.send(Ok(())).unwrap();
    assert!(matches!(it.notice(), Notice::Recorded { .. }));
    // One that could not be recorded.
    assert!(of(&mut it, event("explained", Explained::Pending)));
    it.say.send(Err(Error::output("the disk is full"))).unwrap();
    assert!(matches!(it.notice(), Notice::FoldersFailing(_)));
    assert!(!of(&mut it, event("explained", Explained::Done)));
    drop(it.say);
    let stats = it.recorder.finish().unwrap();
    assert_eq!((stats.folders_written, stats.folders_failed), (1, 1));
}
