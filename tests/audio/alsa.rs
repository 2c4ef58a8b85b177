//! A real capture through cpal and ALSA, without a sound card: ALSA's `file` plugin reads a FIFO that this test fills.
//! ALSA reads its configuration from the environment, so the capture runs in a child process: this same binary.
#![cfg(all(feature = "cpal", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::support::process::full_name;
use earwitness::audio::devices::{Direction, list_devices};
use earwitness::audio::source::{Capture, CaptureOptions, CaptureState, ChannelChoice, InputSpec, open};

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
    fifo_device_of(1)
}

/// The same with so many channels.
fn fifo_device_of(channels: u16) -> Option<tempfile::TempDir> {
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
    slave {{ pcm fifocap format S16_LE rate 48000 channels {channels} }}
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
        .args(["--exact", &full_name(module_path!(), test), "--nocapture"])
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
    assert!(devices.iter().all(|d| d.id.starts_with(&format!("{}:", d.host))), "{devices:?}");
    assert!(devices.iter().all(|d| d.rates.1 <= 768_000), "{devices:?}");

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

/// The two channels of a device as inputs of their own.
#[test]
fn each_channel_of_a_device_may_be_an_input() {
    const PAIRS: usize = 60_000;
    if !is_child() {
        let Some(dir) = fifo_device_of(2) else { return };
        let _fifo = feed(dir.path(), 4 * PAIRS);
        let text = success(run_child("each_channel_of_a_device_may_be_an_input", dir.path()));
        assert!(text.contains("compared two channels"), "{text}");
        return;
    }
    let options = CaptureOptions { channels: ChannelChoice::Each, ..CaptureOptions::default() };
    let mut lanes = open(&InputSpec::Default, options).unwrap();
    let names: Vec<_> = lanes.iter().map(|lane| lane.info().name.as_str()).collect();
    assert_eq!(names, ["default#1", "default#2"]);
    assert!(lanes.iter().all(|lane| (lane.info().sample_rate.hz(), lane.info().channels) == (48_000, 2)));
    let deadline = Instant::now() + Duration::from_secs(60);
    let (mut all, mut out) = ([Vec::new(), Vec::new()], vec![0.0; 4096]);
    while all.iter().any(|all| all.len() < PAIRS) {
        for (lane, all) in lanes.iter_mut().zip(&mut all) {
            let n = lane.read(&mut out);
            all.extend_from_slice(&out[..n]);
        }
        wait(deadline);
    }
    for (channel, all) in all.iter().enumerate() {
        for (i, &heard) in all[..PAIRS].iter().enumerate() {
            assert_eq!(heard, f32::from(sample(2 * i + channel)) / 32_768.0, "sample {i} of channel {channel}");
        }
    }
    lanes[0].stop();
    for lane in &mut lanes {
        while lane.read(&mut out) > 0 {}
        assert_eq!(lane.state(), CaptureState::Ended, "one stops them all");
    }
    println!("compared two channels");
}

/// Which part of `sample(0)…` these samples are, if they are one.
fn place(heard: &[f32]) -> Option<usize> {
    let is_at = |at: usize| heard.iter().enumerate().all(|(i, &h)| h == f32::from(sample(at + i)) / 32_768.0);
    (0..1_000_000).find(|&at| is_at(at))
}

fn entries(dir: &str) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

/// A device that dies without a word, is gone for a while, and comes back: the capture says so, and goes on behind a gap that
/// is as long as the device was away.
#[test]
fn a_device_that_was_away_goes_on_behind_a_gap() {
    if !is_child() {
        let Some(dir) = fifo_device() else { return };
        let text = success(run_child("a_device_that_was_away_goes_on_behind_a_gap", dir.path()));
        assert!(text.contains("went on behind a gap"), "{text}");
        return;
    }
    let config = std::env::var("ALSA_CONFIG_PATH").unwrap();
    let dir = Path::new(&config).parent().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    let fifo = feed(dir, 24_000);
    let (threads, files) = (entries("/proc/self/task"), entries("/proc/self/fd"));
    let opened = Instant::now();
    let mut capture = one(&InputSpec::Default, CaptureOptions::default());
    let (mut out, mut before) = (vec![0.0; 4096], 0);
    let mut last_heard = opened;
    // Once it is heard its name goes: when it dies it cannot be opened again, however soon that is tried.
    let (path, away) = (dir.join("cap.fifo"), dir.join("away.fifo"));
    while capture.state() != CaptureState::Lost {
        let n = capture.read(&mut out);
        if n > 0 {
            last_heard = Instant::now();
            if before == 0 {
                std::fs::rename(&path, &away).unwrap();
            }
        }
        before += n;
        wait(deadline);
    }
    let lost = capture.lost().unwrap();
    assert_eq!(lost.sentence, "default delivers nothing any more; trying again");
    assert!(before > 0 && lost.since <= last_heard, "{before} samples");

    // What is written is for the old stream, which waits for it in the driver.
    let mut writer = fifo.try_clone().unwrap();
    std::thread::spawn(move || {
        let bytes: Vec<u8> = (0..1_000_000).flat_map(|i| sample(i).to_le_bytes()).collect();
        let _ = writer.write_all(&bytes);
    });
    while capture.lost().is_none_or(|lost| lost.attempts < 2) {
        assert_eq!((capture.state(), capture.read(&mut out)), (CaptureState::Lost, 0));
        wait(deadline);
    }
    let back = Instant::now();
    std::fs::rename(&away, &path).unwrap();
    let mut n = 0;
    while n == 0 {
        n = capture.read(&mut out);
        wait(deadline);
    }
    let gap = capture.gap_before() as f64 / 48_000.0;
    assert!(gap >= back.duration_since(last_heard).as_secs_f64(), "{gap} s");
    assert!(gap <= opened.elapsed().as_secs_f64(), "{gap} s");
    assert!(capture.lost().is_none() && capture.state() == CaptureState::Running);
    let mut after = out[..n].to_vec();
    while after.len() < 20_000 {
        n = capture.read(&mut out);
        assert_eq!(capture.gap_before(), 0);
        after.extend_from_slice(&out[..n]);
        wait(deadline);
    }
    assert!(place(&after).is_some(), "what follows is one piece of what was written");
    let account = capture.account();
    assert_eq!(account.captured, account.read + account.dropped + account.pending);
    assert_eq!(account.read, (before + after.len()) as u64);
    drop(capture);
    // The thread that writes may still be there.
    while entries("/proc/self/task") > threads + 1 || entries("/proc/self/fd") > files + 1 {
        wait(deadline);
    }
    println!("went on behind a gap");
}
