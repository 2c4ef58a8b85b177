//! The terminal UI in a real terminal: tmux, which can type, resize, and read the screen.

#![cfg(all(feature = "tui", unix))]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::e2e::{self, scene_at, text};
use crate::support::run::{MODEL, Run};
use serde_json::Value;

/// Longest wait for the screen to show something.
const DEADLINE: Duration = Duration::from_secs(60);

/// Numbers the servers of this process.
static SOCKETS: AtomicUsize = AtomicUsize::new(0);

const PROMPT: &str = "READY>";

/// A tmux server of this test's own with a shell in one window.
struct Terminal {
    run: Run,
    socket: String,
}

impl Terminal {
    /// `None`, said aloud, where there is no tmux.
    fn open(width: u16, height: u16) -> Option<Self> {
        if let Err(e) = Command::new("tmux").arg("-V").output() {
            eprintln!("skipped: tmux cannot be run ({e})");
            return None;
        }
        let run = Run::new();
        // Not below the home, which may be too long a path for a socket.
        let socket = format!("earwitness-test-{}-{}", std::process::id(), SOCKETS.fetch_add(1, Ordering::Relaxed));
        let terminal = Self { run, socket };
        let shell = format!("env PS1='{PROMPT} ' ENV= sh -i");
        let size = [width.to_string(), height.to_string()];
        terminal.tmux(&["new-session", "-d", "-s", "t", "-x", &size[0], "-y", &size[1], &shell]);
        terminal.until("the shell's prompt", |screen| screen.contains(PROMPT));
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.try_tmux(args);
        assert!(status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn try_tmux(&self, args: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-L", &self.socket]).args(args);
        tmux.env_remove("TMUX").env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").env("TERM", "screen-256color");
        tmux.env("HOME", self.run.home()).current_dir(self.run.home()).output().unwrap()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "t"])
    }

