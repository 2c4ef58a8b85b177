//! A real capture from a private PulseAudio server: its null sink's monitor hears what `paplay` plays. The server is found
//! through the environment, so the capture runs in a child process: this same binary.
#![cfg(all(feature = "pulseaudio", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::{alone, full_name};
use earwitness::audio::devices::{Direction, list_devices};
use earwitness::audio::source::{Capture, CaptureOptions, CaptureState, ChannelChoice, InputSpec, open};

/// The child's part, if this is the child.
const PART: &str = "EARWITNESS_TEST_PULSE_PART";

/// What is played, in channel frames: two seconds.
const N: usize = 96_000;

/// Every value, in an order in which a slip of one sample shows; never silence.
fn sample(channel: usize, i: usize) -> i16 {
    ((i + 100_003 * channel).wrapping_mul(40_503) >> 3) as i16 | 1
}

fn is_child() -> bool {
    std::env::var_os(PART).is_some()
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(90)
}

fn wait(deadline: Instant, what: &str) {
    assert!(Instant::now() < deadline, "a minute and a half without {what}");
    std::thread::sleep(Duration::from_millis(2));
}

/// A server of this test's own, in a folder of its own.
struct Server {
    dir: tempfile::TempDir,
    process: Option<Child>,
}

impl Server {
    /// With a sink of so many channels; `None`, said aloud, where the machine has no PulseAudio.
    fn start(channels: u16) -> Option<Self> {
        for program in ["pulseaudio", "paplay"] {
            if let Err(e) = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()
            {
                eprintln!("skipped: {program} cannot be run here ({e})");
                return None;
            }
        }
        let dir = tempfile::TempDir::new().unwrap();
        let script = format!(
            // The socket last: whoever can connect finds everything else.
            "load-module module-null-sink sink_name=room format=s16le rate=48000 channels={channels}\n\
             set-default-source room.monitor\n\
             load-module module-native-protocol-unix auth-anonymous=1 socket={}\n",
            dir.path().join("native").display()
        );
        std::fs::write(dir.path().join("room.pa"), script).unwrap();
        let mut server = Self { dir, process: None };
        server.restart();
        Some(server)
    }

    fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "-F"]);
        command.arg(self.dir.path().join("room.pa")).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(private(&mut command, self.dir.path()).spawn().unwrap());
        let deadline = deadline();
        while UnixStream::connect(self.dir.path().join("native")).is_err() {
            wait(deadline, "an answer of the server");
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Plays the samples into the sink, to their end.
    fn play(&self, channels: u16) {
        let path = self.dir.path().join("play.wav");
        let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
        let spec = hound::WavSpec { channels, sample_rate: 48_000, bits_per_sample, sample_format };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for i in 0..N {
            (0..usize::from(channels)).for_each(|c| writer.write_sample(sample(c, i)).unwrap());
        }
        writer.finalize().unwrap();
        let mut command = Command::new("paplay");
        let played = private(command.args(["--device=room"]).arg(path), self.dir.path()).status().unwrap();
        assert!(played.success());
    }

    fn child(&self, test: &str) -> Listener {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", &full_name(module_path!(), test), "--nocapture"])
            .env(PART, "1")
            .stdout(Stdio::piped());
        let mut process = private(&mut command, self.dir.path()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap());
        Listener { process, lines }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Nothing of the user's sound system is seen or touched.
fn private<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    let socket = format!("unix:{}", dir.join("native").display());
    command.env("PULSE_SERVER", socket).env("HOME", dir).env("XDG_RUNTIME_DIR", dir).env("PULSE_RUNTIME_PATH", dir);
    command.env("PIPEWIRE_RUNTIME_DIR", dir).env_remove("XDG_CONFIG_HOME").env_remove("PULSE_COOKIE")
}

/// The child, as the parent sees it.
struct Listener {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Listener {
    /// Waits for the line that the child prints.
    fn until(&mut self, word: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                panic!("the child ended without '{word}':\n{seen}");
            }
            if line.contains(word) {
                return line;
            }
            seen += &line;
        }
    }

    fn success(mut self) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut rest).unwrap();
        assert!(self.process.wait().unwrap().success(), "the child failed:\n{rest}");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads until a second of sound has come on every channel, and checks that it is one piece of what is played, bit for bit.
/// (It need not be the beginning: a null sink that was idle has given its next tenth of a second away already.) Gives the gaps
/// before.
fn hear(captures: &mut [Capture]) -> u64 {
    let mut out = vec![0.0; 4096];
    let (mut heard, mut gaps) = (vec![Vec::new(); captures.len()], 0);
    let deadline = deadline();
    while heard.iter().any(|heard: &Vec<f32>| heard.len() < N / 2) {
        for (capture, heard) in captures.iter_mut().zip(&mut heard) {
            let n = capture.read(&mut out);
            gaps += capture.gap_before();
            assert!(heard.is_empty() || capture.gap_before() == 0, "a gap while it is played");
            let first = if heard.is_empty() { out[..n].iter().position(|&s| s != 0.0).unwrap_or(n) } else { 0 };
            heard.extend_from_slice(&out[first..n]);
        }
        wait(deadline, "sound");
    }
    let played = |channel, i| f32::from(sample(channel, i)) / 32_768.0;
    let begins = |at: usize| (0..64).all(|i| heard[0][i] == played(0, at + i));
    let at = (0..N / 2).find(|&at| begins(at)).expect("something that was played");
    for (channel, heard) in heard.iter().enumerate() {
        for (i, &h) in heard[..N / 2].iter().enumerate() {
            assert_eq!(h, played(channel, at + i), "sample {i} behind {at} of channel {channel}");
        }
    }
    gaps
}

