//! One run of the monitor, fed through a pipe, watched, and killed.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Fallible;
use crate::checks::{event_bytes, n_temporaries};
use crate::sound::RATE_HZ;

/// How often the folder is looked at while the monitor runs.
const LOOK: Duration = Duration::from_millis(100);

/// What the monitor has to keep within; 0 is no limit.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_bytes: u64,
    pub(crate) min_free_bytes: u64,
}

/// An event on a line.
pub(crate) struct Told {
    pub(crate) label: String,
    pub(crate) onset_secs: f64,
    pub(crate) offset_secs: f64,
}

/// What was seen of a run that has ended.
pub(crate) struct Ended {
    pub(crate) events: Vec<Told>,
    /// Events that were told and could not be recorded.
    pub(crate) unrecorded: u64,
    /// Events that the last status said were removed.
    pub(crate) removed: u64,
    /// The most that event folders took together whenever they were looked at, in bytes.
    pub(crate) most_bytes: u64,
    /// The least that the disk had free.
    pub(crate) least_free: Option<u64>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) wall_secs: f64,
}

/// What the lines said.
#[derive(Default)]
struct Lines {
    events: Vec<Told>,
    unrecorded: u64,
    removed: u64,
    least_free: Option<u64>,
}

/// A monitor at work.
pub(crate) struct Run {
    child: Arc<Mutex<Child>>,
    stdin: Option<ChildStdin>,
    lines: JoinHandle<Lines>,
    stderr: JoinHandle<String>,
    looking: Arc<AtomicBool>,
    most: JoinHandle<u64>,
    began: Instant,
}

impl Run {
    pub(crate) fn start(dir: &Path, limits: Limits) -> Fallible<Self> {
        let folder = std::env::current_exe()?;
        let program = folder.parent().and_then(Path::parent).ok_or("no target folder")?.join("earwitness");
        let mut child = Command::new(&program)
            .args(["monitor", "--fast", "--ui", "jsonl", "--input", &format!("stdin:{RATE_HZ}x1:s16le")])
            .args([
                "--max-bytes",
                &limits.max_bytes.to_string(),
                "--min-free-bytes",
                &limits.min_free_bytes.to_string(),
            ])
            .arg("--record")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{} cannot be run ({e}); build it with cargo build --release", program.display()))?;
        let (stdin, stdout, mut errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let started = Arc::new(AtomicBool::new(false));
        let lines = thread::spawn({
            let started = Arc::clone(&started);
            move || stdout.map_or_else(Lines::default, |out| read_lines(BufReader::new(out), &started))
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.as_mut().map(|errors| errors.read_to_string(&mut text));
            text
        });
        let looking = Arc::new(AtomicBool::new(true));
        let most = thread::spawn({
            let (looking, dir): (_, PathBuf) = (Arc::clone(&looking), dir.to_owned());
            move || most_bytes(&started, &looking, &dir, limits.max_bytes)
        });
        Ok(Self { child: Arc::new(Mutex::new(child)), stdin, lines, stderr, looking, most, began: Instant::now() })
    }

    /// Whether the monitor still reads.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Fallible<bool> {
        match self.stdin.as_mut().ok_or("the pipe is closed")?.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Kills it at the moment at which it is next seen to write or to remove an event.
    pub(crate) fn aim(&self, dir: &Path) {
        let (child, looking, dir) = (Arc::clone(&self.child), Arc::clone(&self.looking), dir.to_owned());
        thread::spawn(move || {
            while looking.load(Ordering::Relaxed) {
                if n_temporaries(&dir) > 0 {
                    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
                    return;
                }
            }
        });
    }

    /// Kills it without warning, a moment from now.
    pub(crate) fn kill(self, wait: Duration) -> Fallible<Ended> {
        thread::sleep(wait);
        self.child.lock().unwrap_or_else(PoisonError::into_inner).kill()?;
        self.end()
    }

    /// Lets it come to the end of its input.
    pub(crate) fn finish(mut self) -> Fallible<Ended> {
        self.stdin = None;
        self.end()
    }

    fn end(self) -> Fallible<Ended> {
        // Its lines end when it does. Waiting for it holds it, and whoever aims at it wants it until then.
        let lines = self.lines.join().map_err(|_| "a thread broke down")?;
        self.looking.store(false, Ordering::Relaxed);
        let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait()?;
        let broke = |_| "a thread broke down";
        Ok(Ended {
            events: lines.events,
            unrecorded: lines.unrecorded,
            removed: lines.removed,
            most_bytes: self.most.join().map_err(broke)?,
            least_free: lines.least_free,
            exit_code: status.code(),
            stderr: self.stderr.join().map_err(broke)?,
            wall_secs: self.began.elapsed().as_secs_f64(),
        })
    }
}

/// Reads lines until there are no more; one that a kill has cut is passed over.
fn read_lines(from: impl BufRead, started: &AtomicBool) -> Lines {
    let mut all = Lines::default();
    for line in from.lines().map_while(Result::ok) {
        started.store(true, Ordering::Relaxed);
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        let number = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
        match line["type"].as_str() {
            Some("event") => {
                let label = line["label"].as_str().unwrap_or_default().to_owned();
                all.events.push(Told { label, onset_secs: number("onset_s"), offset_secs: number("offset_s") });
            }
            Some("status") => {
                let recording = &line["recording"];
                all.removed = recording["removed"].as_u64().unwrap_or(all.removed);
                all.unrecorded = recording["unrecorded"].as_u64().unwrap_or(all.unrecorded);
                let free = recording["free_bytes"].as_u64();
                all.least_free = all.least_free.into_iter().chain(free).min();
            }
            _ => {}
        }
    }
    all
}

/// Looks again and again at how much the event folders take together.
/// Before it has started, the limits are those of the run before.
fn most_bytes(started: &AtomicBool, looking: &AtomicBool, dir: &Path, limit: u64) -> u64 {
    let mut most = 0;
    while looking.load(Ordering::Relaxed) {
        if !started.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
            continue;
        }
        let mut bytes = event_bytes(dir);
        // One may go and the next come while they are counted: too much is too much only if it stays.
        for _ in 0..5 {
            if limit == 0 || bytes <= limit {
                break;
            }
            thread::sleep(Duration::from_millis(10));
            bytes = bytes.min(event_bytes(dir));
        }
        most = most.max(bytes);
        thread::sleep(LOOK);
    }
    most
}
