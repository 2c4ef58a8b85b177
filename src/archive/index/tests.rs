#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use super::*;
use crate::archive::{
    event::{read_event, tests::record},
    marks::Verdict,
    names::INDEX,
};
use crate::units::EvidenceVerdict;

/// Writes the folder of an event with this number at this second of the day; gives its key.
fn write(dir: &Path, day: &str, number: u32, change: impl FnOnce(&mut Value)) -> String {
    let mut event = record();
    let time = format!("{:02}:{:02}:{:02}", number / 3600 % 24, number / 60 % 60, number % 60);
    event["id"] = json!(format!("ID{number:06}"));
    event["onset"] = json!(format!("{day}T{time}.000Z"));
    event["offset"] = json!(format!("{day}T{time}.500Z"));
    change(&mut event);
    let key = format!("{day}/{}Z-{}-ID{number:06}", time.replace(':', ""), event["label"].as_str().unwrap());
    let folder = dir.join(&key);
    // Whole or not at all, as the recorder writes it: others may be looking.
    let made = if folder.exists() { folder.clone() } else { dir.join(day).join(format!(".tmp-{number}")) };
    fs::create_dir_all(&made).unwrap();
    fs::write(made.join("event.json"), serde_json::to_vec(&event).unwrap()).unwrap();
    fs::write(made.join("clip.wav"), vec![0; 100 + number as usize % 10]).unwrap();
    if made != folder {
        fs::rename(made, folder).unwrap();
    }
    key
}

/// Twelve events on two days: dogs and cats, scores from 0.40 on.
pub(super) fn twelve(dir: &Path) -> Vec<String> {
    let one = |n: u32| {
        write(dir, if n < 6 { "2026-11-20" } else { "2026-11-21" }, n, |event| {
            event["label"] = json!(if n.is_multiple_of(2) { "dog" } else { "cat" });
            event["groups"] = json!(if n.is_multiple_of(2) { vec!["animal", "loud pet"] } else { vec!["animal"] });
            event["score"] = json!(0.40 + f64::from(n) * 0.05);
            event["source"] = json!(if n < 3 { "yard" } else { "gate" });
            event["faithfulness"]["agrees"] = json!(n != 4);
        })
    };
    (0..12).map(one).collect()
}

fn keys(index: &Index, filter: &Filter) -> Vec<String> {
    index.query(filter, Page::ALL).unwrap().into_iter().map(|row| row.dir).collect()
}

/// All rows of `index`, and what the folders say.
pub(super) fn assert_agrees(index: &Index) {
    let mut folders = BTreeMap::new();
    for day in fs::read_dir(index.dir()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir() && !p.is_symlink()) {
        for folder in fs::read_dir(&day).unwrap().map(|e| e.unwrap().path()) {
            if !folder.is_symlink()
                && let Ok(event) = read_event(&folder)
            {
                folders.insert(
                    key_of(index.dir(), &folder).unwrap(),
                    (event.id, event.bytes, Marks::read(&folder).unwrap()),
                );
            }
        }
    }
    let rows = index.query(&Filter::default(), Page::ALL).unwrap();
    let totals = index.totals().unwrap();
    assert_eq!(totals.events, rows.len() as u64);
    assert_eq!(totals.bytes, rows.iter().map(|row| row.bytes).sum::<u64>());
    let starred: Vec<u64> = rows.iter().filter(|row| row.marks.starred).map(|row| row.bytes).collect();
    assert_eq!((totals.starred_events, totals.starred_bytes), (starred.len() as u64, starred.iter().sum()));
    let rows: BTreeMap<_, _> = rows.into_iter().map(|row| (row.dir, (row.id, row.bytes, row.marks))).collect();
    assert_eq!(rows, folders);
}

pub(super) fn starred() -> Marks {
    Marks { starred: true, ..Marks::default() }
}

