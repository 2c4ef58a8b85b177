//! The pipeline as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::engine::*;
use earwitness::ErrorKind;
use earwitness::engine::detector::ClassParams;
use earwitness::engine::inference::Inference;
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::EventReport;
use earwitness::interpret::Needs;
use earwitness::units::{SamplePos, SampleRate, StreamClock};

/// Everything of an event, down to the last bit: floats print as what reads back to them.
fn all(events: &[EventReport]) -> String {
    format!("{events:?}")
}

#[test]
fn events_are_found_where_the_sound_is() {
    let samples = scene(9.0, &[1.0..1.5, 3.3..3.6, 5.0..7.0]);
    let events = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, 1000);
    assert_times(&events, &[1.0..1.5, 3.3..3.6, 5.0..7.0]);
    for event in &events {
        let e = &event.event;
        assert_eq!((e.label.as_str(), e.class.0, e.method.as_str()), ("always", 0, "loudness"));
        // The first stride to hear a burst ends up to 0.32 s after its onset, the second another 0.32 s later.
        assert!(e.latency_secs > 0.3 && e.latency_secs < 0.7, "{}", e.latency_secs);
        assert!(e.score > 0.8 && e.score < 0.95, "{}", e.score);
        let names: Vec<&str> = e.components.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["ClassId(0) 0", "ClassId(0) 1"]);
    }
}

#[test]
fn any_chunking_gives_the_same_events_scores_and_audio_bit_for_bit() {
    let samples = scene(7.3, &[0.1..0.4, 1.0..1.5, 3.3..3.6, 5.0..7.3]);
    let whole = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, samples.len());
    assert_eq!(whole.len(), 4);
    for chunk in [7, 79, 80, 997, RATE as usize] {
        let chunked = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, chunk);
        assert!(all(&chunked) == all(&whole), "chunks of {chunk} give other events");
    }
    let short = &samples[..RATE as usize * 2];
    let whole = run(pipeline(Loudness::boxed(Mask::Relative)), short, short.len());
    assert_eq!(whole.len(), 2);
    assert!(all(&run(pipeline(Loudness::boxed(Mask::Relative)), short, 1)) == all(&whole));
}

#[test]
fn without_a_method_events_are_found_by_loudness_and_have_nothing_to_listen_to() {
    let events = run(pipeline(None), &scene(6.0, &[1.0..1.5, 3.3..3.6]), 1000);
    assert_times(&events, &[1.0..1.5, 3.3..3.6]);
    for event in &events {
        assert_eq!(event.event.method, "none");
        assert!(event.event.faithfulness.is_none() && event.event.components.is_empty());
        assert!(event.clip.interpretation.iter().all(|x| *x == 0.0));
    }
}

#[test]
fn a_clip_holds_pre_roll_event_and_post_roll_and_a_mask_of_1_gives_it_back() {
    let samples = scene(6.0, &[0.2..0.5, 2.5..3.0, 5.5..6.0]);
    let events = run(pipeline(Loudness::boxed(Mask::Ones)), &samples, 1000);
    assert_times(&events, &[0.2..0.5, 2.5..3.0, 5.5..6.0]);
    for event in &events {
        let (clip, e) = (&event.clip, &event.event);
        let begin = e.onset.0.saturating_sub(4000);
        let end = (e.offset.0 + 3200).min(samples.len() as u64);
        assert_eq!((clip.start.0, clip.heard.len() as u64), (begin, end - begin), "clamped to the stream");
        assert_eq!(clip.heard, samples[begin as usize..end as usize]);
        assert_close(&clip.interpretation, &clip.heard, 1e-5);
        // Component k lets every third bin through; there are two in the clip.
        assert_eq!(clip.components.len(), 2);
        for (share, audio) in &clip.components {
            assert_eq!(audio.len(), clip.heard.len());
            let energy = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
            let part = energy(audio) / energy(&clip.heard);
            assert!(part > 0.1 && part < 0.6, "component {} has {part} of the energy", share.index);
        }
        let picture = &clip.picture;
        assert_eq!((picture.n_bands, picture.frame_secs), (N_MELS, 0.01));
        let n_frames = picture.level_db.len() / N_MELS;
        assert!(n_frames.abs_diff(clip.heard.len() / HOP) <= 1, "{n_frames} frames");
        assert_eq!(picture.mask.len(), picture.level_db.len());
        assert!(picture.mask.iter().all(|m| (m - 1.0).abs() < 1e-5));
        let loud = |secs: f64| {
            let frame = ((secs * f64::from(RATE) - begin as f64) / HOP as f64) as usize;
            picture.level_db[frame * N_MELS..(frame + 1) * N_MELS].iter().sum::<f32>() / N_MELS as f32
        };
        let onset = e.onset.0 as f64 / f64::from(RATE);
        assert!(loud(onset + 0.1) > loud(onset - 0.1) + 30.0, "the picture shows the burst where it is");
        assert!(picture.level_db.iter().all(|db| *db < 0.0));
    }
}

