//! What is removed to make room, and what never is.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use earwitness::{
    ErrorKind,
    archive::{Filter, Index, Marks, Page},
    engine::report::EventReport,
    record::{FolderOptions, Limits, Store, StoreOptions, Uptime},
};

use crate::{
    store::{rows, starred},
    support::record::event_report,
};

const DAY: u64 = 86_400;

fn open(dir: &Path, limits: Limits) -> Store {
    Store::open(dir, StoreOptions { folders: FolderOptions::default(), limits }).unwrap()
}

/// An event of this score, so many seconds after the others' beginning.
fn event(id: &str, score: f32, later: u64) -> EventReport {
    let mut report = event_report(id, "dog");
    report.event.score = score;
    report.event.clock.start += Duration::from_secs(later);
    report
}

/// Bytes of one event; all here are about as long.
fn size() -> u64 {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), Limits::default()).record(&event("AAAA", 0.93, 0), None).unwrap();
    rows(dir.path())[0].1
}

fn ids(dir: &Path) -> BTreeSet<String> {
    let rows = Index::open(dir).unwrap().query(&Filter::default(), Page::ALL).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

fn star(dir: &Path, id: &str, marks: &Marks) {
    let mut index = Index::open(dir).unwrap();
    let row = index.query(&Filter { id: Some(id.into()), ..Filter::default() }, Page::ALL).unwrap().remove(0);
    index.set_marks(&row.dir, marks).unwrap();
}

fn set(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn the_lowest_score_in_tenths_and_then_the_oldest_goes_and_the_total_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let max_bytes = size() * 4 + size() / 2;
    let mut store = open(dir.path(), Limits { max_bytes, ..Limits::default() });
    // The score comes before the age, but 0.72 is not more than 0.78: both are seven tenths.
    for (i, (id, score)) in [("A72", 0.72), ("B95", 0.95), ("C78", 0.78), ("D51", 0.51)].into_iter().enumerate() {
        store.record(&event(id, score, i as u64 * 60), None).unwrap();
    }
    star(dir.path(), "D51", &starred());
    let then =
        [("E99", 0.99, "A72"), ("F70", 0.70, "C78"), ("G98", 0.98, "F70"), ("H97", 0.97, "B95"), ("I40", 0.40, "E99")];
    let mut there = set(&["A72", "B95", "C78", "D51"]);
    for (i, (id, score, gone)) in then.into_iter().enumerate() {
        store.record(&event(id, score, 600 + i as u64 * 60), None).unwrap();
        there.remove(gone);
        there.insert(id.to_owned());
        assert_eq!(ids(dir.path()), there, "after {id}");
        assert!(store.state().bytes <= max_bytes);
    }
    assert_eq!(store.state().removed, 5);
    assert_eq!(rows(dir.path()).iter().map(|(_, bytes)| bytes).sum::<u64>(), store.state().bytes);
}

#[test]
fn what_is_too_old_goes_first_whatever_its_score() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Limits { max_age_days: 30.0, ..Limits::default() });
    let uptime = fake_uptime(&mut store);
    let record = |store: &mut Store, id: &str, score: f32, day: u64| {
        uptime.store(day * DAY, Relaxed);
        store.record(&event(id, score, day * DAY), None).unwrap();
    };
    for (id, score, day) in [("A", 0.99, 0), ("B", 0.98, 1), ("C", 0.3, 20)] {
        record(&mut store, id, score, day);
    }
    star(dir.path(), "B", &starred());
    record(&mut store, "D", 0.5, 32);
    assert_eq!(ids(dir.path()), set(&["B", "C", "D"]), "starred ones stay");
    assert!(dir.path().join("2026-11-21").exists() && !dir.path().join("2026-11-20").exists());
    // No event has to come for it.
    uptime.store(51 * DAY, Relaxed);
    let clock = event("E", 0.5, 51 * DAY).event.clock;
    store.look(clock.start).unwrap();
    assert_eq!(ids(dir.path()), set(&["B", "D"]));
    assert_eq!(store.state().removed, 2);
}

