//! The recording folder of a running monitor: what is written, for whom, and the index over it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use earwitness::{
    archive::{Filter, Index, Page, files::folder_bytes, read_event},
    engine::report::{EventReport, Report},
    record::{EventFolders, FolderOptions, Limits, Notice, Recorder, RecorderOptions, Store, StoreOptions},
};

use crate::support::record::event_report;

pub(crate) fn open(dir: &Path, folders: FolderOptions) -> Store {
    Store::open(dir, StoreOptions { folders, limits: Limits::default() }).unwrap()
}

/// Keys and bytes of all rows of the index of `dir`, newest first, which are those of the folders.
pub(crate) fn rows(dir: &Path) -> Vec<(String, u64)> {
    let mut index = Index::open(dir).unwrap();
    let all = |index: &Index| index.query(&Filter::default(), Page::ALL).unwrap();
    let before = all(&index);
    let totals = index.totals().unwrap();
    index.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(all(&index), before, "the folders say the same");
    assert_eq!(index.totals().unwrap(), totals);
    before.into_iter().map(|row| (row.dir, row.bytes)).collect()
}

#[test]
fn what_is_recorded_is_in_the_index_at_once_and_as_the_folders_say() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), FolderOptions::default());
    let folder = store.record(&event_report("01JD", "dog"), None).unwrap();
    let reader = Index::open(dir.path()).unwrap();
    let next = store.record(&event_report("01JE", "cat"), None).unwrap();
    let all = reader.query(&Filter::default(), Page::ALL).unwrap();
    let mut folders: Vec<_> = all.iter().map(|row| reader.folder(&row.dir)).collect();
    folders.reverse();
    assert_eq!(folders, [next, folder], "a reader that was there before sees it");
    assert_eq!(rows(dir.path()).len(), 2);
    let state = store.state();
    assert_eq!((state.events, state.bytes), (2, all.iter().map(|row| row.bytes).sum()));
    assert!(state.error.is_none() && state.free_bytes.unwrap() > 0);
}

#[test]
fn what_was_prepared_is_what_is_written_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    for options in [FolderOptions::default(), FolderOptions { clips: false, ..FolderOptions::default() }] {
        let folders = EventFolders::new(dir.path(), options).unwrap();
        let mut report = event_report("01JD", "dog");
        report.clip.heard.push(0.0);
        report.clip.interpretation.push(0.0);
        report.clip.components.iter_mut().for_each(|(_, audio)| audio.push(0.0));
        let prepared = folders.prepare(&report, Some("01JC")).unwrap();
        let folder = folders.commit(&prepared).unwrap();
        assert_eq!(folder, prepared.target());
        assert_eq!(folder_bytes(&folder).unwrap(), prepared.bytes());
        assert_eq!(fs::read(folder.join("event.json")).unwrap(), prepared.json());
        assert_eq!(read_event(&folder).unwrap().continues.as_deref(), Some("01JC"));
        fs::remove_dir_all(folder).unwrap();
    }
}

/// What a class's own settings, and its groups, say counts as well.
#[test]
fn what_the_report_says_of_its_class_counts() {
    use earwitness::engine::report::RecordWhat;
    let dir = tempfile::tempdir().unwrap();
    let mut store =
        open(dir.path(), FolderOptions { no_audio: ["people".to_owned()].into(), ..FolderOptions::default() });
    let mut files = |id: &str, groups: &[&str], record: RecordWhat| {
        let mut report = event_report(id, "dog");
        report.event.handling.groups = groups.iter().map(|g| (*g).to_owned()).collect();
        report.event.handling.record = record;
        fs::read_dir(store.record(&report, None).unwrap()).unwrap().count()
    };
    assert_eq!(files("A", &["animals"], RecordWhat::Full), 6);
    assert_eq!(files("B", &["animals"], RecordWhat::Figures), 1);
    assert_eq!(files("C", &["animals", "people"], RecordWhat::Full), 1);
    assert_eq!(files("D", &["animals"], RecordWhat::NoSpeech), 1);
    let index = Index::open(dir.path()).unwrap();
    let people = Filter { labels: vec!["people".into()], ..Filter::default() };
    assert_eq!(index.count(&people).unwrap(), 1);
}

#[test]
fn an_event_without_audio_for_the_sake_of_speech_says_so() {
    use earwitness::engine::report::RecordWhat;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), FolderOptions::default());
    for (record, why) in
        [(RecordWhat::NoSpeech, serde_json::json!("speech")), (RecordWhat::Full, serde_json::Value::Null)]
    {
        let mut report = event_report(if why.is_null() { "01JA" } else { "01JB" }, "dog");
        report.event.handling.record = record;
        let folder = store.record(&report, None).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("event.json")).unwrap()).unwrap();
        assert_eq!(json["no_audio"], why);
        assert_eq!(json["files"].as_object().unwrap().contains_key("clip"), why.is_null());
        assert_eq!(read_event(&folder).unwrap().score, Some(0.93), "the figures stay");
    }
}

