//! What a person gives as an input: paths, folders, pipes, raw formats of all kinds, names that are no text; and that one bad
//! input among several is told, left out, and seen in the exit code.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::e2e::*;
use crate::support::run::{MODEL, Run};
use serde_json::Value;

const RATE_HZ: u32 = 44_100;

/// The beginning of the demo scene, as 16 bit hold it: at least one sound.
static STREAM: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let mut samples = scene_at(RATE_HZ).0;
    samples.truncate(7 * RATE_HZ as usize);
    samples.iter().map(|&x| f32::from(pcm16(x)) / 32_768.0).collect()
});

/// The lines of a run over the stream as a file.
static FROM_FILE: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let run = Run::new();
    yard(&run);
    let lines = json_lines(&run.ok(&["monitor", "--input", "yard.wav", "--fast", "--ui", "jsonl"]).stdout);
    assert!(!check_lines(&lines).is_empty(), "{lines:?}");
    lines
});

/// Writes the stream as `yard.wav` into the home.
fn yard(run: &Run) -> PathBuf {
    let path = run.home().join("yard.wav");
    write_wav(&path, RATE_HZ, 1, &STREAM);
    path
}

fn events(lines: &[Value]) -> Vec<Value> {
    check_lines(lines).into_iter().map(without_run).collect()
}

/// What a run printed and its exit code.
struct Done {
    lines: Vec<Value>,
    stderr: String,
    code: Option<i32>,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            lines: json_lines(&String::from_utf8(output.stdout).unwrap()),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

/// `monitor --fast --ui jsonl` with these arguments.
fn monitor(run: &Run, args: &[&str]) -> Done {
    run.output(&[&["monitor", "--fast", "--ui", "jsonl"], args].concat()).into()
}

/// The same with `bytes` on standard input.
fn piped(run: &Run, args: &[&str], bytes: Vec<u8>) -> Done {
    let mut command = run.command(&[&["monitor", "--fast", "--ui", "jsonl"], args].concat());
    command.stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let writer = std::thread::spawn(move || {
        // The program may have seen enough.
        let _ = stdin.write_all(&bytes);
    });
    let Ending { lines, code, stderr } = live.finish();
    writer.join().unwrap();
    Done { lines, stderr, code }
}

/// The lines of one source, from its start to its stop.
fn of_source(lines: &[Value], source: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["source"] == source).cloned().collect()
}

