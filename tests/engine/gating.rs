//! A segment is explained where anyone looks at the explanation, and nowhere else: on the shipped model and the demo scene,
//! events are the same to the last bit as when every segment is explained.

use std::path::Path;

use earwitness::audio::demo;
use earwitness::dsp::resample;
use earwitness::engine::detector::DetectorParams;
use earwitness::engine::inference::{DeviceChoice, Inference};
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::EventReport;
use earwitness::model::package::Package;
use earwitness::units::{SampleRate, StreamClock};

use crate::support::engine::{Monitor, clock, model_ref, pipeline, scene};

/// Events of the demo scene, and how many of the strides that are still remembered were explained.
fn listen(method: &str, shown: bool) -> (String, usize, usize) {
    let package = Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default")).unwrap();
    let inference = Inference::open(&package, method, DeviceChoice::Cpu).unwrap();
    let sample_rate = inference.classifier().front_end().sample_rate;
    let params = PipelineParams {
        source: "demo".into(),
        model: model_ref(),
        clock: StreamClock { sample_rate, ..clock() },
        detector: DetectorParams::from_labels(inference.classifier().labels()),
        pre_roll_secs: 0.5,
        post_roll_secs: 0.5,
        max_components: 2,
    };
    let mut monitor = Monitor { pipeline: Pipeline::new(params, &inference).unwrap(), inference };
    monitor.set_shown(shown);
    let mut events: Vec<EventReport> = Vec::new();
    let samples = resample(&demo::scene().0, SampleRate::new(44_100).unwrap(), sample_rate).unwrap();
    let half_a_minute = &samples[..sample_rate.samples(30.0) as usize];
    monitor.push(half_a_minute, &mut events).unwrap();
    assert_eq!(monitor.n_shed(), 0);
    let strides = monitor.history().strides();
    let counts = (strides.iter().filter(|stride| stride.explanation.is_some()).count(), strides.len());
    monitor.finish(&mut events).unwrap();
    assert!(events.len() > 3, "{}", events.len());
    (format!("{events:?}"), counts.0, counts.1)
}

#[test]
fn events_do_not_depend_on_explanations_that_nobody_looks_at() {
    for method in ["l2i", "lmac"] {
        let (gated, explained, strides) = listen(method, false);
        let (all, every, of) = listen(method, true);
        assert!(gated == all, "{method} gives other events");
        assert_eq!((every, of), (strides, strides));
        assert!(explained > 0 && 3 * explained < 2 * strides, "{method}: {explained} of {strides} were explained");
    }
}

#[test]
fn frames_come_again_bit_for_bit() {
    use earwitness::dsp::StreamingStft;
    let samples = scene(3.0, &[0.5..1.5, 2.0..2.9]);
    let mut pipeline = pipeline(None);
    pipeline.push(&samples, &mut Vec::new()).unwrap();
    let mut stft = StreamingStft::new(&pipeline.history().geometry().stft).unwrap();
    let mut frames = Vec::new();
    stft.push(&samples, |frame| frames.push(frame.to_vec()));
    let held = pipeline.history().held_frames();
    assert_eq!((held.start, held.end), (0, frames.len() as u64));
    assert_eq!(pipeline.history().frames(&held).unwrap(), frames.concat());
    for range in [0..1, 1..2, 100..180, 299..299] {
        let want = frames[range.start as usize..range.end as usize].concat();
        assert_eq!(pipeline.history().frames(&range), Some(want), "{range:?}");
    }
    assert_eq!(pipeline.history().frames(&(0..held.end + 1)), None);
}