#[test]
fn without_clips_and_for_labels_named_there_are_figures_alone() {
    let no_audio = ["speech", "../x"].map(str::to_owned).into();
    for (options, label, audio) in [
        (FolderOptions { clips: false, ..FolderOptions::default() }, "dog", false),
        (FolderOptions { no_audio, ..FolderOptions::default() }, "speech", false),
        (FolderOptions { no_audio: ["speech".to_owned()].into(), ..FolderOptions::default() }, "dog", true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let folder = open(dir.path(), options).record(&event_report("01JD", label), None).unwrap();
        let names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let event = read_event(&folder).unwrap();
        assert_eq!((event.score, event.components.len()), (Some(0.93), 2), "the figures stay");
        assert!(names.contains(&"event.json".to_owned()));
        if audio {
            assert!(names.len() == 6 && event.clip.is_some() && event.named_files().len() == 5);
        } else {
            assert_eq!(names, ["event.json"], "{label}");
            assert!(event.clip.is_none() && event.named_files().is_empty());
            let json: serde_json::Value =
                serde_json::from_slice(&fs::read(folder.join("event.json")).unwrap()).unwrap();
            assert_eq!(json["files"].as_object().unwrap().keys().collect::<Vec<_>>(), ["dir"]);
        }
        let reader = Index::open(dir.path()).unwrap();
        assert_eq!(reader.query(&Filter::default(), Page::ALL).unwrap()[0].has_clip, audio);
    }
}

/// Every path below `dir`, itself included, with its rights.
fn modes(dir: &Path) -> Vec<(bool, u32, String)> {
    let about = fs::symlink_metadata(dir).unwrap();
    let mut all = vec![(about.is_dir(), about.permissions().mode() & 0o777, dir.display().to_string())];
    if about.is_dir() {
        fs::read_dir(dir).unwrap().for_each(|entry| all.extend(modes(&entry.unwrap().path())));
    }
    all
}

#[test]
fn what_is_private_is_its_owners_alone() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("events");
    let mut store = open(&dir, FolderOptions::default());
    let folder = store.record(&event_report("01JD", "dog"), None).unwrap();
    Index::open(&dir).unwrap().set_marks("2026-11-20/150012Z-dog-01JD", &starred()).unwrap();
    assert!(folder.join("marks.json").is_file());
    let all = modes(&dir);
    // The folder, the day, the event with six files and marks, the index with two helpers.
    assert_eq!(all.len(), 3 + 7 + 3, "{all:?}");
    for (is_dir, mode, path) in all {
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{path}");
    }
    let open_dir = tmp.path().join("open");
    let mut store = open(&open_dir, FolderOptions { private: false, ..FolderOptions::default() });
    store.record(&event_report("01JD", "dog"), None).unwrap();
    // Whatever the umask is, it is the same here.
    let (probe_dir, probe_file) = (tmp.path().join("d"), tmp.path().join("f"));
    fs::create_dir(&probe_dir).unwrap();
    fs::write(&probe_file, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (is_dir, is, path) in modes(&open_dir).into_iter().filter(|(_, _, path)| !path.contains(".index")) {
        assert_eq!(is, mode(if is_dir { &probe_dir } else { &probe_file }), "{path}");
    }
}

pub(crate) fn starred() -> earwitness::archive::Marks {
    earwitness::archive::Marks { starred: true, ..Default::default() }
}

/// Two monitors and a person at once: nothing is lost, and what a killed one left is cleaned beside a running one.
#[test]
fn two_monitors_may_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut stores = [(); 2].map(|()| open(dir.path(), FolderOptions::default()));
    std::thread::scope(|threads| {
        for (who, store) in stores.iter_mut().enumerate() {
            threads.spawn(move || {
                for i in 0..10 {
                    store.record(&event_report(&format!("{who}-{i}"), "dog"), None).unwrap();
                }
            });
        }
    });
    assert_eq!(rows(dir.path()).len(), 20);
    let left = dir.path().join("2026-11-20/.tmp-left");
    fs::create_dir(&left).unwrap();
    let third = open(dir.path(), FolderOptions::default());
    assert!(!left.exists());
    assert_eq!(third.state().events, 20);
}

#[test]
fn an_index_that_is_taken_away_or_spoilt_while_it_runs_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), FolderOptions::default());
    let one = |store: &mut Store, id: &str| store.record(&event_report(id, "dog"), None).unwrap();
    one(&mut store, "A");
    fs::remove_file(dir.path().join(".index.sqlite")).unwrap();
    one(&mut store, "B");
    assert_eq!(rows(dir.path()).len(), 2);
    fs::write(dir.path().join(".index.sqlite"), vec![7; 20_000]).unwrap();
    one(&mut store, "C");
    one(&mut store, "D");
    assert_eq!(store.state().events, 4);
    assert_eq!(rows(dir.path()).len(), 4);
}

#[test]
fn a_running_recorder_takes_new_settings() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), FolderOptions::default());
    let recorder =
        Recorder::spawn(RecorderOptions { capacity: 8, store: Some(store), lines: None, relays: Vec::new() }).unwrap();
    let (reports, notices) = (recorder.reports(), recorder.notices());
    let send = |report: EventReport| {
        reports.send(Report::Event(Box::new(report))).unwrap();
        match notices.recv().unwrap() {
            Notice::Recorded { dir, .. } => fs::read_dir(dir).unwrap().count(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(send(event_report("A", "dog")), 6);
    let folders = FolderOptions { clips: false, ..FolderOptions::default() };
    recorder.reconfigure(StoreOptions { folders, limits: Limits::default() });
    // It may take the change after a report that came behind it, but not after many.
    let counts: Vec<_> = (0..50).map(|i| send(event_report(&format!("B{i}"), "dog"))).collect();
    assert_eq!(counts[49], 1, "{counts:?}");
    recorder.finish().unwrap();
}
