//! One JSON object a line, to the letter.

use std::{
    cell::RefCell,
    io::{self, Write},
    path::Path,
    rc::Rc,
};

use earwitness::{
    ErrorKind,
    engine::report::{Event, Handling, Reason, ReasonReport, Report},
    record::{JsonLines, RecordingState},
    units::{ClassId, SamplePos},
};
use jiff::tz::{TimeZone, offset};

use crate::support::record;

fn lines_of(reports: &[Report], dir: Option<&Path>) -> String {
    let mut lines = JsonLines::new(Vec::new()).with_time_zone(TimeZone::fixed(offset(1)));
    for report in reports {
        lines.write(report, dir).unwrap();
    }
    String::from_utf8(lines.into_inner()).unwrap()
}

fn line_of(event: &Event) -> String {
    let mut lines = JsonLines::new(Vec::new());
    lines.write_event(event, None, None).unwrap();
    String::from_utf8(lines.into_inner()).unwrap()
}

#[test]
fn an_event_is_the_contracts_line() {
    let report = Report::Event(Box::new(record::event_report("01JD0000000000000000000000", "dog")));
    assert_eq!(
        lines_of(std::slice::from_ref(&report), Some(Path::new("/rec/2026-11-20/150012Z-dog-01JD"))),
        concat!(
            r#"{"type":"event","id":"01JD0000000000000000000000","label":"dog","class":0,"score":0.93,"#,
            r#""onset_s":12.341,"offset_s":14.102,"#,
            r#""onset":"2026-11-20T15:00:12.341Z","offset":"2026-11-20T15:00:14.102Z","source":"file:yard.wav","#,
            r#""model":{"name":"esc13","sha256":"0123abcd"},"method":"l2i","#,
            r#""components":[{"index":17,"relevance":1.0,"name":"dog 3"},{"index":4,"relevance":-0.41}],"#,
            r#""faithfulness":{"agrees":true,"prob":0.93,"prob_in":0.95,"prob_out":0.11},"verdict":"enough_and_needed","#,
            r#""latency_s":0.61,"lag_s":0.02,"files":{"dir":"/rec/2026-11-20/150012Z-dog-01JD"}}"#,
            "\n"
        )
    );
    assert!(!lines_of(&[report], None).contains("files"), "an event that was not recorded has no files");
}

#[test]
fn groups_quiet_hours_and_the_level_of_any_loud_sound_are_told_where_there_are_some() {
    let mut event = record::event("01", "any_loud");
    event.handling = Handling { groups: vec!["a".into(), "b \"c\"".into()], quiet: true, ..Handling::default() };
    event.level_dbfs = Some(-18.26);
    let line = line_of(&event);
    let want = r#""lag_s":0.02,"level_dbfs":-18.3,"groups":["a","b \"c\""],"quiet":true}"#;
    assert!(line.trim_end().ends_with(want), "{line}");
}

#[test]
fn why_a_label_is_not_reported_is_a_line() {
    let reason = ReasonReport {
        label: "dog".into(),
        class: ClassId(3),
        score: 0.7123,
        on_threshold: 0.6,
        reason: Reason::Cooldown { left_secs: 12.4 },
        position: SamplePos(160_000),
        source: "file:yard.wav".into(),
        clock: record::clock(),
    };
    assert_eq!(
        lines_of(&[Report::Reason(reason)], None),
        concat!(
            r#"{"type":"reason","label":"dog","class":3,"score":0.7123,"on_threshold":0.6,"reason":"cooldown","#,
            r#""text":"cooldown 12 s left","t_s":10.0,"time":"2026-11-20T15:00:10.000Z","source":"file:yard.wav"}"#,
            "\n"
        )
    );
}

#[test]
fn start_status_and_stop_are_lines_too() {
    let reports = [Report::Start(record::start()), Report::Status(record::status()), Report::Stop(record::stop())];
    assert_eq!(
        lines_of(&reports, None),
        concat!(
            r#"{"type":"start","source":"file:yard.wav","model":{"name":"esc13","sha256":"0123abcd"},"method":"l2i","#,
            r#""input_rate_hz":44100,"input_channels":2,"sample_rate_hz":16000,"stride_s":0.5,"#,
            r#""start":"2026-11-20T15:00:00.000Z","local_offset":"+01:00","version":""#,
            env!("CARGO_PKG_VERSION"),
            "\"}\n",
            r#"{"type":"status","source":"file:yard.wav","t_s":10.0,"time":"2026-11-20T15:00:10.000Z","level_dbfs":-43.2,"load":0.0812,"#,
            r#""captured_samples":882000,"analysed_samples":881000,"dropped_samples":600,"waiting_samples":400,"away_samples":7,"xruns":2,"#,
            r#""invalid_samples":3,"shed_strides":5,"events":4,"lag_s":0.25,"latency_p50_s":0.61,"latency_p99_s":1.2,"#,
            r#""health":"hearing","trouble":null,"shed":["jobs","interpretation"],"device":"cpu"}"#,
            "\n",
            r#"{"type":"stop","source":"file:yard.wav","t_s":20.000063,"time":"2026-11-20T15:00:20.000Z","reason":"end of input","#,
            r#""captured_samples":882000,"analysed_samples":881000,"dropped_samples":600,"waiting_samples":400,"away_samples":7,"xruns":2,"#,
            r#""invalid_samples":3,"shed_strides":5,"events":4,"#,
            r#""busy_s":1.5,"wall_s":2.0,"realtime_factor":10.0}"#,
            "\n",
        )
    );
}

