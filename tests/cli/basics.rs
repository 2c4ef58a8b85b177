//! What holds for the whole command line: exit codes, streams, help, completions, manual pages.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::Read;
use std::process::Stdio;

use crate::support::run::Run;

#[test]
fn wrong_usage_is_exit_code_2_and_one_sentence() {
    let run = Run::new();
    for args in
        [&[][..], &["nonsense"], &["config"], &["config", "show", "--ui", "gui"], &["--log-level", "loud", "man"]]
    {
        run.fails(2, args);
    }
    let error = run.fails(2, &["model", "list", "--jsn"]);
    assert!(error.contains("'--json'") && error.contains("'earwitness model list --help'"), "{error}");
    let run = run.env("EARWITNESS_UI", "gui");
    let error = run.fails(2, &["config", "show"]);
    assert!(error.contains("'gui'"), "{error}");
}

#[test]
fn help_and_version_go_to_stdout() {
    let run = Run::new();
    let version = run.ok(&["--version"]);
    assert_eq!(version.stdout, format!("earwitness {}\n", env!("CARGO_PKG_VERSION")));
    let help = run.ok(&["--help"]);
    assert!(help.stdout.contains("Exit codes: 0 done") && help.stderr.is_empty());
    assert!(!help.stdout.contains('\x1b'), "no colours into a pipe");
    let help = run.env("EARWITNESS_PRE_ROLL", "1.25").ok(&["config", "show", "--help"]).stdout;
    assert!(help.contains("EARWITNESS_PRE_ROLL") && !help.contains("1.25"), "{help}");
}

#[test]
fn completions_exist_for_every_shell() {
    let run = Run::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run.ok(&["completions", shell]).stdout;
        assert!(script.contains("earwitness") && script.contains("completions"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let run = Run::new();
    assert!(run.ok(&["man"]).stdout.contains(".TH earwitness 1"));
    run.ok(&["man", "--out", "pages"]);
    for page in ["earwitness", "earwitness-config-show", "earwitness-model-verify"] {
        let text = std::fs::read_to_string(run.home().join(format!("pages/{page}.1"))).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    std::fs::write(run.home().join("file"), "").unwrap();
    run.fails(5, &["man", "--out", "file/pages"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let run = Run::new();
    let mut child = run.command(&["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The script is longer than a pipe holds or the reader is gone at once: either way nothing may be complained of.
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_under_stdout_is_exit_code_5() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: this system has no /dev/full");
        return;
    };
    let output = Run::new().command(&["config", "show"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("earwitness: writing to stdout failed"), "{stderr}");
}

#[test]
fn the_log_goes_to_the_file_that_is_named() {
    let run = Run::new();
    let printed = run.ok(&["model", "list", "--log-level", "trace", "--log-file", "log.txt"]);
    assert_eq!(printed.stderr, "");
    assert!(run.home().join("log.txt").is_file());
    let error = run.fails(5, &["model", "list", "--log-file", "no/such/folder/log.txt"]);
    assert!(error.contains("no/such/folder/log.txt"), "{error}");
}

#[test]
fn devices_answers_with_or_without_a_sound_card() {
    // Which devices there are is the machine's business: only the form is checked.
    let output = Run::new().output(&["devices", "--json"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0) => {
            let devices: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            for device in devices.as_array().unwrap() {
                assert!(device["id"].is_string() && device["max_rate_hz"].is_u64(), "{device}");
                assert!(["capture", "playback"].contains(&device["direction"].as_str().unwrap()), "{device}");
            }
        }
        code => {
            assert_eq!(code, Some(3), "{stderr}");
            assert!(stderr.starts_with("earwitness: ") && stderr.lines().count() == 1, "{stderr}");
        }
    }
}
