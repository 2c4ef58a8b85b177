//! `earwitness evaluate --stream`: the same events as a monitor's, held against a list.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use crate::support::e2e::*;
use crate::support::run::Run;
use earwitness::eval::events::Span;
use earwitness::eval::stream::ReferenceEvent;
use earwitness::eval::stream_files::{read_report, write_reference};
use earwitness::eval::stream_score::{StreamScore, score_among};
use serde_json::Value;

/// Writes the demo scene and what is in it; `rename` is another name for one of its labels, which no model knows.
fn scene_files(dir: &Path, rename: &str) -> Vec<ReferenceEvent> {
    let (samples, events) = scene_at(22_050);
    write_wav(&dir.join("scene.wav"), 22_050, 1, &samples);
    let there = |e: &earwitness::audio::demo::SceneEvent| {
        let label = if e.label == rename { "unheard_of" } else { e.label };
        let span = Span { label: label.into(), onset_s: e.onset_secs, offset_s: e.offset_secs };
        ReferenceEvent { span, clip: "scene".into(), snr_db: 60.0 }
    };
    let reference: Vec<ReferenceEvent> = events.iter().map(there).collect();
    write_reference(&dir.join("scene.csv"), &reference).unwrap();
    reference
}

fn evaluated(run: &Run, truth: &str) -> (String, Value) {
    let args = ["evaluate", "--stream", "scene.wav", "--truth", truth, "--json", "figures.json"];
    let printed = run.ok(&args).stdout;
    (printed, serde_json::from_str(&std::fs::read_to_string(run.home().join("figures.json")).unwrap()).unwrap())
}

#[test]
fn a_stream_is_measured_as_a_monitor_hears_it() {
    let run = Run::new();
    let heard = run.ok(&["monitor", "--input", "demo", "--fast", "--ui", "jsonl"]).stdout;
    let reported = json_lines(&heard);
    let first = text(of_type(&reported, "event")[0], "label").to_owned();
    let reference = scene_files(run.home(), &first);

    let lines = run.ok(&["monitor", "--input", "scene.wav", "--fast", "--ui", "jsonl"]).stdout;
    std::fs::write(run.home().join("events.jsonl"), lines).unwrap();
    let report = read_report(&run.home().join("events.jsonl")).unwrap();
    let (printed, figures) = evaluated(&run, "scene.csv");
    let known: Vec<&str> =
        figures["thresholds"].as_array().unwrap().iter().map(|threshold| text(threshold, "label")).collect();
    let (own, foreign): (Vec<_>, Vec<_>) =
        reference.into_iter().partition(|event| known.contains(&event.span.label.as_str()));
    let others: Vec<Span> = foreign.iter().map(|event| event.span.clone()).collect();
    let want = score_among(&own, &others, &report.events, report.stream_s.unwrap(), 1.0);
    assert!(want.n_correct >= 3 && want.false_labels >= 1, "{want:?}");
    same(&figures["operating_point"], &want);

    // What was renamed is foreign now, and raised an alarm.
    assert_eq!(count(&figures["foreign"], "n_events"), foreign.len() as u64);
    let unheard_of =
        figures["foreign"]["labels"].as_array().unwrap().iter().find(|l| l["label"] == "unheard_of").unwrap();
    assert!(count(unheard_of, "n_alarmed") >= 1 && count(&unheard_of["taken_for"], &first) >= 1, "{unheard_of}");
    for part in ["recall", "PSDS1", "calibration error", "unheard_of", &format!("1 {first}")] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    for figure in ["psds1", "psds2", "event_f1_macro"] {
        assert!((0.0..=1.0).contains(&number(&figures, figure)), "{figures}");
    }
    assert!(number(&figures["calibration"], "expected_error") < 0.5, "{figures}");
    assert_eq!(figures["calibration"]["bins"].as_array().unwrap().len(), 15);
    assert_eq!(text(&figures, "method"), "lmac");
}

/// The monitor tells times to the microsecond.
fn same(at: &Value, want: &StreamScore) {
    assert_eq!(count(at, "n_detected"), want.n_detected as u64, "{at}");
    assert_eq!(count(at, "n_correct"), want.n_correct as u64, "{at}");
    for (name, want) in [
        ("recall", want.recall),
        ("precision", want.precision),
        ("onset_error_median_s", want.onset_error_median_s),
        ("onset_error_p90_s", want.onset_error_p90_s),
        ("offset_error_median_s", want.offset_error_median_s),
        ("offset_error_p90_s", want.offset_error_p90_s),
        ("false_alarms_per_hour", want.false_alarms_per_hour),
        ("delay_p50_s", want.true_latency_median_s),
        ("delay_p90_s", want.true_latency_p90_s),
        ("delay_p99_s", want.true_latency_p99_s),
    ] {
        let got = number(at, name);
        assert!((got - want.unwrap()).abs() <= 1e-5 * want.unwrap().max(1.0), "{name}: {got}, {want:?}");
    }
}

#[test]
fn of_background_alone_false_alarms_are_printed_and_nothing_else() {
    let run = Run::new();
    scene_files(run.home(), "");
    std::fs::write(run.home().join("nothing.csv"), "label,onset_s,offset_s,clip,snr_db\n").unwrap();
    let (printed, figures) = evaluated(&run, "nothing.csv");
    assert!(number(&figures["operating_point"], "in_background_per_hour") > 0.0, "{printed}");
    assert!(printed.contains("false alarms") && !printed.contains("recall") && !printed.contains("PSDS"), "{printed}");
    assert!(figures["psds1"].is_null() && figures["operating_point"]["recall"].is_null(), "{figures}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_remedy() {
    let run = Run::new();
    scene_files(run.home(), "");
    let stream = ["evaluate", "--stream", "scene.wav"];
    let fails = |code, more: &[&str]| run.fails(code, &[&stream[..], more].concat());
    assert!(run.fails(2, &["evaluate"]).contains("--data"));
    assert!(fails(2, &[]).contains("--truth"));
    assert!(fails(2, &["--truth", "scene.csv", "--methods", "l2i"]).contains("leave those flags out"));
    assert!(fails(3, &["--truth", "nowhere.csv"]).contains("nowhere.csv"));
    std::fs::write(run.home().join("late.csv"), "label,onset_s,offset_s,clip,snr_db\ndog,9999,9999.5,c,0\n").unwrap();
    assert!(fails(3, &["--truth", "late.csv"]).contains("behind the end"));
}