#[test]
fn filters_order_and_pages() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let mut index = Index::open(dir.path()).unwrap();
    assert_eq!(index.caught_up(), CatchUp { days: 2, added: 12, ..CatchUp::default() });
    assert_agrees(&index);
    let marks = |verdict, note: &str| Marks { verdict, note: note.into(), ..Marks::default() };
    index.set_marks(&events[1], &marks(Some(Verdict::Right), "50% of a Cat")).unwrap();
    index.set_marks(&events[2], &marks(Some(Verdict::Wrong), "fifty")).unwrap();
    index.set_marks(&events[3], &starred()).unwrap();
    assert_agrees(&index);

    let check = |filter: Filter, expected: &[usize]| {
        let expected: Vec<&String> = expected.iter().rev().map(|&n| &events[n]).collect();
        assert_eq!(keys(&index, &filter).iter().collect::<Vec<_>>(), expected, "{filter:?}");
        assert_eq!(index.count(&filter).unwrap(), expected.len() as u64, "{filter:?}");
    };
    let all: Vec<usize> = (0..12).collect();
    let text = |text: &str| Some(text.to_owned());
    check(Filter::default(), &all);
    check(Filter { labels: vec!["cat".into()], ..Filter::default() }, &[1, 3, 5, 7, 9, 11]);
    check(Filter { labels: vec!["loud pet".into(), "rooster".into()], ..Filter::default() }, &[0, 2, 4, 6, 8, 10]);
    check(Filter { labels: vec!["pet".into()], ..Filter::default() }, &[]);
    check(Filter { labels: vec!["animal".into()], ..Filter::default() }, &all);
    check(Filter { from_day: text("2026-11-21"), ..Filter::default() }, &all[6..]);
    check(Filter { to_day: text("2026-11-20"), ..Filter::default() }, &all[..6]);
    check(Filter { min_score: Some(0.55), max_score: Some(0.65), ..Filter::default() }, &[3, 4, 5]);
    check(Filter { agrees: Some(false), ..Filter::default() }, &[4]);
    check(Filter { evidence: Some(EvidenceVerdict::NotEnough), ..Filter::default() }, &[4]);
    check(Filter { evidence: Some(EvidenceVerdict::Enough), ..Filter::default() }, &[]);
    check(Filter { judged: Some(Judged::Yes), ..Filter::default() }, &[1, 2]);
    check(Filter { judged: Some(Judged::Right), ..Filter::default() }, &[1]);
    check(Filter { judged: Some(Judged::Wrong), ..Filter::default() }, &[2]);
    check(Filter { judged: Some(Judged::No), to_day: text("2026-11-20"), ..Filter::default() }, &[0, 3, 4, 5]);
    check(Filter { starred: Some(true), ..Filter::default() }, &[3]);
    check(Filter { source: text("yard"), agrees: Some(true), ..Filter::default() }, &[0, 1, 2]);
    check(Filter { text: text("50% of a cat"), ..Filter::default() }, &[1]);
    check(Filter { text: text("f%y"), ..Filter::default() }, &[]);
    check(Filter { id: text("ID00001"), ..Filter::default() }, &[10, 11]);

    let page = index.query(&Filter::default(), Page { skip: 2, limit: 3 }).unwrap();
    assert_eq!(page.iter().map(|row| &row.dir).collect::<Vec<_>>(), [&events[9], &events[8], &events[7]]);
    assert_eq!(index.labels(&Filter::default()).unwrap(), [("cat".into(), 6), ("dog".into(), 6)]);
    assert_eq!(index.days(&Filter::default()).unwrap(), [("2026-11-20".into(), 6), ("2026-11-21".into(), 6)]);
    assert_eq!(index.sources(&Filter::default()).unwrap(), [("gate".into(), 9), ("yard".into(), 3)]);

    let row = index.row(&events[1]).unwrap().unwrap();
    assert_eq!((row.label.as_str(), row.agrees, row.prob_in, row.has_clip), ("cat", Some(true), Some(0.95), true));
    assert_eq!((row.duration_secs, row.local_offset.unwrap().seconds()), (0.5, 3600));
    assert_eq!(row.groups, ["animal"]);
    assert_eq!(row.marks.note, "50% of a Cat");
    assert!(index.row("2026-11-20/nothing").unwrap().is_none());
}

