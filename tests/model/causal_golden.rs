//! The causal network against PyTorch's numbers, to 1e-4: `golden/causal.json`, made by the Python beside it.

#![allow(clippy::unwrap_used)]

use crate::support::golden::{counts, floats as exact};
use earwitness::model::backward::{ReluGradient, Reversible};
use earwitness::model::causal::{Block, CausalConfig, CausalNet, Frames};
use earwitness::model::tensors::Arrays;
use serde_json::Value;

/// The network of `golden/causal.py`.
fn config() -> CausalConfig {
    let block = |out, expanded, kernel, stride, dilation| Block { out, expanded, kernel, stride, dilation };
    CausalConfig {
        n_mels: 9,
        n_classes: 3,
        stem: 8,
        blocks: vec![
            block(8, 8, [3, 3], [1, 1], 1),
            block(12, 24, [3, 3], [2, 2], 1),
            block(12, 20, [5, 3], [1, 1], 1),
        ],
        joined: 16,
        time_blocks: vec![block(16, 24, [3, 1], [1, 1], 2)],
        embedding: 10,
        lookahead: 1,
    }
}

pub(crate) fn floats(v: &Value) -> Vec<f32> {
    exact(v).into_iter().map(|x| x as f32).collect()
}

pub(crate) fn golden() -> (Value, CausalNet) {
    let golden: Value = serde_json::from_str(include_str!("../golden/causal.json")).unwrap();
    let mut arrays = Arrays::default();
    for (name, array) in golden["arrays"].as_object().unwrap() {
        arrays.insert(name, counts(&array["shape"]), floats(&array["values"]));
    }
    let net = CausalNet::load(&config(), &arrays).unwrap();
    (golden, net)
}

/// Whether no difference is larger than 1e-4 as a share of the largest value, of `least` at least.
fn close(got: &[f32], want: &[f32], least: f32) -> bool {
    let largest = want.iter().fold(least, |m, x| m.max(x.abs()));
    got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-4 * largest)
}

#[test]
fn logits_equal_pytorch() {
    let (golden, net) = golden();
    let columns = floats(&golden["columns"]);
    let mut frames = Frames::default();
    net.whole(&columns, &mut frames).unwrap();
    assert!(close(&frames.logits, &floats(&golden["logits"]), 1.0));
    let pooled = net.reversible().logits(&columns).unwrap();
    assert!(close(&pooled, &floats(&golden["pooled"]), 1.0), "{pooled:?}");
}

#[test]
fn gradients_equal_pytorch() {
    let (golden, net) = golden();
    let (columns, net) = (floats(&golden["columns"]), net.reversible());
    let got = net.input_gradient(&columns, 1, ReluGradient::Plain).unwrap();
    let want = floats(&golden["gradient of class 1"]);
    assert!(want.iter().any(|g| g.abs() > 1e-3) && close(&got, &want, 0.1), "{got:?}\n{want:?}");
    assert!(net.input_gradient(&columns, 7, ReluGradient::Plain).unwrap().iter().all(|g| *g == 0.0));
}

#[test]
fn every_block_can_be_looked_at() {
    let (golden, net) = golden();
    let (columns, net) = (floats(&golden["columns"]), net.reversible());
    for block in 0..net.n_blocks() {
        let (hidden, grad) = net.block_gradient(&columns, 1, block).unwrap().unwrap();
        assert_eq!(hidden.values.len(), grad.len());
        assert!(grad.iter().any(|g| *g != 0.0));
    }
    assert!(net.block_gradient(&columns, 1, net.n_blocks()).unwrap().is_none());
}