    /// Waits until the screen is as it should be, and gives it.
    fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what} did not show:\n{screen}");
            sleep(Duration::from_millis(50));
        }
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "t"], keys].concat());
    }

    fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "t", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// Starts the program on the demo scene, its process id in the file `id`, and waits until it draws.
    fn start_monitor(&self) -> String {
        let program = env!("CARGO_BIN_EXE_earwitness");
        let command = format!("echo $$ > id; exec {program} monitor --model {MODEL} --input demo --record r");
        self.type_line(&format!("sh -c '{command}'; echo ended with $?"));
        self.until("the screen", |screen| {
            screen.contains("labels") && screen.contains("waterfall") || screen.contains("heard · all sound")
        })
    }

    fn resize(&self, width: u16, height: u16) {
        self.tmux(&["resize-window", "-t", "t", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Checks that the terminal is as the shell left it: normal screen, cursor, echo, line editing.
    fn check_given_back(&self) {
        self.until("the exit code", |screen| screen.contains("ended with 0") && screen.trim_end().ends_with(PROMPT));
        let flags =
            self.tmux(&["display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]);
        assert_eq!(flags.trim(), "0 1 0", "alternate screen off, cursor shown, no mouse");
        self.resize(120, 36);
        self.type_line("clear; stty -a");
        let stty =
            self.until("stty's answer", |screen| screen.contains("icanon") && screen.trim_end().ends_with(PROMPT));
        let words: Vec<&str> = stty.split([' ', ';', '\n']).collect();
        for word in ["echo", "icanon", "isig", "icrnl", "opost"] {
            assert!(words.contains(&word), "{word} is off:\n{stty}");
        }
        self.type_line("echo seen and $((40 + 2))");
        self.until("what was typed, and its answer", |s| {
            s.contains("echo seen and $((40") && s.contains("seen and 42")
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // This test's own server, by its socket.
        let _ = self.try_tmux(&["kill-server"]);
    }
}

fn labels() -> Vec<String> {
    let shown: Value = serde_json::from_str(&Run::new().ok(&["model", "show", MODEL, "--json"]).stdout).unwrap();
    shown["manifest"]["labels"].as_array().unwrap().iter().map(|l| text(l, "name").to_owned()).collect()
}

fn has_any(screen: &str, labels: &[String]) -> bool {
    labels.iter().any(|label| screen.contains(label.as_str()))
}

#[test]
fn a_person_looks_around_and_leaves() {
    let Some(terminal) = Terminal::open(120, 36) else { return };
    let labels = labels();
    terminal.start_monitor();
    // The first sound of the scene becomes an event within seconds.
    let screen = terminal.until("an event", |s| s.contains("events · 1 since") || s.contains("events · 2 since"));
    assert!(screen.contains("earwitness") && screen.contains("demo"), "{screen}");
    assert!(screen.contains("labels · by score") && has_any(&screen, &labels), "{screen}");
    assert!(screen.contains("heard · all sound") && screen.contains("events · "), "{screen}");
    assert!(screen.contains("load ") && screen.contains("dropped 0"), "{screen}");
    assert!(screen.contains("q quit") && screen.contains("? help"), "{screen}");
    let events = screen.split("events · ").nth(1).unwrap();
    assert!(has_any(events, &labels), "the event list names a label:\n{screen}");

    terminal.keys(&["w"]);
    terminal.until("why", |s| s.contains("why ·"));
    terminal.keys(&["w"]);
    terminal.until("heard", |s| s.contains("heard · all sound"));

    terminal.keys(&["?"]);
    terminal.until("help", |s| s.contains("show or hide this help") && s.contains("freeze the screen"));
    terminal.keys(&["Escape"]);
    terminal.until("the screen behind help", |s| !s.contains("show or hide this help"));

    terminal.keys(&["Space"]);
    let frozen = terminal.until("frozen", |s| s.contains("FROZEN"));
    // Listening goes on: once it shows again, time has passed.
    terminal.keys(&["Space"]);
    terminal.until("moving again", |s| !s.contains("FROZEN") && s.lines().next() != frozen.lines().next());

    terminal.keys(&["Enter"]);
    let recorded = format!("{}/r/", terminal.run.home().display());
    terminal.until("an event's evidence", |s| {
        // The folder's name may be longer than a line.
        let words: String = s.split_whitespace().filter(|word| *word != "│").collect();
        s.contains("evidence") && s.contains("onset") && words.contains(&recorded)
    });
    terminal.keys(&["Escape"]);
    terminal.until("no evidence", |s| !s.contains("evidence"));

    terminal.resize(80, 24);
    let fits = |s: &str, width: usize| s.lines().all(|line| line.chars().count() <= width);
    terminal.until("80 by 24", |s| s.contains("q quit") && s.contains("events ·") && fits(s, 80));
    terminal.resize(50, 10);
    terminal.until("too small", |s| s.contains("terminal too small"));
    terminal.resize(100, 30);
    terminal.until("room again", |s| s.contains("q quit") && s.contains("heard · all sound"));

    terminal.keys(&["q"]);
    terminal.check_given_back();
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let Some(terminal) = Terminal::open(90, 28) else { return };
    terminal.start_monitor();
    let id = std::fs::read_to_string(terminal.run.home().join("id")).unwrap();
    e2e::signal(id.trim().parse().unwrap(), "TERM");
    terminal.check_given_back();
}

/// A closed window or a lost connection: the monitor ends instead of burning a core for nobody.
#[test]
fn a_terminal_that_goes_away_ends_the_monitor() {
    let Some(terminal) = Terminal::open(80, 24) else { return };
    terminal.start_monitor();
    let id = std::fs::read_to_string(terminal.run.home().join("id")).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}/exe", id.trim()));
    assert!(process.exists());
    terminal.tmux(&["kill-server"]);
    let deadline = Instant::now() + DEADLINE;
    while process.exists() {
        assert!(Instant::now() < deadline, "the monitor goes on without a terminal");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn ctrl_c_gives_the_terminal_back_even_on_a_screen_too_small() {
    let Some(terminal) = Terminal::open(40, 8) else { return };
    let program = env!("CARGO_BIN_EXE_earwitness");
    terminal.type_line(&format!("{program} monitor --model {MODEL} --input demo; echo ended with $?"));
    terminal.until("too small", |s| s.contains("terminal too small"));
    terminal.keys(&["C-c"]);
    terminal.check_given_back();
}

/// What was wrong is read on the screen one comes back to, not lost with the other one.
#[test]
fn an_error_is_told_on_the_screen_one_comes_back_to() {
    let Some(terminal) = Terminal::open(110, 20) else { return };
    let program = env!("CARGO_BIN_EXE_earwitness");
    terminal.type_line(&format!("{program} monitor --input file:missing.wav; echo ended with $?"));
    let screen = terminal.until("the exit code", |s| s.contains("ended with 3")).replace('\n', "");
    assert!(screen.contains("earwitness: ") && screen.contains("missing.wav"), "{screen}");
}

/// Nobody must believe that an input listens when it does not, whichever input they look at.
#[test]
fn a_deaf_input_is_named_beside_one_that_hears() {
    let Some(terminal) = Terminal::open(100, 30) else { return };
    let program = env!("CARGO_BIN_EXE_earwitness");
    // The writer says nothing, and ends with the terminal.
    terminal
        .type_line(&format!("sleep 600 | {program} monitor --model {MODEL} --input stdin:22050x1:s16le --input demo"));
    let deaf = |s: &str| s.contains("stdin is deaf: it has delivered nothing for 4 s") && s.contains("STALLED");
    let screen = terminal.until("the banner", deaf);
    assert!(screen.contains("1/2  stdin") && screen.contains("DEAF: ") && screen.contains("> 1 stdin"), "{screen}");
    terminal.keys(&["Tab"]);
    let screen = terminal.until("the other input", |s| s.contains("2/2  demo") && s.contains("> 2 demo"));
    assert!(screen.contains("INPUT 1: ") && deaf(&screen) && screen.contains(" hears"), "{screen}");
    terminal.keys(&["1"]);
    terminal.until("the first again", |s| s.contains("1/2  stdin"));
    terminal.keys(&["l"]);
    terminal.until("a hint", |s| s.contains("start with --listen"));
    terminal.resize(20, 4);
    terminal.until("the banner on a screen too small", |s| s.starts_with(" DEAF: "));
}

/// The stream's end: the screen stays so that it can be read, or leaves where that was asked for.
#[test]
fn the_screen_stays_at_the_end_of_the_input_unless_told_otherwise() {
    let Some(terminal) = Terminal::open(100, 30) else { return };
    let (samples, _) = scene_at(22_050);
    e2e::write_wav(&terminal.run.home().join("a.wav"), 22_050, 1, &samples[..2 * 22_050]);
    let program = env!("CARGO_BIN_EXE_earwitness");
    terminal.type_line(&format!("{program} monitor --model {MODEL} --input file:a.wav --fast; echo ended with $?"));
    terminal.until("the end", |s| s.contains("end of input"));
    terminal.keys(&["q"]);
    terminal.until("the exit code", |s| s.contains("ended with 0"));
    terminal.type_line("clear");
    terminal.type_line(&format!(
        "{program} monitor --model {MODEL} --input file:a.wav --fast --exit-on-end; echo left with $?"
    ));
    terminal.until("the exit code", |s| s.contains("left with 0\n"));
}

/// Who watches must not believe that there will be evidence where there will be none.
#[test]
fn events_that_cannot_be_recorded_show_on_the_screen_and_in_the_exit_code() {
    let Some(terminal) = Terminal::open(100, 30) else { return };
    terminal.start_monitor();
    // The folder goes away, and something else stands in its place.
    let records = terminal.run.home().join("r");
    std::fs::remove_dir_all(&records).unwrap();
    std::fs::write(&records, "").unwrap();
    terminal.until("the alarm", |s| s.contains("RECORDING FAILS"));
    terminal.keys(&["q"]);
    let screen = terminal.until("the exit code", |s| s.contains("ended with 5"));
    // Wherever the line breaks.
    let screen = screen.replace('\n', "");
    assert!(screen.contains("/r: it is not a folder"), "{screen}");
}

#[test]
fn a_label_that_is_changed_at_the_screen_is_changed_in_the_detector_and_the_screen_says_how_to_keep_it() {
    let Some(terminal) = Terminal::open(120, 36) else { return };
    terminal.start_monitor();
    // Not by score, so that the first label stays the first.
    terminal.keys(&["t", "."]);
    let label = labels().remove(0);
    let starts = |screen: &str, what: &str| screen.contains(&format!("{label} {what}"));
    terminal.until("the chosen label", |screen| starts(screen, "starts at") && screen.contains("< lower  > raise"));
    terminal.keys(&["<"]);
    terminal.until("the changed threshold", |screen| {
        starts(screen, "starts at")
            && screen.contains(&format!("for this run; to keep it: [class.{label}] threshold = "))
    });
    terminal.keys(&["m"]);
    terminal.until("the muted label", |screen| screen.contains(&format!("[class.{label}] enabled = false")));
    terminal.keys(&["q"]);
    terminal.check_given_back();
}
