//! Network streams: an `ffmpeg` child fetches and decodes one, and a thread of ours reads plain samples from it. To whoever
//! keeps it open, it is a device like others: it can break, stall and come back.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::capture_clock::CaptureClock;
use super::fan::{CaptureFan, Lane};
use super::keeper::Timing;
use super::live::{Attached, Held, LiveStream, Refusal, StreamGuard};
use super::net_address::NetAddress;
use super::ring::CapturePull;
use super::sample_format::SampleFormat;
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The program that fetches streams.
const FFMPEG: &str = "ffmpeg";

/// What it may speak: whatever a stream names, it opens no file of this machine.
const PROTOCOLS: &str = "rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,httpproxy,crypto,srt";

/// What a server has saved up comes at once. It is heard at this much more than its own pace, so that neither a little more of
/// it is lost nor a clock that is a hair faster than ours fills it up over the weeks.
const SPEED: f64 = 1.0005;

/// Longest piece handed over at once, in seconds: about what a sound card delivers.
const PIECE_SECS: f64 = 0.02;

/// Last lines of what the program said that are kept, and most characters of one.
const KEPT_LINES: usize = 3;
const MAX_LINE: usize = 300;

/// As much as a pipe holds.
const READ_BYTES: usize = 65_536;

/// How long a server may take to send the first of its sound.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// How long the program may take to say why it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Longest nap, so that a request to stop is soon heard.
const NAP: Duration = Duration::from_millis(50);

/// Longest header before the samples, in bytes.
const MAX_HEADER: usize = 4096;

/// A server may take a while to answer, and what is heard comes in pieces of some seconds.
pub(super) const TIMING: Timing = Timing {
    tick: Duration::from_millis(100),
    stall: Duration::from_secs(15),
    pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(30),
    open: Duration::from_secs(20),
};

/// Whether there is the program that fetches streams.
///
/// # Errors
/// [`crate::ErrorKind::Usage`], saying how to get it, where there is none.
pub(super) fn check_program(address: &NetAddress) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|dir| dir.join(FFMPEG).is_file());
    if there { Ok(()) } else { Err(no_program(address)) }
}

fn no_program(address: &NetAddress) -> Error {
    Error::usage(format!(
        "{address} needs the program {FFMPEG}, which is not installed; install it (on Debian: apt install ffmpeg)"
    ))
}

/// Opens the stream, once more or for the first time. `make_rings` gives what its samples go into.
///
/// # Errors
/// That it cannot be reached, or holds no sound; or that the program is not there.
pub(super) fn open(
    address: &NetAddress,
    held: Option<Held>,
    make_rings: impl FnOnce(Held) -> Result<(CaptureFan, Vec<(Lane, CapturePull)>)>,
) -> Result<Attached, Refusal> {
    let mut child = fetch(address, held).map_err(Refusal::Refused)?;
    let pipes = child.stdout.take().zip(child.stderr.take());
    let (stdout, stderr) =
        pipes.ok_or_else(|| Refusal::Refused(Error::bug("a child without the pipes that were asked for")))?;
    let words = Words::listen(stderr, address.clone());
    let (stop, state, clock) = (Arc::default(), Arc::new(EndState::default()), Arc::new(CaptureClock::new()));
    // Before the channels, so that on an early return it goes after them: the thread that it waits for may wait for one.
    let mut stream = NetStream { child, stop: Arc::clone(&stop), thread: None };
    let (found, answer) = channel();
    let (give, given) = channel();
    let pump = Pump { stdout, words, stop, clock: Arc::clone(&clock), state: Arc::clone(&state) };
    let name = address.to_string();
    let body = move || pump.run(&name, &found, &given);
    stream.thread = Some(thread::Builder::new().name("stream-source".to_owned()).spawn(body).map_err(|e| {
        Refusal::Refused(Error::input(format!(
            "cannot start the thread that reads the stream: {e}; close other programs"
        )))
    })?);
    let refused = |why: &str| {
        Refusal::Refused(Error::input(format!(
            "{address} cannot be heard: {why}; check address, user, network and server"
        )))
    };
    let held = match answer.recv_timeout(ANSWER_PATIENCE) {
        Ok(Ok(held)) => held,
        Ok(Err(why)) => return Err(refused(&why)),
        Err(_) => return Err(refused(&format!("no sound came within {} s", ANSWER_PATIENCE.as_secs()))),
    };
    if !held.rate.is_heard() {
        return Err(refused(&format!("its rate of {} Hz is none that can be heard", held.rate.hz())));
    }
    let (fan, lanes) =
        make_rings(held).map_err(|e| Refusal::Refused(Error::new(e.kind(), format!("{address}: {e}"))))?;
    // Where the thread has ended meanwhile, the state says so.
    let _ = give.send(fan);
    Ok(Attached { held, lanes, clock, state, stream: StreamGuard::new(stream) })
}

