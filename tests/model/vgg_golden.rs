//! The classifier as it listens against PyTorch's numbers, to 1e-5 of the largest: our kernels and plain candle.
//!
//! `golden/vgg.json` was printed by the lines in `support/golden.rs`, then:
//!
//! ```python
//! cases = []
//! for frames, mels, input_pool, time_pools, bias in [(64, 64, 1, [2] * 5, False), (64, 64, 2, [2] * 5, True),
//!         (64, 64, 1, [2, 2, 2, 2, 1], True), (64, 64, 2, [2, 2, 2, 2, 1], False), (71, 45, 2, [2, 1, 2, 1, 2], True)]:
//!     net = Net(len(cases) + 1, mels, input_pool, [3, 4, 5, 6, 7, 8], time_pools, 5, bias).eval()
//!     logits = net(f32(net.numbers.draw(2, frames, mels)))
//!     cases.append(dict(frames=frames, mels=mels, input_pool=input_pool, time_pools=time_pools, bias=bias, logits=r(logits),
//!         sigmoid=r(logits.sigmoid()), softmax=r(logits.softmax(1)), taps=[dict(shape=t[1:].shape, values=r(t[1:])) for t in net.taps]))
//! print(json.dumps(cases, separators=(",", ":")))
//! ```

#![allow(clippy::unwrap_used)]

use crate::support::golden::{assert_close, count, counts, floats, net};
use candle_core::{Device, Tensor};
use earwitness::model::classifier::probabilities;
use earwitness::model::manifest::Activation;
use earwitness::model::tensors::Arrays;
use earwitness::model::vgg::{Forward, PlainVgg, Vgg, VggConfig};
use serde_json::Value;

const TOLERANCE: f64 = 1e-5;

/// A golden case, and what it was computed from.
struct Case {
    config: VggConfig,
    arrays: Arrays,
    segments: Tensor,
    want: Value,
}

fn cases() -> Vec<Case> {
    let cases: Value = serde_json::from_str(include_str!("../golden/vgg.json")).unwrap();
    let cases = cases.as_array().unwrap().clone();
    assert_eq!(cases.len(), 5);
    let load = |(seed, want): (u64, Value)| {
        let (frames, mels) = (count(&want["frames"]), count(&want["mels"]));
        let config = VggConfig {
            n_mels: mels,
            input_pool: count(&want["input_pool"]),
            widths: vec![3, 4, 5, 6, 7, 8],
            time_pools: counts(&want["time_pools"]),
            n_classes: 5,
        };
        let (arrays, mut numbers) = net(seed, &config, want["bias"].as_bool().unwrap());
        let segments = numbers.draw(2 * frames * mels, 1.0, 0.0);
        let segments = Tensor::from_vec(segments, (2, frames, mels), &Device::Cpu).unwrap();
        Case { config, arrays, segments, want }
    };
    (1..).zip(cases).map(load).collect()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_golden(case: &Case, got: &Forward) {
    assert_close("logits", &values(&got.logits), &floats(&case.want["logits"]), TOLERANCE);
    assert_eq!(got.logits.dims(), [2, 5]);
    let taps = case.want["taps"].as_array().unwrap();
    assert_eq!((got.taps.len(), taps.len()), (3, 3));
    for (i, (tap, want)) in got.taps.iter().zip(taps).enumerate() {
        // The golden file holds the batch's second item.
        let second = tap.narrow(0, 1, 1).unwrap();
        assert_eq!(second.dims(), counts(&want["shape"]), "tap {i}");
        assert_close(&format!("tap {i}"), &values(&second), &floats(&want["values"]), TOLERANCE);
    }
}

#[test]
fn our_kernels_equal_pytorch() {
    for case in cases() {
        let got = Vgg::load(&case.config, &case.arrays).unwrap().forward(&case.segments).unwrap();
        assert_golden(&case, &got);
    }
}

#[test]
fn plain_candle_equals_pytorch() {
    for case in cases() {
        let net = PlainVgg::load(&case.config, &case.arrays, &Device::Cpu).unwrap();
        assert_golden(&case, &net.forward(&case.segments).unwrap());
    }
}

#[test]
fn a_segment_alone_gives_what_it_gives_in_a_batch() {
    for case in cases() {
        let net = Vgg::load(&case.config, &case.arrays).unwrap();
        let batch = net.forward(&case.segments).unwrap();
        let alone = net.forward(&case.segments.narrow(0, 1, 1).unwrap()).unwrap();
        assert_eq!(values(&alone.logits), values(&batch.logits)[5..]);
        for (a, b) in alone.taps.iter().zip(&batch.taps) {
            assert_eq!(values(a), values(&b.narrow(0, 1, 1).unwrap()));
        }
    }
}

#[test]
fn probabilities_equal_pytorch() {
    for case in cases() {
        let net = Vgg::load(&case.config, &case.arrays).unwrap();
        let logits = values(&net.forward(&case.segments).unwrap().logits);
        for (name, activation) in [("sigmoid", Activation::Sigmoid), ("softmax", Activation::Softmax)] {
            let got: Vec<f32> = logits.chunks(5).flat_map(|l| probabilities(l, activation)).collect();
            assert_close(name, &got, &floats(&case.want[name]), TOLERANCE);
        }
    }
}

#[test]
fn extreme_logits_give_probabilities_not_nan() {
    assert_eq!(probabilities(&[1000.0, -1000.0, 0.0], Activation::Sigmoid), [1.0, 0.0, 0.5]);
    assert_eq!(probabilities(&[1000.0, -1000.0, 1000.0], Activation::Softmax), [0.5, 0.0, 0.5]);
}

#[test]
fn segments_that_do_not_fit_are_errors() {
    let case = cases().remove(3);
    let ours = Vgg::load(&case.config, &case.arrays).unwrap();
    let plain = PlainVgg::load(&case.config, &case.arrays, &Device::Cpu).unwrap();
    // Too few bands, too many bands, too few frames for one behind all poolings, one dimension short.
    for shape in [vec![1, 64, 63], vec![1, 64, 65], vec![1, 31, 64], vec![1, 0, 64], vec![64, 64]] {
        let segments = Tensor::zeros(shape.as_slice(), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(ours.forward(&segments).is_err(), "ours takes {shape:?}");
        assert!(plain.forward(&segments).is_err(), "plain takes {shape:?}");
    }
}
