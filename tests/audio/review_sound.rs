//! The review's playing through a real sound system, without a sound card: ALSA's `file` plugin writes down what it is given. ALSA
//! reads its configuration from the environment, so the player runs in a child process: this same binary.
#![cfg(all(feature = "cpal", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::full_name;
use earwitness::audio::listen_spec::ListenSpec;
use earwitness::review::sound::{Pair, Sound};
use earwitness::units::SampleRate;

/// The child's part, if this is the child.
const PART: &str = "EARWITNESS_TEST_REVIEW_DIR";

/// A second at the rate of the recordings; the device has another one.
const N: usize = 22_050;
const RATE_HZ: u32 = 22_050;
const DEVICE_HZ: f64 = 48_000.0;

const HEARD_HZ: f64 = 500.0;
const WHY_HZ: f64 = 1500.0;

/// Runs a test in a process of its own; gives what it printed.
fn child(test: &str, config: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::TempDir::new().unwrap();
    let config = config.replace("DIR", &dir.path().display().to_string());
    std::fs::write(dir.path().join("alsa.conf"), config).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &full_name(module_path!(), test), "--nocapture"])
        .env(PART, dir.path())
        .env("ALSA_CONFIG_PATH", dir.path().join("alsa.conf"))
        .env("PULSE_SERVER", "unix:/nonexistent")
        .env("PIPEWIRE_REMOTE", "nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{text}");
    (dir, text)
}

fn is_child() -> bool {
    std::env::var_os(PART).is_some()
}

fn pair() -> Pair {
    let tone = |hz: f64| {
        let step = hz * std::f64::consts::TAU / f64::from(RATE_HZ);
        (0..N).map(|i| ((i as f64 * step).sin() * 0.25) as f32).collect()
    };
    Pair { heard: tone(HEARD_HZ), why: tone(WHY_HZ), rate: SampleRate::new(RATE_HZ).unwrap() }
}

/// Plays to the end.
fn play(why: bool) {
    let sound = Sound::new(ListenSpec::Device(None)).unwrap();
    sound.play(pair(), why);
    assert!(sound.playing().position_secs.is_some());
    wait(&sound, |sound| sound.playing().position_secs.is_none());
    println!("played, trouble: {:?}", sound.playing().trouble);
}

fn wait(sound: &Sound, is_so: impl Fn(&Sound) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so(sound) {
        assert!(Instant::now() < deadline, "{:?}", sound.playing());
        std::thread::sleep(Duration::from_millis(5));
    }
}

const FILE_DEVICE: &str = r#"pcm.!default {
    type plug
    slave { pcm { type file slave.pcm { type null } file "DIR/out.raw" format "raw" } format S16_LE rate 48000 channels 1 }
    hint { show on description "file playback by default" }
}
defaults.namehint.showall on
"#;

/// How much of the frequency `hz` is in what was played: 1 for a sine of that frequency alone.
fn share(samples: &[f64], hz: f64) -> f64 {
    let step = hz * std::f64::consts::TAU / DEVICE_HZ;
    let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        re += sample * (i as f64 * step).cos();
        im += sample * (i as f64 * step).sin();
        power += sample * sample;
    }
    2.0 * (re * re + im * im) / (power * samples.len() as f64)
}

fn played(dir: &Path) -> Vec<f64> {
    let bytes = std::fs::read(dir.join("out.raw")).unwrap();
    let all: Vec<f64> = bytes.as_chunks::<2>().0.iter().map(|pair| f64::from(i16::from_le_bytes(*pair))).collect();
    let first = all.iter().position(|x| *x != 0.0).expect("something was played");
    let last = all.iter().rposition(|x| *x != 0.0).unwrap();
    all[first..=last].to_vec()
}

#[test]
fn the_whole_sound_is_played_and_then_it_stops() {
    if is_child() {
        return play(false);
    }
    let (dir, text) = child("the_whole_sound_is_played_and_then_it_stops", FILE_DEVICE);
    assert!(text.contains("played, trouble: None"), "{text}");
    let samples = played(dir.path());
    // The last samples fade out.
    assert!((samples.len() as f64 - DEVICE_HZ).abs() < 1000.0, "{} samples", samples.len());
    assert!(share(&samples[..40_000], HEARD_HZ) > 0.95, "{}", share(&samples[..40_000], HEARD_HZ));
}

#[test]
fn the_classifiers_side_is_the_other_sound() {
    if is_child() {
        return play(true);
    }
    let (dir, text) = child("the_classifiers_side_is_the_other_sound", FILE_DEVICE);
    assert!(text.contains("played, trouble: None"), "{text}");
    assert!(share(&played(dir.path())[..40_000], WHY_HZ) > 0.95);
}

#[test]
fn without_a_device_one_sentence_says_so() {
    if is_child() {
        let sound = Sound::new(ListenSpec::Device(None)).unwrap();
        sound.play(pair(), false);
        wait(&sound, |sound| sound.playing().trouble.is_some());
        println!("trouble: {}", sound.playing().trouble.unwrap());
        // Another try is another try. The device may fail before this thread looks: it will not every time.
        let cleared = (0..100).any(|_| {
            sound.play(pair(), true);
            let cleared = sound.playing().trouble.is_none();
            wait(&sound, |sound| sound.playing().trouble.is_some());
            cleared
        });
        assert!(cleared);
        return;
    }
    let (_dir, text) = child("without_a_device_one_sentence_says_so", "pcm.!default { type hw card 31 }\n");
    let trouble = text.lines().find(|line| line.contains("trouble: ")).unwrap();
    assert!(trouble.contains("playback device") && trouble.contains("earwitness devices"), "{trouble}");
    assert!(!text.contains("ALSA lib"), "{text}");
}