/// A clock that jumps sixty days ahead: everything would be too old, for good. It has to hold for hours first, also beyond a
/// restart of the program.
#[test]
fn a_clock_that_jumps_removes_nothing_until_the_new_time_has_held() {
    const HOUR: u64 = 3600;
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { max_age_days: 30.0, ..Limits::default() };
    let jump = 60 * DAY;
    let mut store = open(dir.path(), limits);
    let uptime = fake_uptime(&mut store);
    store.record(&event("A", 0.9, 0), None).unwrap();
    uptime.store(HOUR, Relaxed);
    store.record(&event("B", 0.9, HOUR), None).unwrap();
    for (id, hours) in [("C", 2), ("D", 5), ("E", 7)] {
        uptime.store(hours * HOUR, Relaxed);
        store.record(&event(id, 0.9, hours * HOUR + jump), None).unwrap();
    }
    assert_eq!(ids(dir.path()), set(&["A", "B", "C", "D", "E"]));
    drop(store);
    // The newest events are of the new time by now, and still it is not trusted.
    let mut store = open(dir.path(), limits);
    let uptime = fake_uptime(&mut store);
    store.record(&event("F", 0.9, 8 * HOUR + jump), None).unwrap();
    assert_eq!(ids(dir.path()).len(), 6);
    // The clock was mended: nothing is lost.
    uptime.store(HOUR, Relaxed);
    store.record(&event("G", 0.9, 9 * HOUR), None).unwrap();
    assert_eq!(ids(dir.path()).len(), 7);
    // It was right, after all.
    for hours in [10, 13, 16] {
        uptime.store((hours - 8) * HOUR, Relaxed);
        store.record(&event(&format!("H{hours}"), 0.9, hours * HOUR + jump), None).unwrap();
    }
    assert!(["A", "B", "G"].iter().all(|id| !ids(dir.path()).contains(*id)), "{:?}", ids(dir.path()));
    assert_eq!(store.state().removed, 3);
}

/// Seconds that the store takes for its uptime.
fn fake_uptime(store: &mut Store) -> Arc<AtomicU64> {
    let secs = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&secs);
    store.set_uptime(Uptime::from_fn(move || Duration::from_secs(seen.load(Relaxed))));
    secs
}

#[test]
fn when_starred_events_alone_fill_it_recording_stops_loudly_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Limits { max_bytes: size() * 5 / 2, ..Limits::default() });
    for id in ["A", "B"] {
        store.record(&event(id, 0.9, 0), None).unwrap();
        star(dir.path(), id, &starred());
    }
    for _ in 0..2 {
        let error = store.record(&event("C", 0.9, 0), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Output);
        assert!(
            error.to_string().contains("starred events alone") && error.to_string().contains("raise it"),
            "{error}"
        );
        assert_eq!(store.state().error.as_deref(), Some(error.to_string().as_str()));
        assert_eq!(ids(dir.path()), set(&["A", "B"]));
    }
    star(dir.path(), "A", &Marks::default());
    store.record(&event("C", 0.9, 0), None).unwrap();
    assert_eq!((ids(dir.path()), &store.state().error), (set(&["B", "C"]), &None));
}

#[test]
fn an_event_larger_than_all_that_is_allowed_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Limits { max_bytes: size() * 3 / 2, ..Limits::default() });
    store.record(&event("A", 0.9, 0), None).unwrap();
    let mut long = event("B", 0.9, 60);
    let audio = long.clip.components.iter_mut().map(|(_, audio)| audio);
    for samples in audio.chain([&mut long.clip.heard, &mut long.clip.interpretation]) {
        *samples = samples.repeat(4);
    }
    assert!(store.record(&long, None).is_err());
    assert_eq!(ids(dir.path()), set(&["A"]));
}

#[test]
fn evidence_is_not_thrown_away_for_a_floor_that_it_cannot_give() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Limits { min_free_bytes: 1 << 60, ..Limits::default() });
    let error = store.record(&event("A", 0.9, 0), None).unwrap_err().to_string();
    assert!(error.contains("free") && error.contains("min_free_bytes"), "{error}");
    let options = StoreOptions { folders: FolderOptions::default(), limits: Limits::default() };
    store.set_options(options.clone());
    store.record(&event("A", 0.9, 0), None).unwrap();
    store.set_options(StoreOptions { limits: Limits { min_free_bytes: 1 << 60, ..Limits::default() }, ..options });
    store.record(&event("B", 0.9, 0), None).unwrap_err();
    assert_eq!(ids(dir.path()), set(&["A"]));
}

#[test]
fn a_star_that_came_a_moment_ago_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Limits { max_bytes: size() * 5 / 2, ..Limits::default() });
    let a = store.record(&event("A", 0.3, 0), None).unwrap();
    store.record(&event("B", 0.9, 0), None).unwrap();
    // Past the index: as a program would that knows only the folders.
    starred().write(&a).unwrap();
    store.record(&event("C", 0.9, 0), None).unwrap();
    assert_eq!(ids(dir.path()), set(&["A", "C"]));
}
