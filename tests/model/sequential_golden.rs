//! Plain chains against PyTorch and zennit: `golden/sequential.json`, printed by `golden/sequential.py` beside it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::support::golden::{Numbers, assert_close, count, floats};
use candle_core::{Device, Tensor};
use earwitness::model::backward::{Chain, ReluGradient, Reversible};
use earwitness::model::sequential::{LayerSpec, SequentialConfig, SequentialNet, TrainableSequential};
use earwitness::model::tensors::Arrays;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

const TOLERANCE: f64 = 1e-4;

struct Case {
    config: SequentialConfig,
    arrays: Arrays,
    /// Two segments.
    x: Vec<f32>,
    targets: Vec<f32>,
    label: usize,
    step: usize,
    want: Value,
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/sequential.json")).unwrap();
    cases.as_array().unwrap().iter().map(case).collect()
}

fn case(want: &Value) -> Case {
    let (n_frames, n_mels, n_classes) = (count(&want["frames"]), count(&want["mels"]), count(&want["classes"]));
    let layers: Vec<LayerSpec> = serde_json::from_value(want["layers"].clone()).unwrap();
    let config = SequentialConfig { n_frames, n_mels, layers, n_classes };
    let mut numbers = Numbers(want["seed"].as_u64().unwrap());
    // A fresh network says what arrays there are; they are drawn layer by layer.
    let fresh = TrainableSequential::new(&config, &mut ChaCha8Rng::seed_from_u64(1)).unwrap().arrays();
    let mut arrays = Arrays::default();
    for name in config.layer_names().unwrap() {
        let shape = &fresh.0[&format!("{name}.weight")].shape;
        let fan_in: usize = shape[1..].iter().product();
        let weights = numbers.draw(shape[0] * fan_in, (6.0 / fan_in as f64).sqrt(), 0.0);
        arrays.insert(format!("{name}.weight"), shape.clone(), weights);
        arrays.insert(format!("{name}.bias"), [shape[0]], numbers.draw(shape[0], 0.2, 0.0));
    }
    Case {
        x: numbers.draw(2 * n_frames * n_mels, 1.0, 0.0),
        targets: numbers.map(2 * n_classes, f64::abs),
        config,
        arrays,
        label: count(&want["label"]),
        step: count(&want["step"]),
        want: want.clone(),
    }
}

impl Case {
    fn chain(&self) -> Arc<Chain> {
        Arc::new(Chain::sequential(&self.config, &self.arrays).unwrap())
    }

    fn first(&self) -> &[f32] {
        &self.x[..self.x.len() / 2]
    }

    fn kept(&self, values: &[f32]) -> Vec<f32> {
        values.iter().step_by(self.step).copied().collect()
    }
}

#[test]
fn logits_equal_pytorch() {
    for case in cases() {
        let net = SequentialNet::load(&case.config, &case.arrays).unwrap();
        let shape = (2, case.config.n_frames, case.config.n_mels);
        let forward = net.forward(&Tensor::from_slice(&case.x, shape, &Device::Cpu).unwrap()).unwrap();
        let logits: Vec<f32> = forward.logits.flatten_all().unwrap().to_vec1().unwrap();
        assert_close("logits", &logits, &floats(&case.want["logits"]), TOLERANCE);
    }
}

#[test]
fn the_gradient_of_the_input_equals_pytorch() {
    for case in cases() {
        let gradient = case.chain().input_gradient(case.first(), case.label, ReluGradient::Plain).unwrap();
        assert_close("gradient", &case.kept(&gradient), &floats(&case.want["gradient"]), TOLERANCE);
    }
}

#[test]
fn relevance_equals_zennit() {
    for case in cases() {
        let presets = case.want["lrp"].as_object().unwrap();
        assert!(presets.len() >= 6);
        for (preset, want) in presets {
            let propagation = case.chain().propagation(preset, -1.1, 1.3).unwrap();
            let relevance = propagation.relevance(case.first(), case.label).unwrap();
            assert_close(preset, &case.kept(&relevance), &floats(want), TOLERANCE);
        }
    }
}

#[test]
fn a_network_on_samples_has_no_range_for_a_box() {
    let case = cases().into_iter().find(|case| case.config.hears_samples()).unwrap();
    let Err(error) = case.chain().propagation("epsilon-gamma-box", -1.0, 1.0) else { panic!("there is no range") };
    assert!(error.to_string().contains("give epsilon-plus"), "{error}");
}

