//! What a person wants of the pipeline: a level gate, any loud sound, quiet hours, groups, changes while it runs.

use crate::support::engine::*;
use earwitness::engine::detector::{ClassParams, DetectorParams, Edit, Reason};
use earwitness::engine::quiet::{Hush, Quiet};
use earwitness::engine::report::{EventReport, ReasonReport, RecordWhat};
use earwitness::units::ClassId;
use jiff::tz::TimeZone;

/// A pipeline whose detector was told more.
fn told(tell: impl FnOnce(&mut DetectorParams)) -> Monitor {
    let mut params = pipeline(None).params().clone();
    tell(&mut params.detector);
    Monitor::new(params, classifier(), Loudness::boxed(Mask::Relative))
}

/// A burst of −35 dBFS: quieter than the −15 dBFS of [`scene`]'s, and no less evident.
fn with_quiet_burst(mut samples: Vec<f32>, from_secs: f64, to_secs: f64) -> Vec<f32> {
    let mut random = Lcg(5);
    let at = |secs: f64| (secs * f64::from(RATE)) as usize;
    samples[at(from_secs)..at(to_secs)].iter_mut().for_each(|x| *x = random.next() * 0.03);
    samples
}

fn labelled<'a>(events: &'a [EventReport], label: &str) -> Vec<&'a EventReport> {
    events.iter().filter(|report| report.event.label == label).collect()
}