/// Starts the program that fetches the stream.
fn fetch(address: &NetAddress, held: Option<Held>) -> Result<Child> {
    let mut command = Command::new(FFMPEG);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", PROTOCOLS]);
    if address.url().starts_with("rtsp") {
        // Over UDP, a busy network loses sound without a word. A camera's pictures are not even asked for.
        command.args(["-rtsp_flags", "prefer_tcp", "-allowed_media_types", "audio"]);
    }
    command.args(["-i", address.url(), "-map", "0:a:0", "-vn", "-sn", "-dn"]);
    if let Some(held) = held {
        // As before, whatever it is now.
        command.args(["-ar", &held.rate.hz().to_string(), "-ac", &held.channels.to_string()]);
    }
    command.args(["-c:a", "pcm_f32le", "-flush_packets", "1", "-f", "wav", "pipe:1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => no_program(address),
        _ => {
            Error::input(format!("{FFMPEG} cannot be started for {address}: {e}; close other programs")).with_source(e)
        }
    })
}

/// A stream that is heard. Dropping it ends the child and the thread.
struct NetStream {
    child: Child,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LiveStream for NetStream {
    /// No callback: the thread has the priority that others have.
    fn realtime(&self) -> Option<bool> {
        None
    }
}

impl Drop for NetStream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // It has no state to lose; and without it, the thread's reading ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The thread that reads samples and hands them over.
struct Pump {
    stdout: ChildStdout,
    words: Words,
    stop: Arc<AtomicBool>,
    clock: Arc<CaptureClock>,
    state: Arc<EndState>,
}

impl Pump {
    /// Tells what the stream is, waits for what its samples go into, and reads until the end.
    fn run(mut self, name: &str, found: &Sender<Result<Held, String>>, given: &Receiver<CaptureFan>) {
        let held = read_header(&mut self.stdout);
        let answer = held.map_err(|_| self.words.why());
        let Ok(held) = answer else {
            let _ = found.send(answer);
            return;
        };
        if found.send(Ok(held)).is_err() {
            return;
        }
        let Ok(fan) = given.recv() else { return };
        // What was said while it was opened is no reason for its end.
        self.words.forget();
        self.pump(fan, held);
        self.state.fail(format!("{name} has ended ({})", self.words.why()));
    }