#[test]
fn the_interpretation_lines_up_with_the_clip_to_the_sample() {
    for at in [20_000, 20_037, 20_079] {
        // A click in a quieter burst.
        let mut samples: Vec<f32> = scene(5.0, &[2.4..2.7]).iter().map(|x| 0.1 * x).collect();
        samples[at] = 1.0;
        for mask in [Mask::Ones, Mask::Low] {
            let events = run(pipeline(Loudness::boxed(mask)), &samples, 1000);
            assert_eq!(events.len(), 1);
            let clip = &events[0].clip;
            let loudest = |x: &[f32]| (0..x.len()).max_by(|a, b| x[*a].abs().total_cmp(&x[*b].abs())).unwrap();
            assert_eq!(loudest(&clip.heard) + clip.start.0 as usize, at);
            assert_eq!(loudest(&clip.interpretation) + clip.start.0 as usize, at, "{mask:?}");
        }
    }
}

#[test]
fn the_interpretation_is_silent_where_the_class_was_not_decided() {
    let samples = scene(8.0, &[3.0..3.4]);
    let classifier = classifier();
    let mut detector = detector(&classifier);
    let probs: Vec<f32> = {
        let mut pipeline = pipeline(None);
        let mut probs = Vec::new();
        for stride in samples.chunks(STRIDE * HOP) {
            pipeline.push(stride, &mut Vec::new()).unwrap();
            probs.push(pipeline.probs()[0]);
        }
        // The last frame of a stride needs samples of the next: the first chunk gives no stride yet.
        probs.split_off(1)
    };
    // Thresholds between the lowest and the highest probability: some segments decide for the class, some do not.
    let (low, high) = probs.iter().fold((1.0_f32, 0.0_f32), |(low, high), p| (low.min(*p), high.max(*p)));
    let between = 0.5 * (low + high);
    assert!(high - low > 1e-6, "the tiny net should react a little");
    detector.classes[0] = ClassParams::new(between, between);
    detector.min_strides = 1;
    let params =
        PipelineParams { detector, pre_roll_secs: 1.5, post_roll_secs: 2.0, ..pipeline(None).params().clone() };
    let decided = Monitor::new(params, classifier, Loudness::boxed(Mask::Ones));
    let events = run(decided, &samples, 1000);
    assert_times(&events, &[3.0..3.4]);
    let clip = &events[0].clip;
    // A stride's samples are masked by the segment that ends two strides later; where that one and its neighbours did not
    // decide for the class, nothing is heard.
    let decided = |stride: usize| probs.get(stride).is_some_and(|p| *p >= between);
    let mut n_silent = 0;
    for stride in 0..probs.len() - 3 {
        let span = stride * STRIDE * HOP..(stride + 1) * STRIDE * HOP;
        let inside = span.start >= clip.start.0 as usize && span.end <= clip.start.0 as usize + clip.heard.len();
        if inside && (stride + 1..=stride + 3).all(|s| !decided(s)) {
            let span = span.start - clip.start.0 as usize..span.end - clip.start.0 as usize;
            assert!(clip.heard[span.clone()].iter().any(|x| *x != 0.0));
            // Frames at the border reach over it by half a window.
            let middle = span.start + 128..span.end - 128;
            assert!(clip.interpretation[middle].iter().all(|x| *x == 0.0), "stride {stride}");
            n_silent += 1;
        }
    }
    assert!(n_silent > 0, "some of the clip's strides should not have decided");
}

