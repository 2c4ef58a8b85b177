//! A real playback through cpal, without a sound card. ALSA's `file` plugin writes down what it is given: nothing paces it,
//! so this tests content and order, not time. PulseAudio's null sink has a clock. ALSA reads its configuration from the environment, so the playback
//! runs in a child process: this same binary.
#![cfg(all(feature = "cpal", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::path::Path;
#[cfg(feature = "pulseaudio")]
use std::process::Child;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::process::full_name;
use earwitness::ErrorKind;
use earwitness::audio::listen_spec::ListenSpec;
use earwitness::audio::playback::{ListenMode, playback_ring};
use earwitness::audio::playback_clock::ListenClock;
use earwitness::audio::playback_device::choose;
use earwitness::units::SampleRate;

/// The child's part, if this is the child.
const PART: &str = "EARWITNESS_TEST_PLAYBACK_DIR";

/// The delay, and what is compared behind it, in samples.
const DELAY: u64 = 12_345;
const N: usize = 60_000;
/// A cross-fade.
const FADE: usize = 480;

/// Values in an order in which a slip of one sample shows; none is 0, even where the playback fades in.
fn value(i: usize) -> i16 {
    ((i.wrapping_mul(40_503) >> 3) as u16 % 20_000) as i16 + 1000
}

fn sample(i: usize) -> f32 {
    f32::from(value(i)) / 32_768.0
}

fn child(test: &str, config: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::TempDir::new().unwrap();
    let config = config.replace("DIR", &dir.path().display().to_string());
    std::fs::write(dir.path().join("alsa.conf"), config).unwrap();
    let text = run_child(test, dir.path(), "unix:/nonexistent");
    (dir, text)
}

/// Runs a test in a process of its own; gives what it printed.
fn run_child(test: &str, dir: &Path, pulse_server: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &full_name(module_path!(), test), "--nocapture"])
        .env(PART, dir)
        .env("ALSA_CONFIG_PATH", dir.join("alsa.conf"))
        .env("PULSE_SERVER", pulse_server)
        .env("PIPEWIRE_REMOTE", "nonexistent")
        // The cookie is the server's, not the user's.
        .env("HOME", dir)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("PULSE_COOKIE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{text}");
    text
}

fn is_child() -> bool {
    std::env::var_os(PART).is_some()
}

/// A device that plays into a file, with so many channels.
fn file_device(channels: u16) -> String {
    format!(
        r#"pcm.fileplay {{
    type file
    slave.pcm {{ type null }}
    file "DIR/out.raw"
    format "raw"
    hint {{ show on description "file playback" }}
}}
pcm.!default {{
    type plug
    slave {{ pcm fileplay format S16_LE rate 48000 channels {channels} }}
    hint {{ show on description "file playback by default" }}
}}
defaults.namehint.showall on
"#
    )
}

