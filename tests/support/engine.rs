//! A model of three classes, a method that explains by loudness, and sounds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use earwitness::Result;
use earwitness::engine::detector::DetectorParams;
use earwitness::engine::inference::Inference;
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::{ComponentShare, EventReport, ModelRef};
use earwitness::interpret::{Explanation, Interpreter, Needs, Segment};
use earwitness::model::classifier::Classifier;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;
use earwitness::units::{ClassId, SampleRate, StreamClock};

/// 8 kHz, a frame every 10 ms, segments of 1.28 s, a stride of 0.32 s.
const MANIFEST: &str = r#"format = 1
name = "tiny"
description = "Three classes, for tests"
licence = "CC0-1.0"

[front_end]
sample_rate_hz = 8000
n_fft = 256
hop = 80
win_length = 256
window = "hann"
periodic = true
centred = true
n_mels = 32
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0
f_max_hz = 4000
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }

[segment]
n_frames = 128
stride_frames = 32

[[labels]]
name = "always"
on_threshold = 0.6
off_threshold = 0.4

[[labels]]
name = "seldom"
on_threshold = 0.6
off_threshold = 0.4

[[labels]]
name = "never"
on_threshold = 0.9
off_threshold = 0.8

[classifier]
architecture = "vgg"
input_pool = 1
widths = [2, 2, 2, 2, 2, 2]
time_pools = [2, 2, 2, 2, 2]
head = "mean-max"
activation = "sigmoid"
taps = ["block4", "block5", "block6"]
weights = "classifier.safetensors"

[files]
"#;

pub(crate) const RATE: u32 = 8000;
pub(crate) const HOP: usize = 80;
pub(crate) const SEGMENT: usize = 128;
pub(crate) const STRIDE: usize = 32;
pub(crate) const N_BINS: usize = 129;
pub(crate) const N_MELS: usize = 32;

/// Numbers in -1…1 that look random and come again.
pub(crate) struct Lcg(pub(crate) u64);

impl Lcg {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

/// A classifier of random weights that finds `always` in everything and `never` in nothing.
pub(crate) fn classifier() -> Classifier {
    let mut random = Lcg(7);
    let mut arrays = Arrays::default();
    let mut c_in = 1;
    for layer in [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16] {
        let weights = (0..2 * c_in * 9).map(|_| random.next()).collect();
        arrays.insert(format!("layer{layer}.0.weight"), [2, c_in, 3, 3], weights);
        for (what, value) in [("weight", 1.0), ("bias", 0.1), ("running_mean", 0.0), ("running_var", 1.0)] {
            arrays.insert(format!("layer{layer}.1.{what}"), [2], vec![value; 2]);
        }
        c_in = 2;
    }
    // Small weights and large biases: what is heard moves the probabilities, but not across the thresholds.
    arrays.insert("fc.weight", [3, 2], (0..6).map(|_| 0.01 * random.next()).collect());
    arrays.insert("fc.bias", [3], vec![2.0, -1.0, -4.0]);
    let dir = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([("classifier.safetensors".to_owned(), arrays)]);
    let mut manifest: Manifest = toml_manifest();
    manifest.files.clear();
    Classifier::load(&Package::write(dir.path(), manifest, &files).unwrap()).unwrap()
}

fn toml_manifest() -> Manifest {
    let listed = format!("{MANIFEST}\"classifier.safetensors\" = \"{}\"\n", "0".repeat(64));
    Manifest::parse(&listed, "tiny").unwrap()
}

/// What the method lets through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mask {
    /// Everything.
    Ones,
    /// The lower half of the bins.
    Low,
    /// Each value's share of its bin's largest in the segment: another segment gives another mask.
    Relative,
}

/// A method whose evidence is the loudness of each frame.
pub(crate) struct Loudness {
    pub(crate) mask: Mask,
    pub(crate) needs: Needs,
    /// How often it was asked.
    pub(crate) calls: Arc<AtomicUsize>,
}

impl Loudness {
    pub(crate) fn new(mask: Mask) -> Self {
        let needs = Needs { taps: true, backward: false, forward_passes: 0 };
        Self { mask, needs, calls: Arc::default() }
    }

    pub(crate) fn boxed(mask: Mask) -> Option<Box<dyn Interpreter>> {
        Some(Box::new(Self::new(mask)))
    }
}

impl Interpreter for Loudness {
    fn method(&self) -> &'static str {
        "loudness"
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        assert_eq!(segment.log_magnitude.len(), SEGMENT * N_BINS);
        assert_eq!(segment.features.len(), SEGMENT * N_MELS);
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Loud { mask: self.mask, log_magnitude: segment.log_magnitude.to_vec() }))
    }
}

struct Loud {
    mask: Mask,
    log_magnitude: Vec<f32>,
}

impl Loud {
    fn value(&self, t: usize, bin: usize) -> f32 {
        self.log_magnitude[t * N_BINS + bin]
    }
}

impl Explanation for Loud {
    fn n_frames(&self) -> usize {
        SEGMENT
    }