#[test]
fn what_changes_in_the_folders_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    drop(Index::open(dir.path()).unwrap());
    // Another program's work, right after: the time of change of the days need not have moved on.
    fs::remove_dir_all(dir.path().join(&events[0])).unwrap();
    starred().write(&dir.path().join(&events[1])).unwrap();
    let new = write(dir.path(), "2026-11-20", 77, |_| {});
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(index.caught_up(), CatchUp { days: 2, added: 1, removed: 1, marked: 1, ..CatchUp::default() });
    assert!(index.row(&new).unwrap().is_some());
    assert_agrees(&index);
    drop(index);
    fs::remove_dir_all(dir.path().join("2026-11-20")).unwrap();
    let index = Index::open(dir.path()).unwrap();
    assert_eq!(index.caught_up().removed, 6);
    assert_agrees(&index);
}

/// A day that was changed long before it was looked at is not looked into again.
#[test]
fn old_days_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    twelve(dir.path());
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for day in ["2026-11-20", "2026-11-21"] {
        fs::File::open(dir.path().join(day)).unwrap().set_modified(long_ago).unwrap();
    }
    drop(Index::open(dir.path()).unwrap());
    assert_eq!(Index::open(dir.path()).unwrap().caught_up(), CatchUp::default());
    write(dir.path(), "2026-11-21", 77, |_| {});
    assert_eq!(Index::open(dir.path()).unwrap().caught_up(), CatchUp { days: 1, added: 1, ..CatchUp::default() });
}

#[test]
fn an_index_that_cannot_be_used_is_set_aside_and_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let file = dir.path().join(INDEX);
    let sound = || {
        let _ = fs::remove_file(&file);
        let mut index = Index::open(dir.path()).unwrap();
        index.set_marks(&events[3], &starred()).unwrap();
    };
    let spoilt: [&dyn Fn(); 5] = [
        &|| fs::write(&file, b"this is no database, and long enough to be taken for one").unwrap(),
        &|| {
            // The header stays as it was.
            let mut bytes = fs::read(&file).unwrap();
            bytes[4096..].fill(0x5a);
            fs::write(&file, bytes).unwrap();
        },
        &|| {
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        },
        &|| Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap(),
        &|| Connection::open(&file).unwrap().execute_batch("DROP TABLE days").unwrap(),
    ];
    for (i, spoil) in spoilt.iter().enumerate() {
        sound();
        spoil();
        let index = Index::open(dir.path()).unwrap();
        assert!(!index.in_memory(), "{i}");
        assert_eq!(index.caught_up().added, 12, "{i}");
        assert_agrees(&index);
        assert!(dir.path().join(format!("{INDEX}.aside")).exists(), "{i}");
        drop(index);
        assert_eq!(Index::open(dir.path()).unwrap().caught_up().added, 0, "{i}: it stays");
    }
    // An empty file is what a crash right after its making leaves: nothing to warn of.
    fs::write(&file, b"").unwrap();
    assert_eq!(Index::open(dir.path()).unwrap().caught_up().added, 12);
}

#[test]
fn rebuilding_gives_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let mut index = Index::open(dir.path()).unwrap();
    index
        .set_marks(&events[5], &Marks { label: Some("fox".into()), verdict: Some(Verdict::Wrong), ..starred() })
        .unwrap();
    index.remove(&events[6]).unwrap();
    index.add(&read_event(&dir.path().join(write(dir.path(), "2026-12-01", 9, |_| {}))).unwrap()).unwrap();
    let before = index.query(&Filter::default(), Page::ALL).unwrap();
    let mut told = Vec::new();
    index.rebuild(&mut |done, of| told.push((done, of))).unwrap();
    assert_eq!(index.query(&Filter::default(), Page::ALL).unwrap(), before);
    assert_eq!((told[0], told[told.len() - 1]), ((0, 12), (12, 12)));
    assert_agrees(&index);
}

#[test]
fn removing_leaves_nothing_and_takes_an_empty_day_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let mut index = Index::open(dir.path()).unwrap();
    for key in &events[..6] {
        assert!(index.remove(key).unwrap());
        assert_agrees(&index);
    }
    assert!(!index.remove(&events[0]).unwrap());
    assert!(!dir.path().join("2026-11-20").exists());
    for key in ["../x", "2026-11-20", "2026-11-20/../2026-11-21", "/etc/passwd"] {
        assert!(index.remove(key).is_err() && index.set_marks(key, &starred()).is_err(), "{key}");
    }
    // A row whose folder has gone without a word.
    fs::remove_dir_all(dir.path().join(&events[6])).unwrap();
    assert!(index.remove(&events[6]).unwrap());
    assert_agrees(&index);
}

