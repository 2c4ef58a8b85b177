//! What the default model costs on one core: each part of a stride of a live stream, the whole stride, and the same parts
//! for one clip of five seconds. Run it with `cargo bench --bench live`; it ends with a table.
//!
//! Without the default model there is nothing to measure, and it says so.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use std::cell::RefCell;
use std::hint::black_box;
use std::process::Command;
use std::time::{Instant, SystemTime};

use candle_core::{Device, Tensor};
use criterion::Criterion;
use earwitness::audio::demo;
use earwitness::dsp::apply_mask;
use earwitness::dsp::{Complex32, FrontEnd, StreamingIstft, StreamingStft, log1p_magnitude, resample, stft};
use earwitness::engine::detector::DetectorParams;
use earwitness::engine::inference::Inference;
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::ModelRef;
use earwitness::interpret::l2i::L2i;
use earwitness::interpret::{Interpreter, Segment};
use earwitness::model::classifier::Classifier;
use earwitness::model::package::{DEFAULT_MODEL, Package, find_model};
use earwitness::model::vgg::{PlainVgg, Vgg, VggConfig};
use earwitness::units::{ClassId, SampleRate, StreamClock};

const ONE_THREAD: &str = "RAYON_NUM_THREADS";

fn main() {
    // rayon and candle both read the variable, and a process cannot safely set its own.
    if std::env::var_os(ONE_THREAD).is_none_or(|n| n != "1") {
        let mut again = Command::new(std::env::current_exe().unwrap());
        let status = again.args(std::env::args_os().skip(1)).env(ONE_THREAD, "1").status().unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    let package = match find_model(DEFAULT_MODEL).and_then(|dir| Package::open(&dir)) {
        Ok(package) => package,
        Err(e) => return eprintln!("skipped: there is no default model to measure ({e})"),
    };
    let bench = Bench { criterion: RefCell::new(Criterion::default().configure_from_args()), scene: scene(&package) };
    let stride_frames = package.manifest().segment.stride_frames;
    let live = bench.parts("one stride", &package, stride_frames);
    let whole = bench.whole_strides(&package);
    let clips = package.for_clips();
    let clip_frames = clips.manifest().segment.n_frames;
    let clip = bench.parts("one clip", &clips, clip_frames);
    bench.criterion.into_inner().final_summary();
    let frame_secs = clips.manifest().front_end.hop as f64 / f64::from(clips.manifest().front_end.sample_rate_hz);
    table(&live, &whole, &clip, stride_frames as f64 * frame_secs, clip_frames as f64 * frame_secs);
}

/// The demo scene at the model's rate.
fn scene(package: &Package) -> Vec<f32> {
    let rate = SampleRate::new(44_100).unwrap();
    resample(&demo::scene().0, rate, package.manifest().front_end.params().unwrap().sample_rate).unwrap()
}

/// Median milliseconds of each part; none where the command line's filter left it out.
struct Parts {
    front_end: Option<f64>,
    classifier: Option<f64>,
    plain_candle: Option<f64>,
    psi_theta: Option<f64>,
    mask: Option<f64>,
    inverse: Option<f64>,
}

/// Median milliseconds of a stride of the live pipeline.
struct WholeStrides {
    /// With events impossible.
    quiet: Option<f64>,
    /// On the demo scene, the work on its events shared among all strides.
    scene: Option<f64>,
    n_events: usize,
}

struct Bench {
    criterion: RefCell<Criterion>,
    scene: Vec<f32>,
}

impl Bench {
    /// Measures `work`, and gives the median of the measurements in milliseconds.
    fn time(&self, group: &str, name: &str, work: impl FnMut()) -> Option<f64> {
        self.time_some(100, group, name, work)
    }

    /// As [`time`](Self::time), for work that takes long: so many measurements.
    fn time_some(&self, n_measurements: usize, group: &str, name: &str, mut work: impl FnMut()) -> Option<f64> {
        let mut measured = Vec::new();
        let mut criterion = self.criterion.borrow_mut();
        let mut group = criterion.benchmark_group(group);
        group.sample_size(n_measurements).bench_function(name, |b| {
            b.iter_custom(|n| {
                let start = Instant::now();
                (0..n).for_each(|_| work());
                let took = start.elapsed();
                measured.push(took.as_secs_f64() * 1e3 / n as f64);
                took
            });
        });
        measured.sort_by(f64::total_cmp);
        measured.get(measured.len() / 2).copied()
    }

    /// The parts one by one: the newest `n_new` frames of a segment are heard, masked and made audible; the networks see
    /// the whole segment.
    fn parts(&self, group: &str, package: &Package, n_new: usize) -> Parts {
        let manifest = package.manifest();
        let params = manifest.front_end.params().unwrap();
        let (n_frames, n_bins, n_mels) = (manifest.segment.n_frames, params.stft.n_bins(), params.mel.n_mels);
        let samples = &self.scene[..n_frames * params.stft.hop];
        let new = n_frames - n_new..n_frames;

        let (mut forward, mut front_end) = (StreamingStft::new(&params.stft).unwrap(), FrontEnd::new(&params).unwrap());
        let (mut log_row, mut column) = (vec![0.0; n_bins], vec![0.0; n_mels]);
        let of_new = &samples[new.start * params.stft.hop..];
        let front_end_ms = self.time(group, "STFT, ln(1 + |X|) and mel", || {
            forward.push(black_box(of_new), |frame| {
                log1p_magnitude(frame, black_box(&mut log_row));
                front_end.column(frame, black_box(&mut column));
            });
        });

        let features = front_end.batch(samples).unwrap()[..n_frames * n_mels].to_vec();
        let classifier = Classifier::load(package).unwrap();
        let config = VggConfig::from_manifest(manifest).unwrap();
        let weights = package.tensors(&manifest.classifier.weights).unwrap();
        let own = Vgg::load(&config, &weights).unwrap();
        let plain = PlainVgg::load(&config, &weights, &Device::Cpu).unwrap();
        let x = Tensor::from_slice(&features, (1, n_frames, n_mels), &Device::Cpu).unwrap();
        let logits = |f: earwitness::model::vgg::Forward| f.logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let both = (logits(own.forward(&x).unwrap()), logits(plain.forward(&x).unwrap()));
        assert!(both.0.iter().zip(&both.1).all(|(a, b)| (a - b).abs() < 1e-3), "not the same network: {both:?}");
        let classifier_ms = self.time(group, "classifier", || _ = black_box(own.forward(black_box(&x)).unwrap()));
        let plain_ms =
            self.time(group, "classifier, plain candle", || _ = black_box(plain.forward(black_box(&x)).unwrap()));

        let frames = stft(&params.stft, samples).unwrap();
        let mut log_magnitude = vec![0.0; n_frames * n_bins];
        log1p_magnitude(&frames.frames, &mut log_magnitude);
        let classified = classifier.classify(&features).unwrap();
        let segment =
            Segment { log_magnitude: &log_magnitude, features: &features, classified: &classified, sound: None };
        let mut l2i = L2i::load(package).unwrap();
        let psi_theta_ms = self.time(group, "Ψ and Θ", || _ = black_box(l2i.explain(black_box(&segment)).unwrap()));

        let explanation = l2i.explain(&segment).unwrap();
        let class = ClassId(classified.top());
        let mut mask = vec![0.0; n_new * n_bins];
        let mask_ms = self.time(group, "soft mask of one class", || {
            explanation.mask(black_box(class), new.clone(), black_box(&mut mask));
        });

        let mut inverse = StreamingIstft::new(&params.stft).unwrap();
        let mut masked = vec![Complex32::default(); n_bins];
        let inverse_ms = self.time(group, "mask on the frames and inverse STFT", || {
            for (t, mask) in new.clone().zip(mask.chunks_exact(n_bins)) {
                apply_mask(frames.frame(t), mask, explanation.mask_scale(), &mut masked);
                inverse.push_frame(&masked, |samples| _ = black_box(samples));
            }
        });
        Parts {
            front_end: front_end_ms,
            classifier: classifier_ms,
            plain_candle: plain_ms,
            psi_theta: psi_theta_ms,
            mask: mask_ms,
            inverse: inverse_ms,
        }
    }

    /// The live path from samples to events.
    fn whole_strides(&self, package: &Package) -> WholeStrides {
        let mut quiet = self.pipeline(package, false);
        let hop = package.manifest().front_end.hop;
        let stride = package.manifest().segment.stride_frames * hop;
        let mut strides = self.scene.chunks_exact(stride).cycle();
        let mut events = Vec::new();
        let quiet_ms = self.time("one stride", "the whole pipeline, nothing to report", || {
            quiet.0.push(&mut quiet.1, black_box(strides.next().unwrap()), &mut events).unwrap();
        });
        assert!(events.is_empty(), "{} events where none can be", events.len());

        let mut n_events = 0;
        let n_strides = self.scene.len() as f64 / stride as f64;
        let mut pipeline = self.pipeline(package, true);
        let scene_ms = self.time_some(10, "the demo scene", "the whole pipeline, with its events", || {
            pipeline.0.push(&mut pipeline.1, black_box(&self.scene), &mut events).unwrap();
            n_events = events.drain(..).count();
        });
        WholeStrides { quiet: quiet_ms, scene: scene_ms.map(|ms| ms / n_strides), n_events }
    }

    fn pipeline(&self, package: &Package, events: bool) -> (Pipeline, Inference) {
        let classifier = Classifier::load(package).unwrap();
        let mut detector = DetectorParams::from_labels(classifier.labels());
        detector.classes.iter_mut().for_each(|class| class.enabled = events);
        let params = PipelineParams {
            source: "demo".into(),
            model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
            clock: StreamClock { start: SystemTime::UNIX_EPOCH, sample_rate: classifier.front_end().sample_rate },
            detector,
            pre_roll_secs: 1.0,
            post_roll_secs: 1.0,
            max_components: 5,
        };
        let inference = Inference::new(classifier, Some(Box::new(L2i::load(package).unwrap())));
        (Pipeline::new(params, &inference).unwrap(), inference)
    }
}

/// What the authors' program needs for a clip of 5 s (L2I at its published size, PyTorch, one core of a 2-core Xeon with
/// AVX-512), in milliseconds: the nearest thing there is to compare with. Their network is larger.
const AUTHORS_MS: [f64; 4] = [5.0, 33.0, 17.0, 7.0];

fn table(live: &Parts, whole: &WholeStrides, clip: &Parts, stride_secs: f64, clip_secs: f64) {
    let sum = |parts: &[Option<f64>]| parts.iter().copied().sum::<Option<f64>>();
    let ms = |ms: Option<f64>| ms.map_or_else(|| "-".into(), |ms| format!("{ms:.2}"));
    let load = |ms: Option<f64>| ms.map_or_else(|| "-".into(), |ms| format!("{:.4}", ms / 1e3 / stride_secs));
    let line = |name: &str, stride: Option<f64>, clip: Option<f64>, authors: Option<f64>| {
        let authors = authors.map_or_else(String::new, |ms| format!("{ms:.0}"));
        let clip = clip.map_or_else(String::new, |c| ms(Some(c)));
        println!("{name:<44}{:>10}{:>10}{clip:>12}{authors:>20}", ms(stride), load(stride));
    };
    println!("\nMilliseconds on one core; load = milliseconds per stride / {:.1} ms", stride_secs * 1e3);
    let of_clip = format!("{clip_secs:.1} s clip");
    println!("{:<44}{:>10}{:>10}{of_clip:>12}{:>20}", "", "a stride", "load", "authors', 5 s clip");
    let [front_end, classifier, psi_theta, render] = AUTHORS_MS;
    let rendering = |p: &Parts| sum(&[p.mask, p.inverse]);
    let all = |p: &Parts| sum(&[p.front_end, p.classifier, p.psi_theta, p.mask, p.inverse]);
    line("STFT, ln(1 + |X|) and mel", live.front_end, clip.front_end, Some(front_end));
    line("classifier", live.classifier, clip.classifier, Some(classifier));
    line("  (the same in plain candle)", live.plain_candle, clip.plain_candle, None);
    line("Ψ and Θ", live.psi_theta, clip.psi_theta, Some(psi_theta));
    line("soft mask of one class, inverse STFT", rendering(live), rendering(clip), Some(render));
    line("  soft mask", live.mask, clip.mask, None);
    line("  mask on the frames and inverse STFT", live.inverse, clip.inverse, None);
    line("sum of the parts", all(live), all(clip), Some(AUTHORS_MS.iter().sum()));
    line("the pipeline, nothing to report", whole.quiet, None, None);
    let with_events = format!("the pipeline on the demo scene, {} events", whole.n_events);
    line(if whole.scene.is_some() { &with_events } else { "the pipeline on the demo scene" }, whole.scene, None, None);
}
