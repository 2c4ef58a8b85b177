//! `earwitness monitor` on the demo scene, as a person or a script runs it: lines, event folders, ends of a run.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use crate::support::e2e::*;
use crate::support::run::{MODEL, Run};
use crate::support::schema::assert_fits;
use earwitness::audio::demo::scene;
use jiff::Timestamp;
use serde_json::Value;

/// Audio before the onset and after the offset of an event, unless told otherwise.
const ROLL_SECS: f64 = 1.0;

/// One run over the whole scene with everything recorded, which several tests look at.
struct Whole {
    lines: Vec<Value>,
    stderr: String,
    dir: PathBuf,
}

static WHOLE: LazyLock<Whole> = LazyLock::new(|| {
    let home = fresh_folder("e2e_monitor_whole");
    // The method that names components, so that these are looked at, too.
    let listen = ["monitor", "--input", "demo", "--fast", "--ui", "jsonl", "--method", "l2i"];
    let mut command = Run::new().command(&listen);
    // Relative to the program's working directory, as people write it.
    let output = command.args(["--record", "events/here"]).current_dir(&home).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    Whole { lines, stderr, dir: home.join("events/here") }
});

fn timestamp(object: &Value, key: &str) -> Timestamp {
    let written = text(object, key);
    assert!(written.len() == 24 && written.ends_with('Z'), "{key}: {written} is not RFC 3339 in UTC with milliseconds");
    written.parse().unwrap()
}

/// Whether `secs` has no more than six decimals.
fn has_six_decimals(secs: f64) -> bool {
    let text = format!("{secs}");
    text.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 6)
}

fn is_probability(object: &Value, key: &str) -> bool {
    (0.0..=1.0).contains(&number(object, key))
}

#[test]
fn lines_and_records_are_what_the_schemas_say() {
    let Whole { lines, dir, .. } = &*WHOLE;
    lines.iter().for_each(|line| assert_fits(text(line, "type"), line));
    let folders = event_folders(dir);
    assert!(!folders.is_empty());
    folders.iter().for_each(|folder| assert_fits("event-folder", &read_folder(folder).event));
}

/// What a service's journal gets.
#[test]
fn the_log_tells_begin_events_and_end() {
    let listen = ["monitor", "--input", "demo", "--fast", "--ui", "jsonl", "--log-level", "info", "--duration", "30"];
    let output = Run::new().command(&listen).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    let said = |part: &str| log.lines().filter(|line| line.contains(" INFO ") && line.contains(part)).count();
    assert_eq!(said("hearing demo since"), 1, "{log}");
    assert_eq!(said("stopped hearing demo (duration reached): "), 1, "{log}");
    let events = of_type(&lines, "event");
    assert!(!events.is_empty());
    for event in events {
        let named =
            format!("{} {:.2} on demo at {}", text(event, "label"), number(event, "score"), text(event, "onset"));
        assert_eq!(said(&named), 1, "{named}: {log}");
    }
}

#[test]
fn lines_tell_of_the_whole_scene_in_order() {
    let Whole { lines, stderr, .. } = &*WHOLE;
    assert_eq!(stderr, "", "nothing but what was asked for");
    let events = check_lines(lines);
    let (start, stop) = (&lines[0], &lines[lines.len() - 1]);
    let (samples, _) = scene();
    let secs = samples.len() as f64 / 44_100.0;

    assert_eq!((text(start, "source"), text(start, "method")), ("demo", "l2i"));
    assert_eq!((count(start, "input_rate_hz"), count(start, "input_channels")), (44_100, 1));
    assert_eq!(text(start, "version"), env!("CARGO_PKG_VERSION"));
    assert!(text(&start["model"], "sha256").len() == 64 && !text(&start["model"], "name").is_empty());
    assert!((0.05..=1.0).contains(&number(start, "stride_s")), "{start}");
    assert!(text(start, "local_offset").len() == 6, "{start}");

    assert_eq!(text(stop, "reason"), "end of input");
    assert_eq!(count(stop, "captured_samples"), samples.len() as u64);
    assert_eq!((count(stop, "analysed_samples"), count(stop, "dropped_samples")), (samples.len() as u64, 0));
    assert_eq!((count(stop, "shed_strides"), count(stop, "invalid_samples"), count(stop, "xruns")), (0, 0, 0));
    assert!((number(stop, "t_s") - secs).abs() < 0.001, "{stop}");
    assert!(number(stop, "busy_s") <= number(stop, "wall_s") && number(stop, "realtime_factor") > 0.0, "{stop}");

    let statuses = of_type(lines, "status");
    assert_eq!(statuses.len(), (secs / 10.0) as usize);
    for (k, status) in statuses.iter().enumerate() {
        // The last samples may still be on their way through the resampler.
        assert!((number(status, "t_s") - 10.0 * (k + 1) as f64).abs() < 0.1, "{status}");
        assert!((-120.0..=0.0).contains(&number(status, "level_dbfs")) && number(status, "load") > 0.0, "{status}");
        let since = timestamp(status, "time").duration_since(timestamp(start, "start")).as_secs_f64();
        assert!((since - number(status, "t_s")).abs() < 0.0011, "{status}");
        assert_eq!(count(status, "analysed_samples"), 441_000 * (k as u64 + 1));
        // An event is told before what happened after it.
        let before = lines.iter().take_while(|line| line != status).filter(|line| line["type"] == "event").count();
        assert_eq!(count(status, "events"), before as u64, "{status}");
    }
    assert!(!events.is_empty());
}