fn settle(capture: &mut Capture, wanted: CaptureState) {
    let mut out = vec![0.0; 4096];
    let deadline = deadline();
    while capture.state() != wanted {
        capture.read(&mut out);
        wait(deadline, "the other state");
    }
}

fn entries(dir: &str) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

fn balanced(capture: &Capture) -> bool {
    let a = capture.account();
    a.captured == a.read + a.dropped + a.pending && a.dropped == 0
}

#[test]
fn what_the_server_plays_is_heard_bit_for_bit_on_each_channel() {
    let _alone = alone();
    if !is_child() {
        let Some(server) = Server::start(2) else { return };
        let mut child = server.child("what_the_server_plays_is_heard_bit_for_bit_on_each_channel");
        child.until("listening");
        server.play(2);
        child.until("compared");
        return child.success();
    }
    let devices = list_devices().unwrap();
    let default = devices.iter().find(|d| d.is_default && d.direction == Direction::Capture).unwrap();
    assert_eq!((default.id.as_str(), default.host.as_str()), ("pulseaudio:room.monitor", "pulseaudio"));
    assert_eq!((default.channels, default.rates, default.formats[0].as_str()), ((2, 2), (48_000, 48_000), "i16"));

    // Without its sound system's name, too.
    let spec = InputSpec::Device("room.monitor".to_owned());
    let options = CaptureOptions { channels: ChannelChoice::Each, ..CaptureOptions::default() };
    let mut captures = open(&spec, options).unwrap();
    assert_eq!(captures.len(), 2);
    assert_eq!(captures[1].info().name, "device:room.monitor#2");
    println!("listening");
    hear(&mut captures);
    assert!(captures.iter().all(balanced));
    captures[0].stop();
    println!("compared");
}

#[test]
fn a_server_that_is_killed_and_comes_back_is_heard_again() {
    let _alone = alone();
    const TURNS: usize = 3;
    if !is_child() {
        let Some(mut server) = Server::start(1) else { return };
        let mut child = server.child("a_server_that_is_killed_and_comes_back_is_heard_again");
        for turn in 0..TURNS {
            child.until("listening");
            server.play(1);
            child.until("heard");
            server.kill();
            child.until("lost");
            // Once more while the program waits for it: it is found at the next attempt.
            if turn > 0 {
                std::thread::sleep(Duration::from_millis(700));
            }
            server.restart();
        }
        child.until("over");
        return child.success();
    }
    let began = Instant::now();
    let mut captures = open(&InputSpec::Default, CaptureOptions::default()).unwrap();
    let (mut gaps, mut before) = (0, None);
    for turn in 0..TURNS {
        // Once its samples come, everything that a stream needs is there.
        let deadline = deadline();
        while captures[0].read(&mut [0.0; 512]) == 0 {
            wait(deadline, "a sample");
        }
        gaps += captures[0].gap_before();
        let now = (entries("/proc/self/task"), entries("/proc/self/fd"));
        let (threads, files) = *before.get_or_insert(now);
        assert!(now.0 <= threads && now.1 <= files, "turn {turn}: {now:?} after {before:?}");
        println!("listening");
        gaps += hear(&mut captures);
        println!("heard");
        settle(&mut captures[0], CaptureState::Lost);
        let lost = captures[0].lost().unwrap();
        assert!(lost.sentence.starts_with("default ") && lost.sentence.ends_with("trying again"), "{}", lost.sentence);
        println!("lost");
        settle(&mut captures[0], CaptureState::Running);
    }
    // Three times half a second at least; the whole test at most.
    assert!(gaps >= 3 * 24_000 && gaps as f64 <= began.elapsed().as_secs_f64() * 48_000.0, "{gaps}");
    assert!(captures.iter().all(balanced));
    captures[0].stop();
    println!("over");
}

/// A server that hangs: its users wait for ever. This program lists what else there is, and stops when it is told to.
#[test]
fn a_server_that_hangs_holds_no_one_up() {
    if !is_child() {
        let Some(server) = Server::start(1) else { return };
        let mut child = server.child("a_server_that_hangs_holds_no_one_up");
        child.until("listening");
        server.signal("-STOP");
        child.until("lost");
        child.until("over");
        server.signal("-CONT");
        return child.success();
    }
    let mut captures =
        open(&InputSpec::Device("pulseaudio:room.monitor".to_owned()), CaptureOptions::default()).unwrap();
    println!("listening");
    settle(&mut captures[0], CaptureState::Lost);
    println!("lost");
    let listed = list_devices().unwrap();
    assert!(listed.iter().all(|d| d.host != "pulseaudio"), "{listed:?}");
    captures[0].stop();
    assert_eq!(captures[0].state(), CaptureState::Ended);
    println!("over");
}

#[test]
fn a_source_that_is_not_there_is_said_to_be_missing() {
    if !is_child() {
        let Some(server) = Server::start(1) else { return };
        return server.child("a_source_that_is_not_there_is_said_to_be_missing").success();
    }
    let spec = InputSpec::Device("pulseaudio:no-such-source".to_owned());
    let error = open(&spec, CaptureOptions::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), earwitness::ErrorKind::Input);
    assert!(
        error.to_string().contains("no-such-source") && error.to_string().contains("earwitness devices"),
        "{error}"
    );
    let path: PathBuf = std::env::var("HOME").unwrap().into();
    assert!(path.join("native").exists());
}