#[test]
fn a_monitor_hears_from_its_first_stride_on() {
    let samples = scene(2.0, &[0.05..0.2]);
    let mut pipeline = pipeline(Loudness::boxed(Mask::Ones));
    // One sample less than the first stride's last frame needs, then that one.
    let first = (STRIDE - 1) * HOP + 128;
    let mut events = Vec::new();
    pipeline.push(&samples[..first - 1], &mut events).unwrap();
    assert_eq!(pipeline.history().strides().len(), 0);
    pipeline.push(&samples[first - 1..first], &mut events).unwrap();
    let stride = &pipeline.history().strides()[0];
    assert_eq!(stride.end, STRIDE as u64);
    let mut padded = pipeline.history().silence().repeat(SEGMENT - STRIDE);
    padded.extend_from_slice(pipeline.history().features().slice(0..STRIDE as u64).unwrap());
    assert_eq!(stride.probs, classifier().classify(&padded).unwrap().probs);
    pipeline.push(&samples[first..], &mut events).unwrap();
    pipeline.finish(&mut events).unwrap();
    assert_times(&events, &[0.05..0.2]);
    assert!(events[0].event.latency_secs < 0.64, "before a whole segment was there");
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let mut pipeline = pipeline(Loudness::boxed(Mask::Ones));
    let minute = scene(60.0, &[1.0..1.5, 20.0..30.0]);
    let mut held = Vec::new();
    let mut events = Vec::new();
    for _ in 0..3 {
        for second in minute.chunks(RATE as usize) {
            pipeline.push(second, &mut events).unwrap();
        }
        let history = pipeline.history();
        held.push((history.samples().n_held(), history.held_frames().count(), history.strides().len()));
    }
    assert_eq!(pipeline.position(), SamplePos(180 * u64::from(RATE)));
    // 4 s of event, 1.28 s of segment, the rolls, the waiting: less than the waterfall's 12 s, and so those.
    let (samples, frames, strides) = held[2];
    assert!(samples < 14 * RATE as usize && frames < 1400 && strides < 44, "{held:?}");
    assert!(held.iter().all(|h| h.0.abs_diff(samples) < 2 * STRIDE * HOP), "{held:?}");
    // Each minute: one short event, and ten seconds in pieces of four.
    assert_eq!(events.len(), 12);
}

#[test]
fn what_is_open_at_the_end_is_closed_and_handed_over() {
    for secs in [3.0, 3.11, 3.3] {
        let samples = scene(secs, &[2.0..9.0]);
        let mut pipeline = pipeline(Loudness::boxed(Mask::Ones));
        let mut events = Vec::new();
        pipeline.push(&samples, &mut events).unwrap();
        assert!(events.is_empty(), "it is still going on");
        pipeline.finish(&mut events).unwrap();
        assert_times(&events, &[2.0..secs]);
        assert!(events[0].event.offset.0 <= samples.len() as u64);
        assert_eq!(events[0].clip.heard, samples[events[0].clip.start.0 as usize..]);
        assert_close(&events[0].clip.interpretation, &events[0].clip.heard, 1e-5);
    }
    assert!(run(pipeline(None), &[], 1).is_empty());
    assert!(run(pipeline(None), &[0.0; 5], 1).is_empty());
}

