//! What a device makes of a model: whether its numbers are the CPU's, milliseconds per classified and per explained segment
//! for batches of 1, 8, 64 and 256 inputs, and the load of the whole live path with so many inputs. Prints the rows of the
//! table in `docs/gpu.md`; ends with exit code 1 where a device's numbers are not the CPU's.
//!
//! ```sh
//! cargo run --release --example gpu_bench -- --device cpu
//! cargo run --release --features cuda --example gpu_bench -- --device cpu --device cuda:0
//! ```

use std::io::Write;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use clap::Parser;
use earwitness::audio::demo;
use earwitness::dsp::{FrontEnd, resample};
use earwitness::engine::detector::DetectorParams;
use earwitness::engine::inference::{ComputeDevice, DeviceChoice, Inference, Networks};
use earwitness::engine::pipeline::{Pipeline, PipelineParams};
use earwitness::engine::report::ModelRef;
use earwitness::interpret::Segment;
use earwitness::interpret::l2i::{L2i, L2iExplanation};
use earwitness::model::classifier::{Classified, Classifier};
use earwitness::model::device;
use earwitness::model::package::{DEFAULT_MODEL, Package, find_model};
use earwitness::units::{SampleRate, StreamClock};
use earwitness::{Error, Result};

/// Measure devices: equality with the CPU, time per segment, load of many inputs.
#[derive(Debug, Parser)]
#[command(name = "gpu_bench")]
struct Args {
    /// Model package, by name or folder
    #[arg(long, value_name = "NAME|DIR", default_value = DEFAULT_MODEL)]
    model: String,
    /// cpu, cuda or cuda:N, as often as wanted
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Vec<DeviceChoice>,
    /// The path of a GPU on the CPU, too
    #[arg(long)]
    plain: bool,
    /// Numbers of inputs
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,8,64,256")]
    inputs: Vec<usize>,
    /// Seconds that each measurement takes at least
    #[arg(long, value_name = "SECS", default_value_t = 2.0)]
    secs: f64,
}

/// How far a device may be from the CPU, as a share of the largest value.
const TOLERANCE: f32 = 1e-3;

/// Segments that are compared.
const N_COMPARED: usize = 8;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            // Where even stderr is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "gpu_bench: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| Error::output(format!("stdout is closed ({e})")))
}

