//! `earwitness tune`: thresholds from marked events and from a stream of which it is known what sounds when.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::e2e::*;
use crate::support::run::{MODEL as MODEL_NAME, Run};
use earwitness::eval::events::Span;
use earwitness::eval::stream::ReferenceEvent;
use earwitness::eval::stream_files::write_reference;
use serde_json::{Value, json};

/// The sha256 of the model whose scores count.
fn model() -> String {
    let shown: Value = serde_json::from_str(&Run::new().ok(&["model", "show", MODEL_NAME, "--json"]).stdout).unwrap();
    text(&shown, "sha256").to_owned()
}

/// Writes an event as a monitor records it, and what a person said of it.
fn record(dir: &Path, n: u32, label: &str, score: f64, sha256: &str, verdict: Option<&str>) {
    let id = format!("01JD{n:022}");
    let onset = format!("2026-11-{:02}T{:02}:00:00.000Z", 20 + n / 24, n % 24);
    let folder = dir.join(&onset[..10]).join(format!("{:02}0000Z-{label}-{id}", n % 24));
    std::fs::create_dir_all(&folder).unwrap();
    let event = json!({
        "type": "event", "id": id, "label": label, "class": 0, "score": score, "onset_s": 0.0, "offset_s": 1.0,
        "onset": onset, "offset": onset.replace(":00:00.", ":00:01."), "source": "default",
        "model": {"name": "any", "sha256": sha256}, "method": "l2i", "components": [], "files": {"components": []}
    });
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
    if let Some(verdict) = verdict {
        std::fs::write(folder.join("marks.json"), json!({"verdict": verdict}).to_string()).unwrap();
    }
}

/// Dogs that were right and wrong, half of them marked; too few sirens; rain of another model.
fn archive(dir: &Path) {
    let sha256 = model();
    let mut n = 0..;
    let mut add = |label: &str, score: f64, sha256: &str, verdict: Option<&str>| {
        record(dir, n.next().unwrap(), label, score, sha256, verdict);
    };
    for score in [0.72, 0.78, 0.82, 0.86, 0.90, 0.92, 0.94, 0.96] {
        add("dog", score, &sha256, Some("right"));
        add("dog", score, &sha256, None);
    }
    for score in [0.71, 0.74, 0.79, 0.81] {
        add("dog", score, &sha256, Some("wrong"));
        add("dog", score, &sha256, None);
    }
    for score in [0.8, 0.9] {
        add("siren", score, &sha256, Some("right"));
    }
    for _ in 0..9 {
        add("rain", 0.9, "another", Some("right"));
    }
}

fn of_label<'a>(report: &'a Value, label: &str) -> &'a Value {
    report["labels"].as_array().unwrap().iter().find(|advice| advice["label"] == label).unwrap()
}

#[test]
fn marked_events_give_thresholds_that_go_into_the_settings_file() {
    let run = Run::new();
    let dir = run.home().join("events");
    archive(&dir);
    let dir = dir.to_str().unwrap();
    let settings = run.home().join("c.toml");
    let written = "# mine\n[monitor]\ninput = \"demo\" # the scene\n\n[detector.thresholds]\ndog = 0.7 # by ear\nrain = 0.5\n\n[ui]\nascii = true\n";
    std::fs::write(&settings, written).unwrap();
    let file = settings.to_str().unwrap();
    // At 0.81 one of eight wrong dogs is left, which stands for two: in 40 h that is 0.05 an hour.
    let args = ["tune", dir, "--config", file, "--hours", "40", "--false-alarms-per-hour", "0.06"];
    let report: Value = serde_json::from_str(&run.ok(&[&args[..], &["--dry-run", "--json"]].concat()).stdout).unwrap();
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), written, "a dry run writes nothing");
    assert!(report["file"].is_null() && report["hours"] == 40.0, "{report}");
    let dog = of_label(&report, "dog");
    let threshold = number(dog, "threshold");
    assert!((0.79..=0.81).contains(&threshold) && number(dog, "recall") == 0.75, "{dog}");
    assert_eq!((count(dog, "n_true"), number(dog, "false_alarms_per_hour")), (8, 0.05), "{dog}");
    assert!(text(of_label(&report, "siren"), "why_not").contains("2 events that are right, 5 are needed"), "{report}");
    assert!(text(of_label(&report, "rain"), "why_not").contains("none of its events was marked"), "{report}");

    let said = run.ok(&args);
    assert!(said.stdout.contains("dog") && said.stdout.contains("0.75"), "{}", said.stdout);
    for what in ["14 of 35 recorded events are marked; 40.00 h", "9 marked events of another model", "wrote "] {
        assert!(said.stderr.contains(what), "{}", said.stderr);
    }
    let text = std::fs::read_to_string(&settings).unwrap();
    let line = text.lines().find(|line| line.starts_with("dog = ")).unwrap();
    let comment = "# expected recall 0.75 of what was reported, 0.05 false alarms an hour (8 events marked right and 4 wrong in 40.0 h)";
    assert_eq!(line, format!("dog = {threshold} {comment}"));
    assert_eq!(text.replace(line, "dog = 0.7 # by ear"), written, "all else is as it was");
    run.ok(&["config", "check", file]);
    // Again, on what it wrote: the threshold of today is the one that was chosen.
    run.ok(&args);
    assert_eq!(std::fs::read_to_string(&settings).unwrap().matches("dog = ").count(), 1);
}