#[test]
fn event_lines_have_exactly_the_fields_of_the_contract() {
    let Whole { lines, dir, .. } = &*WHOLE;
    let start = &lines[0];
    let began = timestamp(start, "start");
    let shown: Value = serde_json::from_str(&Run::new().ok(&["model", "show", MODEL, "--json"]).stdout).unwrap();
    let labels = shown["manifest"]["labels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for event in of_type(lines, "event") {
        let fields = [
            "class",
            "components",
            "faithfulness",
            "files",
            "id",
            "label",
            "lag_s",
            "latency_s",
            "method",
            "model",
            "offset",
            "offset_s",
            "onset",
            "onset_s",
            "score",
            "source",
            "type",
            "verdict",
        ];
        assert_eq!(keys(event), fields);
        assert_eq!(keys(&event["faithfulness"]), ["agrees", "prob", "prob_in", "prob_out"]);
        assert_eq!(keys(&event["files"]), ["dir"]);
        assert_eq!(
            (&event["source"], &event["model"], &event["method"]),
            (&start["source"], &start["model"], &start["method"])
        );

        let label = &labels[count(event, "class") as usize];
        assert_eq!(event["label"], label["name"]);
        let threshold = number(label, "on_threshold");
        assert!(number(event, "score") >= threshold - 1e-4 && number(event, "score") <= 1.0, "{event}");

        let (onset, offset) = (number(event, "onset_s"), number(event, "offset_s"));
        assert!(0.0 <= onset && onset < offset && offset <= number(&lines[lines.len() - 1], "t_s"), "{event}");
        assert!(has_six_decimals(onset) && has_six_decimals(offset) && has_six_decimals(number(event, "latency_s")));
        for (secs, wall) in [(onset, "onset"), (offset, "offset")] {
            let since = timestamp(event, wall).duration_since(began).as_secs_f64();
            assert!((since - secs).abs() < 0.0011, "{wall} of {event} lies {since} s behind the start");
        }
        assert!((0.0..=10.0).contains(&number(event, "latency_s")), "{event}");

        let id: ulid::Ulid = text(event, "id").parse().unwrap();
        let told = timestamp(event, "onset").as_millisecond();
        assert!((i64::try_from(id.timestamp_ms()).unwrap() - told).abs() <= 1, "{event}");
        assert!(ids.insert(id), "{id} comes twice");

        let components = event["components"].as_array().unwrap();
        let relevances: Vec<f64> = components.iter().map(|c| number(c, "relevance")).collect();
        assert!(!components.is_empty() && relevances[0] == 1.0, "{event}");
        assert!(relevances.windows(2).all(|pair| pair[0] >= pair[1]), "{event}");
        assert!(components.iter().all(|c| c["index"].is_u64()), "{event}");

        let faithfulness = &event["faithfulness"];
        assert!(faithfulness["agrees"].is_boolean());
        assert!(["prob", "prob_in", "prob_out"].into_iter().all(|key| is_probability(faithfulness, key)), "{event}");
        let folder = Path::new(text(&event["files"], "dir"));
        assert!(folder.is_absolute() && folder.starts_with(dir), "{event}");
    }
}

