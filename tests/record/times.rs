//! Times of what is recorded: across midnight, zones, and clocks that are set.

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use earwitness::{
    archive::{StoredEvent, read_event},
    engine::report::{EventReport, Report},
    record::{FolderOptions, JsonLines, Recorder, RecorderOptions, Store, StoreOptions},
    units::SamplePos,
};
use jiff::tz::TimeZone;

use crate::support::record::event_report;

fn store(dir: &Path, zone: TimeZone) -> Store {
    let folders = FolderOptions { time_zone: Some(zone), ..FolderOptions::default() };
    Store::open(dir, StoreOptions { folders, ..StoreOptions::default() }).unwrap()
}

/// An event whose onset is then.
fn at(id: &str, onset: &str) -> EventReport {
    let mut report = event_report(id, "dog");
    let onset: jiff::Timestamp = onset.parse().unwrap();
    let wall = UNIX_EPOCH + Duration::from_nanos(onset.as_nanosecond().try_into().unwrap());
    report.event.clock.start = wall - Duration::from_secs_f64(report.event.clock.secs(report.event.onset));
    report
}

fn recorded(store: &mut Store, report: &EventReport) -> (String, StoredEvent) {
    let folder = store.record(report, None).unwrap();
    let key = folder.strip_prefix(store.dir()).unwrap().to_str().unwrap().to_owned();
    (key, read_event(&folder).unwrap())
}

#[test]
fn folders_are_in_utc_and_the_local_offset_is_that_of_the_moment() {
    let dir = tempfile::tempdir().unwrap();
    // Central Europe, without a database of zones.
    let mut store = store(dir.path(), TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
    let cases = [
        // The evening in UTC is the next day there.
        ("A", "2026-11-20T23:30:00Z", "2026-11-20/233000Z-dog-A", 3600),
        // Half an hour before and after the clocks go back, and forward.
        ("B", "2026-10-25T00:30:00Z", "2026-10-25/003000Z-dog-B", 7200),
        ("C", "2026-10-25T01:30:00Z", "2026-10-25/013000Z-dog-C", 3600),
        ("D", "2027-03-28T00:30:00Z", "2027-03-28/003000Z-dog-D", 3600),
        ("E", "2027-03-28T01:30:00Z", "2027-03-28/013000Z-dog-E", 7200),
    ];
    for (id, onset, folder, offset) in cases {
        let (key, event) = recorded(&mut store, &at(id, onset));
        assert_eq!((key.as_str(), event.local_offset.unwrap().seconds()), (folder, offset));
        assert_eq!(event.onset, onset.parse().unwrap());
    }
}

#[test]
fn an_event_lies_on_the_day_of_its_onset_as_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), TimeZone::UTC);
    let (key, event) = recorded(&mut store, &at("A", "2026-12-31T23:59:59.2Z"));
    assert_eq!(key, "2026-12-31/235959Z-dog-A");
    assert_eq!(event.offset.to_string(), "2027-01-01T00:00:00.961Z");
    // Rounded to the millisecond it is the next year: record and folder say the same.
    let (key, event) = recorded(&mut store, &at("B", "2026-12-31T23:59:59.9996Z"));
    assert_eq!((key.as_str(), event.onset.to_string().as_str()), ("2027-01-01/000000Z-dog-B", "2027-01-01T00:00:00Z"));
}

/// The clock of a stream that runs is moved when the system's is: what follows has the new time, and what lies there stays.
#[test]
fn a_clock_that_is_set_moves_what_follows_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), TimeZone::UTC);
    let mut all = Vec::new();
    // A computer that boots in 1970, learns the time, and is then set back by an hour into what is there already.
    for (id, onset) in [
        ("A", "1970-01-01T00:00:20Z"),
        ("B", "2026-11-20T15:00:00Z"),
        ("C", "2026-11-20T14:00:00Z"),
        ("D", "2026-11-20T15:00:00Z"),
    ] {
        all.push(recorded(&mut store, &at(id, onset)).0);
    }
    assert_eq!(all[0], "1970-01-01/000020Z-dog-A");
    assert_eq!([&all[1][..], &all[3][..]], ["2026-11-20/150000Z-dog-B", "2026-11-20/150000Z-dog-D"]);
    let mut listed: Vec<_> = crate::store::rows(dir.path()).into_iter().map(|(key, _)| key).collect();
    listed.reverse();
    assert_eq!(listed, [&all[0][..], &all[2][..], &all[1][..], &all[3][..]], "by time");
}

#[test]
fn a_time_that_no_folder_can_have_is_refused_and_the_next_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), TimeZone::UTC);
    let mut far = event_report("A", "dog");
    far.event.clock.start += Duration::from_secs(9000 * 365 * 86_400);
    assert!(store.record(&far, None).unwrap_err().to_string().contains("set the system's clock"));
    recorded(&mut store, &at("B", "2026-11-20T15:00:00Z"));
}

/// A long event comes in pieces that say what they go on from: in their folder and on their line.
#[test]
fn pieces_of_a_long_event_name_the_piece_before() {
    let dir = tempfile::tempdir().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let recorder = Recorder::spawn(RecorderOptions {
        capacity: 8,
        store: Some(store(dir.path(), TimeZone::UTC)),
        lines: Some(JsonLines::new(Box::new(writer))),
        relays: Vec::new(),
    })
    .unwrap();
    let piece = |id: &str, source: &str, onset: u64, offset: u64| {
        let mut report = event_report(id, "dog");
        report.event.source = source.into();
        (report.event.onset, report.event.offset) = (SamplePos(onset), SamplePos(offset));
        report.clip.start = SamplePos(onset - 100);
        Report::Event(Box::new(report))
    };
    let sent = [
        ("A", "yard", 1000, 2000, None),
        ("B", "yard", 2000, 3000, Some("A")),
        // Another input's, at the same moment.
        ("C", "gate", 3000, 4000, None),
        ("D", "yard", 3000, 3500, Some("B")),
        ("E", "yard", 3600, 3700, None),
    ];
    for (id, source, onset, offset, _) in sent {
        recorder.reports().send(piece(id, source, onset, offset)).unwrap();
    }
    recorder.finish().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    for (line, (id, _, _, _, before)) in text.lines().zip(sent) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((line["id"].as_str(), line.get("continues").and_then(|c| c.as_str())), (Some(id), before));
        let stored = read_event(Path::new(line["files"]["dir"].as_str().unwrap())).unwrap();
        assert_eq!(stored.continues.as_deref(), before);
    }
    assert_eq!(text.lines().count(), 5);
}
