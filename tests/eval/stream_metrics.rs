//! Figures of streams against sed_scores_eval, sed_eval and scikit-learn: `golden/stream_metrics.py` made the numbers.
#![allow(clippy::unwrap_used)]

use earwitness::eval::calibration::calibration;
use earwitness::eval::event_f1::{Collar, F1, event_f1};
use earwitness::eval::events::Span;
use earwitness::eval::psds::{PsdsParams, ScoredRecording, psds};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/stream_metrics.json")).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Asserts equality to 1e-9.
fn close(got: f64, wanted: &Value, what: &str) {
    let wanted = wanted.as_f64().unwrap();
    assert!((got - wanted).abs() < 1e-9, "{what}: got {got}, wanted {wanted}");
}

fn recording(file: &Value) -> ScoredRecording {
    let pair = |event: &Value| (event[0].as_f64().unwrap(), event[1].as_f64().unwrap());
    ScoredRecording {
        edges_s: numbers(&file["edges_s"]),
        scores: list(&file["scores"]).iter().map(numbers).collect(),
        events: list(&file["events"]).iter().map(|events| list(events).iter().map(pair).collect()).collect(),
        secs: file["secs"].as_f64().unwrap(),
    }
}

#[test]
fn psds_is_that_of_sed_scores_eval() {
    for (n, case) in list(&golden()["psds"]).iter().enumerate() {
        let recordings: Vec<ScoredRecording> = list(&case["files"]).iter().map(recording).collect();
        for (name, params) in [("psds1", PsdsParams::PSDS1), ("psds2", PsdsParams::PSDS2)] {
            let params = PsdsParams { max_per_hour: case["max_per_hour"].as_f64().unwrap(), ..params };
            let got = psds(&recordings, &params).unwrap();
            let want = &case["want"][name];
            close(got.score, &want["score"], &format!("case {n}, {name}"));
            for (class, (got, want)) in got.by_class.iter().zip(list(&want["by_class"])).enumerate() {
                close(got.unwrap(), want, &format!("case {n}, {name}, class {class}"));
            }
        }
    }
}

#[test]
fn classes_without_events_and_events_that_touch_change_no_score() {
    let case = &golden()["psds"][1];
    let recordings: Vec<ScoredRecording> = list(&case["files"]).iter().map(recording).collect();
    let before = psds(&recordings, &PsdsParams::PSDS2).unwrap();
    let mut cut = recordings.clone();
    for recording in &mut cut {
        let silent = recording.scores[0].iter().rev().copied().collect();
        recording.scores.push(silent);
        recording.events.push(Vec::new());
        for events in &mut recording.events {
            *events = events.iter().flat_map(|&(on, off)| [(on, (on + off) / 2.0), ((on + off) / 2.0, off)]).collect();
        }
    }
    let after = psds(&cut, &PsdsParams::PSDS2).unwrap();
    assert_eq!((after.score, &after.by_class[..4]), (before.score, &before.by_class[..]));
    assert_eq!(after.by_class[4], None);
    cut.iter_mut().for_each(|recording| recording.events.iter_mut().for_each(Vec::clear));
    assert_eq!(psds(&cut, &PsdsParams::PSDS2), None);
    assert_eq!(psds(&[], &PsdsParams::PSDS1), None);
}

#[test]
fn a_perfect_score_is_one_and_no_score_is_none() {
    let perfect = ScoredRecording {
        edges_s: (0..=20).map(f64::from).collect(),
        scores: vec![(0..20).map(|i| if (5..8).contains(&i) { 0.9 } else { f64::NAN }).collect()],
        events: vec![vec![(5.0, 8.0)]],
        secs: 20.0,
    };
    for params in [PsdsParams::PSDS1, PsdsParams::PSDS2] {
        assert_eq!(psds(std::slice::from_ref(&perfect), &params).unwrap().score, 1.0);
        let deaf = ScoredRecording { edges_s: Vec::new(), scores: vec![Vec::new()], ..perfect.clone() };
        assert_eq!(psds(&[deaf], &params).unwrap().score, 0.0);
    }
}

fn spans(value: &Value) -> Vec<Span> {
    let span = |row: &Value| Span {
        label: row[0].as_str().unwrap().to_owned(),
        onset_s: row[1].as_f64().unwrap(),
        offset_s: row[2].as_f64().unwrap(),
    };
    list(value).iter().map(span).collect()
}

#[test]
fn event_f1_is_that_of_sed_eval() {
    let same = |got: &F1, want: &Value, what: &str| {
        close(got.f1.unwrap(), &want["f1"], what);
        close(got.precision.unwrap(), &want["precision"], what);
        close(got.recall.unwrap(), &want["recall"], what);
    };
    for case in list(&golden()["f1"]) {
        let got = event_f1(&spans(&case["reference"]), &spans(&case["detected"]), Collar::DCASE);
        same(&got.micro, &case["want"]["micro"], "micro");
        close(got.macro_f1.unwrap(), &case["want"]["macro_f1"], "macro");
        assert_eq!(got.by_label.len(), 3);
        for (label, f1) in &got.by_label {
            same(f1, &case["want"]["by_label"][label], label);
        }
    }
    let nothing = event_f1(&[], &[], Collar::DCASE);
    assert_eq!((nothing.micro.f1, nothing.macro_f1), (None, None));
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    for case in list(&golden()["calibration"]) {
        let truth = list(&case["true"]).iter().map(|t| t.as_bool().unwrap());
        let got = calibration(numbers(&case["scores"]).into_iter().zip(truth), 15);
        let want = &case["want"];
        close(got.expected_error.unwrap(), &want["error"], "error");
        let counts: Vec<u64> = got.bins.iter().map(|bin| bin.n as u64).collect();
        let wanted: Vec<u64> = list(&want["counts"]).iter().map(|n| n.as_u64().unwrap()).collect();
        assert_eq!(counts, wanted);
        let filled: Vec<_> = got.bins.iter().filter(|bin| bin.n > 0).collect();
        for (i, bin) in filled.iter().enumerate() {
            close(bin.share_true.unwrap(), &want["share_true"][i], "share");
            close(bin.mean_score.unwrap(), &want["mean_score"][i], "mean");
        }
    }
    let nothing = calibration([(f64::NAN, true), (1.5, true)], 15);
    assert_eq!((nothing.n, nothing.expected_error), (0, None));
}
