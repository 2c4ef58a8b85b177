//! Recording folders from someone who means harm.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    sync::mpsc,
    time::Duration,
};

use rusqlite::Connection;

use super::tests::{assert_agrees, starred, twelve};
use super::*;

/// Opens the index of `dir` on a thread of its own: one that hangs fails the test and does not hold it up.
fn open_in_time(dir: &Path) -> Index {
    let (done, opened) = mpsc::channel();
    let dir = dir.to_owned();
    std::thread::spawn(move || drop(done.send(Index::open(&dir).unwrap())));
    opened.recv_timeout(Duration::from_secs(60)).expect("the index hangs")
}

fn sql(dir: &Path, statements: &str) {
    let connection = Connection::open(dir.join(INDEX)).unwrap();
    connection.execute_batch(&format!("PRAGMA ignore_check_constraints = 1; {statements}")).unwrap();
}

/// A row for what is no event of this folder, at the very place where retention begins.
fn forged(key: &str) -> String {
    format!(
        "INSERT INTO events SELECT '{key}', substr('{key}', 1, 10), 'Z', label, groups, 0.0, 0, 0, 0, 0, source, method, agrees, prob,
         prob_in, prob_out, has_clip, continues, bytes, verdict, was, 0, note, marked_ms, 0, in_file_ms, evidence FROM events LIMIT 1;"
    )
}

#[test]
fn sql_that_is_not_ours_is_never_run() {
    for hostile in [
        "CREATE TRIGGER keep BEFORE DELETE ON events BEGIN SELECT raise(ignore); END;",
        "CREATE TRIGGER later AFTER INSERT ON days BEGIN DELETE FROM events; END;",
        "DROP TRIGGER counts_out;",
        "DROP TABLE unreadable; CREATE VIEW unreadable AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)
         SELECT n AS dir, n AS day, n AS why FROM r;",
        "CREATE VIEW other AS SELECT 1;",
        "CREATE TABLE other (x);",
        "CREATE INDEX other ON events (label);",
        "DROP INDEX by_worth;",
        "ALTER TABLE days ADD COLUMN x TEXT;",
    ] {
        let dir = tempfile::tempdir().unwrap();
        twelve(dir.path());
        drop(Index::open(dir.path()).unwrap());
        sql(dir.path(), hostile);
        let mut index = open_in_time(dir.path());
        assert_eq!((index.in_memory(), index.caught_up().added), (false, 12), "{hostile}");
        assert_eq!(index.unreadable().unwrap(), [], "{hostile}");
        assert!(dir.path().join(format!("{INDEX}.aside")).exists(), "{hostile}");
        let first = index.removable(None, 1).unwrap().remove(0).0;
        assert_eq!(index.remove_unless_starred(&first).unwrap(), Removal::Gone, "{hostile}");
        assert_agrees(&index);
    }
}

