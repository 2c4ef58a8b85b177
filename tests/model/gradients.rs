//! The network as it learns against PyTorch's numbers: loss, every gradient, and the running statistics after one step.
//!
//! `golden/vgg_gradients.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! cases = []
//! for frames, mels, input_pool, time_pools, loss_name in [(13, 10, 1, [2, 1], "bce"), (27, 12, 2, [2, 2], "cross_entropy")]:
//!     net = Net(len(cases) + 11, mels, input_pool, [3, 4, 5], time_pools, 4, False).train()
//!     x, targets = f32(net.numbers.draw(3, frames, mels)), f32(net.numbers.draw(3, 4) * 0.5 + 0.5)
//!     mask = f32((net.numbers.draw(3, 5) > -0.4) / 0.75) if loss_name == "bce" else 1
//!     logits = net(x, mask)
//!     if loss_name == "bce": loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
//!     else: loss = nn.functional.cross_entropy(logits, targets)
//!     loss.backward()
//!     cases.append(dict(frames=frames, mels=mels, input_pool=input_pool, time_pools=time_pools, loss_name=loss_name, loss=loss.item(),
//!         grads={name: r(p.grad) for name, p in net.named_parameters()},
//!         running={name: r(b) for name, b in net.named_buffers() if "running" in name}))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::support::golden::{Numbers, assert_close, count, counts, floats, net};
use candle_core::{Device, Tensor};
use earwitness::model::kernels::conv::unpack_weights;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{HeadPass, TrainableVgg, Vgg, VggConfig};
use earwitness::train::adam::{Adam, AdamParams};
use earwitness::train::loss::{binary_cross_entropy, soft_cross_entropy};
use serde_json::Value;

const TOLERANCE: f64 = 2e-5;
const BATCH: usize = 3;

/// A golden case, and what it was computed from.
struct Case {
    config: VggConfig,
    arrays: Arrays,
    segments: Vec<f32>,
    targets: Tensor,
    dropout: Option<Tensor>,
    want: Value,
}

impl Case {
    fn load(seed: u64, want: Value) -> Self {
        let config = VggConfig {
            n_mels: count(&want["mels"]),
            input_pool: count(&want["input_pool"]),
            widths: vec![3, 4, 5],
            time_pools: counts(&want["time_pools"]),
            n_classes: 4,
        };
        let (arrays, mut n) = net(seed, &config, false);
        let segments = n.draw(BATCH * count(&want["frames"]) * config.n_mels, 1.0, 0.0);
        let targets = Tensor::from_vec(n.draw(BATCH * 4, 0.5, 0.5), (BATCH, 4), &Device::Cpu).unwrap();
        let dropout = (want["loss_name"] == "bce").then(|| {
            let mask = n.map(BATCH * 5, |v| f64::from(u8::from(v > -0.4)) / 0.75);
            assert!(mask.contains(&0.0));
            Tensor::from_vec(mask, (BATCH, 5), &Device::Cpu).unwrap()
        });
        Self { config, arrays, segments, targets, dropout, want }
    }

    fn loss(&self, pass: &HeadPass) -> Tensor {
        match &self.dropout {
            Some(_) => binary_cross_entropy(&pass.logits, &self.targets).unwrap(),
            None => soft_cross_entropy(&pass.logits, &self.targets).unwrap(),
        }
    }

    /// One forward and backward pass; returns the loss.
    fn step(&self, net: &mut TrainableVgg) -> f64 {
        let pass = net.forward(&self.segments, BATCH, self.dropout.clone()).unwrap();
        let loss = self.loss(&pass);
        net.backward(&pass, &loss).unwrap();
        f64::from(loss.to_scalar::<f32>().unwrap())
    }

    /// Gradients by PyTorch's names and in PyTorch's layouts.
    fn gradients(&self, net: &mut TrainableVgg) -> BTreeMap<String, Vec<f32>> {
        let mut all = BTreeMap::new();
        for p in net.params() {
            assert_eq!(p.grad.len(), p.values.len(), "{}", p.name);
            if p.name.starts_with("fc.") {
                all.insert(p.name.clone(), p.grad.clone());
            } else if p.name.ends_with(".weight") {
                let shape = &self.arrays.0[&p.name].shape;
                all.insert(p.name.clone(), unpack_weights(shape[0], shape[1], 9, &p.grad));
            } else {
                let (gamma, beta) = p.grad.split_at(p.grad.len() / 2);
                all.insert(format!("{}.weight", p.name), gamma.to_vec());
                all.insert(format!("{}.bias", p.name), beta.to_vec());
            }
        }
        all
    }
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/vgg_gradients.json")).unwrap();
    let cases = cases.as_array().unwrap().clone();
    assert_eq!(cases.len(), 2);
    (11..).zip(cases).map(|(seed, want)| Case::load(seed, want)).collect()
}

#[test]
fn loss_and_every_gradient_equal_pytorch() {
    for case in cases() {
        let mut net = TrainableVgg::load(&case.config, &case.arrays).unwrap();
        // Twice: buffers of the first pass must not show in the second.
        for _ in 0..2 {
            let loss = case.step(&mut net);
            assert!((loss / case.want["loss"].as_f64().unwrap() - 1.0).abs() < 1e-6, "{loss}");
            let got = case.gradients(&mut net);
            let want = case.want["grads"].as_object().unwrap();
            assert_eq!(got.len(), want.len());
            for (name, want) in want {
                assert_close(name, &got[name], &floats(want), TOLERANCE);
            }
        }
    }
}

