//! The same sound through every kind of input gives the same events; odd inputs are heard, broken ones are refused in one
//! sentence with the exit code of the contract.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::LazyLock;

use crate::support::e2e::*;
use crate::support::run::{MODEL, Run};
use serde_json::Value;

/// How much of the demo scene is heard here: four sounds.
const SECS: usize = 20;

const RATE_HZ: u32 = 48_000;

/// The stream, mono at 48 kHz, exactly as 16 bit hold it.
static STREAM: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut samples = scene_at(RATE_HZ).0;
    samples.truncate(SECS * RATE_HZ as usize);
    samples.iter().map(|&x| f32::from(pcm16(x)) / 32_768.0).collect()
});

/// What a run over the stream as a file tells: what all others are measured by.
static FROM_FILE: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let run = Run::new();
    write_wav(&run.home().join("yard.wav"), RATE_HZ, 1, &STREAM);
    let lines = json_lines(&run.ok(&["monitor", "--input", "file:yard.wav", "--fast", "--ui", "jsonl"]).stdout);
    assert!(check_lines(&lines).len() >= 2, "{lines:?}");
    lines
});

fn events(lines: &[Value]) -> Vec<Value> {
    check_lines(lines).into_iter().map(without_run).collect()
}

fn last(lines: &[Value]) -> &Value {
    &lines[lines.len() - 1]
}

/// Runs `monitor --input stdin:SPEC --fast` on `bytes`, written in pieces of these lengths, again and again.
fn through_stdin(spec: &str, bytes: &[u8], pieces: &[usize]) -> (Vec<Value>, String) {
    let run = Run::new();
    let spec = format!("stdin:{spec}");
    let mut command = run.command(&["monitor", "--input", &spec, "--fast", "--ui", "jsonl"]);
    command.stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let (bytes, pieces) = (bytes.to_vec(), pieces.to_vec());
    let writer = std::thread::spawn(move || {
        let (mut rest, mut pieces) = (&bytes[..], pieces.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
            stdin.write_all(now).unwrap();
            rest = later;
        }
    });
    let ending = live.finish();
    writer.join().unwrap();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    (ending.lines, ending.stderr)
}

/// The same labels at the same times, within a stride, with the same scores, within 0.05.
fn assert_alike(lines: &[Value], reference: &[Value]) {
    let stride = number(&reference[0], "stride_s") + 0.01;
    let (found, expected) = (check_lines(lines), check_lines(reference));
    let what = |events: &[&Value]| -> Vec<String> {
        events.iter().map(|e| format!("{} {}-{}", e["label"], e["onset_s"], e["offset_s"])).collect()
    };
    assert_eq!(found.len(), expected.len(), "{:?} where {:?} were expected", what(&found), what(&expected));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found["label"], expected["label"]);
        for (key, most) in [("onset_s", stride), ("offset_s", stride), ("score", 0.05)] {
            let off = (number(found, key) - number(expected, key)).abs();
            assert!(off <= most, "{key} is {off} off: {found} where {expected} was expected");
        }
    }
}

#[test]
fn a_file_and_a_pipe_of_the_same_samples_give_exactly_the_same_events() {
    let reference = events(&FROM_FILE);
    assert_eq!(text(&FROM_FILE[0], "source"), "file:yard.wav");
    for pieces in [&[1 << 16][..], &[1, 2, 3, 5, 4_097, 99_999]] {
        let (lines, stderr) = through_stdin("48000x1:s16le", &s16le(&STREAM), pieces);
        assert_eq!((text(&lines[0], "source"), stderr.as_str()), ("stdin", ""));
        assert_eq!(events(&lines), reference, "in pieces of {pieces:?}");
        check_all_was_heard(last(&lines));
        assert_eq!(count(last(&lines), "analysed_samples"), STREAM.len() as u64);
    }
    let (lines, _) = through_stdin("48000x1:f32le", &f32le(&STREAM), &[7_777]);
    assert_eq!(events(&lines), reference, "as floats");
}

