//! What these tests share: settings, waiting, a web server that does as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::e2e::*;
use crate::support::run::Run;

/// A home with these settings in `c.toml`.
pub(crate) fn run_with(settings: &str) -> Run {
    let run = Run::new().env("EARWITNESS_LOG_LEVEL", "info").env("NO_COLOR", "1");
    std::fs::write(run.home().join("c.toml"), settings).unwrap();
    run
}

/// The monitor of those settings on the whole demo scene, as quickly as it goes.
pub(crate) const DEMO: &[&str] = &["monitor", "--config", "c.toml", "--input", "demo", "--fast", "--ui", "jsonl"];

/// The monitor of those settings on stdin, with as much of the scene as is written there.
pub(crate) fn on_stdin(run: &Run, args: &[&str]) -> (Live, ChildStdin) {
    let spec = format!("stdin:{RATE_HZ}x1:s16le");
    let mut command = run.command(&["monitor", "--config", "c.toml", "--input", &spec, "--fast", "--ui", "jsonl"]);
    command.args(args).stdin(Stdio::piped());
    let mut live = Live::start(command);
    let stdin = live.stdin();
    (live, stdin)
}

pub(crate) const RATE_HZ: u32 = 22_050;

/// Halves of the demo scene, as `s16le`; events are told in both.
pub(crate) fn halves() -> [Vec<u8>; 2] {
    let samples = scene_at(RATE_HZ).0;
    let (first, second) = samples.split_at(samples.len() / 2);
    [s16le(first), s16le(second)]
}

/// Waits for something that comes sooner or later.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A port that no one listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether a program can be run, also one of an administrator's.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').map(|dir| PathBuf::from(dir).join(name)).find(|file| file.is_file())
}

/// A request that a server got.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        json_line(&self.body)
    }
}

/// How a server answers.
pub(crate) enum Answer {
    Status(u16),
    /// Not at all, and the connection stays.
    Never,
}

/// A web server. `answer` is asked for each request, which are counted from 0.
pub(crate) fn server(mut answer: impl FnMut(usize) -> Answer + Send + 'static) -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (i, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let Some(request) = read_request(&stream) else { continue };
            if sender.send(request).is_err() {
                return;
            }
            match answer(i) {
                Answer::Status(code) => {
                    let _ = write!(stream, "HTTP/1.1 {code} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                }
                Answer::Never => held.push(stream),
            }
        }
    });
    (port, requests)
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        bytes: body,
    })
}

/// Runs to the end with lines on stdout; gives them and stderr.
pub(crate) fn finish(command: Command) -> (Vec<Value>, String) {
    let ending = Live::start(command).finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    check_lines(&ending.lines);
    (ending.lines, ending.stderr)
}

/// The ids of the events in `lines`, in order.
pub(crate) fn event_ids(lines: &[Value]) -> Vec<String> {
    of_type(lines, "event").into_iter().map(|event| text(event, "id").to_owned()).collect()
}
