//! ONNX graphs against PyTorch, to 1e-4: two small networks that PyTorch exported (`golden/graphs/`, written with
//! `golden/graphs.json` by `golden/graphs.py`), as graphs and as packages.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::path::Path;

use earwitness::ErrorKind;
use earwitness::dsp::FrontEnd;
use earwitness::interpret::methods;
use earwitness::model::classifier::Classifier;
use earwitness::model::device::ComputeDevice;
use earwitness::model::manifest::{Activation, Manifest};
use earwitness::model::onnx::{Axis, FramePooling, Graph, OnnxSpec, ScoreKind, Wishes, discover};
use earwitness::model::package::Package;
use serde_json::Value;

use crate::support::golden::{Numbers, assert_close, floats};

const TOLERANCE: f64 = 1e-4;

const WAVE: &[u8] = include_bytes!("../golden/graphs/wave.onnx");
const PATCHES: &[u8] = include_bytes!("../golden/graphs/patches.onnx");
const SPECTRUM: &[u8] = include_bytes!("../golden/graphs/spectrum.onnx");

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/graphs.json")).unwrap()
}

/// What PyTorch says, a row a frame.
fn rows(of: &str) -> Vec<Vec<f64>> {
    golden()[of].as_array().unwrap().iter().map(floats).collect()
}

fn graph(bytes: &[u8]) -> Graph {
    Graph::load(bytes, "graph.onnx").unwrap()
}

/// The second of noise and tones that `wave.onnx` hears.
fn noise() -> Vec<f32> {
    let tones = |i: usize| {
        let t = i as f64 / 16_000.0;
        (0.1 * (TAU * 500.0 * t).sin() + 0.07 * t * (TAU * 1500.0 * t).sin()) as f32
    };
    Numbers(2).draw(16_000, 1.0, 0.0).iter().enumerate().map(|(i, x)| 0.05 * x + tones(i)).collect()
}

#[test]
fn graphs_give_the_scores_that_pytorch_gives() {
    let (shape, scores) = graph(WAVE).run("x", &[1, 16_000], noise(), "scores").unwrap();
    assert_eq!(shape, [9, 3]);
    assert_close("wave", &scores, &rows("wave").concat(), TOLERANCE);
    let image = Numbers(3).draw(25 * 16, 1.0, 0.0);
    let (shape, logits) = graph(SPECTRUM).run("x", &[1, 1, 25, 16], image, "scores").unwrap();
    assert_eq!(shape, [1, 4]);
    assert_close("spectrum", &logits, &floats(&golden()["spectrum"]), TOLERANCE);
}

/// A spectrogram inside the graph, and several outputs for any number of patches, as YAMNet has them.
#[test]
fn a_graph_with_a_spectrogram_of_its_own_gives_a_row_a_patch() {
    let (patches, wishes) = (graph(PATCHES), Wishes::default());
    let input = wishes.input_of(&patches, "patches.onnx").unwrap();
    let axes = wishes.axes_of(&input, None).unwrap();
    assert_eq!(axes, [Axis::Samples]);
    let noise: Vec<f32> = Numbers(5).draw(24_000, 1.0, 0.0).iter().map(|x| 0.1 * x).collect();
    let (found, _) = discover(&patches, &wishes, spec(&axes), std::slice::from_ref(&noise), [160, 5]).unwrap();
    assert_eq!((found.output.as_str(), found.scores), ("scores", ScoreKind::Probabilities));
    let (shape, scores) = patches.run("x", &[24_000], noise, "scores").unwrap();
    assert_eq!(shape, [2, 5]);
    assert_close("patches", &scores, &rows("patches").concat(), TOLERANCE);
}

fn spec(axes: &[Axis]) -> OnnxSpec {
    OnnxSpec {
        input: "x".into(),
        axes: axes.to_vec(),
        samples: None,
        output: String::new(),
        scores: ScoreKind::Logits,
        frames: FramePooling::Mean,
    }
}

