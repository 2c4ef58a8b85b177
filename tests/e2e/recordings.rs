//! What a recording says besides its sound, and what hides in it: when it was made, offsets, channels that cancel or are
//! silent; and time zones that are not known.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::support::e2e::*;
use crate::support::run::Run;
use serde_json::Value;

const RATE_HZ: u32 = 22_050;

/// The demo scene's first sound, from half a second before it on, and three seconds of silence; its label.
fn bark() -> (Vec<f32>, &'static str) {
    let (samples, sounds) = scene_at(RATE_HZ);
    let at = |secs: f64| (secs * f64::from(RATE_HZ)) as usize;
    let mut bark = samples[at(sounds[0].onset_secs - 0.5)..at(sounds[0].offset_secs)].to_vec();
    bark.resize(bark.len() + 3 * RATE_HZ as usize, 0.0);
    (bark, sounds[0].label)
}

fn secs(samples: &[f32]) -> f64 {
    samples.len() as f64 / f64::from(RATE_HZ)
}

/// The lines of a run over `input` and what it said on stderr.
fn monitor(run: &Run, input: &str, more: &[&str]) -> (Vec<Value>, String) {
    let args = ["monitor", "--input", input, "--fast", "--ui", "jsonl", "--record", "events"];
    let printed = run.ok(&[&args[..], more].concat());
    (json_lines(&printed.stdout), printed.stderr)
}

fn time(line: &Value, key: &str) -> jiff::Timestamp {
    text(line, key).parse().unwrap()
}

fn change(file: &Path, at: SystemTime) {
    File::options().write(true).open(file).unwrap().set_modified(at).unwrap();
}

#[test]
fn events_of_a_recording_are_dated_by_the_time_in_its_name_by_monitor_and_explain_alike() {
    let run = Run::new().env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    let (samples, label) = bark();
    let file = run.home().join("yard_20240702_064404.wav");
    write_wav(&file, RATE_HZ, 1, &samples);
    let (lines, stderr) = monitor(&run, "file:yard_20240702_064404.wav", &["--onsets"]);
    assert_eq!((stderr.as_str(), text(&lines[0], "start")), ("", "2024-07-02T04:44:04.000Z"));
    assert_eq!(text(&lines[0], "local_offset"), "+02:00");
    let event = of_type(&lines, "event")[0];
    assert_eq!(text(event, "label"), label);
    assert_eq!(event["offset_in_file_s"], event["onset_s"]);
    assert_eq!(of_type(&lines, "onset")[0]["offset_in_file_s"], event["onset_s"]);
    let onset = number(event, "onset_s");
    let since = time(event, "onset").duration_since(time(&lines[0], "start")).as_secs_f64();
    assert!(onset > 0.0 && (since - onset).abs() < 0.0011, "{event}");
    let stop = &lines[lines.len() - 1];
    let length = time(stop, "time").duration_since(time(&lines[0], "start")).as_secs_f64();
    assert!((length - secs(&samples)).abs() < 0.01, "{stop}");

    run.ok(&["explain", "yard_20240702_064404.wav", "--out", "explained"]);
    let Folder { event: explained, .. } = read_folder(&event_folders(&run.home().join("explained"))[0]);
    assert_eq!((text(&explained, "onset"), &explained["offset_in_file_s"]), ("2024-07-02T04:44:04.000Z", &0.0.into()));

    // Heard again, it makes events of its own, and the folder and its table have both.
    let (again, _) = monitor(&run, "file:yard_20240702_064404.wav", &[]);
    assert_ne!(of_type(&again, "event")[0]["id"], event["id"]);
    let table = run.ok(&["review", "events", "--export", "csv"]).stdout;
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[0].ends_with(",version,offset_in_file_s,evidence"), "{}", rows[0]);
    assert_eq!(rows.iter().filter(|row| row.contains(&format!(",{onset},"))).count(), 2, "{table}");
}

