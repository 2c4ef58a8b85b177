//! Faults as they happen to a running monitor, tried on the program itself. `ARCHITECTURE.md` has the whole table, and
//! where the faults of devices and servers are tried.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use crate::support::e2e::*;
use crate::support::process::alone;
use crate::support::run::{MODEL, Run};
use earwitness::archive::{Filter, Index, Page};

/// Killed without warning at odd moments, some of them while an event is being written: what lies on the disk is whole or can
/// be told from what is, and the next run removes it.
#[test]
fn a_kill_at_any_moment_leaves_whole_events_and_the_next_run_cleans_up() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let args = ["monitor", "--input", "demo", "--fast", "--record", "r", "--ui", "jsonl"];
    let mut told = BTreeSet::new();
    for n_events in [1, 2, 4, 7] {
        let mut live = Live::start(run.command(&args));
        let mut lines: Vec<_> = (0..n_events).flat_map(|_| live.up_to("event")).collect();
        // The recorder is at work on the next one by now.
        std::thread::sleep(Duration::from_millis(7 * n_events));
        live.signal("KILL");
        let ending = live.finish();
        assert_eq!(ending.code, None, "it was killed");
        lines.extend(ending.lines);
        let dirs = lines.iter().filter_map(|line| line["files"]["dir"].as_str());
        told.extend(dirs.map(|dir| run.home().join(dir)));
        // A line does not wait for the disk: an event that was told is on it whole, or not at all.
        told.iter().filter(|dir| dir.exists()).for_each(|dir| drop(read_folder(dir)));
    }
    let printed = run.ok(&[&args[..], &["--duration", "1"]].concat());
    check_lines(&json_lines(&printed.stdout));
    let folders: BTreeSet<_> = event_folders(&run.home().join("r")).into_iter().collect();
    assert!(told.len() >= 14 && !folders.is_empty(), "{} of {} told", folders.len(), told.len());
    assert!(folders.is_subset(&told), "no folder of an event that was not told");
    folders.iter().for_each(|folder| drop(read_folder(folder)));
    // The index knows them all, and no other.
    let index = Index::open(&run.home().join("r")).unwrap();
    let rows = index.query(&Filter::default(), Page::ALL).unwrap();
    let indexed: BTreeSet<_> = rows.iter().map(|row| index.folder(&row.dir)).collect();
    assert_eq!(indexed, folders);
}

/// Of the two monitors on one folder one is killed in the middle: the other goes on, and a start beside it cleans up.
#[test]
fn two_monitors_on_one_folder_and_one_is_killed() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let args = ["monitor", "--input", "demo", "--fast", "--record", "r", "--ui", "jsonl"];
    let mut killed = Live::start(run.command(&args));
    let mut stays = Live::start(run.command(&args));
    killed.up_to("event");
    killed.signal("KILL");
    killed.finish();
    let mut lines = Vec::new();
    let third = run.ok(&[&args[..], &["--duration", "1"]].concat());
    assert_eq!(third.stderr, "");
    lines.extend(stays.up_to("event"));
    let ending = stays.finish();
    assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""));
    lines.extend(ending.lines);
    let folders = event_folders(&run.home().join("r"));
    folders.iter().for_each(|folder| drop(read_folder(folder)));
    let told: Vec<_> =
        of_type(&lines, "event").iter().map(|event| run.home().join(text(&event["files"], "dir"))).collect();
    assert!(
        told.len() > 5 && told.iter().all(|dir| folders.contains(dir)),
        "{} told, {} there",
        told.len(),
        folders.len()
    );
    let index = Index::open(&run.home().join("r")).unwrap();
    assert_eq!(index.totals().unwrap().events, folders.len() as u64);
}

/// Whatever the umask, what is recorded is its owner's alone.
#[test]
fn recordings_are_private_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let run = Run::new();
    for umask in ["000", "027"] {
        let program = env!("CARGO_BIN_EXE_earwitness");
        let script = format!(
            "umask {umask}; exec '{program}' monitor --input demo --fast --duration 8 --record r{umask} --ui silent"
        );
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script]).current_dir(run.home()).env_clear().env("HOME", run.home());
        shell.env("EARWITNESS_MODEL", MODEL);
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let mut left = vec![run.home().join(format!("r{umask}"))];
        let mut n_files = 0;
        while let Some(path) = left.pop() {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{} under {umask}", path.display());
            n_files += 1;
            if path.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        assert!(n_files > 10);
    }
}

