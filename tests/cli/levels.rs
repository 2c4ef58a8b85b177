//! Sound levels: measured, kept, shown, calibrated.

#![allow(clippy::unwrap_used)]

use std::f32::consts::TAU;

use serde_json::Value;

use crate::support::e2e::write_wav;
use crate::support::run::Run;

const RATE_HZ: u32 = 48_000;

/// A tone at 1 kHz, which every weighting leaves as it is: −23.01 dB for an amplitude of 0.1.
fn tone(secs: f32, amplitude: f32) -> Vec<f32> {
    let n = (secs * RATE_HZ as f32) as usize;
    (0..n).map(|i| amplitude * (TAU * 1000.0 * i as f32 / RATE_HZ as f32).sin()).collect()
}

#[test]
fn levels_are_kept_by_the_second_and_shown_by_day() {
    let run = Run::new().env("TZ", "UTC");
    let sound = [tone(3.0, 0.1), tone(3.5, 0.01)].concat();
    write_wav(&run.home().join("tone.wav"), RATE_HZ, 1, &sound);
    let monitor = ["monitor", "--input", "tone.wav", "--fast", "--ui", "jsonl", "--record", "ev", "--gain", "6"];
    let start = ["--start-time", "2026-07-02T23:59:58Z"];
    let plain = run.ok(&[&monitor[..], &start].concat()).stdout;
    assert!(!plain.contains("\"levels\"") && !run.home().join("ev/levels").exists(), "nobody asked");
    let error = run.fails(3, &["levels", "ev"]);
    assert!(error.contains("--levels keeps them"), "{error}");

    let lines = run.ok(&[&monitor[..], &start, &["--levels", "--calibration", "117"]].concat()).stdout;
    let levels: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seconds: Vec<&Value> =
        levels.iter().filter(|line| line["type"] == "levels").flat_map(|l| l["seconds"].as_array().unwrap()).collect();
    assert_eq!(seconds.len(), 6, "the half second is none: {lines}");
    let close = |value: &Value, want: f64| (value.as_f64().unwrap() - want).abs() < 0.11;
    assert!(close(&seconds[2]["laeq_db"], 94.0) && close(&seconds[5]["lzeq_db"], 74.0), "gain makes no difference");

    // Two files, because midnight is passed; a day is what it is where the person is.
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&run.ok(&[&["levels", "ev", "--json"], args].concat()).stdout).unwrap()
    };
    let newest = json(&["--by", "second"]);
    assert_eq!(newest.as_array().unwrap().len(), 4, "{newest}");
    assert_eq!(newest[0]["time"], "2026-07-03T00:00:00+00:00");
    let before = json(&["--day", "2026-07-02"]);
    assert!(close(&before[0]["laeq_db"], 94.0) && before[0]["seconds"] == 2 && before[0]["calibrated"] == true);
    let csv = run.ok(&["levels", "ev", "--by", "minute", "--csv"]).stdout;
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows.len() == 2 && rows[0].starts_with("time,input,calibrated,seconds,laeq_db"), "{csv}");
    let text = run.ok(&["levels", "ev"]).stdout;
    assert!(text.contains("tone.wav, 2026-07-03, dB\n") && text.contains("loudest: 00:00 "), "{text}");
    assert!(text.contains("23 h 59 min 56 s without levels"), "{text}");
    let error = run.fails(2, &["levels", "ev", "--source", "yard"]);
    assert!(error.contains("there is no input 'yard' that day; choose among"), "{error}");
    let error = run.fails(3, &["levels", "ev", "--day", "2026-07-09"]);
    assert!(error.contains("no levels of 2026-07-09"), "{error}");
}

#[test]
fn a_calibrator_calibrates_an_input() {
    let run = Run::new();
    write_wav(&run.home().join("tone.wav"), RATE_HZ, 1, &tone(4.0, 0.1));
    let told = run.ok(&["devices", "calibrate", "--input", "file:tone.wav", "--level", "114"]).stdout;
    assert!(told.starts_with("calibration_db = 137.0"), "{told}");
    write_wav(&run.home().join("steps.wav"), RATE_HZ, 1, &[tone(2.0, 0.1), tone(2.0, 0.01)].concat());
    let error = run.fails(3, &["devices", "calibrate", "--input", "file:steps.wav"]);
    assert!(error.contains("not steady"), "{error}");
    write_wav(&run.home().join("short.wav"), RATE_HZ, 1, &tone(1.5, 0.1));
    let error = run.fails(3, &["devices", "calibrate", "--input", "file:short.wav"]);
    assert!(error.contains("less than 2 s of sound"), "{error}");
    let error = run.fails(2, &["monitor", "--input", "demo", "--calibration", "900"]);
    assert!(error.contains("monitor.calibration_db = 900"), "{error}");
}

#[test]
fn a_day_is_summed_up_as_text_json_and_a_page() {
    let run = Run::new().env("TZ", "UTC");
    let error = run.fails(3, &["daily", "ev", "--day", "2026-07-02"]);
    assert!(error.contains("neither events nor levels of 2026-07-02"), "{error}");
    assert!(!run.home().join("ev").exists(), "nothing is left behind");
    let record = ["--record", "ev", "--levels", "--fast", "--ui", "jsonl"];
    // Any loud sound is an event, so that the model does not matter.
    write_wav(&run.home().join("tone.wav"), RATE_HZ, 1, &[tone(3.0, 0.0), tone(3.0, 0.5), tone(4.0, 0.0)].concat());
    let start = ["--start-time", "2026-07-02T06:59:50Z", "--loud", "-20", "--only", "any_loud"];
    let heard = run.ok(&[&["monitor", "--input", "tone.wav"], &start[..], &record].concat()).stdout;
    assert!(heard.contains("\"any_loud\""), "{heard}");
    let text = run.ok(&["daily", "ev", "--day", "2026-07-02"]).stdout;
    assert!(text.starts_with("2026-07-02: 1 event\n") && text.contains("any_loud  1"), "{text}");
    assert!(text.contains("06:59:5") && text.contains("······█·") && text.contains("no outage"), "{text}");
    let json = run.ok(&["daily", "ev", "--day", "2026-07-02", "--json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["events"][0]["by_hour"][6], &json["n_events"]), (&1.into(), &1.into()));
    assert_eq!(json["inputs"][0]["loudest"][0]["time"], "06:59");
    run.ok(&["daily", "ev", "--day", "2026-07-02", "--html", "day.html"]);
    let page = std::fs::read_to_string(run.home().join("day.html")).unwrap();
    assert!(page.contains("any_loud") && !page.contains("<script"), "{page}");
}
