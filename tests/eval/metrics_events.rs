//! Event scoring, counted by hand.
#![allow(clippy::unwrap_used)]

use earwitness::eval::events::{EventScores, Span, score_events};
use proptest::prelude::*;

fn span(label: &str, onset_s: f64, offset_s: f64) -> Span {
    Span { label: label.to_owned(), onset_s, offset_s }
}

#[test]
fn a_small_stream_counted_by_hand() {
    let reference =
        [span("dog", 10.0, 12.0), span("siren", 20.0, 26.0), span("dog", 40.0, 40.5), span("rain", 60.0, 90.0)];
    let detected = [
        span("dog", 10.25, 12.5),  // overlaps: hit, 0.25 s late, ends 0.5 s late
        span("dog", 11.5, 12.0),   // the same dog again: false alarm
        span("cat", 21.0, 22.0),   // wrong label: false alarm
        span("dog", 41.25, 42.0),  // 1.25 s after the onset and past the end: false alarm
        span("rain", 59.0, 59.75), // no overlap, but 1 s before the onset: hit, ends 30.25 s early
    ];
    let scores = score_events(&reference, &detected, 1800.0, 1.0);
    assert_eq!(
        scores,
        EventScores {
            n_reference: 4,
            n_detected: 5,
            hits: vec![(0, 0), (3, 4)],
            recall: Some(0.5),
            precision: Some(0.4),
            onset_error_median_s: Some(0.625),
            onset_error_p90_s: Some(0.25 + 0.9 * 0.75),
            offset_error_median_s: Some(15.375),
            false_alarms_per_hour: Some(6.0),
        }
    );
}

#[test]
fn nothing_there_and_nothing_reported_have_no_shares() {
    let none = score_events(&[], &[], 60.0, 1.0);
    assert_eq!((none.recall, none.precision, none.onset_error_median_s), (None, None, None));
    assert_eq!(none.false_alarms_per_hour, Some(0.0));
    let missed = score_events(&[span("dog", 1.0, 2.0)], &[], 0.0, 1.0);
    assert_eq!((missed.recall, missed.precision, missed.false_alarms_per_hour), (Some(0.0), None, None));
}

#[test]
fn a_report_is_moved_where_that_finds_one_more_event() {
    // The long report fits both dogs and is nearer to the first; the short one fits only the first.
    let reference = [span("dog", 10.0, 12.0), span("dog", 13.0, 14.0)];
    let detected = [span("dog", 10.1, 13.5), span("dog", 10.5, 11.0)];
    let scores = score_events(&reference, &detected, 60.0, 1.0);
    assert_eq!(scores.hits, [(0, 1), (1, 0)]);
}

#[test]
fn of_two_possible_reports_the_nearer_onset_is_the_hit() {
    let reference = [span("dog", 10.0, 14.0)];
    let detected = [span("dog", 12.0, 13.0), span("dog", 10.5, 11.0)];
    assert_eq!(score_events(&reference, &detected, 60.0, 1.0).hits, [(0, 1)]);
}

/// Up to seven spans of two labels in half a minute.
fn spans() -> impl Strategy<Value = Vec<Span>> {
    let one = (0..2, 0.0..30.0_f64, 0.0..6.0_f64)
        .prop_map(|(label, onset, long)| span(if label == 0 { "dog" } else { "rain" }, onset, onset + long));
    proptest::collection::vec(one, 0..7)
}

proptest! {
    #[test]
    fn pairs_are_proper_and_no_matching_is_larger(reference in spans(), detected in spans()) {
        let belongs = |r: usize, d: usize| {
            let (a, b): (&Span, &Span) = (&reference[r], &detected[d]);
            a.label == b.label
                && ((a.onset_s <= b.offset_s && b.onset_s <= a.offset_s) || (a.onset_s - b.onset_s).abs() <= 1.0)
        };
        let hits = score_events(&reference, &detected, 30.0, 1.0).hits;
        for (i, &(r, d)) in hits.iter().enumerate() {
            prop_assert!(belongs(r, d));
            prop_assert!(hits[..i].iter().all(|&(r2, d2)| r2 != r && d2 != d));
        }
        prop_assert_eq!(hits.len(), largest(0, reference.len(), detected.len(), &mut vec![false; 7], &belongs));
    }
}

/// Size of the largest matching, by trying everything.
fn largest(r: usize, n: usize, m: usize, used: &mut Vec<bool>, belongs: &impl Fn(usize, usize) -> bool) -> usize {
    if r == n {
        return 0;
    }
    let mut best = largest(r + 1, n, m, used, belongs);
    for d in 0..m {
        if !used[d] && belongs(r, d) {
            used[d] = true;
            best = best.max(1 + largest(r + 1, n, m, used, belongs));
            used[d] = false;
        }
    }
    best
}