#[test]
fn faithfulness_is_the_classifiers_word_on_the_same_segment() {
    let events = run(pipeline(Loudness::boxed(Mask::Ones)), &scene(6.0, &[2.5..3.0]), 1000);
    let f = events[0].event.faithfulness.unwrap();
    // A segment's samples hold its frames whole: the classifier says what it said live.
    assert_eq!(f.prob, events[0].event.score);
    // With everything let through the interpretation is the input, and nothing is left.
    assert!((f.prob_in - f.prob).abs() < 1e-5, "{f:?}");
    let silence = pipeline(None).history().silence().repeat(SEGMENT);
    assert!((f.prob_out - classifier().classify(&silence).unwrap().probs[0]).abs() < 1e-4, "{f:?}");
    assert!(f.agrees);
}

#[test]
fn a_costly_method_is_asked_for_events_only() {
    let samples = scene(8.0, &[4.0..4.5]);
    let cheap = run(pipeline(Loudness::boxed(Mask::Relative)), &samples, 1000);
    let calls = Arc::new(AtomicUsize::new(0));
    let costly = Loudness {
        needs: Needs { taps: false, backward: true, forward_passes: 0 },
        calls: Arc::clone(&calls),
        mask: Mask::Relative,
    };
    let got = run(pipeline(Some(Box::new(costly))), &samples, 1000);
    assert_times(&got, &[4.0..4.5]);
    // The same answers to other questions: the clip's strides and the peak segment's, of 25 in the stream.
    let n = calls.load(Ordering::Relaxed);
    assert!((4..=12).contains(&n), "asked {n} times");
    let shift = got[0].clip.start.0.abs_diff(cheap[0].clip.start.0) as usize;
    assert!(shift <= 4 * HOP);
    let (a, b) = if got[0].clip.start < cheap[0].clip.start { (&got, &cheap) } else { (&cheap, &got) };
    let n = (a[0].clip.interpretation.len() - shift).min(b[0].clip.interpretation.len());
    assert_close(&a[0].clip.interpretation[shift..shift + n], &b[0].clip.interpretation[..n], 1e-5);
}

#[test]
fn what_is_shed_under_overload_is_made_up_for_where_there_is_an_event() {
    let samples = scene(8.0, &[4.0..4.5]);
    let mut shed = pipeline(Loudness::boxed(Mask::Ones));
    shed.shed(false, 1);
    let mut events = Vec::new();
    shed.push(&samples, &mut events).unwrap();
    assert_eq!(shed.n_shed(), shed.history().strides().back().unwrap().end / STRIDE as u64);
    shed.finish(&mut events).unwrap();
    assert_times(&events, &[4.0..4.5]);
    assert_close(&events[0].clip.interpretation, &events[0].clip.heard, 1e-5);
    assert!(events[0].event.faithfulness.unwrap().agrees);
}

#[test]
fn strides_passed_over_under_overload_are_made_up_for_where_there_is_an_event() {
    let samples = scene(8.5, &[4.0..6.5]);
    let mut shed = pipeline(Loudness::boxed(Mask::Ones));
    shed.shed(false, 2);
    let mut events = Vec::new();
    shed.push(&samples, &mut events).unwrap();
    shed.finish(&mut events).unwrap();
    assert_times(&events, &[4.0..6.5]);
    assert_close(&events[0].clip.interpretation, &events[0].clip.heard, 1e-5);
    // Every second stride was not even classified; those that the event rests on were, later.
    let strides = shed.history().strides();
    assert!(strides.iter().any(|s| !s.classified) && strides.iter().filter(|s| s.explanation.is_some()).count() > 8);
    assert!(strides.iter().all(|s| s.classified || s.end / STRIDE as u64 % 2 == 1));
    assert_eq!(shed.n_shed(), strides.back().unwrap().end / STRIDE as u64);
}