#[test]
fn gradients_of_all_weights_equal_pytorch() {
    for case in cases() {
        let mut net = TrainableSequential::load(&case.config, &case.arrays).unwrap();
        let n = case.config.n_classes;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let logits = net.forward(&case.x, 2, 0.0, &mut rng).unwrap().to_vec();
        assert_close("logits", &logits, &floats(&case.want["logits"]), TOLERANCE);
        // Of −Σ t·log softmax(l), meant over the batch.
        let mut grad = Vec::new();
        for (logits, targets) in logits.chunks(n).zip(case.targets.chunks(n)) {
            let sum: f32 = logits.iter().map(|l| l.exp()).sum();
            let total: f32 = targets.iter().sum();
            grad.extend(logits.iter().zip(targets).map(|(l, t)| (total * l.exp() / sum - t) / 2.0));
        }
        net.backward(&grad);
        let names: Vec<String> = net.params().iter().map(|p| p.name.clone()).collect();
        assert_eq!(names.len(), case.want["grads"].as_object().unwrap().len());
        // As arrays, gradients have PyTorch's layout.
        for param in net.params() {
            param.values = param.grad.clone();
        }
        let arrays = net.arrays();
        for name in names {
            let got: Vec<f32> = arrays.0[&name].values.iter().step_by(5).copied().collect();
            assert_close(&name, &got, &floats(&case.want["grads"][&name]), TOLERANCE);
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_is_learned_through() {
    let case = cases().remove(2);
    let mut net = TrainableSequential::load(&case.config, &case.arrays).unwrap();
    let pass = |net: &mut TrainableSequential, seed: u64| {
        net.forward(&case.x, 2, 0.5, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap().to_vec()
    };
    let first = pass(&mut net, 1);
    assert_eq!(first, pass(&mut net, 1));
    assert!((2..6).any(|seed| pass(&mut net, seed) != first), "something is dropped");
    // A weight moves the logits as its gradient says, under the same dropout; some drop all that a weight could move.
    let mut n_moved = 0;
    for seed in 1..9 {
        pass(&mut net, seed);
        net.backward(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let fc1 = net.params().iter().position(|p| p.name == "fc1.weight").unwrap();
        let grad = net.params()[fc1].grad.clone();
        let largest = (0..grad.len()).max_by(|a, b| grad[*a].abs().total_cmp(&grad[*b].abs())).unwrap();
        if grad[largest] == 0.0 {
            continue;
        }
        let mut moved = |by: f32| {
            net.params()[fc1].values[largest] += by;
            pass(&mut net, seed)[0]
        };
        let slope = (moved(1e-3) - moved(-2e-3)) / 2e-3;
        moved(1e-3);
        assert!((slope - grad[largest]).abs() < 0.05 * grad[largest].abs(), "{slope} is not {}", grad[largest]);
        n_moved += 1;
    }
    assert!(n_moved > 1, "{n_moved} of eight dropouts left something to move");
}

#[test]
fn chains_that_cannot_be_are_refused() {
    let good = || cases().remove(0).config;
    good().validate().unwrap();
    let wrong = |change: &dyn Fn(&mut SequentialConfig), part: &str| {
        let mut config = good();
        change(&mut config);
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    wrong(&|c| c.layers.push(LayerSpec::Conv { channels: 2, kernel: [3, 3], stride: None }), "layers[12]");
    wrong(&|c| c.layers[0] = LayerSpec::Conv { channels: 2, kernel: [2, 3], stride: None }, "layers[0]");
    wrong(&|c| c.layers[0] = LayerSpec::Conv { channels: 0, kernel: [3, 3], stride: None }, "layers[0]");
    wrong(&|c| c.layers[1] = LayerSpec::MaxPool { size: [3, 2], stride: None }, "layers[1]");
    wrong(&|c| c.layers[1] = LayerSpec::Waveform { percentile: 95.0, floor: 0.1 }, "first layer");
    wrong(&|c| c.layers[10] = LayerSpec::Dense { units: 1 << 20 }, "layers[10]");
    wrong(&|c| c.n_frames = 16, "layers[9]");
    wrong(&|c| c.n_frames = 1 << 30, "values or weights");
    wrong(&|c| c.n_classes = 0, "at least one");
}