#[test]
fn a_number_that_is_not_finite_is_null_and_silence_has_a_level() {
    let mut event = record::event("01", "dog");
    event.score = f32::NAN;
    event.latency_secs = f64::INFINITY;
    event.faithfulness = None;
    let line: serde_json::Value = serde_json::from_str(&line_of(&event)).unwrap();
    assert!(line["score"].is_null() && line["latency_s"].is_null() && line["faithfulness"].is_null());
    assert!(line.as_object().unwrap().contains_key("faithfulness"));

    let mut status = record::status();
    status.level_dbfs = f32::NEG_INFINITY;
    let mut stop = record::stop();
    stop.wall_secs = 0.0;
    let text = lines_of(&[Report::Status(status), Report::Stop(stop)], None);
    assert!(text.contains(r#""level_dbfs":-200.0"#) && text.contains(r#""realtime_factor":null"#), "{text}");
}

#[test]
fn times_round_to_the_millisecond_and_a_minus_zero_is_zero() {
    let mut event = record::event("01", "dog");
    event.onset = SamplePos(960_000 - 4); // 59.99975 s
    event.components = vec![record::share(1, "", -0.000_01)];
    let line = line_of(&event);
    assert!(
        line.contains(r#""onset_s":59.99975,"#) && line.contains(r#""onset":"2026-11-20T15:01:00.000Z""#),
        "{line}"
    );
    assert!(line.contains(r#"{"index":1,"relevance":0.0}"#), "{line}");
}

#[test]
fn a_line_stays_one_line_whatever_the_names_hold() {
    let mut event = record::event("01", "a\nb\"c\u{2028}\u{0}");
    event.source = "file:\r\n{}".to_owned();
    let text = line_of(&event);
    assert_eq!(text.matches('\n').count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["label"], "a\nb\"c\u{2028}\u{0}");
}

#[test]
fn every_line_is_flushed() {
    struct Flushes(usize);
    impl Write for Flushes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0 += 1;
            Ok(())
        }
    }
    let mut lines = JsonLines::new(Flushes(0));
    for _ in 0..3 {
        lines.write(&Report::Status(record::status()), None).unwrap();
    }
    assert_eq!(lines.into_inner().0, 3);
}

#[test]
fn a_reader_that_goes_away_is_one_error_and_no_more() {
    let (reader, writer) = io::pipe().unwrap();
    let mut lines = JsonLines::new(writer);
    lines.write(&Report::Start(record::start()), None).unwrap();
    drop(reader);
    let error = lines.write(&Report::Status(record::status()), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("closed"), "{error}");
    assert!(lines.is_closed());
    for _ in 0..5 {
        lines.write(&Report::Status(record::status()), None).unwrap();
    }
    assert_eq!((lines.written_lines(), lines.lost_lines()), (1, 6));
}

/// Takes `room` bytes, then is full until given more.
#[derive(Default)]
struct Disk {
    room: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Default)]
struct SharedDisk(Rc<RefCell<Disk>>);

impl Write for SharedDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.borrow_mut();
        let n = bytes.len().min(disk.room);
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.room -= n;
        disk.bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_one_error_and_no_line_is_ever_cut() {
    let length = lines_of(&[Report::Status(record::status())], None).len();
    // Every place where the disk may become full, and then little, some or enough room for what comes next.
    for (first, then) in (0..=length).flat_map(|first| [(first, 1), (first, 7), (first, length + 3)]) {
        let disk = SharedDisk::default();
        let mut lines = JsonLines::new(disk.clone());
        let mut errors = Vec::new();
        for (xruns, room) in [(7, first), (8, then), (9, 10 * length)] {
            disk.0.borrow_mut().room += room;
            let mut status = record::status();
            status.totals.xruns = xruns;
            errors.extend(lines.write(&Report::Status(status), None).err());
        }
        assert_eq!(errors.len(), usize::from(first < length || then < length), "{first} then {then}");
        assert!(errors.iter().all(|e| e.kind() == ErrorKind::Output));

        let text = String::from_utf8(disk.0.borrow().bytes.clone()).unwrap();
        let values: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(values.last().unwrap()["xruns"], 9, "{first} then {then}");
        assert_eq!((values.len() as u64, 3), (lines.written_lines(), lines.written_lines() + lines.lost_lines()));
        assert!(text.ends_with('\n') && !lines.is_closed());
    }
}

#[test]
fn a_status_says_how_recording_goes_and_a_piece_what_it_goes_on_from() {
    let mut lines = JsonLines::new(Vec::new());
    let mut state = RecordingState {
        events: 7,
        bytes: 1234,
        free_bytes: Some(5_000),
        removed: 2,
        recorded: 5,
        unrecorded: 1,
        waiting: 3,
        error: None,
    };
    lines.write_status(&record::status(), Some(&state)).unwrap();
    state.error = Some("the disk is full".into());
    state.free_bytes = None;
    lines.write_status(&record::status(), Some(&state)).unwrap();
    lines.write_event(&record::event("B", "dog"), None, Some("A")).unwrap();
    let text = String::from_utf8(lines.into_inner()).unwrap();
    let ends = [
        r#""device":"cpu","recording":{"state":"recording","error":null,"events":7,"bytes":1234,"free_bytes":5000,"removed":2,"recorded":5,"unrecorded":1,"waiting":3}}"#,
        r#""recording":{"state":"failing","error":"the disk is full","events":7,"bytes":1234,"free_bytes":null,"removed":2,"recorded":5,"unrecorded":1,"waiting":3}}"#,
        r#""lag_s":0.02,"continues":"A"}"#,
    ];
    for (line, end) in text.lines().zip(ends) {
        assert!(line.ends_with(end), "{line}");
    }
}