#[test]
fn how_a_graph_is_used_is_found_out() {
    let (wave, wishes) = (graph(WAVE), Wishes::default());
    let input = wishes.input_of(&wave, "wave.onnx").unwrap();
    let axes = wishes.axes_of(&input, None).unwrap();
    assert_eq!(axes, [Axis::One, Axis::Samples]);
    let sounds = [noise(), vec![0.0; 16_000]];
    let (found, activation) = discover(&wave, &wishes, spec(&axes), &sounds, [160, 3]).unwrap();
    assert_eq!(
        (found.output.as_str(), found.scores, activation),
        ("scores", ScoreKind::Probabilities, Activation::Sigmoid)
    );
    let named = Wishes { output: Some("power".into()), ..Wishes::default() };
    assert_eq!(discover(&wave, &named, spec(&axes), &sounds, [160, 3]).unwrap().0.output, "power");
    let e = discover(&wave, &wishes, spec(&axes), &sounds, [160, 4]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Input);
    assert!(e.to_string().contains("scores [9, 3], power [9, 3]"), "{e}");

    let spectrum = graph(SPECTRUM);
    let input = wishes.input_of(&spectrum, "spectrum.onnx").unwrap();
    let axes = wishes.axes_of(&input, Some(16)).unwrap();
    assert_eq!(axes, [Axis::One, Axis::One, Axis::Frames, Axis::Bands]);
    assert_eq!(wishes.axes_of(&input, None).unwrap_err().kind(), ErrorKind::Usage, "no waveform");
    let image = vec![Numbers(3).draw(25 * 16, 1.0, 0.0)];
    let (found, _) = discover(&spectrum, &wishes, spec(&axes), &image, [16, 4]).unwrap();
    assert_eq!((found.output.as_str(), found.scores), ("scores", ScoreKind::Logits));
}

/// The manifest of a package of `wave.onnx`, as `model import` writes it.
pub(crate) const MANIFEST: &str = r#"
format = 1
name = "tones"
description = "Three tones"
licence = "MIT"
[front_end]
sample_rate_hz = 16000
n_fft = 512
hop = 160
win_length = 512
window = "hann"
periodic = true
centred = true
n_mels = 160
mel_scale = "samples"
mel_norm = "none"
f_min_hz = 0.0
f_max_hz = 8000.0
power = "magnitude"
compression = { kind = "none" }
[segment]
n_frames = 100
stride_frames = 25
[[labels]]
name = "low"
on_threshold = 0.5
off_threshold = 0.3
[[labels]]
name = "middle"
on_threshold = 0.5
off_threshold = 0.3
[[labels]]
name = "high"
on_threshold = 0.5
off_threshold = 0.3
[classifier]
architecture = "onnx"
head = "graph"
activation = "sigmoid"
taps = []
weights = "classifier.onnx"
[classifier.onnx]
input = "x"
axes = ["one", "samples"]
output = "scores"
scores = "probabilities"
frames = "max"
[files]
"classifier.onnx" = "0000000000000000000000000000000000000000000000000000000000000000"
"#;

/// A package of `wave.onnx` in `dir`, its manifest changed by `change`.
fn package(dir: &Path, change: impl Fn(String) -> String) -> earwitness::Result<Package> {
    let manifest = Manifest::parse(&change(MANIFEST.to_owned()), "model.toml")?;
    Package::write_bytes(dir, manifest, &BTreeMap::from([("classifier.onnx".to_owned(), WAVE.to_vec())]))
}

#[test]
fn a_package_gives_the_graphs_scores() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows("wave");
    let column = |class: usize| rows.iter().map(move |row| row[class]);
    let pooled = |how: &str| -> Vec<f32> {
        let package =
            package(dir.path(), |text| text.replace("frames = \"max\"", &format!("frames = \"{how}\""))).unwrap();
        Classifier::load(&package).unwrap().classify(&noise()).unwrap().probs
    };
    let max: Vec<f64> = (0..3).map(|class| column(class).fold(0.0, f64::max)).collect();
    assert_close("max", &pooled("max"), &max, TOLERANCE);
    let mean: Vec<f64> = (0..3).map(|class| column(class).sum::<f64>() / rows.len() as f64).collect();
    assert_close("mean", &pooled("mean"), &mean, TOLERANCE);
}