/// Recording fails, and monitoring goes on: the status says why, and the exit code whether it could record at the end.
#[test]
fn a_run_that_cannot_record_says_so_and_ends_by_how_it_stands_at_the_end() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let records = run.home().join("r");
    let today = || jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let block = || {
        std::fs::create_dir_all(&records).unwrap();
        // Also at midnight.
        let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
        for day in [today(), tomorrow.strftime("%Y-%m-%d").to_string()] {
            std::fs::write(records.join(day), "").unwrap();
        }
    };
    block();
    let args = ["monitor", "--input", "demo", "--fast", "--record", "r", "--ui", "jsonl"];
    let ending = Live::start(run.command(&args)).finish();
    assert_eq!(ending.code, Some(5), "{}", ending.stderr);
    let events = check_lines(&ending.lines);
    // Until the disk has said so, nobody knows.
    assert!(events.len() > 4 && events.iter().any(|event| event.get("files").is_none()));
    assert!(ending.stderr.contains(&format!("{} of {} events could not be recorded", events.len(), events.len())));
    let failing = of_type(&ending.lines, "status").into_iter().find(|line| line["recording"]["state"] == "failing");
    assert!(text(&failing.unwrap()["recording"], "error").contains("a file stands where a folder should be"));

    // In real time, so that there is a time in which it is mended.
    let mut live = Live::start(run.command(&["monitor", "--input", "demo", "--record", "r", "--ui", "jsonl"]));
    let mut named = true;
    while named {
        named = live.up_to("event").iter().any(|line| line.get("files").is_some());
    }
    for entry in std::fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() && !entry.file_name().unwrap().to_str().unwrap().starts_with('.') {
            std::fs::remove_file(entry).unwrap();
        }
    }
    let mut n_more = 0;
    while n_more == 0 {
        n_more += live.up_to("event").iter().filter(|line| line.get("files").is_some()).count();
    }
    live.signal("TERM");
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    assert!(ending.stderr.contains("events could not be recorded"), "{}", ending.stderr);
}

/// A pipe that lives but says nothing, then says the same for ever, then speaks again: the status tells each of it.
#[test]
fn a_live_pipe_that_falls_silent_is_told_within_five_seconds_and_when_it_speaks_again() {
    let _alone = alone();
    const RATE: usize = 8_000;
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let mut command = run.command(&["monitor", "--input", "stdin:8000x1:s16le", "--ui", "jsonl"]);
    command.stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let mut random = 7_u32;
    let mut noise = move |secs: usize| -> Vec<f32> {
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 16) as f32 / 65_536.0 * 0.02 - 0.01
        };
        (0..secs * RATE).map(|_| next()).collect()
    };
    let writer = std::thread::spawn(move || {
        let mut write = |samples: &[f32]| {
            // At the pace of a microphone.
            for piece in s16le(samples).chunks(RATE / 5) {
                std::io::Write::write_all(&mut stdin, piece).unwrap();
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        write(&noise(3));
        std::thread::sleep(Duration::from_secs(6));
        write(&noise(3));
        write(&vec![0.0; 6 * RATE]);
        write(&noise(3));
    });
    let ending = live.finish();
    writer.join().unwrap();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    check_lines(&ending.lines);
    let mut told: Vec<(String, f64)> = Vec::new();
    for status in of_type(&ending.lines, "status") {
        let health = text(status, "health");
        assert_eq!(status["trouble"].is_null(), health == "hearing", "{status}");
        if told.last().is_none_or(|(last, _)| last != health) {
            told.push((health.to_owned(), number(status, "t_s")));
        }
    }
    let what: Vec<&str> = told.iter().map(|(health, _)| health.as_str()).collect();
    assert_eq!(what, ["stalled", "hearing", "digital silence", "hearing"], "{told:?}");
    // In seconds of the stream, in which the stall does not count: the silence begins at 6.
    assert!(told[2].1 > 9.9 && told[2].1 < 11.0, "{told:?}");
}