#[test]
fn running_statistics_after_one_step_equal_pytorch() {
    for case in cases() {
        let mut net = TrainableVgg::load(&case.config, &case.arrays).unwrap();
        case.step(&mut net);
        let got = net.arrays();
        let want = case.want["running"].as_object().unwrap();
        assert_eq!(want.len(), 10);
        for (name, want) in want {
            assert_close(name, &got.0[name].values, &floats(want), 1e-6);
        }
    }
}

/// The derivative of the loss along random directions through all parameters at once, by central differences. The step is
/// as small as f32 allows, and yet some ReLU or maximum bends within it: hence the tolerance.
#[test]
fn gradients_agree_with_finite_differences() {
    const STEP: f32 = 3e-4;
    for case in cases() {
        let mut net = TrainableVgg::load(&case.config, &case.arrays).unwrap();
        for seed in 61..66 {
            case.step(&mut net);
            let mut n = Numbers(seed);
            let (mut slope, mut size_of_terms) = (0.0, 0.0);
            let mut directions = Vec::new();
            for p in net.params() {
                // Each array moves in proportion to its own size, so that none drowns the others.
                let size = p.values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
                let direction = n.draw(p.values.len(), f64::from(size), 0.0);
                for (g, d) in p.grad.iter().zip(&direction) {
                    slope += f64::from(g * d);
                    size_of_terms += f64::from(g * d).abs();
                }
                directions.push(direction);
            }
            let mut shifted = |by: f32| {
                for (p, direction) in net.params().into_iter().zip(&directions) {
                    p.values.iter_mut().zip(direction).for_each(|(v, d)| *v += by * d);
                }
                case.step(&mut net)
            };
            let (up, down) = (shifted(STEP), shifted(-2.0 * STEP));
            shifted(STEP);
            let measured = (up - down) / (2.0 * f64::from(STEP));
            let off = (measured - slope).abs() / size_of_terms;
            assert!(off < 0.01, "{measured} where the gradient says {slope}: off by {off} of its terms");
        }
    }
}

/// A step on the network's own arrays must not change what it listens with but through the parameters: what the network
/// exports equals what it was loaded from.
#[test]
fn arrays_come_back_as_they_went_in() {
    for case in cases() {
        assert_eq!(TrainableVgg::load(&case.config, &case.arrays).unwrap().arrays(), case.arrays);
    }
}

/// In training, batch norm takes away whatever bias a convolution has; in listening, the running mean does. A checkpoint
/// with such biases must go on as the same network.
#[test]
fn convolution_biases_of_a_loaded_network_are_not_lost() {
    let mut case = cases().remove(0);
    (case.arrays, _) = net(71, &case.config, true);
    let frames = count(&case.want["frames"]);
    let segments = Tensor::from_slice(&case.segments, (BATCH, frames, case.config.n_mels), &Device::Cpu).unwrap();
    let listen = |arrays: &Arrays| -> Vec<f64> {
        let logits = Vgg::load(&case.config, arrays).unwrap().forward(&segments).unwrap().logits;
        logits.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
    };
    let exported = TrainableVgg::load(&case.config, &case.arrays).unwrap().arrays();
    let (want, got) = (listen(&case.arrays), listen(&exported));
    assert_close("logits", &got.iter().map(|v| *v as f32).collect::<Vec<_>>(), &want, 1e-5);
}

/// Three steps of forward, backward and Adam in a pool of so many threads, on a batch that no number of threads divides
/// and that is larger than the blocks of the kernels.
fn trained(threads: usize) -> (Arrays, Vec<f32>) {
    const BATCH: usize = 5;
    let (widths, time_pools) = (vec![6, 8, 9], vec![2, 1]);
    let config = VggConfig { n_mels: 32, input_pool: 1, widths, time_pools, n_classes: 4 };
    let (arrays, mut n) = net(81, &config, false);
    let segments = n.draw(BATCH * 65 * 32, 1.0, 0.0);
    let targets = Tensor::from_vec(n.draw(BATCH * 4, 0.5, 0.5), (BATCH, 4), &Device::Cpu).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut net = TrainableVgg::load(&config, &arrays).unwrap();
        let mut adam = Adam::new(AdamParams { weight_decay: 1e-2, ..AdamParams::default() });
        let mut losses = Vec::new();
        for _ in 0..3 {
            let pass = net.forward(&segments, BATCH, None).unwrap();
            let loss = binary_cross_entropy(&pass.logits, &targets).unwrap();
            net.backward(&pass, &loss).unwrap();
            adam.step(1e-2, &mut net.params());
            losses.push(loss.to_scalar().unwrap());
        }
        (net.arrays(), losses)
    })
}

#[test]
fn steps_are_the_same_bit_for_bit_on_one_two_and_five_threads() {
    let alone = trained(1);
    assert!(alone.1[2] < alone.1[0], "it learns nothing: {:?}", alone.1);
    for threads in [2, 5] {
        assert!(trained(threads) == alone, "{threads} threads give other numbers");
    }
}

#[test]
fn batches_that_are_none_are_errors() {
    let case = cases().remove(0);
    let mut net = TrainableVgg::load(&case.config, &case.arrays).unwrap();
    assert!(net.forward(&case.segments, 0, None).is_err());
    assert!(net.forward(&case.segments[1..], BATCH, None).is_err());
    assert!(net.forward(&[], BATCH, None).is_err());
    // One frame is too few where two become one.
    assert!(net.forward(&case.segments[..case.config.n_mels], 1, None).is_err());
}
