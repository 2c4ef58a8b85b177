//! A tiny model with L2I, whose weights are random.

use std::collections::BTreeMap;

use earwitness::model::l2i::L2iConfig;
use earwitness::model::manifest::Manifest;
use earwitness::model::package::Package;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{TrainableVgg, VggConfig};
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

/// A package of random weights, with classifier, dictionary, Ψ and Θ.
pub(crate) fn package(dir: &std::path::Path) -> Package {
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