    fn pump(&mut self, mut fan: CaptureFan, held: Held) {
        let channels = usize::from(held.channels);
        let frame_bytes = 4 * channels;
        let piece = held.rate.samples(PIECE_SECS).max(1) as usize * channels;
        let mut bytes = vec![0; READ_BYTES.max(frame_bytes)];
        let (mut have, mut samples) = (0, Vec::new());
        let (began, mut handed_over) = (Instant::now(), 0_u64);
        while !self.stop.load(Ordering::Acquire) {
            match self.stdout.read(&mut bytes[have..]) {
                Ok(0) => return,
                Ok(n) => have += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            let whole = have - have % frame_bytes;
            samples.clear();
            SampleFormat::F32Le.decode(&bytes[..whole], &mut samples);
            bytes.copy_within(whole..have, 0);
            have -= whole;
            for piece in samples.chunks(piece) {
                let n = (piece.len() / channels) as u64;
                handed_over += n;
                let due = began + Duration::from_secs_f64(held.rate.secs(handed_over) / SPEED);
                while let Some(wait) = due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) {
                    if self.stop.load(Ordering::Acquire) {
                        return;
                    }
                    thread::park_timeout(wait.min(NAP));
                }
                let len = Duration::from_secs_f64(held.rate.secs(n));
                self.clock.mark(len, len);
                fan.push_interleaved(piece);
            }
        }
    }
}

/// What the program says, as far as it is kept.
struct Words {
    lines: Arc<Mutex<VecDeque<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Words {
    fn listen(stderr: ChildStderr, address: NetAddress) -> Self {
        let lines: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let body = move || {
            let mut stderr = BufReader::new(stderr);
            let mut line = Vec::new();
            // A line without an end must not fill the memory.
            while let Ok(n) = (&mut stderr).take(64 << 10).read_until(b'\n', &mut line) {
                if n == 0 {
                    return;
                }
                let text = tidy(&address.hide_in(&String::from_utf8_lossy(&line)));
                line.clear();
                if text.is_empty() {
                    continue;
                }
                tracing::debug!("ffmpeg, of {address}: {text}");
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_back(text);
                if kept.len() > KEPT_LINES {
                    kept.pop_front();
                }
            }
        };
        // Without the thread the pipe is closed, and what it says is not known; its sound is heard all the same.
        let thread = thread::Builder::new().name("stream-words".to_owned()).spawn(body).ok();
        Self { lines, thread }
    }

    fn forget(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Why the program has ended: what it said last.
    fn why(&mut self) -> String {
        let until = Instant::now() + LAST_WORDS;
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.back().cloned().unwrap_or_else(|| "the server sends nothing any more".to_owned())
    }
}

/// Without the mark of the part that speaks (`[rtsp @ 0x5581…]`), in one short line.
fn tidy(line: &str) -> String {
    let mut line = line.trim();
    while let Some((mark, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if !mark.contains("@ 0x") {
            break;
        }
        line = rest.trim_start();
    }
    line.chars().filter(|c| !c.is_control()).take(MAX_LINE).collect::<String>().trim_end_matches('.').to_owned()
}

/// Reads the header of a WAV stream up to its first sample: rate and channels. The samples are floats, as was asked for.
fn read_header(stream: &mut impl Read) -> std::io::Result<Held> {
    let damaged = || std::io::Error::new(std::io::ErrorKind::InvalidData, "no header of samples");
    let mut riff = [0; 12];
    stream.read_exact(&mut riff)?;
    if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
        return Err(damaged());
    }
    let (mut format, mut total) = (None, riff.len());
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let [n0, n1, n2, n3, l0, l1, l2, l3] = head;
        if [n0, n1, n2, n3] == *b"data" {
            return format.ok_or_else(damaged);
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        total += head.len() + len;
        if total > MAX_HEADER {
            return Err(damaged());
        }
        let mut body = vec![0; len + len % 2];
        stream.read_exact(&mut body)?;
        if let (b"fmt ", [_, _, c0, c1, r0, r1, r2, r3, ..]) = (&[n0, n1, n2, n3], &body[..]) {
            let rate = SampleRate::new(u32::from_le_bytes([*r0, *r1, *r2, *r3]));
            let channels = u16::from_le_bytes([*c0, *c1]);
            format = rate.filter(|_| channels > 0).map(|rate| Held { rate, channels });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_stream_tells_rate_and_channels_and_ends_before_the_samples() {
        let list = [&b"LIST\x05\0\0\0"[..], b"INFOx\0"].concat();
        let format = [&b"fmt \x10\0\0\0"[..], &[3, 0, 2, 0], &44_100_u32.to_le_bytes(), &[0; 6], &[32, 0]].concat();
        let stream = [&b"RIFF\xff\xff\xff\xffWAVE"[..], &format, &list, b"data\xff\xff\xff\xff", b"samples"].concat();
        let mut rest = &stream[..];
        let held = read_header(&mut rest).unwrap();
        assert_eq!((held.rate.hz(), held.channels, rest), (44_100, 2, &b"samples"[..]));
        for len in 0..stream.len() - 7 {
            assert!(read_header(&mut &stream[..len]).is_err(), "{len}");
        }
        let endless = [&b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f"[..], &[0; 64]].concat();
        assert!(read_header(&mut &endless[..]).is_err());
    }

    #[test]
    fn what_the_program_says_is_one_short_line() {
        assert_eq!(tidy("[rtsp @ 0x55d0c8] [tcp @ 0x1] Connection refused.\r\n"), "Connection refused");
        assert_eq!(tidy("[fe80::1]: no route\x1b[2J"), "[fe80::1]: no route[2J");
        assert_eq!(tidy(&"x".repeat(1000)).len(), MAX_LINE);
    }
}