#[test]
fn a_recording_without_a_time_ends_when_its_file_was_changed_and_never_in_the_future() {
    let run = Run::new();
    let (samples, _) = bark();
    let file = run.home().join("yard.wav");
    write_wav(&file, RATE_HZ, 1, &samples);
    change(&file, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let (lines, _) = monitor(&run, "file:yard.wav", &[]);
    let ends = |lines: &[Value]| time(&lines[lines.len() - 1], "time");
    assert!((ends(&lines).as_second() - 1_700_000_000).abs() <= 1, "{}", lines[0]);
    run.ok(&["explain", "yard.wav", "--out", "explained"]);
    let Folder { event, .. } = read_folder(&event_folders(&run.home().join("explained"))[0]);
    assert_eq!(text(&event, "onset"), text(&lines[0], "start"));

    // Written just now, and with a clock that is a day ahead.
    for ahead in [0, 86_400] {
        change(&file, SystemTime::now() + Duration::from_secs(ahead));
        let (lines, _) = monitor(&run, "file:yard.wav", &[]);
        let ended = ends(&lines);
        let age = jiff::Timestamp::now().duration_since(ended).as_secs_f64();
        assert!((0.0..60.0).contains(&age), "{ended}");
        for event in of_type(&lines, "event") {
            assert!(time(event, "offset") <= ended, "{event}");
        }
    }
    // A time in the name that would lie in the future is none.
    let file = run.home().join("20990101_000000.wav");
    write_wav(&file, RATE_HZ, 1, &samples);
    assert!(ends(&monitor(&run, "file:20990101_000000.wav", &[]).0) <= jiff::Timestamp::now());
}

#[test]
fn a_start_time_comes_before_all_that_a_recording_says_and_also_holds_for_a_pipe() {
    let run = Run::new();
    let (samples, _) = bark();
    write_wav(&run.home().join("20240702_064404.wav"), RATE_HZ, 1, &samples);
    let given = ["--start-time", "2023-01-01T12:00:00+01:00"];
    let (lines, _) = monitor(&run, "file:20240702_064404.wav", &given);
    assert_eq!(text(&lines[0], "start"), "2023-01-01T11:00:00.000Z");
    run.ok(&[&["explain", "20240702_064404.wav", "20240702_064404.wav", "--out", "explained"], &given[..]].concat());
    let explained = event_folders(&run.home().join("explained"));
    let onsets: Vec<jiff::Timestamp> =
        explained.iter().map(|folder| time(&read_folder(folder).event, "onset")).collect();
    assert_eq!(onsets[0].to_string(), "2023-01-01T11:00:00Z");
    let later = onsets[1].duration_since(onsets[0]).as_secs_f64();
    assert!((later - secs(&samples)).abs() < 0.01, "the second recording follows the first: {later}");

    // At the pace of the sound, where a live input's clock would be set right.
    let mut command = run.command(&["monitor", "--input", "stdin:22050x1:s16le", "--ui", "jsonl"]);
    command.args(given).stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let bytes = s16le(&samples);
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &bytes).unwrap());
    let lines = live.finish().lines;
    writer.join().unwrap();
    let event = of_type(&lines, "event")[0];
    assert_eq!((text(&lines[0], "start"), &event["offset_in_file_s"]), ("2023-01-01T11:00:00.000Z", &event["onset_s"]));
    assert!(text(event, "onset").starts_with("2023-01-01T11:00:0"), "{event}");

    for (more, says) in [
        (&["--start-time", "2099-01-01T00:00:00Z"][..], "would end in the future"),
        (&["--start-time", "yesterday"], "2026-07-02T06:44:04+02:00"),
    ] {
        let args = ["monitor", "--input", "file:20240702_064404.wav", "--fast", "--ui", "silent"];
        let error = run.fails(2, &[&args[..], more].concat());
        assert!(error.contains(says), "{error}");
    }
    let error = run.fails(2, &[&["monitor", "--input", "default", "--ui", "silent"], &given[..]].concat());
    assert!(error.contains("leave --start-time out"), "{error}");
}

#[test]
fn quiet_hours_go_by_the_time_at_which_a_recording_was_made() {
    let run = Run::new().env("TZ", "UTC");
    let (samples, _) = bark();
    for (name, quiet) in [("20240702_224404.wav", true), ("20240702_124404.wav", false)] {
        write_wav(&run.home().join(name), RATE_HZ, 1, &samples);
        let (lines, _) = monitor(&run, &format!("file:{name}"), &["--quiet-hours", "22:00-06:30"]);
        assert_eq!(of_type(&lines, "event")[0]["quiet"] == true, quiet, "{name}");
    }
}

