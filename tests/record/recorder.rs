//! The recorder thread.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use earwitness::{
    engine::report::Report,
    record::{JsonLines, Notice, Recorder, RecorderOptions, Store, StoreOptions},
};

use crate::support::record;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn sink(out: impl Write + Send + 'static) -> Option<JsonLines<Box<dyn Write + Send>>> {
    Some(JsonLines::new(Box::new(out)))
}

fn event(id: &str) -> Report {
    Report::Event(Box::new(record::event_report(id, "dog")))
}

#[test]
fn reports_become_folders_lines_and_notices_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let out = Shared::default();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    // Room for one: the sender has to wait, and nothing is lost.
    let recorder = Recorder::spawn(RecorderOptions {
        capacity: 1,
        store: Some(store),
        lines: sink(out.clone()),
        relays: Vec::new(),
    })
    .unwrap();
    let (reports, notices) = (recorder.reports(), recorder.notices());
    for report in [
        Report::Start(record::start()),
        event("A"),
        Report::Status(record::status()),
        event("B"),
        Report::Stop(record::stop()),
    ] {
        reports.send(report).unwrap();
    }
    // A sender that is still held does not keep the recorder from finishing.
    let stats = recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (2, 2, 0));
    assert_eq!((stats.lines_written, stats.lines_lost), (5, 0));
    assert!(stats.folders_error.is_none() && stats.lines_error.is_none());

    let lines = out.lines();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["start", "event", "status", "event", "stop"]);
    let told: Vec<_> = notices.iter().collect();
    let expected: Vec<_> = ["A", "B"]
        .map(|id| {
            let dir = dir.path().join(format!("2026-11-20/150012Z-dog-{id}"));
            assert!(dir.join("event.json").is_file());
            Notice::Recorded { id: id.to_owned(), dir }
        })
        .into();
    assert_eq!(told, expected);
    for (line, notice) in [&lines[1], &lines[3]].into_iter().zip(&told) {
        let Notice::Recorded { dir, .. } = notice else { panic!("{notice:?}") };
        assert_eq!(line["files"]["dir"], dir.to_str().unwrap());
    }
    assert!(reports.send(event("late")).is_err());
}

#[test]
fn a_disk_that_fails_is_said_once_and_events_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = Shared::default();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let blocked = dir.path().join("2026-11-20");
    fs::write(&blocked, "").unwrap();
    let recorder = Recorder::spawn(RecorderOptions {
        capacity: 8,
        store: Some(store),
        lines: sink(out.clone()),
        relays: Vec::new(),
    })
    .unwrap();
    let (reports, notices) = (recorder.reports(), recorder.notices());
    reports.send(event("A")).unwrap();
    assert!(matches!(notices.recv().unwrap(), Notice::FoldersFailing(why) if why.contains("2026-11-20")));
    reports.send(event("B")).unwrap();
    reports.send(event("C")).unwrap();
    while recorder.recording().unwrap().unrecorded < 3 {
        std::thread::yield_now();
    }
    fs::remove_file(&blocked).unwrap();
    reports.send(event("D")).unwrap();
    let stats = recorder.finish().unwrap();

    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (4, 1, 3));
    assert!(stats.folders_error.is_none(), "it was mended");
    // B and C failed without another word.
    let told: Vec<_> = notices.iter().collect();
    assert!(matches!(&told[..], [Notice::FoldersWorking, Notice::Recorded { id, .. }] if id == "D"), "{told:?}");
    // A line does not wait for the disk: it names a folder as long as it is as good as sure that there will be one.
    let with_files: Vec<_> = out.lines().iter().map(|line| line.get("files").is_some()).collect();
    assert_eq!(with_files, [true, false, false, false]);
}

#[test]
fn a_reader_that_goes_away_is_seen_and_folders_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let recorder =
        Recorder::spawn(RecorderOptions { capacity: 8, store: Some(store), lines: sink(writer), relays: Vec::new() })
            .unwrap();
    assert!(!recorder.lines_closed());
    let (reports, notices) = (recorder.reports(), recorder.notices());
    for report in [Report::Start(record::start()), event("A"), Report::Stop(record::stop())] {
        reports.send(report).unwrap();
    }
    assert!(matches!(notices.recv().unwrap(), Notice::LinesFailing(why) if why.contains("closed")));
    assert!(recorder.lines_closed());
    let stats = recorder.finish().unwrap();
    assert_eq!((stats.folders_written, stats.lines_written, stats.lines_lost), (1, 0, 3));
    assert!(stats.lines_error.is_some());
    assert_eq!(notices.iter().count(), 1);
}

#[test]
fn without_folder_and_lines_reports_are_counted_and_dropped() {
    let recorder =
        Recorder::spawn(RecorderOptions { capacity: 0, store: None, lines: None, relays: Vec::new() }).unwrap();
    let reports = recorder.reports();
    // More than there is room for notices and reports: nobody reads, nothing blocks.
    for i in 0..600 {
        reports.send(event(&i.to_string())).unwrap();
    }
    let stats = recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (600, 0, 0));
}
