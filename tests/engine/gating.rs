//! A segment is explained where anyone looks at the explanation, and nowhere else: on the shipped model and the demo scene,
//! events are the same to the last bit as when every segment is explained.

use std::ops::Range;
use std::path::Path;

use earwitness::Result;
use earwitness::audio::demo;
use earwitness::dsp::{StreamingStft, resample};
use earwitness::engine::detector::DetectorParams;
use earwitness::engine::inference::Inference;
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::EventReport;
use earwitness::interpret::{ComponentShare, Explanation, Interpreter, Needs, Segment, methods};
use earwitness::model::classifier::Classifier;
use earwitness::model::device::ComputeDevice;
use earwitness::model::package::Package;
use earwitness::units::{ClassId, SampleRate, StreamClock};

use crate::support::engine::{Monitor, clock, model_ref, pipeline, scene};

/// An interpreter whose explanations keep all that they have.
struct Whole(Box<dyn Interpreter>);

impl Interpreter for Whole {
    fn method(&self) -> &'static str {
        self.0.method()
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        Ok(Box::new(Kept(self.0.explain(segment)?)))
    }
}

struct Kept(Box<dyn Explanation>);

impl Explanation for Kept {
    fn n_frames(&self) -> usize {
        self.0.n_frames()
    }

    fn n_bins(&self) -> usize {
        self.0.n_bins()
    }

    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        self.0.components(class)
    }

    fn is_named(&self, component: &ComponentShare) -> bool {
        self.0.is_named(component)
    }

    fn evidence(&self, class: ClassId) -> Vec<f32> {
        self.0.evidence(class)
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        self.0.mask(class, frames, out);
    }

    fn component_mask(&self, class: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]) {
        self.0.component_mask(class, index, frames, out);
    }
}

/// Events of the beginning of the demo scene and a quiet time after it, and at which strides segments were explained. With
/// `all`, every segment is explained, and every explanation is kept as it is.
fn listen(method: &str, all: bool) -> (String, Vec<bool>) {
    let package = Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/esc13")).unwrap();
    let classifier = Classifier::load(&package).unwrap();
    let mut interpreter = methods::load(&package, method, &ComputeDevice::cpu(), 1).unwrap();
    if all {
        interpreter = Box::new(Whole(interpreter));
    }
    let inference = Inference::new(classifier, Some(interpreter));
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
    monitor.set_shown(all);
    let mut samples = resample(&demo::scene().0, SampleRate::new(44_100).unwrap(), sample_rate).unwrap();
    samples.truncate(sample_rate.samples(25.0) as usize);
    samples.extend(std::iter::repeat_n(0.0, sample_rate.samples(20.0) as usize));
    let mut events: Vec<EventReport> = Vec::new();
    let mut explained = Vec::new();
    for piece in samples.chunks(1000) {
        monitor.push(piece, &mut events).unwrap();
        if let Some(stride) = monitor.history().strides().back()
            && stride.end as usize / monitor.history().geometry().stride_frames > explained.len()
        {
            explained.push(stride.explanation.is_some());
        }
    }
    assert_eq!(monitor.n_shed(), 0);
    monitor.finish(&mut events).unwrap();
    assert!(events.len() > 3, "{}", events.len());
    (format!("{events:?}"), explained)
}

#[test]
fn events_do_not_depend_on_explanations_that_nobody_looks_at() {
    for method in ["l2i", "lmac"] {
        let (some, explained) = listen(method, false);
        let (all, every) = listen(method, true);
        assert!(some == all, "{method} gives other events");
        assert!(every.iter().all(|explained| *explained) && every.len() == explained.len());
        let n = explained.iter().filter(|explained| **explained).count();
        assert!(n > 0 && 3 * n < 2 * explained.len(), "{method}: {n} of {} were explained", explained.len());
        assert!(explained.iter().rev().take(30).all(|explained| !explained), "in the quiet, nothing is");
    }
}

#[test]
fn frames_come_again_bit_for_bit() {
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