    fn n_bins(&self) -> usize {
        N_BINS
    }

    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        let share = |index, relevance| ComponentShare { index, name: format!("{class:?} {index}"), relevance };
        vec![share(0, 1.0), share(1, 0.5), share(2, 0.25)]
    }

    fn evidence(&self, _class: ClassId) -> Vec<f32> {
        // Less a little, so that the background is no evidence.
        self.log_magnitude.chunks(N_BINS).map(|frame| frame.iter().sum::<f32>() - 5.0).collect()
    }

    fn mask(&self, _class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        let loudest = |bin: usize| (0..SEGMENT).map(|t| self.value(t, bin)).fold(1e-6, f32::max);
        for (t, row) in frames.zip(out.chunks_mut(N_BINS)) {
            for (bin, out) in row.iter_mut().enumerate() {
                *out = match self.mask {
                    Mask::Ones => 1.0,
                    Mask::Low => f32::from(bin < N_BINS / 2),
                    Mask::Relative => self.value(t, bin) / loudest(bin),
                };
            }
        }
    }

    /// Every third bin.
    fn component_mask(&self, _: ClassId, index: usize, _frames: Range<usize>, out: &mut [f32]) {
        for row in out.chunks_mut(N_BINS) {
            row.iter_mut().enumerate().for_each(|(bin, out)| *out = f32::from(bin % 3 == index));
        }
    }
}

/// Noise below the front end's floor, so that it is no evidence of anything, with bursts of loud noise at the seconds given.
pub(crate) fn scene(secs: f64, bursts: &[Range<f64>]) -> Vec<f32> {
    let mut random = Lcg(99);
    let loud = |i: usize| bursts.iter().any(|burst| burst.contains(&(i as f64 / f64::from(RATE))));
    (0..(secs * f64::from(RATE)) as usize).map(|i| random.next() * if loud(i) { 0.3 } else { 1e-5 }).collect()
}

pub(crate) fn clock() -> StreamClock {
    StreamClock {
        start: SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_650_000),
        sample_rate: SampleRate::new(RATE).unwrap(),
    }
}

pub(crate) fn model_ref() -> ModelRef {
    ModelRef { name: "tiny".into(), sha256: "0".repeat(64) }
}

pub(crate) fn detector(classifier: &Classifier) -> DetectorParams {
    DetectorParams { merge_gap_secs: 0.3, max_event_secs: 4.0, ..DetectorParams::from_labels(classifier.labels()) }
}

/// A pipeline and its networks.
pub(crate) struct Monitor {
    pub(crate) pipeline: Pipeline,
    pub(crate) inference: Inference,
}

impl Monitor {
    pub(crate) fn new(
        params: PipelineParams,
        classifier: Classifier,
        interpreter: Option<Box<dyn Interpreter>>,
    ) -> Self {
        let inference = Inference::new(classifier, interpreter);
        Self { pipeline: Pipeline::new(params, &inference).unwrap(), inference }
    }

    pub(crate) fn push(&mut self, samples: &[f32], events: &mut Vec<EventReport>) -> Result<()> {
        self.pipeline.push(&mut self.inference, samples, events)
    }

    pub(crate) fn finish(&mut self, events: &mut Vec<EventReport>) -> Result<()> {
        self.pipeline.finish(&mut self.inference, events)
    }
}

impl std::ops::Deref for Monitor {
    type Target = Pipeline;

    fn deref(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl std::ops::DerefMut for Monitor {
    fn deref_mut(&mut self) -> &mut Pipeline {
        &mut self.pipeline
    }
}

pub(crate) fn pipeline(interpreter: Option<Box<dyn Interpreter>>) -> Monitor {
    let classifier = classifier();
    let params = PipelineParams {
        source: "test".into(),
        model: model_ref(),
        clock: clock(),
        detector: detector(&classifier),
        pre_roll_secs: 0.5,
        post_roll_secs: 0.4,
        max_components: 2,
    };
    Monitor::new(params, classifier, interpreter)
}

/// Runs a pipeline over samples in chunks.
pub(crate) fn run(mut pipeline: Monitor, samples: &[f32], chunk: usize) -> Vec<EventReport> {
    let mut events = Vec::new();
    for chunk in samples.chunks(chunk) {
        pipeline.push(chunk, &mut events).unwrap();
    }
    pipeline.finish(&mut events).unwrap();
    events
}

/// Onset and offset in seconds.
pub(crate) fn times(event: &EventReport) -> (f64, f64) {
    let secs = |pos: earwitness::units::SamplePos| pos.0 as f64 / f64::from(RATE);
    (secs(event.event.onset), secs(event.event.offset))
}

/// Asserts that events of the class `always` lie at these seconds, to a few frames: what the window and the smoothing reach.
pub(crate) fn assert_times(events: &[EventReport], want: &[Range<f64>]) {
    let got: Vec<_> = events.iter().map(times).collect();
    assert_eq!(got.len(), want.len(), "{got:?}");
    for ((onset, offset), want) in got.iter().zip(want) {
        assert!((onset - want.start).abs() < 0.05 && (offset - want.end).abs() < 0.05, "{got:?}, not {want:?}");
    }
}

pub(crate) fn assert_close(got: &[f32], want: &[f32], tolerance: f32) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "value {i} is {got}, not {want}");
    }
}