#[test]
fn what_may_be_removed_comes_in_order_and_stars_count_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let mut index = Index::open(dir.path()).unwrap();
    index.set_marks(&events[0], &starred()).unwrap();
    let order = |index: &Index, before, limit| -> Vec<usize> {
        let keys = index.removable(before, limit).unwrap();
        keys.iter().map(|(key, _)| events.iter().position(|k| k == key).unwrap()).collect()
    };
    // 0.40 and 0.45 are a tenth: oldest first within it.
    assert_eq!(order(&index, None, 4), [1, 2, 3, 4]);
    let before = "2026-11-20T00:00:03Z".parse().unwrap();
    assert_eq!(order(&index, Some(before), 10), [1, 2]);
    // Somebody stars it behind the index's back.
    starred().write(&dir.path().join(&events[1])).unwrap();
    assert_eq!(index.remove_unless_starred(&events[1]).unwrap(), Removal::Starred);
    assert!(dir.path().join(&events[1]).join("event.json").exists());
    assert_eq!(order(&index, None, 2), [2, 3], "and now the index knows");
    // What cannot be read may be a star.
    fs::write(dir.path().join(&events[2]).join("marks.json"), "{").unwrap();
    assert!(matches!(index.remove_unless_starred(&events[2]).unwrap(), Removal::Doubtful(why) if why.contains("mend")));
    assert!(dir.path().join(&events[2]).exists());
    assert_eq!(index.remove_unless_starred(&events[3]).unwrap(), Removal::Gone);
}

#[test]
fn an_event_that_was_passed_over_comes_again_when_its_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let index = Index::open(dir.path()).unwrap();
    let first = |before| index.removable(before, 1).unwrap().remove(0).0;
    let tomorrow = Some("2026-12-01T00:00:00Z".parse().unwrap());
    index.pass_over(&events[0], std::time::Duration::from_secs(3600), "why").unwrap();
    assert_eq!(index.passed_over().unwrap(), Some((1, "why".to_owned())));
    index.pass_over(&events[1], std::time::Duration::ZERO, "").unwrap();
    assert_eq!([first(None), first(tomorrow)], [events[1].clone(), events[1].clone()]);
    index.pass_over(&events[0], std::time::Duration::ZERO, "").unwrap();
    assert_eq!([first(None), first(tomorrow)], [events[0].clone(), events[0].clone()]);
}

#[test]
fn folders_that_hold_no_event_are_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let bad = dir.path().join("2026-11-20/000000Z-dog-BAD");
    fs::create_dir(&bad).unwrap();
    fs::write(bad.join("event.json"), "{\"id\": \"half").unwrap();
    fs::create_dir(dir.path().join("2026-11-20/empty")).unwrap();
    // None of these is an event, or a day.
    fs::create_dir_all(dir.path().join("2026-11-20/.tmp-000000Z-dog-X")).unwrap();
    fs::create_dir_all(dir.path().join("notes/000000Z-dog-X")).unwrap();
    fs::write(dir.path().join("2026-11-20/readme"), "x").unwrap();
    std::os::unix::fs::symlink(dir.path().join(&events[0]), dir.path().join("2026-11-20/linked")).unwrap();
    let mut index = Index::open(dir.path()).unwrap();
    assert_eq!((index.caught_up().added, index.caught_up().unreadable), (12, 2));
    let told: Vec<String> = index.unreadable().unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(told, ["2026-11-20/000000Z-dog-BAD", "2026-11-20/empty"]);
    assert_agrees(&index);
    // Mended, and gone.
    write(dir.path(), "2026-11-20", 50, |_| {});
    fs::rename(dir.path().join("2026-11-20/000050Z-dog-ID000050/event.json"), bad.join("event.json")).unwrap();
    fs::remove_dir_all(dir.path().join("2026-11-20/000050Z-dog-ID000050")).unwrap();
    fs::remove_dir(dir.path().join("2026-11-20/empty")).unwrap();
    index.refresh().unwrap();
    assert_eq!(index.unreadable().unwrap(), []);
    assert!(index.row("2026-11-20/000000Z-dog-BAD").unwrap().is_some());
}

