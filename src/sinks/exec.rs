//! A program run for each event: the event's JSON on its stdin, the main fields in variables. No shell, none of our own
//! stdout, and after the time-out no process of its group.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam::channel;

use super::message::Message;
use super::options::ExecOptions;
use super::runner::{Deliver, End, Failure};
use crate::error::{Error, Result};

/// What a program may say on stderr before the rest is thrown away, in bytes.
const MOST_SAID: u64 = 16 * 1024;

/// The exit code by which a program asks to be run again (EX_TEMPFAIL).
const TRY_AGAIN: i32 = 75;

/// Variables of ours that are not for others: the service manager's, and a password.
const NOT_FOR_OTHERS: &[&str] = &["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "EARWITNESS_MQTT_PASSWORD"];

/// Runs the program.
pub(super) struct Exec {
    options: ExecOptions,
    end: End,
}

/// How a run ended.
enum Outcome {
    Ended(std::io::Result<ExitStatus>),
    TimedOut,
    Aborted,
}

impl Exec {
    pub(super) fn new(options: ExecOptions, end: End) -> Self {
        Self { options, end }
    }

    /// A program that is named by its path must be there.
    ///
    /// # Errors
    /// `Usage` where it is not.
    pub(super) fn check(options: &ExecOptions) -> Result<()> {
        let Some(program) = options.command.first() else { return Ok(()) };
        if program.contains('/') && !Path::new(program).is_file() {
            return Err(Error::usage(format!(
                "{}: the program {program} is not there; correct command in [[exec]]",
                options.name
            )));
        }
        Ok(())
    }

    fn start(&self, message: &Message) -> std::io::Result<Child> {
        let (program, args) = self.options.command.split_first().ok_or(std::io::ErrorKind::NotFound)?;
        let mut command = Command::new(program);
        command.args(args).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        NOT_FOR_OTHERS.iter().for_each(|name| {
            command.env_remove(name);
        });
        for (name, value) in variables(message) {
            command.env(name, value.replace('\0', ""));
        }
        command.spawn()
    }

    /// Waits for `child`, which was given `text` on stdin, and kills its group where that takes too long.
    fn run(&self, mut child: Child, text: String) -> Outcome {
        let group = child.id();
        let name = self.options.name.clone();
        let (done, ended) = channel::bounded(1);
        let body = move || {
            let stdin = child.stdin.take();
            let stderr = child.stderr.take();
            // A program that does not read its stdin must not keep us from its stderr.
            let writer = std::thread::Builder::new().name("exec-stdin".to_owned()).spawn(move || {
                if let Some(mut stdin) = stdin {
                    // It need not read it.
                    let _ = stdin.write_all(text.as_bytes());
                }
            });
            drop(writer);
            if let Some(stderr) = stderr {
                listen(&name, stderr);
            }
            let _ = done.send(child.wait());
        };
        if let Err(e) = std::thread::Builder::new().name("exec".to_owned()).spawn(body) {
            kill(group);
            return Outcome::Ended(Err(e));
        }
        let timeout = Duration::from_secs_f64(self.options.timeout_secs);
        let outcome = channel::select! {
            recv(ended) -> status => return Outcome::Ended(status.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into()))),
            recv(self.end.abort) -> _ => Outcome::Aborted,
            default(timeout) => Outcome::TimedOut,
        };
        kill(group);
        // The killed child is gone at once; who else holds its stderr is none of ours.
        let _ = ended.recv_timeout(Duration::from_millis(500));
        outcome
    }
}

impl Deliver for Exec {
    fn deliver(&mut self, message: &Message) -> Result<(), Failure> {
        let program = self.options.command.first().map_or("", String::as_str);
        if self.end.abort.try_recv() == Err(channel::TryRecvError::Disconnected) {
            return Err(Failure::Never(format!("{program} was not run, because the monitor ends")));
        }
        let child = self.start(message).map_err(|e| Failure::Later(format!("{program} cannot be run ({e})")))?;
        match self.run(child, message.text() + "\n") {
            Outcome::Ended(Ok(status)) if status.success() => Ok(()),
            Outcome::Ended(Ok(status)) if status.code() == Some(TRY_AGAIN) => {
                Err(Failure::Later(format!("{program} asks to be run again (exit code {TRY_AGAIN})")))
            }
            Outcome::Ended(Ok(status)) => Err(Failure::Never(format!("{program} failed ({status})"))),
            Outcome::Ended(Err(e)) => Err(Failure::Later(format!("{program} cannot be watched ({e})"))),
            Outcome::TimedOut => Err(Failure::Never(format!(
                "{program} had not ended after {} s and was killed",
                self.options.timeout_secs
            ))),
            Outcome::Aborted => Err(Failure::Never(format!("{program} was killed, because the monitor ends"))),
        }
    }
}

/// Kills a child and its own children: it leads their group.
fn kill(group: u32) {
    // The standard library signals single processes only; every system that runs programs has a shell that can do more.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -s KILL -- \"-$0\"", &group.to_string()]);
    // The group may have ended by itself.
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Puts what a program says on stderr into the log, as far as it is not too much.
fn listen(name: &str, stderr: impl Read) {
    let mut stderr = BufReader::new(stderr);
    let mut said = stderr.by_ref().take(MOST_SAID);
    let mut line = Vec::new();
    while matches!(said.read_until(b'\n', &mut line), Ok(n) if n > 0) {
        let text: String = String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).collect();
        if !text.is_empty() {
            tracing::warn!("{name} says: {text}");
        }
        line.clear();
    }
    let _ = std::io::copy(&mut stderr, &mut std::io::sink());
}