#[test]
fn the_span_of_the_events_counts_where_no_hours_are_given() {
    let run = Run::new();
    let dir = run.home().join("events");
    archive(&dir);
    let report = run.ok(&["tune", dir.to_str().unwrap(), "--dry-run", "--json", "--false-alarms-per-hour", "0.01"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    // 35 events, one an hour, from 2026-11-20 00:00 on.
    assert!((number(&report, "hours") - 34.0).abs() < 0.01 && text(&report, "hours_from").contains("2026-11-20 00:00"));
    assert!(
        text(of_label(&report, "dog"), "why_not").contains("too short for this rate, 100.0 h are needed"),
        "{report}"
    );
    let nothing = run.fails(2, &["tune"]);
    assert!(nothing.contains("--data and --noise"), "{nothing}");
    run.fails(3, &["tune", "/nowhere"]);
}

#[test]
fn a_labelled_stream_gives_thresholds_where_nothing_is_marked() {
    let run = Run::new();
    let heard = json_lines(&run.ok(&["monitor", "--input", "demo", "--fast", "--ui", "jsonl"]).stdout);
    let (samples, events) = scene_at(22_050);
    let told = |label: &str, from: f64, to: f64| {
        let of_label = of_type(&heard, "event").into_iter().filter(|e| e["label"] == label);
        of_label.into_iter().any(|e| number(e, "onset_s") < to && number(e, "offset_s") > from)
    };
    // Two sounds that the model knows, six times each, four seconds apart.
    let known: Vec<_> = events.iter().filter(|e| told(e.label, e.onset_secs, e.offset_secs)).take(2).collect();
    let mut stream: Vec<f32> = samples[..22_050].to_vec();
    let mut reference = Vec::new();
    for sound in known.iter().cycle().take(12) {
        let onset_s = stream.len() as f64 / 22_050.0;
        let part = (sound.onset_secs * 22_050.0) as usize..(sound.offset_secs * 22_050.0) as usize;
        let length_s = part.len() as f64 / 22_050.0;
        stream.extend_from_slice(&samples[part]);
        stream.extend((0..4).flat_map(|_| &samples[..22_050]));
        let span = Span { label: sound.label.into(), onset_s, offset_s: onset_s + length_s };
        reference.push(ReferenceEvent { span, clip: "scene".into(), snr_db: 60.0 });
    }
    let (wav, csv) = (run.home().join("stream.wav"), run.home().join("stream.csv"));
    write_wav(&wav, 22_050, 1, &stream);
    write_reference(&csv, &reference).unwrap();
    let args = [
        "tune",
        "--stream",
        wav.to_str().unwrap(),
        "--reference",
        csv.to_str().unwrap(),
        "--false-alarms-per-hour",
        "90",
    ];
    let said = run.ok(&args);
    assert!(said.stderr.contains("the stream lasts 0.0"), "{}", said.stderr);
    let text = std::fs::read_to_string(run.home().join(".config/earwitness/config.toml")).unwrap();
    let labels: BTreeSet<&str> = known.iter().map(|sound| sound.label).collect();
    for label in labels {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{label} = ")))
            .unwrap_or_else(|| panic!("{}", said.stdout));
        assert!(line.contains("6 events in a labelled stream of 0.0"), "{line}");
        let recall: f64 = line.split("expected recall ").nth(1).unwrap()[..4].parse().unwrap();
        assert!(recall >= 0.5, "{line}");
    }
    assert!(text.starts_with("# Settings of earwitness."), "a file that is not there is made as `config init` would");
    run.ok(&["config", "check"]);
}