/// The contract of the demo: the default model names at least four of its sounds, where they are.
#[test]
fn at_least_four_sounds_of_the_demo_are_named() {
    let (_, sounds) = scene();
    let listened = Run::new().with_default_model().ok(&["monitor", "--input", "demo", "--fast", "--ui", "jsonl"]);
    let lines = json_lines(&listened.stdout);
    assert_eq!(lines[0]["model"]["name"], "everyday");
    let events = of_type(&lines, "event");
    let is_named = |label: &str, from: f64, to: f64| {
        events.iter().any(|e| e["label"] == label && number(e, "onset_s") < to && number(e, "offset_s") > from)
    };
    let named: BTreeSet<&str> =
        sounds.iter().filter(|s| is_named(s.label, s.onset_secs, s.offset_secs)).map(|s| s.label).collect();
    assert!(named.len() >= 4, "only {named:?}");
    assert!(events.iter().all(|e| e["verdict"].is_string()), "its evidence is measured: {events:?}");
}

/// Every event is on disk, whole: its clip is the stream itself from the pre-roll on, and the interpretation lies on it
/// sample for sample.
#[test]
fn event_folders_hold_the_evidence_sample_by_sample() {
    let Whole { lines, dir, .. } = &*WHOLE;
    let events = of_type(lines, "event");
    let mut told: Vec<&Path> = events.iter().map(|e| Path::new(text(&e["files"], "dir"))).collect();
    told.sort_unstable();
    assert_eq!(event_folders(dir), told, "no folder without a line, no line without a folder");

    let hz = count(&lines[0], "sample_rate_hz");
    let stream: Vec<i16> = scene_at(hz as u32).0.into_iter().map(pcm16).collect();
    let end_secs = stream.len() as f64 / hz as f64;
    for event in events {
        let folder = read_folder(Path::new(text(&event["files"], "dir")));
        for (key, value) in event.as_object().unwrap() {
            if key != "files" {
                assert_eq!(folder.event[key], *value, "{key} of the line and of event.json");
            }
        }
        assert_eq!(folder.event["files"]["dir"], event["files"]["dir"]);

        let about = &folder.event["clip"];
        let (onset, offset) = (number(event, "onset_s"), number(event, "offset_s"));
        let start = (onset - ROLL_SECS).max(0.0);
        assert!((number(about, "start_s") - start).abs() < 1e-4, "{event}: {about}");
        assert!((number(about, "pre_roll_s") - (onset - start)).abs() < 1e-4, "{event}: {about}");
        let length = (offset + ROLL_SECS).min(end_secs) - start;
        assert!((number(about, "duration_s") - length).abs() < 1e-4, "{event}: {about}");
        assert!((folder.clip.samples.len() as f64 - length * hz as f64).abs() <= 2.0, "{event}: {about}");

        let first = (number(about, "start_s") * hz as f64).round() as usize;
        let there = &stream[first..first + folder.clip.samples.len()];
        let most = there.iter().zip(&folder.clip.samples).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
        assert!(most.unwrap() <= 1, "the clip of {event} is not the stream from sample {first} on: {most:?} steps off");

        // A mask that keeps the phase takes away; it moves nothing.
        let (lag, likeness) = lag(&folder.clip.samples, &folder.interpretation.samples, 60);
        assert_eq!(lag, 0, "the interpretation of {event} is shifted");
        assert!(likeness > 0.05, "the interpretation of {event} has nothing to do with the clip: {likeness}");
    }
}

#[test]
fn silent_prints_nothing_and_records_all_the_same() {
    let run = Run::new();
    let printed =
        run.ok(&["monitor", "--input", "demo", "--fast", "--ui", "silent", "--duration", "10", "--record", "r"]);
    assert_eq!((printed.stdout.as_str(), printed.stderr.as_str()), ("", ""));
    let folders = event_folders(&run.home().join("r"));
    assert!(!folders.is_empty());
    folders.iter().for_each(|folder| drop(read_folder(folder)));
}

#[test]
fn a_run_stops_after_the_duration_asked_for() {
    // Into a pipe, lines are the default.
    let printed = Run::new().ok(&["monitor", "--input", "demo", "--fast", "--duration", "10", "--method", "l2i"]);
    let lines = json_lines(&printed.stdout);
    let events = check_lines(&lines);
    let stop = &lines[lines.len() - 1];
    assert_eq!((text(stop, "reason"), count(stop, "analysed_samples")), ("duration reached", 441_000));
    assert!((number(stop, "t_s") - 10.0).abs() < 0.001, "{stop}");
    assert!(events.iter().all(|e| e.get("files").is_none()), "nothing was recorded, so there is no folder to name");

    // What was over long before is told as in the run over the whole scene.
    let early = |events: &[&Value]| -> Vec<Value> {
        let early = events.iter().filter(|e| number(e, "offset_s") < 4.0);
        early.map(|e| without_run(e)).collect()
    };
    let whole = early(&of_type(&WHOLE.lines, "event"));
    assert!(!whole.is_empty());
    assert_eq!(early(&events), whole);
}

