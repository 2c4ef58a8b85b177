//! The review in a real terminal: tmux, which can type and read the screen.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::review::Recorded;

/// Longest wait for the screen to show something.
const DEADLINE: Duration = Duration::from_secs(60);

struct Tmux(String);

impl Tmux {
    /// A server of this test's own that runs `command`; `None`, said aloud, where there is no tmux.
    fn open(command: &str) -> Option<Self> {
        if let Err(e) = Command::new("tmux").arg("-V").output() {
            eprintln!("skipped: tmux cannot be run ({e})");
            return None;
        }
        let tmux = Self(format!("earwitness-review-{}", std::process::id()));
        tmux.call(&["new-session", "-d", "-s", "t", "-x", "120", "-y", "36", command]);
        Some(tmux)
    }

    fn call(&self, args: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-L", &self.0]).args(args);
        tmux.env_remove("TMUX").env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").env("TERM", "screen-256color");
        String::from_utf8_lossy(&tmux.output().unwrap().stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.call(&[&["send-keys", "-t", "t"], keys].concat());
    }

    /// Waits until the screen holds `text`, and gives it.
    fn until(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.call(&["capture-pane", "-p", "-t", "t"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{text:?} did not show:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.call(&["kill-server"]);
    }
}

#[test]
fn it_is_read_marked_filtered_and_left_in_a_terminal() {
    let recorded = Recorded::new();
    let (program, dir) = (env!("CARGO_BIN_EXE_earwitness"), recorded.path().display());
    let command = format!("HOME={dir} {program} review {dir} --listen off; echo ended with $?; exec cat");
    let Some(tmux) = Tmux::open(&command) else { return };
    tmux.until("events · 1 / 4");
    // The oldest one, whose evidence is read once it rests.
    tmux.keys(&["G"]);
    tmux.until("evidence enough and needed: alone it gives dog 0.95, removing");
    tmux.keys(&["r"]);
    tmux.until("✓  11-20 11:00:00 dog");
    assert_eq!(recorded.marks("2026-11-20/100000Z-dog-01A")["verdict"], json!("right"));
    tmux.keys(&["n"]);
    tmux.call(&["send-keys", "-t", "t", "-l", "heard it myself"]);
    tmux.keys(&["Enter"]);
    tmux.until("right · heard it myself");
    tmux.keys(&["Space"]);
    tmux.until("names no playback device");
    tmux.keys(&["/"]);
    tmux.call(&["send-keys", "-t", "t", "-l", "cat"]);
    tmux.keys(&["Enter"]);
    tmux.until("1 of 4 events · \"cat\"");
    tmux.keys(&["D", "y"]);
    tmux.until("0 of 3 events");
    assert!(!recorded.path().join("2026-11-20/110000Z-cat-01B").exists());
    tmux.keys(&["q"]);
    let screen = tmux.until("ended with 0");
    assert!(!screen.contains("earwitness review"), "the screen is given back:\n{screen}");
}