fn sources(lines: &[Value]) -> Vec<&str> {
    of_type(lines, "start").into_iter().map(|line| text(line, "source")).collect()
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn every_raw_format_of_the_same_samples_gives_the_same_events() {
    let steps: Vec<i32> = STREAM.iter().map(|x| i32::from(pcm16(*x))).collect();
    let all = |bytes: &dyn Fn(i32) -> Vec<u8>| steps.iter().flat_map(|step| bytes(*step)).collect::<Vec<u8>>();
    let formats: [(&str, Vec<u8>); 7] = [
        ("s16le", all(&|x| (x as i16).to_le_bytes().to_vec())),
        // As arecord does it: 24 bits, sign and all, in four bytes.
        ("S24_LE", all(&|x| (x << 8).to_le_bytes().to_vec())),
        ("S24_3LE", all(&|x| (x << 8).to_le_bytes()[..3].to_vec())),
        ("s32le", all(&|x| (x << 16).to_le_bytes().to_vec())),
        ("FLOAT_LE", all(&|x| (x as f32 / 32_768.0).to_le_bytes().to_vec())),
        ("f64le", all(&|x| (f64::from(x) / 32_768.0).to_le_bytes().to_vec())),
        // The last one is rougher.
        ("u8", all(&|x| vec![((x >> 8) + 128) as u8])),
    ];
    let run = Run::new();
    let reference = events(&FROM_FILE);
    for (format, bytes) in formats {
        let done = piped(&run, &["--input", &format!("stdin:{RATE_HZ}x1:{format}")], bytes);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{format}");
        assert_eq!(count(&done.lines[done.lines.len() - 1], "analysed_samples"), STREAM.len() as u64, "{format}");
        let found = events(&done.lines);
        if format == "u8" {
            assert_eq!(found.first().map(|e| &e["label"]), reference.first().map(|e| &e["label"]), "{found:?}");
        } else {
            assert_eq!(found, reference, "{format}");
        }
    }
}

#[test]
fn the_first_bytes_of_standard_input_say_what_it_is() {
    let run = Run::new();
    let wav = std::fs::read(yard(&run)).unwrap();
    // A header whose lengths were never known, as in a pipe.
    let mut streamed = wav.clone();
    streamed[4..8].fill(0xff);
    streamed[40..44].fill(0xff);
    for bytes in [wav, streamed] {
        let done = piped(&run, &["--input", "stdin:auto"], bytes);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
        assert_eq!(text(&done.lines[0], "source"), "stdin");
        assert_eq!(count(&done.lines[0], "input_rate_hz"), u64::from(RATE_HZ));
        assert_eq!(events(&done.lines), events(&FROM_FILE));
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    for name in ["tone.flac", "tone.ogg", "tone.mp3"] {
        let path = fixtures.join(name);
        let from_file = monitor(&run, &["--input", path.to_str().unwrap()]);
        let from_pipe = piped(&run, &["--input", "stdin:auto"], std::fs::read(&path).unwrap());
        assert_eq!((from_file.code, from_pipe.code), (Some(0), Some(0)), "{name}: {}", from_pipe.stderr);
        let heard = |done: &Done| count(&done.lines[done.lines.len() - 1], "analysed_samples");
        assert!(heard(&from_file) > 10_000 && heard(&from_file) == heard(&from_pipe), "{name}");
    }
}

#[test]
fn what_is_no_recording_on_standard_input_is_an_input_error() {
    let run = Run::new();
    for bytes in [Vec::new(), b"this is a letter, and no recording".to_vec(), vec![0; 100_000]] {
        let done = piped(&run, &["--input", "stdin:auto"], bytes);
        assert_eq!((done.code, done.lines.len()), (Some(3), 0));
        assert!(done.stderr.contains("standard input") && done.stderr.lines().count() == 1, "{}", done.stderr);
    }
}

#[test]
fn a_header_where_raw_samples_were_promised_is_refused() {
    let run = Run::new();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(run.home().join("float.wav"), spec).unwrap();
    STREAM[..44_100].iter().for_each(|x| writer.write_sample(*x).unwrap());
    writer.finalize().unwrap();
    let bytes = std::fs::read(run.home().join("float.wav")).unwrap();
    let done = piped(&run, &["--input", "stdin:22050x1:f32le"], bytes.clone());
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("(WAV)") && done.stderr.contains("--input stdin:auto"), "{}", done.stderr);
    assert!(of_type(&done.lines, "event").is_empty());
    // And what the sentence says helps.
    let done = piped(&run, &["--input", "stdin:auto"], bytes);
    assert_eq!((done.code, count(&done.lines[0], "input_rate_hz")), (Some(0), 22_050));
}

#[test]
fn rates_of_recorders_for_bats_are_heard_and_others_are_refused_by_name() {
    let run = Run::new();
    for hz in [250_000_u32, 256_000, 384_000, 500_000] {
        let samples = &scene_at(hz).0[..2 * hz as usize];
        write_wav(&run.home().join("bats.wav"), hz, 1, samples);
        let done = monitor(&run, &["--input", "bats.wav"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{hz} Hz");
        let stop = &done.lines[done.lines.len() - 1];
        assert_eq!(count(&done.lines[0], "input_rate_hz"), u64::from(hz));
        assert_eq!((count(stop, "analysed_samples"), number(stop, "t_s")), (2 * u64::from(hz), 2.0), "{hz} Hz");
    }
    for hz in [4_000, 500_001] {
        write_wav(&run.home().join("odd.wav"), hz, 1, &[0.1; 9000]);
        for error in [
            run.fails(3, &["monitor", "--input", "odd.wav", "--fast", "--ui", "jsonl"]),
            run.fails(3, &["explain", "odd.wav", "--out", "x"]),
        ] {
            assert!(error.contains("odd.wav") && error.contains("8000 to 500000 Hz"), "{error}");
        }
    }
}

#[test]
fn a_plain_path_is_an_input_unless_it_is_a_keyword() {
    let run = Run::new();
    yard(&run);
    std::fs::create_dir(run.home().join("sub")).unwrap();
    std::fs::copy(run.home().join("yard.wav"), run.home().join("sub/demo")).unwrap();
    std::fs::copy(run.home().join("yard.wav"), run.home().join("demo")).unwrap();
    for input in ["yard.wav", "./yard.wav", "file:yard.wav"] {
        let done = monitor(&run, &["--input", input]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
        assert_eq!(text(&done.lines[0], "source"), "file:yard.wav");
        assert_eq!(events(&done.lines), events(&FROM_FILE), "{input}");
    }
    for input in ["file:demo", "./demo", "sub/demo"] {
        assert_eq!(sources(&monitor(&run, &["--input", input]).lines), ["file:demo"], "{input}");
    }
    assert_eq!(sources(&monitor(&run, &["--input", "demo", "--duration", "1"]).lines), ["demo"]);
    let error = run.fails(3, &["monitor", "--input", "gone/yard.wav", "--ui", "jsonl"]);
    assert!(error.contains("gone/yard.wav"), "{error}");
}

/// Three recordings, one of them further down, and one that is none.
fn card(run: &Run) -> PathBuf {
    let dir = run.home().join("card");
    std::fs::create_dir_all(dir.join("day 2")).unwrap();
    let cut = |name: &str, secs: f64| write_wav(&dir.join(name), RATE_HZ, 1, &STREAM[..(secs * 44_100.0) as usize]);
    cut("b.wav", 7.0);
    cut("c.wav", 0.5);
    cut("day 2/a.WAV", 7.0);
    std::fs::write(dir.join("bad.wav"), b"RIFF, or so it says").unwrap();
    std::fs::write(dir.join("notes.txt"), b"not a recording, and not meant to be one").unwrap();
    dir
}

#[test]
fn a_folder_is_heard_recording_by_recording_and_the_bad_one_is_left_out() {
    let run = Run::new();
    card(&run);
    let done = monitor(&run, &["--input", "card"]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    // In order, one after the other, each from 0 on.
    assert_eq!(sources(&done.lines), ["file:b.wav", "file:c.wav", "file:day 2/a.WAV"]);
    let borders: Vec<&str> =
        done.lines.iter().map(|line| text(line, "type")).filter(|kind| ["start", "stop"].contains(kind)).collect();
    assert_eq!(borders, ["start", "stop", "start", "stop", "start", "stop"]);
    for source in ["file:b.wav", "file:day 2/a.WAV"] {
        assert_eq!(events(&of_source(&done.lines, source)), events(&FROM_FILE), "{source}");
    }
    // For people: the bad one at once, a line for each recording, and the outcome.
    let said: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(said.len(), 6, "{}", done.stderr);
    let about = |name: &str| said.iter().filter(|line| line.contains(name)).count();
    assert_eq!(said.iter().filter(|line| line.contains("left out: ") && line.contains("bad.wav")).count(), 1);
    let n_events = events(&FROM_FILE).len();
    let label = text(&events(&FROM_FILE)[0], "label").to_owned();
    assert!(
        said[1].starts_with("earwitness: file:b.wav: 7.0 s, ")
            || said[0].starts_with("earwitness: file:b.wav: 7.0 s, ")
    );
    assert!(said.iter().any(|line| line.starts_with("earwitness: file:c.wav: 0.5 s, no events")), "{}", done.stderr);
    assert_eq!(about(&label), 3, "each of the two, and all together: {}", done.stderr);
    assert!(said[4].starts_with(&format!("earwitness: 3 inputs heard: 14.5 s, {} event", 2 * n_events)), "{}", said[4]);
    assert!(said[5].contains("1 of 4 inputs could not be used: file:bad.wav"), "{}", said[5]);
}

#[test]
fn a_folder_without_anything_bad_is_done() {
    let run = Run::new();
    std::fs::remove_file(card(&run).join("bad.wav")).unwrap();
    let done = monitor(&run, &["--input", "card/", "--record", "found"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let n = event_folders(&run.home().join("found")).len();
    assert_eq!(n, 2 * events(&FROM_FILE).len());
    // What was recorded is no recording to be heard again.
    let error = run.fails(3, &["monitor", "--input", "found", "--fast", "--ui", "jsonl"]);
    assert!(error.contains("found") && error.contains("earwitness review"), "{error}");
}

#[test]
fn a_bad_input_among_several_is_told_and_left_out() {
    let run = Run::new();
    yard(&run);
    std::fs::write(run.home().join("bad.wav"), [0; 44]).unwrap();
    write_wav(&run.home().join("slow.wav"), 4_000, 1, &[0.1; 4000]);
    let done = monitor(
        &run,
        &["--input", "yard.wav", "--input", "bad.wav", "--input", "file:slow.wav", "--input", "gone.wav"],
    );
    assert_eq!(done.code, Some(3));
    assert_eq!(events(&of_source(&done.lines, "file:yard.wav")), events(&FROM_FILE));
    assert_eq!(sources(&done.lines), ["file:yard.wav"]);
    for name in ["bad.wav", "slow.wav", "gone.wav"] {
        let lines: Vec<&str> =
            done.stderr.lines().filter(|line| line.contains("left out: ") && line.contains(name)).collect();
        assert_eq!(lines.len(), 1, "{name}: {}", done.stderr);
    }
    assert!(done.stderr.lines().last().unwrap().contains("3 of 4 inputs could not be used"), "{}", done.stderr);

    // Where none is left, that is the end at once.
    let done = monitor(&run, &["--input", "bad.wav", "--input", "gone.wav"]);
    assert_eq!((done.code, done.lines.len()), (Some(3), 0));
    assert!(done.stderr.lines().last().unwrap().contains("none of the 2 inputs could be used"), "{}", done.stderr);

    // A mistake in the settings is no bad input.
    let done = monitor(&run, &["--input", "yard.wav", "--input", "default"]);
    assert_eq!((done.code, done.lines.len()), (Some(2), 0), "{}", done.stderr);
    let done = monitor(&run, &["--input", "stdin:auto", "--input", "stdin:8000x1:u8"]);
    assert_eq!((done.code, done.lines.len()), (Some(2), 0), "{}", done.stderr);
    assert!(done.stderr.contains("standard input can be heard once"), "{}", done.stderr);
}

#[test]
fn two_recordings_of_the_same_name_are_two_sources() {
    let run = Run::new();
    yard(&run);
    let done = monitor(&run, &["--input", "yard.wav", "--input", "./yard.wav", "--duration", "1"]);
    let mut names = sources(&done.lines);
    names.sort_unstable();
    assert_eq!((done.code, names), (Some(0), vec!["file:yard.wav", "file:yard.wav (2)"]));
}

#[test]
fn explain_takes_folders_and_leaves_out_what_is_bad() {
    let run = Run::new();
    card(&run);
    let output = run.output(&["explain", "card", "card/c.wav", "gone.wav", "--out", "why"]);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(run.home().join("why/summary.json")).unwrap()).unwrap();
    let explained: Vec<&str> = summary.as_array().unwrap().iter().map(|line| text(line, "file")).collect();
    assert_eq!(explained, ["b.wav", "c.wav", "day 2/a.WAV", "c.wav"]);
    assert!(explained.iter().all(|name| stdout.contains(name)), "{stdout}");
    let said: Vec<&str> = stderr.lines().collect();
    assert!(said[0].contains("left out: ") && said[0].contains("bad.wav"), "{stderr}");
    assert!(said[1].contains("left out: ") && said[1].contains("gone.wav"), "{stderr}");
    assert!(said[2].contains("2 of 6 recordings could not be used: bad.wav, gone.wav") && said.len() == 3, "{stderr}");

    // The only one cannot be left out, and nothing is written where there is nothing to write.
    let error = run.fails(3, &["explain", "card/bad.wav", "--out", "why not"]);
    assert!(error.contains("bad.wav") && !error.contains("left out"), "{error}");
    assert!(!run.home().join("why not/summary.json").exists());
}

#[test]
fn a_clip_of_a_data_set_that_cannot_be_read_is_left_out_of_the_figures() {
    let run = Run::new();
    let set = run.home().join("set");
    std::fs::create_dir_all(set.join("audio")).unwrap();
    std::fs::create_dir_all(set.join("meta")).unwrap();
    let shown: Value = serde_json::from_str(&run.ok(&["model", "show", MODEL, "--json"]).stdout).unwrap();
    let label = shown["manifest"]["labels"][0]["name"].as_str().unwrap().to_owned();
    let mut table = "filename,fold,target,category\n".to_owned();
    for name in ["1-1-A-0.wav", "1-2-A-0.wav", "1-3-A-0.wav"] {
        write_wav(&set.join("audio").join(name), RATE_HZ, 1, &STREAM[..5 * RATE_HZ as usize]);
        table += &format!("{name},1,0,{label}\n");
    }
    std::fs::write(set.join("meta/esc50.csv"), table).unwrap();
    std::fs::write(set.join("audio/1-2-A-0.wav"), b"no sound").unwrap();
    let output = run.output(&["evaluate", "--data", "set", "--json", "figures.json"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(!output.stdout.is_empty() && run.home().join("figures.json").is_file());
    let said: Vec<&str> = stderr.lines().collect();
    assert!(said[0].contains("left out: ") && said[0].contains("1-2-A-0.wav"), "{stderr}");
    assert!(said[1].contains("1 of 3 clips could not be used: 1-2-A-0.wav") && said.len() == 2, "{stderr}");

    for name in ["1-1-A-0.wav", "1-3-A-0.wav"] {
        std::fs::write(set.join("audio").join(name), b"no sound").unwrap();
    }
    let output = run.output(&["evaluate", "--data", "set", "--json", "none.json"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{stderr}");
    assert!(stderr.contains("none of the 3 clips could be used") && !run.home().join("none.json").exists(), "{stderr}");
}

#[test]
fn a_named_pipe_is_heard_as_the_recording_that_comes_through() {
    let run = Run::new();
    let wav = std::fs::read(yard(&run)).unwrap();
    for input in ["pipe", "file:pipe", "./pipe"] {
        let path = run.home().join("pipe");
        let _ = std::fs::remove_file(&path);
        mkfifo(&path);
        let live = Live::start(run.command(&["monitor", "--input", input, "--fast", "--ui", "jsonl"]));
        let wav = wav.clone();
        // To open it waits for the reader.
        let writer = std::thread::spawn(move || File::create(path).unwrap().write_all(&wav).unwrap());
        let ending = live.finish();
        writer.join().unwrap();
        assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""), "{input}");
        assert_eq!(text(&ending.lines[0], "source"), "file:pipe");
        assert_eq!(events(&ending.lines), events(&FROM_FILE), "{input}");
    }
    let done = piped(&run, &["--input", "/dev/stdin"], wav.clone());
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert_eq!((text(&done.lines[0], "source"), events(&done.lines)), ("file:stdin", events(&FROM_FILE)));
}

#[test]
fn a_pipe_into_which_nobody_writes_keeps_no_program_alive() {
    let run = Run::new();
    mkfifo(&run.home().join("pipe"));
    let began = Instant::now();
    let done = monitor(&run, &["--input", "pipe", "--duration", "0.5"]);
    assert_eq!((done.code, done.stderr.as_str(), done.lines.len()), (Some(0), "", 0));
    assert!(began.elapsed() >= Duration::from_millis(500));
    for input in ["pipe", "stdin:auto"] {
        let mut command = run.command(&["monitor", "--input", input, "--ui", "jsonl", "--log-level", "info"]);
        command.stdin(Stdio::piped());
        let mut live = Live::start(command);
        let _stdin = live.stdin();
        // Signals are watched once the log says that the program waits.
        std::thread::sleep(Duration::from_millis(1500));
        live.signal("TERM");
        let ending = live.finish();
        assert_eq!((ending.code, ending.lines.len()), (Some(0), 0), "{input}: {}", ending.stderr);
    }
}

#[test]
fn while_one_pipe_waits_the_other_inputs_are_heard() {
    let run = Run::new();
    let wav = std::fs::read(yard(&run)).unwrap();
    let path = run.home().join("pipe");
    mkfifo(&path);
    let mut live =
        Live::start(run.command(&["monitor", "--input", "pipe", "--input", "yard.wav", "--fast", "--ui", "jsonl"]));
    // The recording is over before anything comes through the pipe.
    let mut lines = live.up_to("stop");
    assert_eq!(sources(&lines), ["file:yard.wav"]);
    let writer = std::thread::spawn(move || File::create(path).unwrap().write_all(&wav).unwrap());
    let ending = live.finish();
    writer.join().unwrap();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    lines.extend(ending.lines);
    for source in ["file:yard.wav", "file:pipe"] {
        assert_eq!(events(&of_source(&lines, source)), events(&FROM_FILE), "{source}");
    }
}

#[test]
fn what_a_recording_cannot_come_from_is_said_in_a_sentence() {
    let run = Run::new();
    let _socket = std::os::unix::net::UnixListener::bind(run.home().join("socket")).unwrap();
    let error = run.fails(3, &["monitor", "--input", "./socket", "--ui", "jsonl"]);
    assert!(error.contains("socket is a socket and no recording"), "{error}");
    let error = run.fails(3, &["monitor", "--input", "/dev/zero", "--ui", "jsonl"]);
    assert!(error.contains("/dev/zero is a device and no recording"), "{error}");
    std::fs::create_dir(run.home().join("empty")).unwrap();
    let error = run.fails(3, &["monitor", "--input", "empty", "--ui", "jsonl"]);
    assert!(error.contains("the folder empty holds no recording"), "{error}");
}

#[test]
fn names_need_not_be_text() {
    let run = Run::new();
    let name = OsStr::from_bytes(b"caf\xe9.wav");
    std::fs::copy(yard(&run), run.home().join(name)).unwrap();
    let record = OsStr::from_bytes(b"r\xe9c");
    let spec = OsStr::from_bytes(b"file:caf\xe9.wav");
    let as_flags = |input: &OsStr| {
        let mut command = run.command(&["monitor", "--fast", "--ui", "jsonl", "--input"]);
        command.arg(input).arg("--record").arg(record).arg("--log-file").arg(OsStr::from_bytes(b"l\xf6g"));
        command
    };
    let mut as_variables = run.command(&["monitor", "--fast", "--ui", "jsonl"]);
    as_variables.env("EARWITNESS_INPUT", spec).env("EARWITNESS_RECORD", record);
    let n_events = events(&FROM_FILE).len();
    for (i, mut command) in [as_flags(spec), as_flags(name), as_variables].into_iter().enumerate() {
        let done: Done = command.output().unwrap().into();
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{i}");
        assert_eq!(text(&done.lines[0], "source"), "file:caf\u{fffd}.wav", "lines are UTF-8");
        let without_files = |mut event: Value| {
            event.as_object_mut().unwrap().remove("files");
            event
        };
        let found: Vec<Value> = events(&done.lines).into_iter().map(without_files).collect();
        assert_eq!(found, events(&FROM_FILE));
        let folders = event_folders(&run.home().join(record));
        assert_eq!(folders.len(), (i + 1) * n_events, "recorded under its own name");
    }
    assert!(run.home().join(OsStr::from_bytes(b"l\xf6g")).is_file());

    // A folder with such a name, and such a name in it.
    let card = run.home().join(OsStr::from_bytes(b"c\xe4rd"));
    std::fs::create_dir(&card).unwrap();
    std::fs::rename(run.home().join(name), card.join(name)).unwrap();
    let done: Done = run.command(&["monitor", "--fast", "--input"]).arg(&card).output().unwrap().into();
    assert_eq!((done.code, sources(&done.lines)), (Some(0), vec!["file:caf\u{fffd}.wav"]));

    let shown = run.command(&["config", "show", "--input"]).arg(spec).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("input = \"file:caf\u{fffd}.wav\"") && shown.contains("Not UTF-8"), "{shown}");
    assert!(shown.contains("monitor.input"), "{shown}");
}