#[test]
fn signals_end_a_run_in_order() {
    let runs = ["TERM", "INT"].map(|signal| {
        // A busy machine may be behind, and would say so.
        let run = Run::new().env("EARWITNESS_LOG_LEVEL", "error");
        let live = Live::start(run.command(&["monitor", "--input", "demo", "--record", "r"]));
        (signal, run, live)
    });
    for (signal, run, mut live) in runs {
        let mut lines = live.up_to("event");
        live.signal(signal);
        let ending = live.finish();
        assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""), "{signal}");
        lines.extend(ending.lines);
        let events = check_lines(&lines);
        let stop = &lines[lines.len() - 1];
        assert_eq!(text(stop, "reason"), "stopped");
        check_all_was_heard(stop);
        // Long before the scene's end, and every event that was told is on disk.
        assert!(number(stop, "t_s") < 60.0, "{stop}");
        let folders = event_folders(&run.home().join("r"));
        assert_eq!(folders.len(), events.len());
        folders.iter().for_each(|folder| drop(read_folder(folder)));
    }
}

/// Waiting for a pipe that says nothing must not keep the program alive.
#[test]
fn a_signal_ends_a_run_whose_input_says_nothing() {
    let run = Run::new();
    let mut command = run.command(&["monitor", "--input", "stdin:8000x1:s16le", "--fast"]);
    command.stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    std::io::Write::write_all(&mut stdin, &[0; 8_000]).unwrap();
    let mut lines = live.up_to("start");
    live.signal("TERM");
    let ending = live.finish();
    drop(stdin);
    assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""));
    lines.extend(ending.lines);
    check_lines(&lines);
    assert_eq!(text(&lines[lines.len() - 1], "reason"), "stopped");
}

/// As with `earwitness monitor … | head -1`.
#[test]
fn a_reader_that_goes_away_ends_the_run_without_a_word() {
    let run = Run::new();
    let mut live = Live::start(run.command(&["monitor", "--input", "demo", "--fast", "--record", "r"]));
    assert_eq!(live.next().unwrap()["type"], "start");
    let ending = live.close();
    assert_eq!((ending.code, ending.stderr.as_str()), (Some(0), ""));
    // Whatever was recorded until then is whole.
    event_folders(&run.home().join("r")).iter().for_each(|folder| drop(read_folder(folder)));
}

/// A method that is too slow for every stride: each event is told at once with the onset that it always has, and explained
/// after that, in its folder too.
#[test]
fn a_slow_method_explains_events_after_they_are_told() {
    let home = fresh_folder("e2e_monitor_slow_method");
    let args =
        ["monitor", "--input", "demo", "--fast", "--ui", "jsonl", "--method", "gradcam:block5", "--record", "events"];
    let output = Run::new().command(&args).current_dir(&home).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = json_lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((text(&lines[0], "method"), text(&lines[lines.len() - 1], "type")), ("gradcam:block5", "stop"));
    let of_type = |name: &str| lines.iter().filter(|line| text(line, "type") == name).collect::<Vec<_>>();
    let (events, explained) = (of_type("event"), of_type("explained"));
    assert!(!events.is_empty() && events.len() == explained.len());
    let onsets =
        |lines: &[&Value]| lines.iter().map(|l| (number(l, "onset_s"), number(l, "offset_s"))).collect::<Vec<_>>();
    let quick = Run::new().ok(&["monitor", "--input", "demo", "--fast", "--ui", "jsonl"]);
    let quick = json_lines(&quick.stdout);
    let quick: Vec<&Value> = quick.iter().filter(|line| text(line, "type") == "event").collect();
    assert_eq!(onsets(&events), onsets(&quick), "onsets are found as they are with the default method");
    for (event, then) in events.iter().zip(&explained) {
        assert_eq!((text(event, "explanation"), text(then, "explanation")), ("pending", "done"));
        assert_eq!((&event["id"], &event["files"], &event["onset_s"]), (&then["id"], &then["files"], &then["onset_s"]));
        assert!(event["faithfulness"].is_null() && is_probability(&then["faithfulness"], "prob_in"));
        let Folder { event: facts, interpretation, .. } = read_folder(Path::new(text(&event["files"], "dir")));
        assert_eq!((&facts["faithfulness"], text(&facts, "method")), (&then["faithfulness"], "gradcam:block5"));
        assert!(facts.get("explanation").is_none());
        assert!(interpretation.samples.iter().any(|&x| x != 0), "{}", text(event, "id"));
    }
}