#[test]
fn a_new_stretch_of_the_stream_keeps_its_place_and_forgets_what_was() {
    let samples = scene(3.0, &[1.0..1.5]);
    let mut pipeline = pipeline(Loudness::boxed(Mask::Ones));
    let mut events = Vec::new();
    pipeline.push(&samples, &mut events).unwrap();
    pipeline.finish(&mut events).unwrap();
    pipeline.restart(SamplePos(800_000)).unwrap();
    assert_eq!(pipeline.position(), SamplePos(800_000));
    pipeline.push(&samples, &mut events).unwrap();
    pipeline.finish(&mut events).unwrap();
    assert_eq!(events.len(), 2);
    let (first, second) = (&events[0], &events[1]);
    assert_eq!(second.event.onset.0, first.event.onset.0 + 800_000);
    assert_eq!(second.event.offset.0, first.event.offset.0 + 800_000);
    assert_eq!(second.clip.start.0, first.clip.start.0 + 800_000);
    assert_eq!((second.event.latency_secs, &second.clip.heard), (first.event.latency_secs, &first.clip.heard));
    assert_ne!(second.event.id, first.event.id);
    assert_eq!(pipeline.position(), SamplePos(800_000 + samples.len() as u64));
}

#[test]
fn a_screen_sees_classes_components_and_the_last_twelve_seconds() {
    let mut pipeline = pipeline(Loudness::boxed(Mask::Low));
    pipeline.set_shown(true);
    let mut events = Vec::new();
    pipeline.push(&scene(2.3, &[1.5..9.0]), &mut events).unwrap();
    let classes = pipeline.class_states();
    let labels: Vec<_> = classes.iter().map(|c| (c.label.as_str(), c.active)).collect();
    assert_eq!(labels, [("always", true), ("seldom", false), ("never", false)]);
    assert_eq!((classes[0].on_threshold, classes[0].off_threshold), (0.6, 0.4));
    assert_eq!(pipeline.explained().unwrap().0, 0);
    assert_eq!(pipeline.components().len(), 3);
    let level = pipeline.level(0.2);
    assert!(level.rms_dbfs > -20.0 && level.rms_dbfs < -10.0 && level.peak_dbfs < -9.0, "{level:?}");
    let waterfall = pipeline.waterfall();
    assert_eq!((waterfall.first_frame, waterfall.n_bands, waterfall.frame_secs), (0, N_MELS, 0.01));
    assert_eq!(waterfall.n_columns(), waterfall.mask.len() / N_MELS);
    // Strides that end at frames 32, 64 … 224; a frame's mask is final two strides later.
    let row = |t: usize| &waterfall.mask[t * N_MELS..(t + 1) * N_MELS];
    assert!(row(159)[2] == 1.0 && row(159)[N_MELS - 1] == 0.0, "the lower half");
    assert!(row(160).iter().all(|m| *m == 0.0), "not final yet");
    pipeline.push(&scene(30.0, &[]), &mut events).unwrap();
    let waterfall = pipeline.waterfall();
    assert_eq!(waterfall.n_columns(), 1200);
    assert!(waterfall.first_frame > 1900 && waterfall.first_frame < 2050);
    assert!(!pipeline.class_states()[0].active);
}

#[test]
fn parameters_that_do_not_fit_the_model_are_refused() {
    let good = pipeline(None).params().clone();
    let clock = StreamClock { sample_rate: SampleRate::new(16_000).unwrap(), ..good.clock };
    let mut two = good.detector.clone();
    two.classes.pop();
    for (wrong, hint) in [
        (PipelineParams { clock, ..good.clone() }, "16000 Hz"),
        (PipelineParams { detector: two, ..good.clone() }, "2 classes"),
        (PipelineParams { pre_roll_secs: -1.0, ..good.clone() }, "pre-roll of -1 s"),
        (PipelineParams { post_roll_secs: f64::NAN, ..good.clone() }, "post-roll of NaN s"),
    ] {
        let error = Pipeline::new(wrong, &Inference::new(classifier(), None)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(hint), "{error}");
    }
}
