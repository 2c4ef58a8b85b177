//! Test streams hold what their reference says, and scores are what one counts by hand.
#![allow(clippy::unwrap_used)]

use earwitness::ErrorKind;
use earwitness::eval::events::Span;
use earwitness::eval::stream::{ReferenceEvent, Sound, Stream, StreamOptions, active_part, assemble};
use earwitness::eval::stream_files::{
    ReportedEvent, ReportedFaithfulness, read_reference, read_report, write_reference,
};
use earwitness::eval::stream_score::score_stream;
use earwitness::units::EvidenceVerdict;
use earwitness::units::SampleRate;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rate() -> SampleRate {
    SampleRate::new(8000).unwrap()
}

/// `secs` of uniform noise up to `peak`; its RMS is `peak / √3`.
fn noise(seed: u64, secs: f64, peak: f32) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..rate().samples(secs)).map(|_| rng.random_range(-peak..peak)).collect()
}

/// Silence, `secs` of noise, a pause of 0.2 s, 0.1 s of noise, silence.
fn sound(name: &str, label: &str, secs: f64, peak: f32) -> Sound {
    let seed = name.bytes().map(u64::from).sum();
    let parts = [vec![0.0; 4000], noise(seed, secs, peak), vec![0.0; 1600], noise(seed + 1, 0.1, peak), vec![0.0; 800]];
    Sound { name: name.to_owned(), labels: vec![label.to_owned()], samples: parts.concat() }
}

fn sounds() -> Vec<Sound> {
    (0..12)
        .map(|i| sound(&format!("{i}.wav"), ["dog", "rain"][i % 2], 0.3 + 0.1 * i as f64, 0.02 * (i + 1) as f32))
        .collect()
}

fn background() -> Vec<Vec<f32>> {
    vec![noise(100, 3.0, 0.5), noise(101, 5.0, 0.01)]
}

fn make(options: &StreamOptions) -> Stream {
    assemble(&sounds(), &background(), rate(), options).unwrap()
}

