//! The evaluation with the real L2I: a random network and dictionary, whose answers are asked for one by one as well.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use earwitness::eval::evaluate::{EvaluationOptions, evaluate};
use earwitness::eval::faithfulness::{Keep, Listener};
use earwitness::interpret::l2i::L2i;
use earwitness::model::classifier::Classifier;
use earwitness::model::l2i::L2iConfig;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{TrainableVgg, VggConfig};
use earwitness::units::ClassId;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MANIFEST: &str = r#"format = 1
name = "tiny-l2i"
description = "Random networks, for tests"
licence = "CC0-1.0"

[front_end]
sample_rate_hz = 8000
n_fft = 256
hop = 100
win_length = 256
window = "hann"
periodic = true
centred = true
n_mels = 16
mel_scale = "htk"
mel_norm = "none"
f_min_hz = 0
f_max_hz = 4000
power = "power"
compression = { kind = "log10", floor = 1e-5, scale = 0.4, offset = 0.8 }

[segment]
n_frames = 32
stride_frames = 8

[classifier]
architecture = "vgg"
widths = [4, 6, 8]
input_pool = 1
time_pools = [2, 2]
head = "mean-max"
activation = "sigmoid"
taps = ["block1", "block2", "block3"]
weights = "classifier.safetensors"

[l2i]
dictionary = "dictionary.safetensors"
n_components = 7
psi_channels = 8
theta_hidden = 5
pooling = "attention"
relevance_threshold = 0.1
weights = "l2i.safetensors"

[files]
"#;

fn package(dir: &std::path::Path) -> Package {
    let labels: String = ["a", "b", "c"]
        .iter()
        .map(|l| format!("[[labels]]\nname = \"{l}\"\non_threshold = 0.5\noff_threshold = 0.4\n"))
        .collect();
    // Hashes are made when the package is written.
    let files: String = ["classifier", "dictionary", "l2i"]
        .iter()
        .map(|f| format!("\"{f}.safetensors\" = \"{}\"\n", "0".repeat(64)))
        .collect();
    let manifest = Manifest::parse(&format!("{MANIFEST}{files}\n{labels}"), "test").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut net = TrainableVgg::new(&VggConfig::from_manifest(&manifest).unwrap(), &mut rng).unwrap().arrays();
    let weights: Vec<f32> = net.get("fc.weight", &[3, 8]).unwrap().iter().map(|w| 40.0 * w).collect();
    net.insert("fc.weight", [3, 8], weights);
    let mut l2i = Arrays::default();
    for (name, shape) in L2iConfig::from_manifest(&manifest).unwrap().arrays() {
        let n = shape.iter().product();
        l2i.insert(name, shape, (0..n).map(|_| rng.random_range(-0.5..0.8_f32)).collect());
    }
    let mut dictionary = Arrays::default();
    dictionary.insert("W", [129, 7], (0..129 * 7).map(|_| rng.random_range(0.0..1.0_f32)).collect());
    let files = [("classifier", net), ("dictionary", dictionary), ("l2i", l2i)];
    let files: BTreeMap<String, Arrays> =
        files.into_iter().map(|(name, arrays)| (format!("{name}.safetensors"), arrays)).collect();
    Package::write(dir, manifest, &files).unwrap()
}

fn clip(seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pitch = rng.random_range(0.05..1.5_f32);
    (0..3200).map(|i| 0.3 * (pitch * i as f32).sin() + rng.random_range(-0.05..0.05_f32)).collect()
}

#[test]
fn the_figures_are_those_of_the_interpreter_asked_clip_by_clip() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let l2i = L2i::load(&package).unwrap();
    let clips: Vec<Vec<f32>> = (0..5).map(clip).collect();
    let targets: Vec<Vec<usize>> = (0..5).map(|i| vec![i % 3]).collect();
    let options = EvaluationOptions { thresholds: vec![0.1, 0.7], ..EvaluationOptions::default() };
    let evaluation = evaluate(&package, &clips, &targets, |s| l2i.explain_fully(s), &options, &mut |_, _| ()).unwrap();

    let classifier = Classifier::load(&package).unwrap();
    let mut listener = Listener::new(&classifier).unwrap();
    let (mut agreed, mut kept, mut drops) = (0, 0, Vec::new());
    for clip in &clips {
        let heard = listener.hear(clip).unwrap();
        let explanation = l2i.explain_fully(&heard.segment()).unwrap();
        let class = heard.classified.top();
        agreed += usize::from((0..3).all(|c| explanation.logits[class] >= explanation.logits[c]));
        let chosen = explanation.relevant(ClassId(class), 0.7);
        kept += chosen.len();
        let mut mask = vec![0.0; 32 * 129];
        explanation.mask_of(&chosen, 0..32, &mut mask);
        let without = listener.classify_masked(&heard, &mask, Keep::Outside).unwrap();
        drops.push(f64::from(heard.classified.probs[class] - without.probs[class]));
    }
    drops.sort_by(f64::total_cmp);
    assert_eq!(evaluation.fidelity_top1, Some(agreed as f64 / 5.0));
    assert_eq!(evaluation.fidelity_top5, Some(1.0), "there are three classes");
    assert!(kept > 0, "a test of nothing");
    assert_eq!(evaluation.components_kept["0.7"], Some(kept as f64 / 5.0));
    assert!((evaluation.ff_median["0.7"].unwrap() - drops[2]).abs() < 1e-6);
    assert!(drops[2].abs() > 1e-4, "a test of nothing: {drops:?}");
}
