//! Lines and records against the schemas of `docs/schema`.

use std::path::Path;

use earwitness::{
    engine::report::{
        EventReport, Explained, Handling, LevelsReport, ListenReport, OnsetReport, Reason, ReasonReport, RecordWhat,
        Report, TimedLevels,
    },
    record::{EventFolders, FolderOptions, JsonLines, RecordingState, SinkState},
    units::{ClassId, SamplePos, SecondLevels},
};
use serde_json::{Value, json};

use crate::support::{
    record,
    schema::{assert_fits, errors},
};

fn line(write: impl FnOnce(&mut JsonLines<Vec<u8>>) -> earwitness::Result<()>) -> Value {
    let mut lines = JsonLines::new(Vec::new());
    write(&mut lines).unwrap();
    serde_json::from_slice(&lines.into_inner()).unwrap()
}

fn line_of(report: &Report) -> Value {
    line(|lines| lines.write(report, Some(Path::new("/rec/2026-11-20/150012Z-dog-01JD"))))
}

/// An event with everything that one can have.
fn full() -> EventReport {
    let mut report = record::event_report("01JD0000000000000000000000", "dog");
    report.event.in_file = Some(SamplePos(16_000));
    report.event.level_dbfs = Some(-18.0);
    report.event.handling = Handling { groups: vec!["animals".into()], quiet: true, record: RecordWhat::NoSpeech };
    report
}

#[test]
fn every_line_is_what_its_schema_says() {
    let mut start = record::start();
    assert_fits("start", &line_of(&Report::Start(start.clone())));
    start.listen = Some(ListenReport { output: "device".into(), delay_secs: 1.25 });
    assert_fits("start", &line_of(&Report::Start(start)));
    assert_fits("stop", &line_of(&Report::Stop(record::stop())));

    let mut event = full();
    assert_fits("event", &line_of(&Report::Event(Box::new(event.clone()))));
    assert_fits("event", &line(|lines| lines.write_event(&record::event("01", "dog"), None, Some("00"))));
    event.event.explanation = Explained::Pending;
    event.event.faithfulness = None;
    assert_fits("event", &line_of(&Report::Event(Box::new(event.clone()))));
    event.event.explanation = Explained::Missed;
    assert_fits("explained", &line_of(&Report::Explained(Box::new(event))));
    assert_fits("explained", &line_of(&Report::Explained(Box::new(full()))));

    let onset = OnsetReport {
        id: "01".into(),
        label: "dog".into(),
        class: ClassId(0),
        score: 0.9,
        onset: SamplePos(16_000),
        in_file: Some(SamplePos(0)),
        source: "file:yard.wav".into(),
        latency_secs: 0.5,
        lag_secs: 0.0,
        handling: full().event.handling,
        clock: record::clock(),
    };
    assert_fits("onset", &line_of(&Report::Onset(onset)));
    let reason = ReasonReport {
        label: "dog".into(),
        class: ClassId(0),
        score: 0.4,
        on_threshold: 0.8,
        reason: Reason::Off,
        position: SamplePos(16_000),
        source: "file:yard.wav".into(),
        clock: record::clock(),
    };
    assert_fits("reason", &line_of(&Report::Reason(reason)));
    let levels = SecondLevels { laeq_db: 48.25, lafmax_db: 61.0, lceq_db: 55.0, lzeq_db: f32::NEG_INFINITY };
    let levels = LevelsReport {
        source: "device:yard".into(),
        calibration_db: 121.0,
        clock: record::clock(),
        seconds: vec![TimedLevels { begin: SamplePos(16_000), levels }],
    };
    assert_fits("levels", &line_of(&Report::Levels(levels)));
}

#[test]
fn a_status_fits_with_and_without_what_is_optional() {
    let mut status = record::status();
    assert_fits("status", &line(|lines| lines.write_status(&status, None)));
    status.level_dbfs = f32::NEG_INFINITY;
    status.trouble = Some("it is away".into());
    status.latency = None;
    let recording = RecordingState { error: Some("the disk is full".into()), ..RecordingState::default() };
    let sinks = vec![SinkState { name: "phone".into(), error: Some("no answer".into()), ..SinkState::default() }];
    let full = line(|lines| {
        lines.set_sinks(sinks);
        lines.write_status(&status, Some(&recording))
    });
    assert!(full["sinks"][0]["name"] == "phone" && full["recording"]["state"] == "failing");
    assert_fits("status", &full);
}

#[test]
fn the_record_in_a_folder_fits() {
    let dir = tempfile::TempDir::new().unwrap();
    let folders = EventFolders::new(dir.path(), FolderOptions::default()).unwrap();
    let record_of = |report: &EventReport| -> Value {
        let folder = folders.write(report).unwrap();
        serde_json::from_slice(&std::fs::read(folder.join("event.json")).unwrap()).unwrap()
    };
    let with_sound = record_of(&record::event_report("01JD0000000000000000000000", "dog"));
    assert!(with_sound["files"]["clip"] == "clip.wav");
    assert_fits("event-folder", &with_sound);
    let mut silent = full();
    silent.event.id = "01JD0000000000000000000001".into();
    let without = record_of(&silent);
    assert!(without["files"].get("clip").is_none());
    assert_fits("event-folder", &without);
}

/// A schema that lets everything pass would prove nothing.
#[test]
fn what_is_wrong_is_found() {
    let event = line_of(&Report::Event(Box::new(full())));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut event = event.clone();
        change(&mut event);
        errors("event", &event)
    };
    assert_eq!(changed(&|_| {}), Vec::<String>::new());
    let remove = |event: &mut Value| drop(event.as_object_mut().unwrap().remove("score"));
    for (what, change) in [
        ("a field less", &remove as &dyn Fn(&mut Value)),
        ("a field that nobody documented", &|event| event["extra"] = json!(1)),
        ("another type", &|event| event["type"] = json!("status")),
        ("a score above 1", &|event| event["score"] = json!(1.5)),
        ("a time in words", &|event| event["onset"] = json!("noon")),
        ("no component", &|event| event["components"] = json!([{"name": "dog 3"}])),
        ("no verdict", &|event| event["verdict"] = json!("fine")),
    ] {
        assert!(!changed(change).is_empty(), "{what} passes");
    }
}
