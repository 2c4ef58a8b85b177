//! Faults as they happen to a running monitor, tried on the program itself. `ARCHITECTURE.md` has the whole table, and
//! where the faults of devices and servers are tried.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;
mod e2e_common;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use common::Run;
use e2e_common::*;

/// Killed without warning at odd moments, some of them while an event is being written: what lies on the disk is whole or can
/// be told from what is, and the next run removes it.
#[test]
fn a_kill_at_any_moment_leaves_whole_events_and_the_next_run_cleans_up() {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
    let args = ["monitor", "--input", "demo", "--fast", "--record", "r", "--ui", "jsonl"];
    let mut told = BTreeSet::new();
    for n_events in [1, 2, 4, 7] {
        let mut live = Live::start(run.command(&args));
        for _ in 0..n_events {
            for line in live.up_to("event") {
                if let Some(dir) = line["files"]["dir"].as_str() {
                    told.insert(run.home().join(dir));
                }
            }
        }
        // The recorder is at work on the next one by now.
        std::thread::sleep(Duration::from_millis(7 * n_events));
        live.signal("KILL");
        assert_eq!(live.finish().code, None, "it was killed");
        // An event that was told was on the disk before.
        told.iter().for_each(|dir| drop(read_folder(dir)));
    }
    let printed = run.ok(&[&args[..], &["--duration", "1"]].concat());
    check_lines(&json_lines(&printed.stdout));
    let folders: BTreeSet<_> = event_folders(&run.home().join("r")).into_iter().collect();
    assert!(told.is_subset(&folders) && told.len() >= 14, "{} of {} told", folders.len(), told.len());
    folders.iter().for_each(|folder| drop(read_folder(folder)));
}

/// A pipe that lives but says nothing, then says the same for ever, then speaks again: the status tells each of it.
#[test]
fn a_live_pipe_that_falls_silent_is_told_within_five_seconds_and_when_it_speaks_again() {
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