fn rms(samples: &[f32]) -> f64 {
    (samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

#[test]
fn the_active_part_begins_and_ends_with_the_sound() {
    let s = sound("a", "dog", 0.5, 0.5).samples;
    let part = active_part(&s, rate(), 5.0).unwrap();
    assert_eq!(part.samples, 4000..4000 + 4000 + 1600 + 800);
    // The pause does not count: the level is that of the noise.
    assert!((db(f64::from(part.level)) - db(0.5 / 3.0_f64.sqrt())).abs() < 0.3, "{}", part.level);
    // 21 dB down is not active, 19 dB down is.
    let mut faint = s.clone();
    faint[2000..4000].iter_mut().zip(noise(7, 0.25, 0.5)).for_each(|(x, n)| *x = n * 10.0_f32.powf(-22.0 / 20.0));
    assert!(active_part(&faint, rate(), 5.0).unwrap().samples.start >= 3900);
    faint[2000..4000].iter_mut().zip(noise(7, 0.25, 0.5)).for_each(|(x, n)| *x = n * 10.0_f32.powf(-17.0 / 20.0));
    assert_eq!(active_part(&faint, rate(), 5.0).unwrap().samples.start, 2000);
    // Cut at the longest allowed, counted from the onset.
    assert_eq!(active_part(&s, rate(), 0.25).unwrap().samples, 4000..6000);
    assert_eq!(active_part(&[0.0; 800], rate(), 5.0), None);
    assert_eq!(active_part(&[], rate(), 5.0), None);
}

#[test]
fn sounds_lie_where_the_reference_says_and_pauses_are_in_range() {
    // 200 dB above the background: what is heard is the sounds.
    let stream = make(&StreamOptions { snr_db: 200.0, gap_secs: (1.0, 2.0), ..StreamOptions::default() });
    assert_eq!(stream.reference.len(), 12);
    let mut names: Vec<&str> = stream.reference.iter().map(|e| e.clip.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 12, "each once");
    let mut end = 0;
    for event in &stream.reference {
        let (onset, offset) =
            (rate().samples(event.span.onset_s) as usize, rate().samples(event.span.offset_s) as usize);
        let gap = rate().secs((onset - end) as u64);
        assert!((0.999..=2.001).contains(&gap), "a pause of {gap} s before {event:?}");
        assert!(stream.samples[end..onset].iter().all(|x| x.abs() < 1e-6), "sound in the pause before {event:?}");
        assert!(rms(&stream.samples[onset..onset + 80]) > 1e-3, "no sound at the onset of {event:?}");
        assert!(rms(&stream.samples[offset - 80..offset]) > 1e-3, "no sound before the offset of {event:?}");
        // RMS over what sounds (all but the 0.2 s of pause) is the level asked for, but for the fades.
        let span = &stream.samples[onset..offset];
        let level = rms(span) * (span.len() as f64 / (span.len() - 1600) as f64).sqrt();
        assert!((db(level) - -26.0).abs() < 0.3, "{event:?} at {} dB", db(level));
        let own = sounds().into_iter().find(|s| s.name == event.clip).unwrap();
        assert_eq!(own.labels.concat(), event.span.label);
        assert_eq!(offset - onset, active_part(&own.samples, rate(), 5.0).unwrap().samples.len());
        end = offset;
    }
    assert!(stream.samples.len() - end >= 5 * 8000, "room for a monitor to see the end");
}

#[test]
fn the_background_has_the_level_that_the_snr_asks_for() {
    let silent = make(&StreamOptions { snr_db: 200.0, ..StreamOptions::default() });
    for snr_db in [20.0, 5.0, -3.0] {
        let stream = make(&StreamOptions { snr_db, ..StreamOptions::default() });
        assert_eq!(stream.samples.len(), silent.samples.len(), "the same layout at every SNR");
        let background: Vec<f32> = stream.samples.iter().zip(&silent.samples).map(|(a, b)| a - b).collect();
        assert!((db(rms(&background)) - (-26.0 - snr_db)).abs() < 0.01, "{} dB", db(rms(&background)));
        // Both recordings at one level, though one is 34 dB louder as a file; cross-fades do not dip or swell.
        for second in background.chunks(8000).filter(|s| s.len() == 8000) {
            assert!((db(rms(second)) - (-26.0 - snr_db)).abs() < 0.5, "a second at {} dB", db(rms(second)));
        }
        assert!(stream.reference.iter().all(|e| e.snr_db == snr_db));
    }
}

#[test]
fn the_seed_decides_and_sounds_overlap_only_where_asked() {
    let options = StreamOptions::default();
    assert_eq!(make(&options), make(&options));
    let other = make(&StreamOptions { seed: 2, ..options.clone() });
    assert_ne!(make(&options).reference, other.reference);
    let overlapping = make(&StreamOptions { overlap: 1.0, ..options.clone() }).reference;
    let begins_inside = |w: &[ReferenceEvent]| w[1].span.onset_s < w[0].span.offset_s;
    assert!(overlapping.windows(2).filter(|w| begins_inside(w)).count() >= 9, "{overlapping:?}");
    assert!(!make(&options).reference.windows(2).any(begins_inside));
}

#[test]
fn long_sounds_are_cut_silent_ones_left_out_and_several_labels_listed() {
    let mut all = vec![sound("long", "rain", 3.0, 0.1)];
    all.push(Sound { name: "nothing".into(), labels: vec!["dog".into()], samples: vec![0.0; 8000] });
    all.push(Sound { name: "both".into(), labels: vec!["dog".into(), "rain".into()], samples: noise(1, 0.5, 0.1) });
    all.push(Sound { name: "nameless".into(), labels: vec![], samples: noise(2, 0.5, 0.1) });
    let options = StreamOptions { max_event_secs: 2.0, ..StreamOptions::default() };
    let stream = assemble(&all, &background(), rate(), &options).unwrap();
    assert_eq!(stream.silent, ["nothing"]);
    let long = stream.reference.iter().find(|e| e.clip == "long").unwrap();
    assert!((long.span.offset_s - long.span.onset_s - 2.0).abs() < 1e-9);
    let both: Vec<&str> = stream.reference.iter().filter(|e| e.clip == "both").map(|e| e.span.label.as_str()).collect();
    assert_eq!(both, ["dog", "rain"]);
    assert_eq!(stream.reference.len(), 3, "a sound without a class is no event");
}

#[test]
fn impossible_streams_are_refused() {
    let refused = |sounds: &[Sound], noise: &[Vec<f32>], options: StreamOptions| {
        let error = assemble(sounds, noise, rate(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    };
    let good = StreamOptions::default();
    refused(&[], &background(), good.clone());
    refused(&sounds(), &[], good.clone());
    refused(&sounds(), &[vec![0.0; 100]], good.clone());
    refused(&[Sound { name: String::new(), labels: vec![], samples: vec![] }], &background(), good.clone());
    refused(&sounds(), &background(), StreamOptions { gap_secs: (2.0, 1.0), ..good.clone() });
    refused(&sounds(), &background(), StreamOptions { snr_db: f64::NAN, ..good.clone() });
    refused(&sounds(), &background(), StreamOptions { overlap: 1.5, ..good.clone() });
    refused(&sounds(), &background(), StreamOptions { max_event_secs: 0.0, ..good });
}

fn event(label: &str, onset_s: f64, offset_s: f64, clip: &str) -> ReferenceEvent {
    let span = Span { label: label.to_owned(), onset_s, offset_s };
    ReferenceEvent { span, clip: clip.to_owned(), snr_db: 20.0 }
}

#[test]
fn a_reference_list_reads_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("reference.csv");
    let reference = [event("dog", 1.25, 2.5, "1-2-A-0.wav"), event("car, \"far\"", 3.000_001, 3.5, "a, \"b\".wav")];
    write_reference(&path, &reference).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("label,onset_s,offset_s,clip,snr_db\ndog,1.250000,2.500000,1-2-A-0.wav,20\n"), "{text}");
    assert_eq!(read_reference(&path).unwrap(), reference);

    let refused = |text: &str, word: &str| {
        std::fs::write(&path, text).unwrap();
        let error = read_reference(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(word), "{error}");
    };
    refused("", "label");
    refused("label,onset_s,offset_s,clip\n", "snr_db");
    refused("label,onset_s,offset_s,clip,snr_db\ndog,x,2,c,20\n", "line 2");
    refused("label,onset_s,offset_s,clip,snr_db\n\ndog,1,2\n", "line 3");
    refused("label,onset_s,offset_s,clip,snr_db\ndog,2,1,c,20\n", "before it begins");
    assert_eq!(read_reference(&dir.path().join("none.csv")).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn a_report_is_read_from_the_lines_of_a_monitor() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.jsonl");
    let text = r#"{"type":"start","source":"file:x","model":{"name":"m","sha256":""}}
{"type":"event","id":"1","label":"dog","class":0,"onset_s":1.5,"offset_s":2,"faithfulness":{"agrees":true,"prob":0.9,"prob_in":0.8,"prob_out":0.1},"verdict":"enough_and_needed","latency_s":0.5}
{"type":"status","t_s":10.0,"latency_s":null}

{"type":"event","id":"2","label":"rain","onset_s":3,"offset_s":4,"faithfulness":null,"latency_s":null}
{"type":"stop","t_s":61.5,"dropped_samples":7}
"#;
    std::fs::write(&path, text).unwrap();
    let report = read_report(&path).unwrap();
    assert_eq!((report.stream_s, report.dropped_samples), (Some(61.5), Some(7)));
    assert_eq!(report.events.len(), 2);
    let faithfulness = ReportedFaithfulness { agrees: true, prob: Some(0.9), prob_in: Some(0.8), prob_out: Some(0.1) };
    let span = Span { label: "dog".to_owned(), onset_s: 1.5, offset_s: 2.0 };
    assert_eq!(
        report.events[0],
        ReportedEvent {
            span,
            faithfulness: Some(faithfulness),
            verdict: Some(EvidenceVerdict::EnoughAndNeeded),
            latency_s: Some(0.5)
        }
    );
    assert_eq!((report.events[1].faithfulness, report.events[1].latency_s), (None, None));

    for (bad, word) in
        [("{\"type\":\"event\",\"label\":\"dog\"}\n", "line 1"), ("\n{\"type\":\"ev", "line 2"), ("7\n", "line 1")]
    {
        std::fs::write(&path, bad).unwrap();
        let error = read_report(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_run_scored_by_hand() {
    let reference = [
        event("dog", 10.0, 12.0, "a"),
        event("siren", 20.0, 26.0, "b"),
        event("dog", 40.0, 41.0, "c"),
        event("rain", 60.0, 90.0, "d"),
    ];
    let told = |label: &str, onset_s: f64, offset_s: f64, agrees: Option<bool>, latency_s: f64| ReportedEvent {
        span: Span { label: label.to_owned(), onset_s, offset_s },
        faithfulness: agrees.map(|agrees| ReportedFaithfulness {
            agrees,
            prob: Some(0.9),
            prob_in: Some(if agrees { 0.8 } else { 0.2 }),
            prob_out: None,
        }),
        verdict: agrees.map(|agrees| EvidenceVerdict::of(agrees, 0.9, 0.1)),
        latency_s: Some(latency_s),
    };
    let reported = [
        told("dog", 10.5, 12.25, Some(true), 1.0), // correct, 0.5 s late, offset 0.25 s late
        told("dog", 11.5, 12.0, Some(false), 1.0), // the same dog again: repeat
        told("cat", 21.0, 22.0, Some(false), 1.0), // wrong label
        told("dog", 39.75, 41.75, Some(false), 2.0), // correct, 0.25 s early, offset 0.75 s late
        told("rain", 60.125, 90.0, None, 5.0),     // correct, 0.125 s late
        told("siren", 200.0, 201.0, Some(true), 1.0), // in background
    ];
    let score = score_stream(&reference, &reported, 1800.0, 1.0);
    assert_eq!((score.n_reference, score.n_detected, score.n_correct), (4, 6, 3));
    assert_eq!((score.recall, score.precision), (Some(0.75), Some(0.5)));
    assert_eq!((score.onset_error_median_s, score.onset_lag_median_s), (Some(0.25), Some(0.125)));
    assert_eq!(score.onset_error_p90_s, Some(0.25 + 0.8 * 0.25));
    assert_eq!(score.offset_error_median_s, Some(0.25));
    assert_eq!(score.offset_error_p90_s, Some(0.25 + 0.8 * 0.5));
    assert_eq!(score.false_alarms_per_hour, Some(6.0));
    assert_eq!((score.false_repeats, score.false_labels, score.false_in_background), (1, 1, 1));
    // Of the correct ones two have figures: one agrees.
    assert_eq!((score.agrees, score.prob_median, score.prob_in_median), (Some(0.5), Some(0.9), Some(0.5)));
    assert_eq!(score.prob_out_median, None);
    // Of the wrong ones three have a verdict.
    assert_eq!((score.enough_and_needed, score.enough_and_needed_of_wrong), (Some(0.5), Some(1.0 / 3.0)));
    assert_eq!(score.latency_median_s, Some(1.0));
    assert!((score.latency_p99_s.unwrap() - (2.0 + 0.95 * 3.0)).abs() < 1e-9, "{:?}", score.latency_p99_s);
    // From the true onset: 0.5 + 1, -0.25 + 2, 0.125 + 5.
    assert_eq!(score.true_latency_median_s, Some(1.75));
    assert!((score.true_latency_p90_s.unwrap() - (1.75 + 0.8 * 3.375)).abs() < 1e-9, "{:?}", score.true_latency_p90_s);
    assert!((score.true_latency_p99_s.unwrap() - (1.75 + 0.98 * 3.375)).abs() < 1e-9, "{:?}", score.true_latency_p99_s);
    let classes = score.per_class.iter();
    assert_eq!(
        classes
            .map(|c| (c.label.as_str(), c.n_reference, c.n_detected, c.n_correct, c.recall, c.precision))
            .collect::<Vec<_>>(),
        [
            ("cat", 0, 1, 0, None, Some(0.0)),
            ("dog", 2, 3, 2, Some(1.0), Some(2.0 / 3.0)),
            ("rain", 1, 1, 1, Some(1.0), Some(1.0)),
            ("siren", 1, 1, 0, Some(0.0), Some(0.0)),
        ]
    );
    let text = score.table();
    assert!(
        text.starts_with("4 events in 30.0 min, 6 reported, 3 of them correct\nrecall           75.0 %\n"),
        "{text}"
    );
    assert!(text.contains("6.0 an hour (1 repeats, 1 wrong labels, 1 in background)"), "{text}");
}

#[test]
fn nothing_reported_is_scored_too() {
    let score = score_stream(&[event("dog", 1.0, 2.0, "a")], &[], 60.0, 1.0);
    assert_eq!((score.recall, score.precision, score.agrees, score.latency_p99_s), (Some(0.0), None, None, None));
    assert!(score.table().contains("precision        -\n"));
    assert_eq!(serde_json::to_value(&score).unwrap()["precision"], serde_json::Value::Null);
}
