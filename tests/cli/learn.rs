//! `earwitness learn`: marks change what is reported, are remembered, and can be taken back.

#![allow(clippy::unwrap_used)]

use std::fs;

use crate::enroll::{RATE_HZ, hiss, model_with_bank, trill};
use crate::support::e2e::*;
use crate::support::run::Run;
use earwitness::archive::{Filter, Index, Marks, Page, Verdict};

/// A monitor's events of the label `trill`, which it records in `events`.
fn heard(run: &Run, folder: &str) -> usize {
    let listen =
        ["monitor", "--input", "stream.wav", "--fast", "--ui", "jsonl", "--model", "./mine", "--only", "trill"];
    let lines = run.ok(&[&listen[..], &["--labels", "own", "--record", folder]].concat()).stdout;
    of_type(&json_lines(&lines), "event").len()
}

fn mark(run: &Run, folder: &str, verdict: Option<Verdict>) {
    let mut index = Index::open(&run.home().join(folder)).unwrap();
    for row in index.query(&Filter::default(), Page::ALL).unwrap() {
        let label = verdict.map(|_| "cricket".to_owned());
        index.set_marks(&row.dir, &Marks { verdict, label, ..Marks::default() }).unwrap();
    }
}

#[test]
fn what_was_marked_wrong_is_no_longer_reported_until_it_is_taken_back() {
    let run = Run::new();
    model_with_bank(&run.home().join("mine"));
    write_wav(&run.home().join("trill.wav"), RATE_HZ, 1, &trill(1.0));
    let stream = [hiss(2.0, 0.01), trill(1.5), hiss(3.0, 0.01), trill(1.2), hiss(2.0, 0.01)].concat();
    write_wav(&run.home().join("stream.wav"), RATE_HZ, 1, &stream);
    run.ok(&["enroll", "trill", "trill.wav", "--model", "./mine", "--labels", "own"]);
    let before = heard(&run, "events");
    assert!(before >= 1);

    let learn = |args: &[&str]| run.ok(&[&["learn"], args, &["--model", "./mine", "--labels", "own"]].concat()).stdout;
    assert!(learn(&["events"]).starts_with("no event is marked yet"));
    fs::create_dir(run.home().join("nothing")).unwrap();
    assert!(learn(&["nothing"]).starts_with("no event is marked yet"));
    assert_eq!(fs::read_dir(run.home().join("nothing")).unwrap().count(), 0, "no file is left there");
    mark(&run, "events", Some(Verdict::Wrong));
    let tried = learn(&["events", "--dry-run"]);
    assert!(tried.contains("because this was a dry run") && learn(&["--list"]).is_empty(), "{tried}");
    let report = learn(&["events"]);
    assert!(
        report.starts_with("trill:\n")
            && report.contains(&format!("wrong events: {before} ({before} cricket); 0 would")),
        "{report}"
    );
    assert!(report.contains("version 1 is in force"), "{report}");
    assert!(learn(&["events"]).contains("knows them all already"));
    assert_eq!(heard(&run, "quiet"), 0);

    // Retention takes the events away; what they taught stays.
    fs::remove_dir_all(run.home().join("events")).unwrap();
    fs::create_dir(run.home().join("events")).unwrap();
    assert!(learn(&["events"]).contains("knows them all already"));
    let json = learn(&["events", "--dry-run", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["labels"][0]["label"], &json["marks"]), (&"trill".into(), &before.into()));
    let listed = learn(&["--list"]);
    assert!(listed.contains(&format!("  {before}      trill")), "{listed}");

    assert!(learn(&["--undo"]).contains("version 1 is taken back; the model is as it came"));
    assert_eq!(heard(&run, "again"), before);
    assert!(learn(&["--undo"]).contains("has learned nothing"));
}

#[test]
fn a_mark_that_is_taken_back_is_forgotten() {
    let run = Run::new();
    model_with_bank(&run.home().join("mine"));
    write_wav(&run.home().join("trill.wav"), RATE_HZ, 1, &trill(1.0));
    write_wav(&run.home().join("stream.wav"), RATE_HZ, 1, &[hiss(2.0, 0.01), trill(1.5), hiss(2.0, 0.01)].concat());
    run.ok(&["enroll", "trill", "trill.wav", "--model", "./mine", "--labels", "own"]);
    let before = heard(&run, "events");
    mark(&run, "events", Some(Verdict::Wrong));
    let learn = ["learn", "events", "--model", "./mine", "--labels", "own"];
    run.ok(&learn);
    mark(&run, "events", None);
    assert!(run.ok(&learn).stdout.contains("no mark is left; version 2 is in force"));
    assert_eq!(heard(&run, "again"), before);
}

#[test]
fn what_cannot_be_learned_from_is_refused() {
    let run = Run::new().with_default_model();
    assert!(run.fails(2, &["learn"]).contains("DIR"));
    assert!(run.fails(3, &["learn", "nowhere", "--model", "everyday"]).contains("monitor --record"));
    let e = run.fails(2, &["learn", ".", "--model", "esc13"]);
    assert!(e.contains("hears no streams"), "{e}");
    fs::create_dir_all(run.home().join("own/learned/everyday")).unwrap();
    fs::write(run.home().join("own/learned/everyday/0001.toml"), "format = 1").unwrap();
    let e = run.fails(4, &["learn", ".", "--model", "everyday", "--labels", "own"]);
    assert!(e.contains("0001.toml"), "{e}");
}