#[test]
fn every_rate_from_8_to_192_khz_is_heard() {
    for hz in [8_000, 192_000] {
        let mut samples = scene_at(hz).0;
        samples.truncate(8 * hz as usize);
        let (lines, stderr) = through_stdin(&format!("{hz}x1:s16le"), &s16le(&samples), &[65_536]);
        assert_eq!(stderr, "", "{hz} Hz");
        assert_eq!((count(&lines[0], "input_rate_hz"), count(last(&lines), "dropped_samples")), (u64::from(hz), 0));
        assert_eq!(count(last(&lines), "analysed_samples"), samples.len() as u64);
        assert!((number(last(&lines), "t_s") - 8.0).abs() < 0.001, "{hz} Hz: {}", last(&lines));
        let found = check_lines(&lines);
        if hz > RATE_HZ {
            // What more a higher rate can hold lies above what the model hears.
            let early = |events: &[&Value]| -> Vec<(String, f64)> {
                let early = events.iter().filter(|e| number(e, "offset_s") < 4.0);
                early.map(|e| (text(e, "label").to_owned(), number(e, "onset_s"))).collect()
            };
            let (found, expected) = (early(&found), early(&check_lines(&FROM_FILE)));
            assert!(!expected.is_empty() && found.len() == expected.len(), "{found:?}, {expected:?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 0.52, "{found:?}, {expected:?}");
            }
        }
    }
}

