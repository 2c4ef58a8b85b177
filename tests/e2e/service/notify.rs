//! The service manager: ready, alive, ending. It is played by a socket.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::e2e::*;
use crate::support::run::{MODEL, Run};
use crate::support::service::*;

struct Manager(UnixDatagram);

impl Manager {
    fn of(run: &Run) -> Self {
        let socket = UnixDatagram::bind(run.home().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// What the program is started with.
    fn offer(&self, run: &Run, command: &mut Command, watchdog: Duration) {
        command.env("NOTIFY_SOCKET", run.home().join("notify"));
        command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
    }

    /// The next message, if one comes within `patience`.
    fn within(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = [0; 4096];
        let n = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..n].to_vec()).unwrap())
    }

    /// Reads up to a message that begins so, and gives all.
    fn up_to(&self, begins: &str) -> Vec<String> {
        let mut messages = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let Some(message) = self.within(PATIENCE) else { break };
            messages.push(message);
            if messages[messages.len() - 1].starts_with(begins) {
                return messages;
            }
        }
        panic!("no {begins} came: {messages:?}");
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn ready_alive_and_stopping_are_told_and_a_quiet_pipe_is_alive() {
    let run = run_with("");
    let manager = Manager::of(&run);
    let mut command = run.command(&["monitor", "--input", "stdin:8000x1:s16le", "--ui", "jsonl"]);
    manager.offer(&run, &mut command, SECOND);
    let mut live = Live::start({
        command.stdin(Stdio::piped());
        command
    });
    let stdin = live.stdin();
    // Nothing has come through the pipe yet: the input is open, and the worker runs.
    assert_eq!(manager.up_to("READY=1").len(), 1, "nothing before it");
    // A pipe that says nothing is told as stalled after some seconds; the monitor is alive all the same.
    for _ in 0..30 {
        manager.up_to("WATCHDOG=1");
    }
    live.signal("TERM");
    let messages = manager.up_to("STOPPING=1");
    assert!(messages.iter().any(|m| m.starts_with("WATCHDOG=1")) || messages.len() == 1, "{messages:?}");
    drop(stdin);
    assert_eq!(live.finish().code, Some(0));
    assert_eq!(manager.within(Duration::from_millis(10)), None, "nothing follows");
}

#[test]
fn the_status_says_what_was_heard() {
    let run = run_with("");
    let manager = Manager::of(&run);
    let mut command = run.command(&["monitor", "--input", "demo", "--fast", "--ui", "silent"]);
    manager.offer(&run, &mut command, SECOND);
    let live = Live::start(command);
    let messages = manager.up_to("STOPPING=1");
    assert_eq!(live.finish().code, Some(0));
    let status: Vec<_> = messages.iter().filter(|m| m.starts_with("STATUS=")).collect();
    assert!(
        status.iter().any(|m| m.contains("1 input") && m.contains(" event") && m.contains(", last ")),
        "{messages:?}"
    );
}

/// No one reads the lines: the pipe fills up, then the recorder's queue, and the worker stands still. Then the watchdog must
/// starve, and get its food again once the lines are read.
#[test]
fn a_worker_that_hangs_feeds_no_watchdog() {
    let model: serde_json::Value =
        serde_json::from_str(&Run::new().ok(&["model", "show", MODEL, "--json"]).stdout).unwrap();
    let labels = model["manifest"]["labels"].as_array().unwrap();
    // Events all the time, for every label.
    let low: Vec<String> = labels.iter().map(|label| format!("\"{}\" = 0.000001", text(label, "name"))).collect();
    let settings = format!(
        "[monitor]\nonsets = true\nreasons = true\n[detector]\nmin_strides = 1\nof_strides = 1\nmerge_gap_secs = 0\nmax_event_secs = 1\n\
         pre_roll_secs = 0\npost_roll_secs = 0\n[detector.thresholds]\n{}\n",
        low.join("\n")
    );
    let run = run_with(&settings);
    let manager = Manager::of(&run);
    let mut command = run.command(DEMO);
    manager.offer(&run, &mut command, SECOND);
    let mut live = Live::start(command);
    live.up_to("start");
    manager.up_to("READY=1");
    let mut fed = 0;
    while manager.within(5 * SECOND).is_some_and(|message| !message.starts_with("STOPPING")) {
        fed += 1;
        assert!(fed < 10_000, "the watchdog is fed on and on");
    }
    // It has not ended: someone who reads sets it going.
    let process = live.id();
    let reader = std::thread::spawn(move || live.finish());
    manager.up_to("WATCHDOG=1");
    signal(process, "TERM");
    assert_eq!(reader.join().unwrap().code, Some(0));
}

#[test]
fn the_units_are_right_and_well_closed_off() {
    let Some(analyze) = program("systemd-analyze") else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let text = |name: &str| std::fs::read_to_string(units.join(name)).unwrap();
    assert!(text("earwitness.service").contains("DeviceAllow=char-alsa rw"), "sound cards are allowed");
    for name in ["earwitness.service", "earwitness-learn.service"] {
        let output = Command::new(&analyze)
            .args(["security", "--offline=true", "--no-pager"])
            .arg(units.join(name))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let level = format!("exposure level for {name}: ");
        let Some(level) = said.lines().find_map(|line| line.split_once(&level)) else {
            eprintln!("skipped: this systemd-analyze cannot judge a unit offline");
            return;
        };
        let exposure: f64 = level.1.split(' ').next().unwrap().parse().unwrap();
        assert!(exposure <= 2.0, "{said}");
    }
    // The program is somewhere else here.
    let home = fresh_folder("e2e_service_unit");
    for name in ["earwitness.service", "earwitness-learn.service", "earwitness-learn.timer"] {
        let here = text(name).replace("/usr/local/bin/earwitness", env!("CARGO_BIN_EXE_earwitness"));
        std::fs::write(home.join(name), here).unwrap();
        let output = Command::new(&analyze).args(["verify", "--man=no"]).arg(home.join(name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains(&format!("{name}:")), "{said}");
    }
}