/// A monitor adds, another removes the oldest, a person marks, and a third opens again and again.
#[test]
fn several_may_share_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir_all(path).unwrap();
    let writing = AtomicBool::new(true);
    std::thread::scope(|threads| {
        let adders: Vec<_> = (0..2)
            .map(|who| {
                threads.spawn(move || {
                    let mut index = Index::open(path).unwrap();
                    let mut n = 0;
                    // The remover may be so fast that the marker finds nothing among the first forty.
                    while n < 40 || (n < 1000 && index.totals().unwrap().starred_events == 0) {
                        let key = write(path, "2026-11-20", who * 1000 + n, |_| {});
                        index.add(&read_event(&path.join(key)).unwrap()).unwrap();
                        n += 1;
                    }
                })
            })
            .collect();
        threads.spawn(|| {
            let mut index = Index::open(path).unwrap();
            while writing.load(Ordering::Relaxed) {
                for (key, _) in index.removable(None, 3).unwrap() {
                    index.remove_unless_starred(&key).unwrap();
                }
                std::thread::yield_now();
            }
        });
        threads.spawn(|| {
            let mut index = Index::open(path).unwrap();
            while writing.load(Ordering::Relaxed) {
                for row in index
                    .query(&Filter { starred: Some(false), ..Filter::default() }, Page { skip: 0, limit: 1 })
                    .unwrap()
                {
                    // It may just have been removed.
                    let _ = index.set_marks(&row.dir, &starred());
                }
                std::thread::yield_now();
            }
        });
        threads.spawn(|| {
            while writing.load(Ordering::Relaxed) {
                Index::open(path).unwrap();
            }
        });
        for adder in adders {
            adder.join().unwrap();
        }
        writing.store(false, Ordering::Relaxed);
    });
    let index = Index::open(path).unwrap();
    assert_agrees(&index);
    assert!(index.totals().unwrap().starred_events > 0);
}

#[test]
fn a_new_index_is_as_private_as_the_days() {
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (day, private, expected) in
        [(0o700, None, 0o600), (0o755, None, 0o644), (0o755, Some(true), 0o600), (0o700, Some(true), 0o600)]
    {
        let dir = tempfile::tempdir().unwrap();
        let key = write(dir.path(), "2026-11-20", 1, |_| {});
        fs::set_permissions(dir.path().join("2026-11-20"), fs::Permissions::from_mode(day)).unwrap();
        let mut index = Index::open_with(dir.path(), IndexOptions { private, progress: None }).unwrap();
        index.set_marks(&key, &starred()).unwrap();
        for file in [INDEX.to_owned(), format!("{INDEX}-wal"), format!("{INDEX}-shm")] {
            assert_eq!(mode(dir.path().join(&file)), expected, "{file} with days of {day:o} and {private:?}");
        }
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = Index::open(&dir.path().join("nothing")).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Input);
    assert!(error.to_string().contains("nothing"), "{error}");
}

/// A disk that cannot be written: a mount of its own, which takes root and a system that lets it.
#[test]
#[allow(clippy::print_stderr)]
fn a_disk_that_is_read_only_is_indexed_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |args: &[&str]| std::process::Command::new(args[0]).args(&args[1..]).arg(dir.path()).output();
    let mounted = mount(&["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs"]);
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: a disk cannot be mounted here");
        return;
    }
    let events = twelve(dir.path());
    let result = std::panic::catch_unwind(|| {
        let mut index = Index::open(dir.path()).unwrap();
        index.set_marks(&events[1], &starred()).unwrap();
        drop(index);
        // New on disk and not in the index.
        write(dir.path(), "2026-11-21", 99, |_| {});
        assert!(mount(&["mount", "-o", "remount,ro"]).unwrap().status.success());
        let mut index = Index::open(dir.path()).unwrap();
        assert!(index.in_memory());
        assert_eq!(index.caught_up().added, 1, "the rest is taken over from the file");
        assert_agrees(&index);
        let error = index.set_marks(&events[2], &starred()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Output);
        assert!(index.remove(&events[2]).is_err());
        assert_agrees(&index);
    });
    let _ = std::process::Command::new("umount").arg(dir.path()).output();
    result.unwrap();
}