/// Measures every device that opens; whether all of them computed what the CPU computes.
fn run(args: &Args) -> Result<bool> {
    let package = Package::open(&find_model(&args.model)?)?;
    let scene = Scene::new(&package)?;
    let mut devices = Vec::new();
    for choice in &args.device {
        let (device, why_not) = device::open(*choice)?;
        match why_not {
            Some(sentence) => _ = writeln!(std::io::stderr(), "gpu_bench: skipped: {sentence}"),
            None => devices.push(device),
        }
    }
    if args.plain {
        devices.push(ComputeDevice::plain_cpu());
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    say(&format!("model {}, a stride of {:.3} s, {cores} CPU cores\n", package.manifest().name, scene.stride_secs))?;
    say(
        "| device | inputs | classified, ms/segment | classified and explained, ms/segment | load, nothing to report |",
    )?;
    say("|---|---|---|---|---|")?;
    let mut equal = Vec::new();
    for device in &devices {
        for n in &args.inputs {
            let (classified, explained) = time(&package, device, &scene, *n, args.secs)?;
            let load = load(&package, device, &scene, *n, args.secs)?;
            say(&format!("| {} | {n} | {classified:.3} | {explained:.3} | {load:.4} |", device.name()))?;
        }
        equal.push(compare(&package, device, &scene)?);
    }
    say("")?;
    for (device, off) in devices.iter().zip(&equal) {
        say(&format!(
            "{}: off the CPU by {:.1e} (logits), {:.1e} (activations), {:.1e} (attention) of the largest value; {TOLERANCE:.0e} is allowed",
            device.name(),
            off[0],
            off[1],
            off[2]
        ))?;
    }
    Ok(equal.iter().flatten().all(|off| *off <= TOLERANCE))
}

/// What is listened to: the demo scene at the model's rate, each input at another place of it.
struct Scene {
    samples: Vec<f32>,
    /// Feature columns of the scene, one row a frame.
    features: Vec<f32>,
    segment_values: usize,
    stride_values: usize,
    stride_samples: usize,
    stride_secs: f64,
}

impl Scene {
    fn new(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let params = manifest.front_end.params()?;
        let rate = SampleRate::new(44_100).ok_or_else(|| Error::bug("44.1 kHz is no sample rate"))?;
        let samples = resample(&demo::scene().0, rate, params.sample_rate)?;
        let features = FrontEnd::new(&params)?.batch(&samples)?;
        let stride_samples = manifest.segment.stride_frames * params.stft.hop;
        Ok(Self {
            features,
            segment_values: manifest.segment.n_frames * params.mel.n_mels,
            stride_values: manifest.segment.stride_frames * params.mel.n_mels,
            stride_samples,
            stride_secs: params.sample_rate.secs(stride_samples as u64),
            samples,
        })
    }

    fn segments(&self, n: usize) -> Vec<&[f32]> {
        let places = (self.features.len() - self.segment_values) / self.stride_values + 1;
        (0..n).map(|i| &self.features[i % places * self.stride_values..][..self.segment_values]).collect()
    }

    /// What an input hears in a stride.
    fn stride(&self, input: usize, stride: usize) -> &[f32] {
        let places = self.samples.len() / self.stride_samples;
        &self.samples[(input + stride) % places * self.stride_samples..][..self.stride_samples]
    }
}

fn segment_of<'a>((features, classified): (&&'a [f32], &'a Classified)) -> Segment<'a> {
    // L2I reads the hidden layers alone.
    Segment { log_magnitude: &[], features, classified, sound: None }
}

/// Median milliseconds of `work`, done for `secs` and at least three times, after once for what happens only once.
fn median_ms(secs: f64, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    let began = Instant::now();
    let mut all = Vec::new();
    while all.len() < 3 || began.elapsed().as_secs_f64() < secs {
        let start = Instant::now();
        work()?;
        all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

/// Milliseconds per segment: classified, and classified and explained.
fn time(package: &Package, device: &ComputeDevice, scene: &Scene, n: usize, secs: f64) -> Result<(f64, f64)> {
    let package = package.clone();
    let mut inference = Inference::on(device, move |device| Networks::load(&package, "l2i", device))?;
    let batch = scene.segments(n);
    let classified_ms = median_ms(secs, || inference.classify(&batch).map(|_| ()))?;
    let explained_ms = median_ms(secs, || {
        let classified = inference.classify(&batch)?;
        inference.explain(&batch.iter().zip(&classified).map(segment_of).collect::<Vec<_>>()).map(|_| ())
    })?;
    stayed(&inference)?;
    Ok((classified_ms / n as f64, explained_ms / n as f64))
}

/// A figure of the CPU must not be taken for one of the device that it replaced.
fn stayed(inference: &Inference) -> Result<()> {
    match inference.fell_back() {
        Some(sentence) => Err(Error::model(format!("there is nothing to measure: {sentence}"))),
        None => Ok(()),
    }
}

/// Processing time over stride time with `n` inputs: front ends, one batch for all, and what each pipeline does with it.
fn load(package: &Package, device: &ComputeDevice, scene: &Scene, n: usize, secs: f64) -> Result<f64> {
    let loaded = package.clone();
    let mut inference = Inference::on(device, move |device| Networks::load(&loaded, "l2i", device))?;
    let mut pipelines = (0..n).map(|_| quiet(package, &inference)).collect::<Result<Vec<_>>>()?;
    let mut stride = 0;
    let ms = median_ms(secs, || {
        for (i, pipeline) in pipelines.iter_mut().enumerate() {
            // What lies behind a segment's end is left out, so that from the second on each stride is due with its last
            // sample.
            let mut samples = scene.stride(i, stride);
            while !samples.is_empty() && pipeline.due().is_none() {
                samples = &samples[pipeline.feed(samples)..];
            }
        }
        stride += 1;
        resolve(&mut pipelines, &mut inference)
    })?;
    stayed(&inference)?;
    Ok(ms / 1e3 / scene.stride_secs)
}

/// A pipeline that reports nothing.
fn quiet(package: &Package, inference: &Inference) -> Result<Pipeline> {
    let classifier = inference.classifier();
    let mut detector = DetectorParams::from_labels(classifier.labels());
    detector.classes.iter_mut().for_each(|class| class.enabled = false);
    let params = PipelineParams {
        source: "demo".into(),
        model: ModelRef { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        clock: StreamClock { start: SystemTime::UNIX_EPOCH, sample_rate: classifier.front_end().sample_rate },
        detector,
        pre_roll_secs: 1.0,
        post_roll_secs: 1.0,
        max_components: 5,
    };
    Pipeline::new(params, inference)
}

/// As the worker does it: what is due as one batch.
fn resolve(pipelines: &mut [Pipeline], inference: &mut Inference) -> Result<()> {
    let mut due: Vec<_> = pipelines.iter_mut().filter(|pipeline| pipeline.due().is_some()).collect();
    let mut heard = Vec::with_capacity(due.len());
    for pipeline in &due {
        if let Some(due) = pipeline.due() {
            let history = pipeline.history();
            heard.push((history.segment_features(due.end)?, history.segment_log_magnitude(due.end)?));
        }
    }
    let batch: Vec<&[f32]> = heard.iter().map(|(features, _)| &**features).collect();
    let classified = inference.classify(&batch)?;
    let segments: Vec<Segment<'_>> = heard
        .iter()
        .zip(&classified)
        .map(|((features, log_magnitude), classified)| Segment { log_magnitude, features, classified, sound: None })
        .collect();
    let explanations = inference.explain(&segments)?;
    drop(segments);
    let mut events = Vec::new();
    for ((pipeline, classified), explanation) in due.iter_mut().zip(classified).zip(explanations) {
        pipeline.resolve(inference, classified, Some(explanation), 0.0, &mut events)?;
    }
    Ok(())
}

/// The largest difference from the CPU, as a share of the largest value: of logits, activations and attention.
fn compare(package: &Package, device: &ComputeDevice, scene: &Scene) -> Result<[f32; 3]> {
    let batch = scene.segments(N_COMPARED);
    let on = |device: &ComputeDevice| -> Result<Vec<(Classified, L2iExplanation)>> {
        let (classifier, l2i) = (Classifier::load_on(package, device)?, L2i::load_on(package, device)?);
        let classified = classifier.classify_batch(&batch)?;
        let explained =
            batch.iter().zip(&classified).map(|one| l2i.explain_fully(&segment_of(one))).collect::<Result<Vec<_>>>()?;
        Ok(classified.into_iter().zip(explained).collect())
    };
    let (got, want) = (on(device)?, on(&ComputeDevice::cpu())?);
    let mut off = [0.0_f32; 3];
    for (got, want) in got.iter().zip(&want) {
        let attention = |e: &L2iExplanation| e.attention.clone().unwrap_or_default();
        let pairs = [
            (got.0.logits.clone(), want.0.logits.clone()),
            (got.1.activations.clone(), want.1.activations.clone()),
            (attention(&got.1), attention(&want.1)),
        ];
        for (off, (got, want)) in off.iter_mut().zip(pairs) {
            let largest = want.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
            for (g, w) in got.iter().zip(&want) {
                let by = (g - w).abs() / largest;
                *off = if by.is_finite() { off.max(by) } else { f32::INFINITY };
            }
        }
    }
    Ok(off)
}
