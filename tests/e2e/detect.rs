//! What a person wants of the detector, through the command line: per-class settings, any loud sound, quiet hours, reasons,
//! and settings that are read again on SIGHUP.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::support::e2e::*;
use crate::support::run::Run;
use serde_json::Value;

/// The demo scene, heard without any settings.
static PLAIN: LazyLock<Vec<Value>> = LazyLock::new(|| lines(&Run::new(), "", &[]));

/// Lines of a run over the demo scene under a settings file, and more flags.
fn lines(run: &Run, settings: &str, more: &[&str]) -> Vec<Value> {
    let file = run.home().join("c.toml");
    std::fs::write(&file, settings).unwrap();
    let args = ["monitor", "--input", "demo", "--fast", "--ui", "jsonl", "--config", file.to_str().unwrap()];
    json_lines(&run.ok(&[&args[..], more].concat()).stdout)
}

fn labels<'a>(events: &[&'a Value]) -> BTreeSet<&'a str> {
    events.iter().map(|event| text(event, "label")).collect()
}

/// Label, onset and offset.
fn spans(events: &[&Value]) -> Vec<String> {
    events.iter().map(|e| format!("{} {} {}", e["label"], e["onset_s"], e["offset_s"])).collect()
}

#[test]
fn classes_groups_and_any_loud_sound_are_as_the_settings_file_says() {
    let events = of_type(&PLAIN, "event");
    let all: Vec<&str> = labels(&events).into_iter().collect();
    assert!(all.len() >= 6, "the scene has more to hear: {all:?}");
    let (muted, grouped, long) = (all[0], all[1], all[2]);
    let settings = format!(
        "[detector]\nloud_dbfs = -25\n[groups]\nmine = [\"{grouped}\", \"any_loud\"]\n[class.{muted}]\nenabled = false\n\
         [class.{long}]\nmin_duration_secs = 600\n[class.mine]\nrecord = \"figures\"\n"
    );
    let heard = lines(&Run::new(), &settings, &["--reasons"]);
    let told = of_type(&heard, "event");
    let (loud, of_model): (Vec<&Value>, Vec<&Value>) = told.iter().partition(|event| event["label"] == "any_loud");
    let want: Vec<&Value> = events.iter().filter(|e| ![muted, long].contains(&text(e, "label"))).copied().collect();
    assert_eq!(spans(&of_model), spans(&want), "the others are what they were");
    assert!(!loud.is_empty());
    for event in &loud {
        assert_eq!((text(event, "method"), count(event, "class")), ("level", 13), "{event}");
        assert!(number(event, "level_dbfs") >= -25.0 && event["faithfulness"].is_null(), "{event}");
        assert_eq!(event["components"].as_array().unwrap().len(), 0);
    }
    for event in told {
        let is_mine = [grouped, "any_loud"].contains(&text(event, "label"));
        let groups = if is_mine { serde_json::json!(["mine"]) } else { Value::Null };
        assert_eq!(event["groups"], groups, "{event}");
        assert!(event["quiet"].is_null(), "{event}");
    }

    let reasons = of_type(&heard, "reason");
    let why = |label: &str| -> BTreeSet<&str> {
        reasons.iter().filter(|r| r["label"] == label).map(|r| text(r, "reason")).collect()
    };
    assert_eq!(why(muted), BTreeSet::from(["switched_off"]));
    assert!(why(long).contains("too_short"), "{:?}", why(long));
    for reason in &reasons {
        let fields = ["class", "label", "on_threshold", "reason", "score", "source", "t_s", "text", "time", "type"];
        assert_eq!(keys(reason), fields);
        assert!(
            number(reason, "score") >= 0.5 * number(reason, "on_threshold") - 1e-3 || reason["reason"] == "too_short"
        );
    }
    assert!(of_type(&PLAIN, "reason").is_empty(), "only where it is asked for");
}

#[test]
fn only_what_is_asked_for_is_reported() {
    let all: Vec<&str> = labels(&of_type(&PLAIN, "event")).into_iter().collect();
    let heard = lines(&Run::new(), "", &["--only", all[1], "--enable", all[2]]);
    assert_eq!(labels(&of_type(&heard, "event")), BTreeSet::from([all[1], all[2]]));
}

#[test]
fn a_gate_above_everything_lets_nothing_through_and_the_log_says_why() {
    let run = Run::new();
    let file = run.home().join("log");
    let heard = lines(&run, "", &["--level-gate=-1", "--log-level", "debug", "--log-file", file.to_str().unwrap()]);
    assert!(of_type(&heard, "event").is_empty());
    let log = std::fs::read_to_string(file).unwrap();
    let gated = log.lines().filter(|line| line.contains("is not reported: level gate: quieter than -1 dBFS")).count();
    assert!(gated >= of_type(&PLAIN, "event").len() / 2, "{log}");
    let n_strides = number(&heard[heard.len() - 1], "t_s") / number(&heard[0], "stride_s");
    assert!((gated as f64) < n_strides, "once a change, not at every stride");
}