#[test]
fn a_constant_offset_counts_neither_as_level_nor_as_sound() {
    let run = Run::new();
    let (bark, label) = bark();
    let louder: Vec<f32> = bark.iter().map(|x| x * 0.6 + 0.3).collect();
    write_wav(&run.home().join("offset.wav"), RATE_HZ, 1, &louder);
    let loud = ["--loud", "-30", "--level-gate", "-40", "--reasons"];
    let (lines, stderr) = monitor(&run, "file:offset.wav", &loud);
    assert_eq!(stderr, "");
    let events = of_type(&lines, "event");
    let of = |label: &str| events.iter().filter(|e| e["label"] == label).copied().collect::<Vec<_>>();
    assert!(!of(label).is_empty(), "{events:?}");
    let loud_events = of("any_loud");
    assert!(!loud_events.is_empty(), "{events:?}");
    for event in &loud_events {
        // The last three seconds are silent, and the first half.
        assert!(number(event, "onset_s") > 0.2 && number(event, "offset_s") < secs(&louder) - 2.5, "{event}");
    }
    // Without the offset, all is the same.
    let plain: Vec<f32> = bark.iter().map(|x| x * 0.6).collect();
    write_wav(&run.home().join("plain.wav"), RATE_HZ, 1, &plain);
    let (lines, _) = monitor(&run, "file:plain.wav", &loud);
    let plain: Vec<&Value> = of_type(&lines, "event").into_iter().filter(|e| e["label"] == "any_loud").collect();
    let span = |events: &[&Value]| events.iter().map(|e| e["onset_s"].clone()).collect::<Vec<_>>();
    assert_eq!(span(&plain), span(&loud_events));

    // A channel without a microphone, and a quiet room with an offset.
    let bit = |i: u32| (8192 + (i.wrapping_mul(2_654_435_761) >> 31)) as f32 / 32_768.0;
    let nothing: Vec<f32> = (0..3 * RATE_HZ).map(bit).collect();
    write_wav(&run.home().join("nothing.wav"), RATE_HZ, 1, &nothing);
    let (lines, stderr) = monitor(&run, "file:nothing.wav", &["--loud", "-60"]);
    assert!(of_type(&lines, "event").is_empty(), "{lines:?}");
    assert!(stderr.contains("file:nothing.wav holds no sound, but a constant offset of 0.25"), "{stderr}");
}

#[test]
fn rumble_is_not_loud_and_a_high_pass_and_a_gain_change_what_is_heard() {
    let run = Run::new();
    let rumble: Vec<f32> =
        (0..4 * RATE_HZ).map(|i| 0.3 * (i as f32 * 12.0 / RATE_HZ as f32 * 6.283_185_5).sin()).collect();
    write_wav(&run.home().join("rumble.wav"), RATE_HZ, 1, &rumble);
    let loud = |more: &[&str]| {
        let (lines, _) = monitor(&run, "file:rumble.wav", &[&["--loud", "-30"], more].concat());
        of_type(&lines, "event").iter().any(|event| event["label"] == "any_loud")
    };
    assert!(!loud(&[]) && loud(&["--low-cut", "0"]) && loud(&["--low-cut", "5"]));
    assert!(!loud(&["--low-cut", "0", "--highpass", "100"]));
    // A gain is heard by all that hears: levels, classifier, clip.
    let soft: Vec<f32> = bark().0.iter().map(|x| x * 0.006).collect();
    write_wav(&run.home().join("soft.wav"), RATE_HZ, 1, &soft);
    let (lines, _) = monitor(&run, "file:soft.wav", &["--loud", "-30", "--gain", "40"]);
    let events = of_type(&lines, "event");
    assert!(events.iter().any(|event| event["label"] == "any_loud"), "{events:?}");
    assert!(events.iter().any(|event| event["label"] == bark().1), "{events:?}");
    let clips = event_folders(&run.home().join("events")).into_iter().map(|folder| read_wav(&folder.join("clip.wav")));
    assert!(clips.flat_map(|clip| clip.samples).any(|x| x.unsigned_abs() > 4000));
}

/// Writes samples of a pipe at about the pace of a microphone, and gives all lines and stderr.
fn live(run: &Run, spec: &str, frames_per_sec: u32, samples: Vec<f32>) -> Ending {
    let mut command = run.command(&["monitor", "--input", spec, "--ui", "jsonl"]);
    command.stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let writer = std::thread::spawn(move || {
        for piece in s16le(&samples).chunks(frames_per_sec as usize / 5) {
            std::io::Write::write_all(&mut stdin, piece).unwrap();
        }
    });
    let ending = live.finish();
    writer.join().unwrap();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    ending
}

#[test]
fn a_live_input_without_a_microphone_is_deaf_whatever_its_offset() {
    let bit = |i: u32| (8192 + (i.wrapping_mul(2_654_435_761) >> 31)) as f32 / 32_768.0;
    let ending = live(&Run::new(), "stdin:8000x1:s16le", 8000, (0..6 * 8000).map(bit).collect());
    let deaf = of_type(&ending.lines, "status").into_iter().find(|line| line["health"] == "constant offset").unwrap();
    assert!(text(deaf, "trouble").contains("a constant offset and no sound"), "{deaf}");
    assert!(number(deaf, "level_dbfs") < -90.0 && (3.9..5.0).contains(&number(deaf, "t_s")), "{deaf}");
    assert_eq!(ending.stderr.matches("is deaf").count(), 1, "{}", ending.stderr);
}