#[test]
fn a_row_that_could_not_be_ours_gives_the_index_away() {
    for hostile in [
        forged("2020-01-01/../../victim"),
        forged("2020-01-01/a/b"),
        forged("2020-01-01/.tmp-x"),
        forged("2020-01-0x/a"),
        "UPDATE events SET day = '2020-01-01' WHERE id = 'ID000001';".to_owned(),
        "UPDATE events SET bytes = -1 WHERE id = 'ID000001';".to_owned(),
        "UPDATE events SET bytes = 1000000000000000000 WHERE id = 'ID000001';".to_owned(),
        "UPDATE events SET starred = 2 WHERE id = 'ID000001';".to_owned(),
        "UPDATE events SET tenths = -5 WHERE id = 'ID000001';".to_owned(),
        "UPDATE events SET onset_ms = 9223372036854775807 WHERE id = 'ID000001';".to_owned(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        twelve(dir.path());
        drop(Index::open(dir.path()).unwrap());
        sql(dir.path(), &hostile);
        let index = open_in_time(dir.path());
        assert_eq!((index.in_memory(), index.caught_up().added), (false, 12), "{hostile}");
        assert_agrees(&index);
    }
}

#[test]
fn totals_that_were_forged_are_counted_again() {
    for forged in [
        "UPDATE totals SET bytes = 1000000000000, starred_bytes = 1000000000000;",
        "UPDATE totals SET events = -1;",
        "DELETE FROM totals;",
        "INSERT INTO totals VALUES (1, 2, 3, 4);",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let events = twelve(dir.path());
        let mut index = Index::open(dir.path()).unwrap();
        index.set_marks(&events[3], &starred()).unwrap();
        drop(index);
        sql(dir.path(), forged);
        let mut index = open_in_time(dir.path());
        assert_eq!(index.caught_up().added, 0, "nothing has to be read again");
        assert_agrees(&index);
        index.remove(&events[0]).unwrap();
        assert_agrees(&index);
    }
}

/// What is beyond a link stays as it is, whether the day or the event is one, and whatever the index says of it.
#[test]
fn nothing_beyond_a_link_is_touched() {
    let tmp = tempfile::tempdir().unwrap();
    let (dir, victim) = (tmp.path().join("r"), tmp.path().join("victim"));
    fs::create_dir_all(victim.join("holiday")).unwrap();
    fs::write(victim.join("holiday/event.json"), serde_json::to_vec(&crate::archive::event::tests::record()).unwrap())
        .unwrap();
    fs::write(victim.join("holiday/photo.jpg"), "x").unwrap();
    twelve(&dir);
    let mut index = Index::open(&dir).unwrap();
    symlink(&victim, dir.join("2020-01-01")).unwrap();
    symlink(victim.join("holiday"), dir.join("2026-11-20/linked")).unwrap();
    let keys = ["2020-01-01/holiday", "2026-11-20/linked"];
    // Past the checks at the opening.
    keys.iter().for_each(|key| index.connection.execute_batch(&forged(key)).unwrap());
    for key in keys {
        let error = index.set_marks(key, &starred()).unwrap_err();
        assert!(error.to_string().contains("link"), "{error}");
        assert_eq!(index.remove_unless_starred(key).unwrap(), Removal::Gone, "the row goes, and nothing else");
        assert!(index.row(key).unwrap().is_none());
        assert_eq!(index.remove_unless_starred(key).unwrap(), Removal::Absent);
    }
    let there = fs::read_dir(victim.join("holiday")).unwrap().count();
    assert_eq!((there, fs::read_dir(&victim).unwrap().count()), (2, 1));
    assert!(dir.join("2020-01-01").is_symlink() && dir.join("2026-11-20/linked").is_symlink());
    assert_agrees(&index);
    drop(index);
    assert_agrees(&open_in_time(&dir));
}

/// As `rename_aside` does it: the pipe or link itself, never what it leads to.
#[test]
fn an_index_that_is_no_regular_file_is_set_aside_and_its_target_stays_as_it_is() {
    for name in ["", "-wal", "-shm", "-journal"] {
        for kind in ["pipe", "link", "link to nothing", "link to zero"] {
            let tmp = tempfile::tempdir().unwrap();
            let (dir, target) = (tmp.path().join("r"), tmp.path().join("target"));
            twelve(&dir);
            drop(Index::open(&dir).unwrap());
            let file = dir.join(format!("{INDEX}{name}"));
            let _ = fs::remove_file(&file);
            fs::write(&target, "precious").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
            match kind {
                "pipe" => assert!(Command::new("mkfifo").arg(&file).status().unwrap().success()),
                "link" => symlink(&target, &file).unwrap(),
                "link to zero" => symlink("/dev/zero", &file).unwrap(),
                _ => symlink(tmp.path().join("nothing"), &file).unwrap(),
            }
            let options = IndexOptions { private: Some(true), progress: None };
            drop(Index::open_with(&dir, options).unwrap());
            let index = open_in_time(&dir);
            assert!(!index.in_memory(), "{kind} {name}");
            assert_agrees(&index);
            assert_eq!(fs::read(&target).unwrap(), b"precious");
            assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o644, "{kind} {name}");
            assert!(!tmp.path().join("nothing").exists(), "{kind} {name}");
            assert!(fs::symlink_metadata(&file).map_or(true, |about| about.is_file()), "{kind} {name}");
        }
    }
}

