//! A real capture through cpal and ALSA, without a sound card: ALSA's `file` plugin reads a FIFO that this test fills.
//! ALSA reads its configuration from the environment, so the capture runs in a child process: this same binary.
#![cfg(all(feature = "cpal", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use earwitness::audio::devices::{Direction, list_devices};
use earwitness::audio::source::{Capture, CaptureOptions, CaptureState, InputSpec, open};

/// The child's part, if this is the child.
const PART: &str = "EARWITNESS_TEST_ALSA_PART";

/// How much is compared: two seconds.
const N: usize = 96_000;

/// What goes through the FIFO: every value, in an order in which a slip of one sample shows.
fn sample(i: usize) -> i16 {
    (i.wrapping_mul(40_503) >> 3) as i16
}

/// A folder with a FIFO and the configuration that makes it the default device; `None`, said aloud, where that fails.
fn fifo_device() -> Option<tempfile::TempDir> {
    let dir = tempfile::TempDir::new().unwrap();
    let fifo = dir.path().join("cap.fifo");
    match Command::new("mkfifo").arg(&fifo).status() {
        Ok(status) if status.success() => {}
        other => {
            eprintln!("skipped: cannot make a FIFO with mkfifo ({other:?})");
            return None;
        }
    }
    let config = format!(
        r#"pcm.fifocap {{
    type file
    slave.pcm {{ type null }}
    file "/dev/null"
    infile "{}"
    format "raw"
    hint {{ show on description "fifo capture" }}
}}
pcm.!default {{
    type plug
    slave {{ pcm fifocap format S16_LE rate 48000 channels 1 }}
    hint {{ show on description "fifo capture by default" }}
}}
defaults.namehint.showall on
"#,
        fifo.display()
    );
    std::fs::write(dir.path().join("alsa.conf"), config).unwrap();
    Some(dir)
}

/// Keeps the FIFO open and writes `n` samples into it from another thread, which may wait for ever for a reader.
fn feed(dir: &Path, n: usize) -> std::fs::File {
    // Open both ways: neither side then waits for the other, and the FIFO stays when a reader goes.
    let fifo = OpenOptions::new().read(true).write(true).open(dir.join("cap.fifo")).unwrap();
    let mut writer = fifo.try_clone().unwrap();
    std::thread::spawn(move || {
        let bytes: Vec<u8> = (0..n).flat_map(|i| sample(i).to_le_bytes()).collect();
        let _ = writer.write_all(&bytes);
    });
    fifo
}