/// Events and reasons of a run in chunks of these lengths, over and over.
fn run_chunks(mut pipeline: Monitor, samples: &[f32], chunks: &[usize]) -> (Vec<EventReport>, Vec<ReasonReport>) {
    let (mut events, mut rest) = (Vec::new(), samples);
    for n in chunks.iter().cycle() {
        let (chunk, behind) = rest.split_at((*n).min(rest.len()));
        pipeline.push(chunk, &mut events).unwrap();
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    pipeline.finish(&mut events).unwrap();
    (events, pipeline.take_reasons())
}

#[test]
fn what_is_quieter_than_the_gate_is_no_event_and_what_is_louder_is_as_without_it() {
    let samples = with_quiet_burst(scene(8.0, &[1.0..1.2]), 5.0, 6.0);
    let (free, _) = run_chunks(told(|_| ()), &samples, &[1000]);
    assert_times(&free, &[1.0..1.2, 5.0..6.0]);
    let (gated, reasons) = run_chunks(told(|d| d.gate_dbfs = Some(-25.0)), &samples, &[1000]);
    assert_times(&gated, &[1.0..1.2]);
    // A sound of 0.2 s has the two strides that it needs, though it lies in one.
    assert_eq!(gated[0].clip.interpretation, free[0].clip.interpretation);
    assert!(reasons.iter().any(|r| r.reason == Reason::Gate { dbfs: -25.0 } && r.label == "always"), "{reasons:?}");
}

#[test]
fn any_loud_sound_is_an_event_of_its_own_that_claims_no_explanation() {
    let bursts = [1.0..1.5, 3.0..3.1, 3.3..3.4, 5.5..5.6, 6.3..6.4];
    let samples = with_quiet_burst(scene(10.0, &bursts), 8.0, 9.0);
    let (events, _) = run_chunks(told(|d| d.any_loud = Some(ClassParams::any_loud(-28.0))), &samples, &[1000]);
    let loud: Vec<EventReport> = labelled(&events, "any_loud").into_iter().cloned().collect();
    // What lies closer together than the merge gap of 0.3 s is one; the quiet burst is none.
    assert_times(&loud, &[1.0..1.5, 3.0..3.4, 5.5..5.6, 6.3..6.4]);
    for EventReport { event, clip } in &loud {
        assert_eq!((event.class, event.method.as_str()), (ClassId(3), "level"));
        assert!(event.components.is_empty() && event.faithfulness.is_none() && clip.components.is_empty());
        let level = event.level_dbfs.unwrap();
        assert!((-22.0..-14.0).contains(&level) && (event.score - (1.0 + level / 120.0)).abs() < 1e-5, "{event:?}");
        assert!(event.latency_secs < 0.7, "one stride is enough: {}", event.latency_secs);
        assert_eq!(clip.heard.len(), clip.interpretation.len());
        assert!(clip.heard.iter().any(|x| x.abs() > 0.1) && clip.interpretation.iter().all(|x| *x == 0.0));
        assert!(clip.picture.mask.iter().all(|m| *m == 0.0));
    }
    // The model's own events are what they are without it.
    let (without, _) = run_chunks(told(|_| ()), &samples, &[1000]);
    let spans = |events: Vec<&EventReport>| events.into_iter().map(times).collect::<Vec<_>>();
    assert_eq!(spans(labelled(&events, "always")), spans(without.iter().collect()));
}

#[test]
fn any_chunking_gives_the_same_with_gate_any_loud_sound_and_classes_of_their_own() {
    let mut random = Lcg(17);
    let mut number = |most: usize| ((random.next() + 1.0) / 2.0 * most as f32) as usize;
    for _ in 0..6 {
        let starts: Vec<f64> = (0..4).map(|i| 0.3 + i as f64 * 1.6 + number(1000) as f64 / 1000.0).collect();
        let bursts: Vec<_> = starts.iter().map(|s| *s..s + 0.05 + number(700) as f64 / 1000.0).collect();
        let samples = with_quiet_burst(scene(8.0, &bursts), 6.8, 7.4);
        let tell = |d: &mut DetectorParams| {
            d.gate_dbfs = Some(-30.0);
            d.any_loud = Some(ClassParams::any_loud(-26.0));
            d.classes[0].cooldown_secs = Some(0.5);
            d.classes[0].max_event_secs = Some(1.0);
        };
        let whole = run_chunks(told(tell), &samples, &[samples.len()]);
        assert!(whole.0.len() > 2 && whole.1.len() > 2, "{} events, {} reasons", whole.0.len(), whole.1.len());
        let chunks: Vec<usize> = (0..50).map(|_| 1 + number(2000)).collect();
        for chunks in [chunks.as_slice(), &[1, 79, 80, 81, 3]] {
            let chunked = run_chunks(told(tell), &samples, chunks);
            assert!(format!("{chunked:?}") == format!("{whole:?}"), "{chunks:?} give other events or reasons");
        }
    }
}

/// Quiet for the first 20 s of a stream: it begins at 14:46:40 UTC.
fn quiet(hush: Hush) -> Quiet {
    Quiet { hours: vec!["14:46-14:47".parse().unwrap()], hush, zone: Some(TimeZone::UTC) }
}

#[test]
fn in_quiet_hours_events_are_marked_or_not_told_by_when_they_began() {
    // The second begins a second before the hours are over, and ends behind them.
    let samples = scene(26.0, &[1.0..1.5, 19.0..21.0, 23.0..23.5]);
    let run = |hush, obeys: bool| {
        let mut pipeline = told(|d| {
            d.quiet = Some(quiet(hush));
            d.classes[0].obeys_quiet = obeys;
        });
        let mut events = Vec::new();
        pipeline.push(&samples, &mut events).unwrap();
        pipeline.finish(&mut events).unwrap();
        (events, pipeline.take_onsets(), pipeline.take_reasons())
    };
    let (marked, onsets, _) = run(Hush::Alarms, true);
    assert_times(&marked, &[1.0..1.5, 19.0..21.0, 23.0..23.5]);
    assert_eq!(marked.iter().map(|e| e.event.handling.quiet).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(onsets.iter().map(|o| o.handling.quiet).collect::<Vec<_>>(), [true, true, false]);
    let (told, onsets, reasons) = run(Hush::Events, true);
    assert_times(&told, &[23.0..23.5]);
    assert_eq!(onsets.len(), 1);
    assert_eq!(told[0].event.id, onsets[0].id);
    assert!(reasons.iter().any(|r| r.reason == Reason::Quiet), "{reasons:?}");
    let (all, ..) = run(Hush::Events, false);
    assert_eq!(all.len(), 3, "a class for which the hours do not hold");
}

#[test]
fn events_carry_their_groups_and_what_is_kept_of_them() {
    let tell = |d: &mut DetectorParams| {
        d.classes[0].groups = vec!["a".into(), "b".into()];
        d.classes[0].record = RecordWhat::Figures;
    };
    let events = run(told(tell), &scene(4.0, &[1.0..1.5]), 1000);
    let handling = &events[0].event.handling;
    assert_eq!(
        (handling.groups.join(" ").as_str(), handling.record, handling.quiet),
        ("a b", RecordWhat::Figures, false)
    );
    let plain = run(told(|_| ()), &scene(4.0, &[1.0..1.5]), 1000);
    assert_eq!(plain[0].event.handling, earwitness::engine::report::Handling::default());
}

#[test]
fn what_is_only_shown_is_no_event_and_says_why_until_it_is_asked_for() {
    let samples = scene(10.0, &[1.0..1.5, 6.0..6.5]);
    let mut pipeline = told(|d| d.classes[0].alarm = false);
    let (mut events, half) = (Vec::new(), samples.len() / 2);
    pipeline.push(&samples[..half], &mut events).unwrap();
    assert!(events.is_empty() && pipeline.take_onsets().is_empty());
    assert!(pipeline.take_reasons().iter().any(|r| r.reason == Reason::OnlyShown && r.label == "always"));
    let state = &pipeline.class_states()[0];
    assert!(!state.alarm && state.enabled && state.score > 0.8, "{state:?}");
    pipeline.pipeline.edit(Edit::Mute(ClassId(0)));
    pipeline.push(&samples[half..], &mut events).unwrap();
    pipeline.finish(&mut events).unwrap();
    assert_times(&events, &[6.0..6.5]);
}

#[test]
fn of_two_labels_of_a_group_over_the_same_span_the_surer_one_is_reported() {
    let samples = scene(8.0, &[1.0..1.5, 5.0..5.6]);
    let run = |groups: [Option<&str>; 2], margin: f32| {
        let mut pipeline = told(|d| {
            d.rival_margin = margin;
            (d.classes[1].on, d.classes[1].off) = (0.15, 0.1);
            (d.classes[0].rivals, d.classes[1].rivals) = (groups[0].map(str::to_owned), groups[1].map(str::to_owned));
        });
        let mut events = Vec::new();
        pipeline.push(&samples, &mut events).unwrap();
        pipeline.finish(&mut events).unwrap();
        let labels: Vec<String> = events.iter().map(|event| event.event.label.clone()).collect();
        let outdone = pipeline.take_reasons().into_iter().filter(|r| matches!(r.reason, Reason::Outdone { .. }));
        (labels.join(" "), outdone.map(|r| r.label).collect::<Vec<_>>().join(" "))
    };
    let both = ("always seldom always seldom".to_owned(), String::new());
    assert_eq!(run([None, None], 0.15), both);
    assert_eq!(run([Some("a"), Some("b")], 0.15), both, "groups are independent");
    assert_eq!(run([Some("a"), Some("a")], 1.0), both);
    assert_eq!(run([Some("a"), Some("a")], 0.9), both, "not clearly surer");
    assert_eq!(run([Some("a"), Some("a")], 0.15), ("always always".to_owned(), "seldom seldom".to_owned()));
}

#[test]
fn where_somebody_speaks_nothing_that_can_be_heard_is_kept_of_any_event() {
    let samples = with_quiet_burst(scene(9.0, &[1.0..1.5]), 6.0, 6.5);
    // The class `seldom` stands for speech: it is surer of one burst than of the other.
    let mut listening = told(|_| ());
    let (mut events, mut sure) = (Vec::new(), [0.0_f32; 2]);
    for (i, hop) in samples.chunks(HOP).enumerate() {
        listening.push(hop, &mut events).unwrap();
        let secs = (i * HOP) as f64 / f64::from(RATE);
        let half = usize::from(secs > 4.5);
        sure[half] = sure[half].max(listening.probs()[1]);
    }
    assert!((sure[0] - sure[1]).abs() > 1e-5, "the test needs a difference: {sure:?}");
    let between = (sure[0] + sure[1]) / 2.0;
    let kept = |speech: &[usize], off: f32| {
        let tell = |d: &mut DetectorParams| {
            d.dropped_speech = speech.iter().copied().map(ClassId).collect();
            (d.classes[1].on, d.classes[1].off) = (0.9, off);
        };
        let events = run(told(tell), &samples, 1000);
        assert_times(&events, &[1.0..1.5, 6.0..6.5]);
        events.iter().map(|event| event.event.handling.record).collect::<Vec<_>>()
    };
    let (full, none) = (RecordWhat::Full, RecordWhat::NoSpeech);
    let want = if sure[0] > sure[1] { [none, full] } else { [full, none] };
    assert_eq!(kept(&[1], between), want, "{sure:?}");
    assert_eq!(kept(&[], between), [full, full], "speech is kept");
    assert_eq!(kept(&[1], 0.9), [full, full], "nobody speaks");
    assert_eq!(kept(&[0], 0.9), [none, none], "an event of speech itself");
}

#[test]
fn changes_hold_from_the_next_stride_on_and_what_is_under_way_goes_on() {
    let samples = scene(13.0, &[1.0..1.5, 4.0..6.0, 10.0..10.5]);
    let mut pipeline = told(|_| ());
    let mut events = Vec::new();
    let at = |secs: f64| (secs * f64::from(RATE)) as usize;
    pipeline.push(&samples[..at(5.0)], &mut events).unwrap();
    // An event is open: it goes on under other parameters.
    let longer = pipeline.params().detector.clone();
    pipeline.pipeline.reconfigure(&longer, 2.0, 0.4).unwrap();
    pipeline.push(&samples[at(5.0)..at(9.0)], &mut events).unwrap();
    assert_times(&events, &[1.0..1.5, 4.0..6.0]);
    let pre_roll = |e: &EventReport| (e.event.onset.0 - e.clip.start.0) as f64 / f64::from(RATE);
    assert!((pre_roll(&events[0]) - 0.5).abs() < 0.01 && (pre_roll(&events[1]) - 2.0).abs() < 0.01);
    pipeline.pipeline.edit(Edit::Mute(ClassId(0)));
    pipeline.pipeline.edit(Edit::Lower(ClassId(2)));
    let states = pipeline.class_states();
    assert!(!states[0].enabled && states[0].edited && states[2].edited && !states[1].edited);
    assert_eq!((states[2].on_threshold, states[1].on_threshold), (0.85, 0.6));
    pipeline.push(&samples[at(9.0)..], &mut events).unwrap();
    pipeline.finish(&mut events).unwrap();
    assert_eq!(events.len(), 2, "it was switched off");
    let other = DetectorParams { classes: Vec::new(), ..pipeline.params().detector.clone() };
    assert!(pipeline.pipeline.reconfigure(&other, 1.0, 1.0).is_err());
    assert_eq!(pipeline.params().detector.classes.len(), 3, "nothing has changed");
}
