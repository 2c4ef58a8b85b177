//! Events that are recorded before they are explained.

use std::{
    fs,
    path::{Path, PathBuf},
};

use earwitness::{
    archive::{Index, event::read_event, marks::Marks},
    engine::report::{EventReport, Explained, Report},
    record::{FolderOptions, Recorder, RecorderOptions, Store, StoreOptions, report_json},
};

use crate::support::record;

fn done() -> EventReport {
    let mut report = record::event_report("A", "dog");
    report.event.method = "lrp".to_owned();
    report
}

/// As it is told first: nobody knows yet why.
fn pending() -> EventReport {
    let mut report = done();
    report.event.explanation = Explained::Pending;
    report.event.components.clear();
    report.event.faithfulness = None;
    report.clip.components.clear();
    report.clip.interpretation.fill(0.0);
    report.clip.picture.mask.fill(0.0);
    report
}

fn missed() -> EventReport {
    let mut report = pending();
    report.event.explanation = Explained::Missed;
    report
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("event.json")).unwrap()).unwrap()
}

fn recorded(dir: &Path, options: StoreOptions) -> (Store, PathBuf) {
    let mut store = Store::open(dir, options).unwrap();
    let folder = store.record(&pending(), None).unwrap();
    (store, folder)
}

#[test]
fn the_folder_is_completed_and_what_people_said_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, folder) = recorded(dir.path(), StoreOptions::default());
    assert_eq!(names(&folder), ["clip.wav", "event.json", "spectrogram.png"]);
    let first = json(&folder);
    assert_eq!((first["explanation"].as_str(), &first["faithfulness"]), (Some("pending"), &serde_json::Value::Null));
    assert!(first["files"].get("interpretation").is_none());
    assert!(read_event(&folder).unwrap().faithfulness.is_none());
    let (picture, clip) =
        (fs::read(folder.join("spectrogram.png")).unwrap(), fs::read(folder.join("clip.wav")).unwrap());
    Marks { starred: true, ..Marks::default() }.write(&folder).unwrap();

    assert_eq!(store.attach(&done(), Some("B")).unwrap().as_deref(), Some(folder.as_path()));
    let all = [
        "clip.wav",
        "component-04.wav",
        "component-17.wav",
        "event.json",
        "interpretation.wav",
        "marks.json",
        "spectrogram.png",
    ];
    assert_eq!(names(&folder), all, "nothing temporary is left");
    let then = json(&folder);
    assert!(then.get("explanation").is_none());
    assert_eq!((then["id"].as_str(), then["continues"].as_str()), (Some("A"), Some("B")));
    assert!(fs::read(folder.join("clip.wav")).unwrap() == clip);
    assert!(fs::read(folder.join("spectrogram.png")).unwrap() != picture, "the mask is in it now");
    let event = read_event(&folder).unwrap();
    assert_eq!(event.faithfulness.as_ref().map(|f| f.agrees), Some(true));
    for file in event.named_files() {
        assert!(folder.join(file).is_file(), "{file}");
    }
    // A folder that was complete at once is the same.
    let other = tempfile::tempdir().unwrap();
    let at_once = Store::open(other.path(), StoreOptions::default()).unwrap().record(&done(), Some("B")).unwrap();
    for file in event.named_files() {
        assert!(fs::read(folder.join(file)).unwrap() == fs::read(at_once.join(file)).unwrap(), "{file}");
    }
    let row = |key: &str| Index::open(dir.path()).unwrap().row(key).unwrap().unwrap();
    let row = row("2026-11-20/150012Z-dog-A");
    assert_eq!((row.agrees, row.marks.starred), (Some(true), true));
    assert_eq!(row.bytes, names(&folder).iter().map(|n| fs::metadata(folder.join(n)).unwrap().len()).sum::<u64>());
}

#[test]
fn what_is_not_explained_says_so_and_what_is_gone_stays_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, folder) = recorded(dir.path(), StoreOptions::default());
    store.attach(&missed(), None).unwrap();
    assert_eq!(names(&folder), ["clip.wav", "event.json", "spectrogram.png"]);
    assert_eq!(json(&folder)["explanation"], "missed");

    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(store.attach(&done(), None).unwrap(), None);
    assert!(!folder.exists());
}

#[test]
fn where_no_audio_is_kept_none_is_attached() {
    let dir = tempfile::tempdir().unwrap();
    let folders = FolderOptions { clips: false, ..FolderOptions::default() };
    let (mut store, folder) = recorded(dir.path(), StoreOptions { folders, ..StoreOptions::default() });
    store.attach(&done(), None).unwrap();
    assert_eq!(names(&folder), ["event.json"]);
    assert_eq!(json(&folder)["faithfulness"]["agrees"], true);
}

#[test]
fn the_recorder_tells_of_it_in_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = Some(Store::open(dir.path(), StoreOptions::default()).unwrap());
    let recorder = Recorder::spawn(RecorderOptions { capacity: 8, store, lines: None, relays: Vec::new() }).unwrap();
    for report in [Report::Event(Box::new(pending())), Report::Explained(Box::new(done()))] {
        recorder.reports().send(report).unwrap();
    }
    let stats = recorder.finish().unwrap();
    assert_eq!((stats.events, stats.folders_written, stats.folders_failed), (1, 1, 0));
    assert!(dir.path().join("2026-11-20/150012Z-dog-A/interpretation.wav").is_file());
    let line = |report: Report| report_json(&report, &Default::default()).unwrap();
    let (then, never) = (line(Report::Explained(Box::new(done()))), line(Report::Explained(Box::new(missed()))));
    for (line, explanation) in [(&then, "done"), (&never, "missed")] {
        assert_eq!((line["type"].as_str(), line["explanation"].as_str()), (Some("explained"), Some(explanation)));
        assert_eq!((line["id"].as_str(), line["method"].as_str()), (Some("A"), Some("lrp")));
    }
    assert_eq!(then["faithfulness"]["prob_in"], 0.95);
}