#[test]
fn an_index_of_impossible_length_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    twelve(dir.path());
    // Sparse: it takes no room.
    fs::File::create(dir.path().join(INDEX)).unwrap().set_len(20 << 30).unwrap();
    let index = open_in_time(dir.path());
    assert!(!index.in_memory());
    assert_agrees(&index);
    assert!(fs::metadata(dir.path().join(INDEX)).unwrap().len() < 1 << 20);
}

/// A folder in its place cannot be replaced by a file: the index works in memory.
#[test]
fn a_folder_in_the_place_of_the_index_is_moved_or_left() {
    let dir = tempfile::tempdir().unwrap();
    twelve(dir.path());
    fs::create_dir_all(dir.path().join(INDEX).join("x")).unwrap();
    fs::write(dir.path().join(format!("{INDEX}.aside")), "in the way").unwrap();
    let index = open_in_time(dir.path());
    assert!(index.in_memory());
    assert_agrees(&index);
}

/// Marks that could not be read once are decided on anew: they are no star, and no reason to remove the event either.
#[test]
fn marks_that_could_not_be_read_are_neither_a_star_nor_none() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let mut index = Index::open(dir.path()).unwrap();
    index.set_marks(&events[1], &starred()).unwrap();
    let totals = index.totals().unwrap();
    // What no user can read, not even root: a folder in the place of the marks.
    let block = |key: &str| {
        let marks = dir.path().join(key).join("marks.json");
        let _ = fs::rename(&marks, dir.path().join(key).join("away"));
        fs::create_dir(&marks).unwrap();
    };
    let mend = |key: &str| {
        let marks = dir.path().join(key).join("marks.json");
        fs::remove_dir(&marks).unwrap();
        let _ = fs::rename(dir.path().join(key).join("away"), &marks);
    };
    for key in [&events[0], &events[1]] {
        block(key);
        assert!(matches!(index.remove_unless_starred(key).unwrap(), Removal::Doubtful(_)));
        assert!(dir.path().join(key).join("event.json").exists());
    }
    assert_eq!(index.totals().unwrap(), totals, "what was a star is one still, and what was none is none");
    drop(index);
    let mut index = Index::open(dir.path()).unwrap();
    assert_eq!((index.totals().unwrap(), index.caught_up().doubtful), (totals, 2));
    assert!(matches!(index.remove_unless_starred(&events[0]).unwrap(), Removal::Doubtful(_)));
    // The day's folder does not change by it.
    let days = ["2026-11-20", "2026-11-21"].map(|day| dir.path().join(day));
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    days.iter().for_each(|day| fs::File::open(day).unwrap().set_modified(old).unwrap());
    drop(Index::open(dir.path()).unwrap());
    [&events[0], &events[1]].into_iter().for_each(|key| mend(key));
    let mut index = Index::open(dir.path()).unwrap();
    assert_eq!((index.caught_up().marked, index.caught_up().doubtful), (2, 0));
    assert_agrees(&index);
    assert_eq!(index.remove_unless_starred(&events[1]).unwrap(), Removal::Starred);
    assert_eq!(index.remove_unless_starred(&events[0]).unwrap(), Removal::Gone);
}

/// An event that cannot be read is found when it can, although its day does not change by that.
#[test]
fn an_event_that_could_not_be_read_is_found_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let events = twelve(dir.path());
    let (record, away) = (dir.path().join(&events[0]).join("event.json"), dir.path().join("away"));
    fs::rename(&record, &away).unwrap();
    let day = dir.path().join("2026-11-20");
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(&day).unwrap().set_modified(old).unwrap();
    assert_eq!(Index::open(dir.path()).unwrap().caught_up().unreadable, 1);
    fs::rename(&away, &record).unwrap();
    let index = Index::open(dir.path()).unwrap();
    assert_eq!((index.caught_up().added, index.unreadable().unwrap().len()), (1, 0));
    assert_agrees(&index);
}