#[test]
fn eight_channels_are_heard_as_their_mean() {
    // The second channel is the first upside down, so what is left of the eight is six eighths.
    let shares = [1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let interleaved: Vec<f32> = STREAM.iter().flat_map(|x| shares.map(|share| x * share)).collect();
    let (lines, _) = through_stdin("48000x8:f32le", &f32le(&interleaved), &[65_537]);
    assert_eq!((count(&lines[0], "input_channels"), count(last(&lines), "analysed_samples")), (8, STREAM.len() as u64));
    let mono: Vec<f32> = STREAM.iter().map(|x| x * 0.75).collect();
    assert_alike(&lines, &through_stdin("48000x1:f32le", &f32le(&mono), &[65_536]).0);
}

#[test]
fn samples_that_are_no_numbers_are_counted_and_harm_nothing() {
    let mut samples = STREAM.clone();
    let wrong = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    // Before the first sound, where it is quiet: what stands in for them then changes next to nothing.
    samples[1_000..1_300].iter_mut().enumerate().for_each(|(i, x)| *x = wrong[i % 3]);
    let (lines, _) = through_stdin("48000x1:f32le", &f32le(&samples), &[65_536]);
    assert_eq!(count(last(&lines), "invalid_samples"), 300);
    assert_alike(&lines, &FROM_FILE);

    // And nothing but such.
    let (lines, _) = through_stdin("48000x1:f32le", &f32le(&[f32::NAN; 240_000]), &[65_536]);
    assert_eq!((count(last(&lines), "invalid_samples"), check_lines(&lines).len()), (240_000, 0));
}

#[test]
fn a_wav_that_breaks_off_is_heard_as_far_as_it_goes() {
    let run = Run::new();
    write_wav(&run.home().join("whole.wav"), RATE_HZ, 1, &STREAM);
    let bytes = std::fs::read(run.home().join("whole.wav")).unwrap();
    let n_samples = 8 * RATE_HZ as usize;
    std::fs::write(run.home().join("cut.wav"), &bytes[..44 + 2 * n_samples + 1]).unwrap();
    let printed = run.ok(&["monitor", "--input", "file:cut.wav", "--fast", "--ui", "jsonl"]);
    let lines = json_lines(&printed.stdout);
    check_lines(&lines);
    assert_eq!(
        (text(last(&lines), "reason"), count(last(&lines), "analysed_samples")),
        ("end of input", n_samples as u64)
    );
    assert!(printed.stderr.contains("cut.wav") && printed.stderr.contains("too early"), "{}", printed.stderr);
}

#[test]
fn nothing_at_all_through_a_pipe_is_a_run_without_events() {
    // No bytes, and less than one channel frame.
    for bytes in [&[][..], &[1]] {
        let (lines, stderr) = through_stdin("48000x1:s16le", bytes, &[1]);
        assert_eq!((check_lines(&lines).len(), stderr.as_str()), (0, ""));
        assert_eq!(count(last(&lines), "captured_samples"), 0);
    }
}

#[test]
fn an_input_that_cannot_be_used_is_exit_code_3() {
    let run = Run::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(run.home().join(name), bytes).unwrap();
    write("empty.wav", b"");
    write("text.wav", b"this is no recording, however it is called\n");
    write_wav(&run.home().join("no_samples.wav"), RATE_HZ, 1, &[]);
    std::fs::create_dir(run.home().join("folder.wav")).unwrap();
    for name in ["missing.wav", "empty.wav", "text.wav", "no_samples.wav", "folder.wav"] {
        let error = run.fails(3, &["monitor", "--input", &format!("file:{name}"), "--fast", "--ui", "jsonl"]);
        assert!(error.contains(name), "{error}");
    }
    if cfg!(feature = "cpal") {
        let error = run.fails(3, &["monitor", "--input", "device:alsa:no-such-card", "--ui", "jsonl"]);
        assert!(error.contains("no-such-card"), "{error}");
    }
}

/// A copy of a model's package in `dir`.
fn copy_model(run: &Run, dir: &Path) -> Vec<String> {
    let shown: Value = serde_json::from_str(&run.ok(&["model", "show", MODEL, "--json"]).stdout).unwrap();
    let from = Path::new(text(&shown, "dir"));
    let mut files: Vec<String> = shown["manifest"]["files"].as_object().unwrap().keys().cloned().collect();
    std::fs::create_dir(dir).unwrap();
    for file in files.iter().map(String::as_str).chain(["model.toml"]) {
        std::fs::copy(from.join(file), dir.join(file)).unwrap();
    }
    files.sort_unstable();
    files
}

#[test]
fn a_model_that_cannot_be_used_is_exit_code_4() {
    let run = Run::new();
    let monitor = |model: &str| run.fails(4, &["monitor", "--input", "demo", "--fast", "--model", model]);
    assert!(monitor("no-such-model").contains("'no-such-model'"));
    assert!(monitor("./no/such/folder").contains("no/such/folder"));

    let dir = run.home().join("copy");
    let files = copy_model(&run, &dir);
    assert!(files.len() >= 3, "classifier, dictionary, interpreter: {files:?}");
    for file in &files {
        let path = dir.join(file);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&path, bad).unwrap();
        let error = monitor("copy");
        assert!(error.contains(file.as_str()), "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = monitor("copy");
        assert!(error.contains(file.as_str()), "{error}");
        std::fs::write(&path, good).unwrap();
    }
    // Now whole again.
    run.ok(&["monitor", "--input", "demo", "--fast", "--model", "copy", "--duration", "1"]);
    std::fs::write(dir.join("model.toml"), "format = \n").unwrap();
    assert!(monitor("copy").contains("model.toml"));
}

#[test]
fn a_place_that_cannot_be_recorded_into_is_exit_code_5() {
    let run = Run::new();
    std::fs::write(run.home().join("file"), "").unwrap();
    for dir in ["file", "file/below"] {
        let error = run.fails(5, &["monitor", "--input", "demo", "--fast", "--ui", "jsonl", "--record", dir]);
        assert!(error.contains(dir), "{error}");
    }
}

#[test]
fn settings_that_make_no_sense_are_exit_code_2() {
    let run = Run::new();
    let absurd: [&[&str]; 22] = [
        &["--duration", "-1"],
        &["--duration", "soon"],
        &["--pre-roll", "nan"],
        &["--pre-roll", "1e9"],
        &["--min-strides", "0"],
        &["--min-strides", "4", "--of-strides", "3"],
        &["--of-strides", "100000"],
        &["--max-event", "0"],
        &["--merge-gap", "inf"],
        &["--threshold", "dog"],
        &["--threshold", "dog=2"],
        &["--threshold", "no such label=0.5"],
        &["--method", "tea-leaves"],
        &["--method", "lrp:nothing"],
        &["--method", "lrp:thesis-audio-nnls"],
        &["--ui", "gui"],
        &["--input", "stdin:48000x9:s16le"],
        &["--input", "stdin:4000x1:s16le"],
        &["--input", "stdin:48000x1:mp3"],
        &["--input", "telephone"],
        &["--input", "default", "--fast"],
        &["--model", ""],
    ];
    for flags in absurd {
        // A flag given twice would be another mistake.
        let mut args = vec!["monitor"];
        for (flag, value) in [("--input", "demo"), ("--ui", "jsonl")] {
            if !flags.contains(&flag) {
                args.extend([flag, value]);
            }
        }
        args.extend(flags);
        run.fails(2, &args);
    }
}

/// Device, ALSA's `file` plugin and FIFO: a capture in real time without a sound card.
#[cfg(all(feature = "cpal", target_os = "linux"))]
mod device {
    use std::fs::OpenOptions;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::support::process::alone;

    const CONFIG: &str = r#"
pcm.fifocap {
    type file
    slave.pcm { type null }
    file "/dev/null"
    infile "FIFO"
    format "raw"
    hint { show on description "fifo capture" }
}
pcm.!default {
    type plug
    slave { pcm fifocap format S16_LE rate 48000 channels 1 }
    hint { show on description "fifo capture by default" }
}
defaults.namehint.showall on
"#;

    #[test]
    fn a_sound_card_gives_the_same_events_as_a_file() {
        let _alone = alone();
        let home = tempfile::tempdir().unwrap();
        let fifo = home.path().join("cap.fifo");
        match Command::new("mkfifo").arg(&fifo).status() {
            Ok(status) if status.success() => {}
            other => return eprintln!("skipped: cannot make a FIFO with mkfifo ({other:?})"),
        }
        let config = home.path().join("alsa.conf");
        std::fs::write(&config, CONFIG.replace("FIFO", fifo.to_str().unwrap())).unwrap();
        // A busy machine may be behind, and would say so.
        let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error").env("ALSA_CONFIG_PATH", config.to_str().unwrap());

        // Open both ways: neither side then waits for the other, and the FIFO stays when a reader goes.
        let held = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let mut writer = held.try_clone().unwrap();
        let Some(id) = default_device(&run) else {
            return eprintln!("skipped: this ALSA offers no default device with the file plugin");
        };
        let input = format!("device:{id}");
        let secs = SECS.to_string();
        let live = Live::start(run.command(&["monitor", "--input", &input, "--duration", &secs, "--ui", "jsonl"]));
        std::thread::spawn(move || {
            // The FIFO's writer is the clock. A second more than is heard, so that the last period fills up.
            let bytes: Vec<u8> = s16le(&STREAM).into_iter().chain([0; 2 * RATE_HZ as usize]).collect();
            let began = Instant::now();
            for (k, piece) in bytes.chunks(RATE_HZ as usize / 50).enumerate() {
                std::thread::sleep(
                    (began + Duration::from_millis(10 * k as u64)).saturating_duration_since(Instant::now()),
                );
                if writer.write_all(piece).is_err() {
                    return;
                }
            }
        });
        let Ending { lines, code, stderr } = live.finish();
        drop(held);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert_eq!((text(&lines[0], "source"), count(&lines[0], "input_rate_hz")), (input.as_str(), 48_000));
        assert_eq!(text(last(&lines), "reason"), "duration reached");
        assert_eq!(count(last(&lines), "dropped_samples"), 0, "{}", last(&lines));
        assert_alike(&lines, &FROM_FILE);
    }

    /// The id of the capture device that is the default, as a script finds it.
    fn default_device(run: &Run) -> Option<String> {
        let devices: Value = serde_json::from_str(&run.ok(&["devices", "--json"]).stdout).unwrap();
        let devices = devices.as_array().unwrap();
        let capture = devices.iter().find(|d| d["direction"] == "capture" && d["default"] == true);
        capture.map(|d| text(d, "id").to_owned())
    }
}

/// A file plays at the pace of its sound unless asked otherwise; this is what a person who tries a threshold waits for.
#[test]
fn without_fast_a_file_is_heard_at_its_own_pace() {
    let run = Run::new();
    write_wav(&run.home().join("short.wav"), RATE_HZ, 1, &STREAM[..3 * RATE_HZ as usize]);
    let Output { status, stdout, .. } = run.output(&["monitor", "--input", "file:short.wav", "--ui", "jsonl"]);
    assert_eq!(status.code(), Some(0));
    let lines = json_lines(&String::from_utf8(stdout).unwrap());
    check_all_was_heard(last(&lines));
    assert!(number(last(&lines), "wall_s") >= 2.9, "{}", last(&lines));
}
