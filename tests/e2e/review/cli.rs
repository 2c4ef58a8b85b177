//! What the command says and writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::review::Recorded;
use serde_json::{Value, json};

#[test]
fn a_page_says_what_it_leaves_out() {
    let recorded = Recorded::new();
    let file = recorded.path().join("p.html");
    let (code, stdout, stderr) =
        recorded.review(&["--html", file.to_str().unwrap(), "--limit", "1", "--label", "dog,cat"]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.contains("1 events in") && stderr.contains("1 older ones are left out"), "{stderr}");
    assert!(stderr.contains("--limit 2"), "{stderr}");
    let page = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "the folder is its owner's alone");
    assert!(page.contains("01B") && !page.contains("01A"), "the newest is kept");
    let names: Vec<_> = fs::read_dir(recorded.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".tmp-")), "{names:?}");
}

#[test]
fn the_table_has_a_row_for_each_event_that_is_wanted() {
    let recorded = Recorded::new();
    let (code, table, stderr) = recorded.review(&["--export", "csv"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_eq!(table.lines().count(), 5);
    for (flags, n) in [
        (&["--min-score", "0.6"][..], 2),
        (&["--since", "2026-11-21"], 2),
        (&["--until", "2026-11-20", "--label", "cat"], 1),
        (&["--agrees", "no"], 1),
        (&["--marked", "no"], 4),
        (&["--starred"], 0),
        (&["--text", "DOG.wav"], 1),
        (&["--limit", "3"], 3),
    ] {
        let (code, table, _) = recorded.review(&[&["--export", "csv"], flags].concat());
        assert_eq!((code, table.lines().count()), (0, n + 1), "{flags:?}");
    }
    let out = recorded.path().join("t.csv");
    assert_eq!(recorded.review(&["--export", "csv", "--out", out.to_str().unwrap()]).1, "");
    assert_eq!(fs::read_to_string(out).unwrap(), table);
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_a_code() {
    let recorded = Recorded::new();
    let gone = recorded.path().join("gone/page.html");
    let other = recorded.path().join("2026-11-20/100000Z-dog-01A/event.json");
    for (args, code, part) in [
        (vec![], 2, "the screen needs a terminal"),
        (vec!["--html", gone.to_str().unwrap()], 5, "could not be written"),
        (vec!["--import", other.to_str().unwrap()], 3, "is not a review's file"),
        (vec!["--ratings", gone.to_str().unwrap()], 3, "cannot be read"),
        (vec!["--since", "yesterday", "--export", "csv"], 2, "2026-11-20"),
        (vec!["--html", "a", "--export", "csv"], 2, "cannot be used with"),
    ] {
        let (got, _, stderr) = recorded.review(&args);
        assert_eq!(got, code, "{args:?}: {stderr}");
        assert!(stderr.contains(part) && stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
    }
}

#[test]
fn a_folder_without_events_is_told_and_nothing_is_left_in_it() {
    let empty = Recorded { dir: tempfile::TempDir::new().unwrap() };
    let page = tempfile::TempDir::new().unwrap();
    let page = page.path().join("page.html");
    for (args, code, part) in [
        (vec![], 3, "holds no events"),
        (vec!["--html", page.to_str().unwrap()], 3, "holds no events"),
        (vec!["--export", "csv"], 0, "holds no events"),
        (vec!["--ratings"], 0, "there are no ratings"),
    ] {
        let (got, _, stderr) = empty.review(&args);
        assert_eq!(got, code, "{args:?}: {stderr}");
        assert!(stderr.contains(part) && stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
        assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "{args:?}");
    }
    assert!(!page.exists());
    assert_eq!(empty.review(&["--export", "csv"]).1.lines().count(), 1, "a table's head");
}

#[test]
fn a_label_that_is_not_there_is_told() {
    let recorded = Recorded::new();
    let (code, table, stderr) = recorded.review(&["--export", "csv", "--label", "dgo,cat"]);
    assert_eq!((code, table.lines().count()), (0, 2));
    assert!(stderr.contains("no event has the label or group dgo; there are") && stderr.contains("dog"), "{stderr}");
    assert!(!stderr.contains('\u{1b}') && stderr.trim_end().lines().count() == 1, "{stderr}");
    assert_eq!(recorded.review(&["--export", "csv", "--label", "cat"]).2, "");
}

#[test]
fn events_become_json_lines() {
    let recorded = Recorded::new();
    let key = "2026-11-20/110000Z-cat-01B";
    fs::write(recorded.path().join(key).join("marks.json"), r#"{"verdict":"wrong","label":"fox"}"#).unwrap();
    let (code, lines, stderr) = recorded.review(&["--export", "jsonl"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    let cat = lines.iter().find(|line| line["label"] == "cat").unwrap();
    assert_eq!((&cat["dir"], &cat["marks"]), (&json!(key), &json!({"verdict": "wrong", "label": "fox"})));
    // All that the record holds is there, as it is.
    let record: Value =
        serde_json::from_slice(&fs::read(recorded.path().join(key).join("event.json")).unwrap()).unwrap();
    assert!(record.as_object().unwrap().iter().all(|(name, value)| cat[name] == *value));
    assert!(lines.iter().any(|line| line["label"] == "dog" && line.get("marks").is_none()));
}