#[test]
fn quiet_hours_mark_events_or_keep_them_back() {
    let all_day = "[quiet]\nhours = [\"00:00-24:00\"]\n";
    let marked = lines(&Run::new(), all_day, &["--onsets"]);
    let events = of_type(&marked, "event");
    assert_eq!(spans(&events), spans(&of_type(&PLAIN, "event")));
    assert!(events.iter().chain(&of_type(&marked, "onset")).all(|line| line["quiet"] == true));
    let heard = lines(
        &Run::new(),
        all_day,
        &["--quiet-what", "events", "--quiet-labels", text(events[0], "label"), "--onsets"],
    );
    let others: Vec<&Value> = events.iter().filter(|e| e["label"] != events[0]["label"]).copied().collect();
    assert_eq!(spans(&of_type(&heard, "event")), spans(&others));
    assert!(of_type(&heard, "onset").iter().all(|onset| onset["label"] != events[0]["label"]));
}

#[test]
fn a_label_that_the_model_does_not_have_is_found_with_its_line() {
    let run = Run::new();
    let file = run.home().join("c.toml");
    std::fs::write(&file, "[monitor]\nmodel = \"esc13\"\n[class.unicorn]\nthreshold = 0.5\n").unwrap();
    let file = file.to_str().unwrap();
    for args in [["config", "check", file].as_slice(), &["monitor", "--input", "demo", "--fast", "--config", file]] {
        let error = run.fails(2, args);
        assert!(
            error.contains("c.toml, line 3: class.unicorn = ") && error.contains("no label or group 'unicorn'"),
            "{error}"
        );
        assert!(error.contains("dog, "), "it says which there are: {error}");
    }
}

/// Waits until the log has this.
fn wait_for(log: &Path, what: &str) -> String {
    let since = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if text.contains(what) {
            return text;
        }
        assert!(since.elapsed() < PATIENCE, "no {what:?} in\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_hang_up_reads_the_settings_again_and_a_bad_file_changes_nothing() {
    // A variable would outrank the file's model.
    let run = Run::new().with_default_model();
    let (file, log) = (run.home().join("c.toml"), run.home().join("log"));
    let settings = |more: &str, level: &str| {
        let text = format!("{more}[log]\nlevel = \"{level}\"\nfile = \"{}\"\n", log.display());
        std::fs::write(&file, text).unwrap();
    };
    settings("", "info");
    let mut command = run.command(&["monitor", "--input", "stdin:44100x1:f32le", "--fast", "--ui", "jsonl"]);
    command.args(["--config", file.to_str().unwrap()]).stdin(Stdio::piped());
    let mut live = Live::start(command);
    let mut stdin = live.stdin();
    let (samples, _) = scene_at(44_100);
    let bytes = f32le(&samples);
    let half = bytes.len() / 8 * 4;
    stdin.write_all(&bytes[..half]).unwrap();
    let before = live.up_to("event");

    settings("[detector]\ncooldown_secs = -1\n", "info");
    live.signal("HUP");
    let said = wait_for(&log, "nothing has changed");
    assert!(
        said.contains("c.toml, line 2: detector.cooldown_secs = -1 cannot be used; give 0 to 86400 seconds"),
        "{said}"
    );
    settings("[class.unicorn]\nenabled = true\n", "info");
    live.signal("HUP");
    wait_for(&log, "c.toml, line 1: class.unicorn");

    settings("[monitor]\nmodel = \"other\"\n[detector]\nonly = [\"any_loud\"]\nloud_dbfs = -25\n", "debug");
    live.signal("HUP");
    let said = wait_for(&log, "the settings were read again and applied");
    assert!(said.contains("applied: detector.loud_dbfs, detector.only, log.level"), "{said}");
    wait_for(&log, "take effect after a restart: monitor.model");
    stdin.write_all(&bytes[half..]).unwrap();
    drop(stdin);
    let ending = live.finish();
    assert_eq!(ending.code, Some(0), "{}", ending.stderr);
    // What had begun before may still be told; then there is nothing but what was asked for.
    let all = [before, ending.lines].concat();
    let half_s = half as f64 / 4.0 / 44_100.0;
    let late: Vec<&Value> = of_type(&all, "event").into_iter().filter(|e| number(e, "onset_s") > half_s).collect();
    assert_eq!(labels(&late), BTreeSet::from(["any_loud"]));
    let plain = of_type(&PLAIN, "event");
    assert!(plain.iter().any(|e| number(e, "onset_s") > half_s), "without it others would have been told");
    wait_for(&log, "is not reported: switched off");
}
