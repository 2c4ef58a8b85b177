//! A panic becomes one sentence and exit code 70. The panic hook is the whole process's, so each case is a child process
//! of this test program.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use crate::support::process::full_name;
use earwitness::Error;
use earwitness::cli::guard;

const CASE: &str = "TEST_CASE_OF_CHILD";

/// Does nothing in the parent; in a child, ends with the code of the case.
#[test]
fn child() {
    let code = match std::env::var(CASE).as_deref() {
        Ok("main thread") => guard(|| panic!("the sky\nfell")),
        Ok("other thread") => guard(|| {
            let other = std::thread::spawn(|| panic!("worker fell"));
            match other.join() {
                Ok(()) => Ok(()),
                Err(_) => Err(Error::output("a consequence")),
            }
        }),
        Ok("error") => guard(|| Err(Error::input("the file is gone; name another"))),
        Ok("fine") => guard(|| Ok(())),
        _ => return,
    };
    std::process::exit(code.into());
}

fn run(case: &str) -> Output {
    let exe = std::env::current_exe().unwrap();
    Command::new(exe)
        .args(["--exact", &full_name(module_path!(), "child"), "--nocapture"])
        .env(CASE, case)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_panic_is_one_sentence_and_70() {
    let output = run("main thread");
    assert_eq!(output.status.code(), Some(70));
    let text = stderr(&output);
    assert!(text.starts_with("earwitness: a defect of the program stopped it (the sky fell at tests/cli/panic.rs:"));
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_panic_on_another_thread_outranks_its_consequences() {
    let output = run("other thread");
    assert_eq!(output.status.code(), Some(70));
    let text = stderr(&output);
    assert!(text.contains("(worker fell at ") && text.lines().count() == 1, "{text}");
}

#[test]
fn an_error_is_one_sentence_and_its_kind_s_code() {
    let output = run("error");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(stderr(&output), "earwitness: the file is gone; name another\n");
    let output = run("fine");
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}