/// What a program can know without reading JSON.
fn variables(message: &Message) -> [(&'static str, String); 9] {
    let text = |name: &str| message.field(name).to_owned();
    let dir = message.json.get("files").and_then(|files| files.get("dir")).and_then(|dir| dir.as_str());
    [
        ("EARWITNESS_EVENT_TYPE", text("type")),
        ("EARWITNESS_EVENT_ID", message.id.clone()),
        ("EARWITNESS_EVENT_LABEL", message.label.clone()),
        ("EARWITNESS_EVENT_SCORE", format!("{:.4}", message.score)),
        ("EARWITNESS_EVENT_SOURCE", text("source")),
        ("EARWITNESS_EVENT_ONSET", text("onset")),
        ("EARWITNESS_EVENT_OFFSET", text("offset")),
        ("EARWITNESS_EVENT_DIR", dir.unwrap_or_default().to_owned()),
        ("EARWITNESS_EVENT_SUPPRESSED", message.suppressed.to_string()),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Instant;

    use super::super::message::Kind;
    use super::super::message::tests::message;
    use super::*;

    fn end() -> (channel::Sender<()>, End) {
        let (abort, on_abort) = channel::bounded(0);
        (abort, End { ending: channel::never(), abort: on_abort })
    }

    fn exec(script: &str, timeout_secs: f64, end: End) -> Exec {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let filter = super::super::options::FilterOptions::default();
        Exec::new(ExecOptions { name: "test".into(), filter, command, timeout_secs, at_once: 1 }, end)
    }

    fn deliver(script: &str, timeout_secs: f64) -> Result<(), Failure> {
        exec(script, timeout_secs, end().1).deliver(&message(Kind::Event, "A", "dog", 0.93))
    }

    #[test]
    fn a_program_gets_the_event_on_stdin_and_in_variables() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let script = format!(
            "{{ cat; env | grep ^EARWITNESS_EVENT | sort; echo to-nobody >&2; }} > {0}.new && mv {0}.new {0}; echo x",
            out.display()
        );
        deliver(&script, 60.0).unwrap();
        let text = std::fs::read_to_string(out).unwrap();
        let (json, variables) = text.split_once('\n').unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((json["id"].as_str(), json["label"].as_str()), (Some("A"), Some("dog")));
        for line in ["LABEL=dog", "SCORE=0.9300", "DIR=/events/x", "ONSET=2026-11-20T15:00:12.341Z", "TYPE=event"] {
            assert!(variables.contains(&format!("EARWITNESS_EVENT_{line}\n")), "{line}: {variables}");
        }
    }

    #[test]
    fn exit_codes_say_whether_to_try_again() {
        assert_eq!(deliver("exit 0", 60.0), Ok(()));
        assert!(matches!(deliver("exit 3", 60.0), Err(Failure::Never(why)) if why.contains("3")));
        assert!(matches!(deliver("exit 75", 60.0), Err(Failure::Later(_))));
        let (_abort, end) = end();
        let mut missing = exec("", 60.0, end);
        missing.options.command = vec!["no-such-program-anywhere".into()];
        assert!(matches!(missing.deliver(&message(Kind::Event, "A", "dog", 0.9)), Err(Failure::Later(_))));
    }

    #[test]
    fn a_program_that_does_not_read_and_says_a_lot_does_no_harm() {
        deliver("exec 0<&-; yes noise | head -c 1000000 >&2; exit 0", 60.0).unwrap();
    }

    /// Runs something that never ends and that starts something that never ends; gives how it went and the ids of both.
    fn hanging(timeout_secs: f64, abort_after: Option<Duration>) -> (Result<(), Failure>, Vec<i32>) {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let script = format!("sleep 1000 & echo $$ $! > {0}.new; mv {0}.new {0}; wait", pids.display());
        let (abort, end) = end();
        let mut exec = exec(&script, timeout_secs, end);
        let run = std::thread::spawn(move || exec.deliver(&message(Kind::Event, "A", "dog", 0.9)));
        let deadline = Instant::now() + Duration::from_secs(60);
        let text = loop {
            if let Ok(text) = std::fs::read_to_string(&pids) {
                break text;
            }
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(wait) = abort_after {
            std::thread::sleep(wait);
            drop(abort);
        }
        let ids = text.split_whitespace().map(|id| id.parse().unwrap()).collect();
        (run.join().unwrap(), ids)
    }

    fn is_gone(id: i32) -> bool {
        // A process that was killed may still have to be waited for by its parent.
        match std::fs::read_to_string(format!("/proc/{id}/stat")) {
            Ok(stat) => stat.contains(") Z"),
            Err(_) => true,
        }
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let long = 5.0;
        for (timeout, abort) in [(long, None), (1000.0, Some(Duration::ZERO))] {
            let (outcome, ids) = hanging(timeout, abort);
            assert!(matches!(outcome, Err(Failure::Never(why)) if why.contains("killed")));
            assert_eq!(ids.len(), 2);
            let deadline = Instant::now() + Duration::from_secs(60);
            while !ids.iter().all(|id| is_gone(*id)) {
                assert!(Instant::now() < deadline, "{ids:?} live on");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}