#[test]
fn channels_that_cancel_or_are_silent_are_said_once_with_the_remedy() {
    let run = Run::new();
    let (bark, label) = bark();
    let inverted: Vec<f32> = bark.iter().flat_map(|x| [*x, -x]).collect();
    write_wav(&run.home().join("inverted.wav"), RATE_HZ, 2, &inverted);
    let one_of_8: Vec<f32> = bark.iter().flat_map(|x| [0.0, *x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).collect();
    write_wav(&run.home().join("one-of-8.wav"), RATE_HZ, 8, &one_of_8);
    for (name, fault, remedy) in [
        ("inverted.wav", "the channels of file:inverted.wav cancel each other", "--channels each"),
        ("one-of-8.wav", "7 of the 8 channels of file:one-of-8.wav are silent", "use --channels 2"),
    ] {
        let (_, stderr) = monitor(&run, &format!("file:{name}"), &[]);
        assert!(stderr.contains(fault) && stderr.contains(remedy), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let printed = run.ok(&["explain", name, "--out", "explained", "--label", label]);
        let fault = fault.replace("file:", "");
        assert!(printed.stderr.contains(&fault) && printed.stderr.contains("a file of its own"), "{}", printed.stderr);
    }
    // With the remedy there is something to hear, and nothing to say.
    for (name, channels, heard) in [("inverted.wav", "each", 2), ("one-of-8.wav", "2", 1)] {
        let (lines, stderr) = monitor(&run, &format!("file:{name}"), &["--channels", channels]);
        assert_eq!(stderr, "");
        assert_eq!(of_type(&lines, "event").iter().filter(|e| e["label"] == label).count(), heard, "{name}");
    }
    // Stereo as it should be.
    let stereo: Vec<f32> = bark.iter().flat_map(|x| [*x, 0.4 * x]).collect();
    write_wav(&run.home().join("stereo.wav"), RATE_HZ, 2, &stereo);
    assert_eq!(monitor(&run, "file:stereo.wav", &[]).1, "");
}

#[test]
fn a_live_input_whose_channels_cancel_is_not_taken_for_a_dead_microphone() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 65_536.0 * 0.1 - 0.05
    };
    let samples: Vec<f32> = (0..6 * 8000).map(|_| noise()).flat_map(|x| [x, -x]).collect();
    let ending = live(&Run::new(), "stdin:8000x2:s16le", 16_000, samples);
    let told = of_type(&ending.lines, "status");
    let troubled: Vec<&&Value> = told.iter().filter(|line| !line["trouble"].is_null()).collect();
    assert!(!troubled.is_empty(), "{told:?}");
    for status in &troubled {
        assert!(text(status, "trouble").contains("the channels of stdin cancel each other"), "{status}");
        assert!(number(status, "t_s") > 2.9, "{status}");
    }
    assert_eq!(ending.stderr.lines().count(), 1, "{}", ending.stderr);
    assert!(ending.stderr.contains("use --channels each"), "{}", ending.stderr);
}

#[test]
fn a_time_zone_that_is_not_known_is_said_and_any_other_is_not() {
    let warns = |tz: &str| {
        let run = Run::new().env("TZ", tz);
        std::fs::write(run.home().join("q.toml"), "[quiet]\nhours = [\"22:00-06:30\"]\n").unwrap();
        write_wav(&run.home().join("a.wav"), RATE_HZ, 1, &[0.0; 10_000]);
        let checked = run.ok(&["config", "check", "q.toml"]);
        let heard = run.ok(&["monitor", "--config", "q.toml", "--input", "file:a.wav", "--fast", "--ui", "silent"]);
        std::fs::create_dir_all(run.home().join("events")).unwrap();
        let reviewed = run.ok(&["review", "events", "--export", "csv"]);
        // The review says besides that there are no events.
        let of_zone = |stderr: String| -> String {
            stderr.split_inclusive('\n').filter(|line| !line.contains("holds no events")).collect()
        };
        [checked, heard, reviewed].map(|printed| of_zone(printed.stderr))
    };
    for stderr in warns("Europe/Berlinn") {
        assert!(stderr.contains("TZ=Europe/Berlinn is not known"), "{stderr}");
        assert!(stderr.contains("set TZ to a name such as Europe/Berlin, or install tzdata"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    let mut known = vec!["UTC", "", "CET-1CEST,M3.5.0,M10.5.0/3", "CET-1CEST", "<+03>-3"];
    if Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        known.extend(["Europe/Berlin", ":Europe/Berlin"]);
    } else {
        eprintln!("skipped: Europe/Berlin, because no zones are installed");
    }
    for tz in known {
        assert_eq!(warns(tz), ["", "", ""], "{tz}");
    }
}
