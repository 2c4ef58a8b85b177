//! Programs that are run for each event.

use std::time::Instant;

use crate::support::e2e::*;
use crate::support::service::*;

#[test]
fn a_program_is_run_for_each_event_and_its_stdout_is_not_ours() {
    let run = run_with(
        "[[exec]]\ncommand = [\"sh\", \"-c\", \"cat >> told; echo $EARWITNESS_EVENT_LABEL >> labels; echo loud; echo careful >&2\"]\n\
         per_label_secs = 0\nat_once = 1\n",
    );
    let (lines, stderr) = finish(run.command(DEMO));
    let told = json_lines(&std::fs::read_to_string(run.home().join("told")).unwrap());
    assert_eq!(told.iter().collect::<Vec<_>>(), of_type(&lines, "event"));
    let labels = std::fs::read_to_string(run.home().join("labels")).unwrap();
    assert_eq!(labels.lines().collect::<Vec<_>>(), told.iter().map(|e| text(e, "label")).collect::<Vec<_>>());
    assert!(stderr.contains("exec 1 says: careful"), "{stderr}");
    assert!(!stderr.contains("loud"), "{stderr}");
}

#[test]
fn a_program_that_hangs_holds_up_neither_lines_nor_the_end_and_does_not_outlive_it() {
    let run = run_with(
        "[[exec]]\nname = \"siren\"\ncommand = [\"sh\", \"-c\", \"sleep 1000 & echo $$ $! >> pids; wait\"]\ntimeout_secs = 900\n\
         per_label_secs = 0\nat_once = 2\n",
    );
    let mut live = Live::start(run.command(DEMO));
    let mut lines = live.up_to("stop");
    let ended = Instant::now();
    let ending = live.finish();
    assert!(ended.elapsed().as_secs() < 60, "the end took {:?}", ended.elapsed());
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    assert!(check_lines(&lines).len() > 2);
    let pids = std::fs::read_to_string(run.home().join("pids")).unwrap();
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert_eq!(pids.len(), 4, "two at once, and what they started: {pids:?}");
    wait_for("the end of what hangs", || {
        let lives =
            |pid: &&str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
        (!pids.iter().any(lives)).then_some(())
    });
}

#[test]
fn a_program_that_is_not_there_is_told_at_the_start() {
    let run = run_with("[[exec]]\ncommand = [\"/nowhere/alarm\"]\n");
    assert!(run.fails(2, DEMO).contains("exec 1: the program /nowhere/alarm is not there"));
    let run = run_with("[[exec]]\ncommand = []\n");
    assert!(run.fails(2, DEMO).contains("c.toml, line 2: exec[0].command = [] cannot be used"));
}