fn run_child(test: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PART, "1")
        .env("ALSA_CONFIG_PATH", dir.join("alsa.conf"))
        // The machine's own sound servers would be preferred.
        .env("PULSE_SERVER", format!("unix:{}", dir.join("no-server").display()))
        .env("PIPEWIRE_RUNTIME_DIR", dir)
        .env("XDG_RUNTIME_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The child's output, once it has ended well.
fn success(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the child failed:\n{text}");
    text
}

fn is_child() -> bool {
    std::env::var_os(PART).is_some()
}

/// The only input that `spec` gives.
fn one(spec: &InputSpec, options: CaptureOptions) -> Capture {
    let mut captures = open(spec, options).unwrap();
    assert_eq!(captures.len(), 1);
    captures.remove(0)
}

fn wait(deadline: Instant) {
    assert!(Instant::now() < deadline, "nothing came for a minute");
    std::thread::sleep(Duration::from_millis(2));
}

#[test]
fn a_device_delivers_bit_for_bit_what_went_in() {
    if !is_child() {
        let Some(dir) = fifo_device() else { return };
        // More than is compared: the last samples wait in ALSA for the rest of their period.
        let _fifo = feed(dir.path(), 3 * N);
        let text = success(run_child("a_device_delivers_bit_for_bit_what_went_in", dir.path()));
        assert!(text.contains("compared 96000 samples"), "{text}");
        return;
    }
    let before = SystemTime::now();
    let mut capture = one(&InputSpec::Default, CaptureOptions::default());
    // ALSA's file plugin is exact only where nothing is converted, so this also checks the choice of format.
    assert_eq!((capture.info().sample_rate.hz(), capture.info().channels), (48_000, 1));
    let (mut all, mut out) = (Vec::new(), vec![0.0; 4096]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while all.len() < N {
        let n = capture.read(&mut out);
        all.extend_from_slice(&out[..n]);
        if n == 0 {
            assert_eq!(capture.state(), CaptureState::Running);
            wait(deadline);
        }
    }
    for (i, &heard) in all[..N].iter().enumerate() {
        assert_eq!(heard, f32::from(sample(i)) / 32_768.0, "sample {i}");
    }
    assert!(capture.info().started >= before && capture.info().started <= SystemTime::now());
    let dropped = capture.account().dropped;
    assert_eq!(dropped, 0);
    capture.stop();
    while capture.read(&mut out) > 0 {}
    assert_eq!(capture.state(), CaptureState::Ended);
    println!("compared {N} samples");
}

/// A device that dies without a word: the writer stays but sends nothing more. The capture stalls, shows it, and can be
/// closed all the same.
#[test]
fn a_device_that_falls_silent_can_be_closed() {
    if !is_child() {
        let Some(dir) = fifo_device() else { return };
        let _fifo = feed(dir.path(), 24_000);
        let text = success(run_child("a_device_that_falls_silent_can_be_closed", dir.path()));
        assert!(text.contains("closed after a silence"), "{text}");
        return;
    }
    let mut capture = one(&InputSpec::Default, CaptureOptions::default());
    let mut out = vec![0.0; 4096];
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut heard = 0;
    while heard == 0 || capture.idle_for() < Duration::from_secs(1) {
        heard += capture.read(&mut out);
        wait(deadline);
    }
    assert!(heard <= 24_000, "{heard} samples of 24000");
    assert_eq!(capture.state(), CaptureState::Running);
    capture.stop();
    assert_eq!(capture.state(), CaptureState::Ended);
    println!("closed after a silence");
}

#[test]
fn devices_are_listed_and_found_by_their_id() {
    if !is_child() {
        let Some(dir) = fifo_device() else { return };
        let _fifo = feed(dir.path(), 3 * N);
        let text = success(run_child("devices_are_listed_and_found_by_their_id", dir.path()));
        assert!(text.contains("opened by its id"), "{text}");
        return;
    }
    let devices = list_devices().unwrap();
    let default: Vec<_> = devices.iter().filter(|d| d.is_default && d.direction == Direction::Capture).collect();
    assert_eq!(default.len(), 1, "{devices:?}");
    assert!(default[0].rates.0 <= 48_000 && default[0].rates.1 >= 48_000 && !default[0].formats.is_empty());
    let mut ids: Vec<_> = devices.iter().map(|d| (d.id.as_str(), d.direction.as_str())).collect();
    assert!(ids.iter().any(|(id, _)| id.ends_with("fifocap")), "{ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), devices.len(), "each device once a direction");

    let spec = InputSpec::Device(default[0].id.clone());
    let mut capture = one(&spec, CaptureOptions::default());
    assert_eq!(capture.info().name, format!("device:{}", default[0].id));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut out = vec![0.0; 4096];
    while capture.read(&mut out) == 0 {
        wait(deadline);
    }
    capture.stop();

    let error = open(&InputSpec::Device("alsa:no-such-card".into()), CaptureOptions::default()).map(|_| ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no-such-card") && error.contains("earwitness devices"), "{error}");
    println!("opened by its id");
}

/// ALSA likes to write to stderr itself, where a terminal UI is on the screen or one plain sentence is expected.
#[test]
fn a_machine_without_a_sound_card_says_so_in_one_sentence() {
    if !is_child() {
        let dir = tempfile::TempDir::new().unwrap();
        std::fs::write(dir.path().join("alsa.conf"), "pcm.!default { type hw card 31 }\n").unwrap();
        let text = success(run_child("a_machine_without_a_sound_card_says_so_in_one_sentence", dir.path()));
        assert!(text.contains("heard one sentence"), "{text}");
        assert!(!text.contains("ALSA lib"), "{text}");
        return;
    }
    let error = open(&InputSpec::Default, CaptureOptions::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), earwitness::ErrorKind::Input);
    assert!(error.to_string().contains("use file:, stdin: or demo"), "{error}");
    assert!(!list_devices().unwrap().iter().any(|d| d.is_default));
    println!("heard one sentence");
}