/// Plays `N` samples, and ends.
fn play(mode: ListenMode) {
    let device = choose(&ListenSpec::Device(None)).unwrap();
    assert_eq!(device.rate().hz(), 48_000);
    let (mut push, pull) = playback_ring(device.rate(), DELAY, 2 * N);
    let other: Vec<f32> = (0..N).map(|i| -sample(i)).collect();
    let samples: Vec<f32> = (0..N).map(sample).collect();
    assert_eq!(push.push(0, &other, &samples), N);
    push.close();
    let control = Arc::clone(push.control());
    control.set_mode(mode);
    let clock = Arc::new(ListenClock::default());
    // From here on the playback's own clock counts.
    clock.set(0);
    let mut playback = device.start(pull, clock, SampleRate::new(48_000).unwrap()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Until clearly more than that has been written, as two channels: no one says how much waits on the way.
    let file = Path::new(&std::env::var_os(PART).unwrap()).join("out.raw");
    let enough = 4 * (DELAY + N as u64 + 24_000);
    while !std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() > enough) {
        assert!(Instant::now() < deadline, "{} samples were played in a minute", control.played_samples());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(control.played_samples(), N as u64);
    assert_eq!((playback.trouble(), control.underruns(), control.resyncs()), (None, 0, 0));
    playback.stop();
    println!("played {N} samples");
}

/// The samples of the first channel that were written, from the first one that is not 0.
fn written(dir: &Path, channels: usize) -> (usize, Vec<i16>) {
    let bytes = std::fs::read(dir.join("out.raw")).unwrap();
    let all: Vec<i16> = bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    let frames: Vec<i16> = all
        .chunks_exact(channels)
        .map(|frame| {
            assert!(frame.iter().all(|x| *x == frame[0]), "all channels get the same");
            frame[0]
        })
        .collect();
    let first = frames.iter().position(|x| *x != 0).expect("something was played");
    (first, frames[first..].to_vec())
}

#[test]
fn a_device_gets_what_was_pushed_after_the_delay() {
    if is_child() {
        return play(ListenMode::Interpretation);
    }
    for channels in [1, 2] {
        let (dir, text) = child("a_device_gets_what_was_pushed_after_the_delay", &file_device(channels));
        assert!(text.contains("played 60000 samples"), "{text}");
        let (first, samples) = written(dir.path(), usize::from(channels));
        assert!(first >= DELAY as usize, "begins at {first}");
        for (i, got) in samples.iter().take(N).enumerate().skip(FADE) {
            assert_eq!(*got, value(i), "sample {i}");
        }
        // Then it fades out, and is silent.
        assert!(samples.len() > N && samples[N + FADE..].iter().all(|x| *x == 0));
    }
}

#[test]
fn in_another_mode_the_input_is_heard() {
    if is_child() {
        return play(ListenMode::Input);
    }
    let (dir, text) = child("in_another_mode_the_input_is_heard", &file_device(1));
    assert!(text.contains("played 60000 samples"), "{text}");
    let (_, samples) = written(dir.path(), 1);
    assert!((FADE..N).all(|i| samples[i] == -value(i)));
}

/// A sound server with a device that plays to nowhere at the pace of a clock, and what it plays as a recorder hears it.
#[cfg(feature = "pulseaudio")]
struct Pulse {
    dir: tempfile::TempDir,
    server: Child,
    recorder: Child,
}

#[cfg(feature = "pulseaudio")]
impl Pulse {
    /// `None`, said aloud, where there is no PulseAudio.
    fn start() -> Option<Self> {
        let dir = tempfile::TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let script = format!(
            "load-module module-native-protocol-unix socket={} auth-anonymous=1\n\
             load-module module-null-sink sink_name=nowhere format=s16le rate=48000 channels=1\n\
             set-default-sink nowhere\n",
            path("socket")
        );
        std::fs::write(dir.path().join("test.pa"), script).unwrap();
        let mut server = Command::new("pulseaudio");
        server.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-F", &path("test.pa")]);
        server.env("XDG_RUNTIME_DIR", dir.path()).env("HOME", dir.path()).env_remove("PULSE_SERVER");
        let mut server = match server.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(server) => server,
            Err(e) => {
                eprintln!("skipped: cannot start pulseaudio ({e})");
                return None;
            }
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !dir.path().join("socket").exists() {
            if Instant::now() > deadline || server.try_wait().unwrap().is_some() {
                eprintln!("skipped: pulseaudio does not come up here");
                let _ = server.kill();
                let _ = server.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut recorder = Command::new("parec");
        recorder.args(["--device=nowhere.monitor", "--format=s16le", "--rate=48000", "--channels=1", "--raw"]);
        // Else the sink works seconds ahead, and the recorder has long got silence for when something is played.
        recorder.arg("--latency-msec=20");
        recorder.env("PULSE_SERVER", format!("unix:{}", path("socket"))).env("HOME", dir.path());
        let out = std::fs::File::create(dir.path().join("out.raw")).unwrap();
        let recorder = match recorder.stdout(out).stderr(Stdio::null()).spawn() {
            Ok(recorder) => recorder,
            Err(e) => {
                eprintln!("skipped: cannot record with parec ({e})");
                let _ = server.kill();
                let _ = server.wait();
                return None;
            }
        };
        Some(Self { dir, server, recorder })
    }

    /// Until the recorder runs: only then is nothing missing of what is played.
    fn wait_for_recorder(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::metadata(self.dir.path().join("out.raw")).unwrap().len() == 0 {
            assert!(Instant::now() < deadline, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[cfg(feature = "pulseaudio")]
impl Drop for Pulse {
    fn drop(&mut self) {
        for process in [&mut self.recorder, &mut self.server] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[cfg(feature = "pulseaudio")]
#[test]
fn a_sound_server_gets_what_was_pushed() {
    let _alone = crate::support::process::alone();
    if is_child() {
        return play(ListenMode::Interpretation);
    }
    let Some(pulse) = Pulse::start() else { return };
    pulse.wait_for_recorder();
    let dir = pulse.dir.path();
    let text = run_child("a_sound_server_gets_what_was_pushed", dir, &format!("unix:{}", dir.join("socket").display()));
    assert!(text.contains("played 60000 samples"), "{text}");
    let (_, samples) = written(dir, 1);
    for (i, got) in samples.iter().take(N).enumerate().skip(FADE) {
        assert_eq!(*got, value(i), "sample {i}");
    }
    assert!(samples[N + FADE..].iter().all(|x| *x == 0));
}

#[test]
fn without_a_device_there_is_one_sentence() {
    if is_child() {
        for (spec, kind) in [
            (ListenSpec::Device(None), ErrorKind::Output),
            (ListenSpec::Device(Some("alsa:no-such-card".into())), ErrorKind::Output),
            (ListenSpec::Off, ErrorKind::Usage),
        ] {
            let error = choose(&spec).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains('\n') && error.to_string().contains("device"), "{error}");
        }
        println!("three sentences");
        return;
    }
    let (_dir, text) = child("without_a_device_there_is_one_sentence", "pcm.!default { type hw card 31 }\n");
    assert!(text.contains("three sentences"), "{text}");
    assert!(!text.contains("ALSA lib"), "{text}");
}
