//! All figures of a stream are what one counts by hand.
#![allow(clippy::unwrap_used)]

use earwitness::eval::events::Span;
use earwitness::eval::score_track::{ScoreTrack, ScoredSegment};
use earwitness::eval::stream::ReferenceEvent;
use earwitness::eval::stream_figures::{Heard, StreamFigures, stream_figures};
use earwitness::eval::stream_files::ReportedEvent;

fn span(label: &str, onset_s: f64, offset_s: f64) -> Span {
    Span { label: label.into(), onset_s, offset_s }
}

fn there(label: &str, onset_s: f64, offset_s: f64) -> ReferenceEvent {
    ReferenceEvent { span: span(label, onset_s, offset_s), clip: "c".into(), snr_db: 20.0 }
}

fn told(label: &str, onset_s: f64, offset_s: f64, latency_s: f64) -> ReportedEvent {
    ReportedEvent {
        span: span(label, onset_s, offset_s),
        faithfulness: None,
        verdict: None,
        latency_s: Some(latency_s),
    }
}

/// A minute in segments of 2 s, half a second apart; dog scores 0.9 in segments whose middle is between 10 and 13 s, else 0.1.
fn track() -> ScoreTrack {
    let one = |i: i32| {
        let end_s = 0.5 * f64::from(i);
        let dog = if (10.0..13.0).contains(&(end_s - 1.0)) { 0.9 } else { 0.1 };
        ScoredSegment { end_s, scores: vec![dog, 0.1] }
    };
    ScoreTrack::new(60.0, 2.0, 0.5, (1..=120).map(one).collect())
}

fn figures(reported: &[ReportedEvent], reference: &[ReferenceEvent]) -> StreamFigures {
    let labels = ["dog".to_owned(), "rain".to_owned()];
    stream_figures(Heard { labels: &labels, track: &track(), reported }, reference)
}

#[test]
fn wrong_reports_are_repeats_wrong_labels_or_in_background_overall_and_by_label() {
    let reference =
        [there("dog", 10.0, 13.0), there("rain", 20.0, 24.0), there("spoon", 30.0, 31.0), there("fork", 40.0, 41.0)];
    let reported = [
        told("dog", 10.1, 13.2, 0.9),
        told("dog", 12.0, 12.5, 0.5),
        told("dog", 21.0, 22.0, 0.5),
        told("dog", 30.5, 31.5, 0.5),
        told("rain", 50.0, 51.0, 0.5),
    ];
    let got = figures(&reported, &reference);
    let all = &got.operating_point;
    assert_eq!((all.n_reference, all.n_detected, all.n_correct), (2, 5, 1));
    assert_eq!((all.recall, all.precision), (Some(0.5), Some(0.2)));
    assert_eq!(all.false_alarms_per_hour, Some(240.0));
    assert_eq!(
        (all.repeats_per_hour, all.wrong_labels_per_hour, all.in_background_per_hour),
        (Some(60.0), Some(120.0), Some(60.0))
    );
    assert!((all.delay_p50_s.unwrap() - 1.0).abs() < 1e-9, "the report came 0.9 s after an onset that is 0.1 s late");
    assert!((all.onset_error_median_s.unwrap() - 0.1).abs() < 1e-9);

    let [dog, rain] = &got.labels[..] else { panic!("two labels") };
    assert_eq!((dog.label.as_str(), dog.operating_point.n_correct), ("dog", 1));
    let split = |at: &earwitness::eval::stream_figures::OperatingPoint| {
        [at.repeats_per_hour, at.wrong_labels_per_hour, at.in_background_per_hour].map(Option::unwrap)
    };
    // Rain and the spoon were taken for dogs.
    assert_eq!(split(&dog.operating_point), [60.0, 120.0, 0.0]);
    assert_eq!(split(&rain.operating_point), [0.0, 0.0, 60.0]);
    assert_eq!(rain.operating_point.recall, Some(0.0));

    assert_eq!((got.foreign.n_events, got.foreign.n_alarmed), (2, 1));
    let [fork, spoon] = &got.foreign.labels[..] else { panic!("two foreign labels") };
    assert_eq!((fork.label.as_str(), fork.n_events, fork.n_alarmed), ("fork", 1, 0));
    assert_eq!((spoon.label.as_str(), spoon.n_alarmed, spoon.taken_for["dog"]), ("spoon", 1, 1));

    // 0.1 s and 0.2 s off: within the collars. Rain is missed.
    assert_eq!((got.event_f1.n_correct, got.event_f1.f1), (1, Some(2.0 / 7.0)));
    // A segment's score stands around its middle: the dog is where its event is.
    assert_eq!((dog.psds1, dog.psds2), (Some(1.0), Some(1.0)));
    assert_eq!(got.psds1, Some(0.0), "mean less deviation of one and zero");
}

#[test]
fn a_right_report_is_no_alarm_of_a_foreign_sound_beneath_it() {
    let got = figures(&[told("dog", 10.0, 13.0, 0.5)], &[there("dog", 10.0, 13.0), there("spoon", 11.0, 12.0)]);
    assert_eq!((got.operating_point.precision, got.foreign.n_alarmed), (Some(1.0), 0));
}

#[test]
fn of_background_alone_only_false_alarms_are_known() {
    let got = figures(&[told("dog", 10.0, 13.0, 0.5)], &[]);
    assert_eq!(got.operating_point.false_alarms_per_hour, Some(60.0));
    assert_eq!(got.operating_point.in_background_per_hour, Some(60.0));
    assert_eq!((got.operating_point.recall, got.psds1, got.psds2, got.event_f1_macro), (None, None, None, None));
}

#[test]
fn a_score_is_right_where_the_segment_holds_enough_of_the_event() {
    let dog = span("dog", 10.0, 13.0);
    let scored = track().scores_and_truth(0, &[&dog]);
    // Segments end every 0.5 s. From 10.5 to 14.5 they hold at least half a second of it; the one that ends at 10.5 holds
    // just that, and none holds less but some.
    assert_eq!(scored.iter().filter(|(_, is_true)| *is_true).count(), 9);
    assert_eq!(scored.len(), 120);
    let dog = span("dog", 10.2, 13.0);
    // Those that end at 10.5 (0.3 s) hold too little to say.
    let scored = track().scores_and_truth(0, &[&dog]);
    assert_eq!((scored.iter().filter(|(_, is_true)| *is_true).count(), scored.len()), (8, 119));
    let short = span("dog", 10.2, 10.4);
    let scored = track().scores_and_truth(0, &[&short]);
    assert_eq!((scored.iter().filter(|(_, is_true)| *is_true).count(), scored.len()), (4, 120));
}