/// A recording's samples are what the graph hears: the front end takes them back out of its frames.
#[test]
fn the_front_end_gives_the_graph_the_samples_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), |text| text).unwrap();
    let classifier = Classifier::load(&package).unwrap();
    let signal = Numbers(5).draw(20_000, 0.1, 0.0);
    let columns = FrontEnd::new(classifier.front_end()).unwrap().batch(&signal).unwrap();
    // Column t is the 160 samples around sample 160 t.
    let heard = classifier.classify(&columns[10 * 160..110 * 160]).unwrap().probs;
    let from = 10 * 160 - 80;
    let (shape, scores) = graph(WAVE).run("x", &[1, 16_000], signal[from..from + 16_000].to_vec(), "scores").unwrap();
    let max: Vec<f64> =
        (0..3).map(|c| scores.chunks(shape[1]).map(|row| f64::from(row[c])).fold(0.0, f64::max)).collect();
    assert_close("scores", &heard, &max, TOLERANCE);
}

#[test]
fn only_methods_that_need_scores_alone_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path(), |text| text).unwrap();
    assert_eq!(methods::available(&package), ["audiolime", "slime", "occlusion"]);
    assert_eq!(methods::chosen(&package, methods::AUTO), "occlusion");
    for method in ["lrp", "saliency", "gradcam", "smoothgrad"] {
        let e = methods::load(&package, method, &ComputeDevice::cpu(), 1).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::Usage, "{method}: {e}");
        assert!(e.to_string().contains("explain it with occlusion"), "{e}");
    }
}

#[test]
fn manifests_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to, part) in [
        ("axes = [\"one\", \"samples\"]", "axes = [\"one\"]", "classifier.onnx.axes"),
        ("axes = [\"one\", \"samples\"]", "axes = [\"frames\", \"bands\"]", "front_end.mel_scale"),
        ("frames = \"max\"", "samples = 16001", "classifier.onnx.samples"),
        ("frames = \"max\"", "samples = 0", "classifier.onnx.samples"),
        ("input = \"x\"", "input = \"\"", "classifier.onnx.input"),
        ("head = \"graph\"", "head = \"dense\"", "classifier.head"),
        ("taps = []", "taps = [\"x\"]", "classifier.taps"),
    ] {
        let e = package(dir.path(), |text| text.replace(from, to)).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Model);
        assert!(e.to_string().contains(part), "{to}: {e}");
    }
    // Values that fit each other, but not the graph.
    for (from, to, part) in [
        ("input = \"x\"", "input = \"y\"", "cannot be run"),
        ("output = \"scores\"", "output = \"nothing\"", "cannot be run"),
        ("axes = [\"one\", \"samples\"]", "axes = [\"samples\"]", "cannot be run"),
        ("frames = \"max\"", "samples = 100", "cannot be run"),
        ("[[labels]]\nname = \"high\"\non_threshold = 0.5\noff_threshold = 0.3\n", "", "the model has 2 labels"),
    ] {
        let package = package(dir.path(), |text| text.replace(from, to)).unwrap();
        let e = Classifier::load(&package).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::Model);
        assert!(e.to_string().contains(part) && e.to_string().lines().count() == 1, "{to}: {e}");
    }
}

#[test]
fn damaged_graphs_are_refused_in_one_sentence() {
    let refused = |bytes: &[u8]| {
        let e = Graph::load(bytes, "graph.onnx").err().map(|e| (e.kind(), e.to_string()));
        e.inspect(|(kind, text)| assert!(*kind == ErrorKind::Model && text.lines().count() == 1, "{text}"))
    };
    for n in (0..WAVE.len()).step_by(97) {
        // A cut can only leave a smaller graph or none.
        refused(&WAVE[..n]);
    }
    assert!(refused(b"").is_some() && refused(b"no graph at all").is_some());
    assert!(refused(&WAVE[..WAVE.len() / 2]).is_some());
    // An operator that nobody has.
    let mut strange = WAVE.to_vec();
    for at in 0..WAVE.len() - 7 {
        if WAVE[at..].starts_with(b"Sigmoid") {
            strange[at..at + 7].copy_from_slice(b"Sigmoyd");
        }
    }
    let (_, text) = refused(&strange).unwrap();
    assert!(text.contains("operator") && text.contains("Sigmoyd"), "{text}");
}
