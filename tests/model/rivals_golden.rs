//! FLINT, VIBI, APNet and the bottleneck of IBA against NumPy: what the networks say, every loss, and every gradient (there by central
//! differences in double precision). `golden/rivals.py` made the numbers.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use crate::support::golden::{Numbers, assert_close, floats};
use candle_core::{Device, Tensor, Var};
use earwitness::interpret::bottleneck::Bottleneck;
use earwitness::model::apnet::{ApnetConfig, ApnetNet};
use earwitness::model::flint::{FlintConfig, FlintNet};
use earwitness::model::manifest::Activation;
use earwitness::model::tap_shapes::{MapSize, TapShape, TapShapes};
use earwitness::model::vibi::{VibiConfig, VibiNet};
use earwitness::train::apnet::{self, ApnetLesson};
use earwitness::train::flint::{FlintLesson, losses};
use earwitness::train::loss::fidelity;
use earwitness::train::vibi::{divergence, relaxed_choice};
use serde_json::Value;

const TOLERANCE: f64 = 1e-5;
/// Central differences agree with gradients in single precision no better.
const GRADIENT_TOLERANCE: f64 = 5e-5;

fn golden(of: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../golden/rivals.json")).unwrap();
    all[of].clone()
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> Tensor {
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Variables as `weights` in the Python draws them.
fn variables(n: &mut Numbers, shapes: Vec<(String, Vec<usize>)>) -> Vec<(String, Var)> {
    let one = |(name, shape): (String, Vec<usize>)| {
        let len: usize = shape.iter().product();
        let values = if shape.len() > 1 {
            n.draw(len, (3.0 / (len / shape[0]) as f64).sqrt(), 0.05)
        } else {
            n.draw(len, 0.3, 0.1)
        };
        (name, Var::from_vec(values, shape, &Device::Cpu).unwrap())
    };
    shapes.into_iter().map(one).collect()
}

fn by_name(vars: &[(String, Var)]) -> HashMap<String, Tensor> {
    vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect()
}

fn assert_gradients(vars: &[(String, Var)], total: &Tensor, want: &Value) {
    let store = total.backward().unwrap();
    assert_eq!(want["grads"].as_object().unwrap().len(), vars.len());
    let largest = vars.iter().flat_map(|(name, _)| floats(&want["grads"][name])).fold(0.0_f64, |m, g| m.max(g.abs()));
    for (name, var) in vars {
        let got = values(store.get(var).unwrap());
        let want = floats(&want["grads"][name]);
        assert!(got.iter().any(|g| *g != 0.0), "{name} has no gradient");
        let off = got.iter().zip(&want).map(|(g, w)| (f64::from(*g) - w).abs()).fold(0.0, f64::max);
        assert!(off <= GRADIENT_TOLERANCE * largest, "{name} is off by {off}: {got:?} is not {want:?}");
    }
}

/// Of terms that are differences of numbers of about 1, too.
fn assert_scalar(name: &str, got: &Tensor, want: &Value) {
    let (got, want) = (f64::from(got.to_scalar::<f32>().unwrap()), want[name].as_f64().unwrap());
    assert!((got - want).abs() <= TOLERANCE * want.abs().max(0.1), "{name}: {got} is not {want}");
}

#[test]
fn flint_and_its_losses_equal_numpy() {
    let want = golden("flint");
    let tap = |channels, frames, bands| TapShape { channels, size: MapSize { frames, bands } };
    let net = TapShapes {
        n_mels: 9,
        n_classes: 3,
        time_pooling: 4,
        taps: [tap(2, 2, 4), tap(3, 4, 2), tap(2, 4, 1)],
        finer: Vec::new(),
    };
    let config = FlintConfig { net, n_attributes: 4, channels: 3 };
    let mut n = Numbers(41);
    let vars = variables(&mut n, config.arrays());
    let mut positive = |shape: &[usize]| tensor(n.map(shape.iter().product(), |v| v.max(0.0)), shape);
    let taps = [positive(&[2, 4, 4, 2]), positive(&[2, 2, 2, 3]), positive(&[2, 2, 1, 2])];
    let features = tensor(n.draw(144, 1.0, 0.0), &[2, 8, 9]);
    let decided = tensor(n.draw(6, 3.0, 0.0), &[2, 3]);

    let net = FlintNet::from_tensors(&config, &by_name(&vars)).unwrap();
    let forward = net.forward(&taps).unwrap();
    let rebuilt = net.rebuild(&forward.maps).unwrap();
    for (name, got) in [
        ("maps", &forward.maps),
        ("attributes", &forward.attributes),
        ("logits", &forward.logits),
        ("rebuilt", &rebuilt),
    ] {
        assert_close(name, &values(got), &floats(&want[name]), TOLERANCE);
    }
    let how = FlintLesson {
        net: config,
        activation: Activation::Sigmoid,
        fidelity: 1.5,
        reconstruction: 5.0,
        diversity: 0.7,
        sparsity: 0.3,
    };
    let parts = losses(&how, &forward, &rebuilt, &features, &decided).unwrap();
    for (name, got) in [
        ("total", &parts.total),
        ("fidelity", &parts.fidelity),
        ("reconstruction", &parts.reconstruction),
        ("diversity", &parts.diversity),
        ("sparsity", &parts.sparsity),
    ] {
        assert_scalar(name, got, &want);
    }
    assert_gradients(&vars, &parts.total, &want);
    assert!(
        net.forward(&taps[..2]).is_err() && net.forward(&[taps[0].clone(), taps[2].clone(), taps[1].clone()]).is_err()
    );
}

#[test]
fn vibi_and_its_losses_equal_numpy() {
    let want = golden("vibi");
    let config = VibiConfig { n_mels: 9, n_classes: 3, chunk: [16, 8], channels: 2, chosen: 0.5, silence: -1.25 }
        .checked()
        .unwrap();
    assert_eq!((config.grid(40), config.n_chosen(6), config.n_chosen(1)), ([3, 2], 3, 1));
    let mut n = Numbers(42);
    let vars = variables(&mut n, config.arrays());
    let features = tensor(n.draw(720, 1.0, 0.0), &[2, 40, 9]);
    let decided = tensor(n.draw(6, 3.0, 0.0), &[2, 3]);
    let noise = tensor(n.draw(36, 1.5, 0.3), &[2, 3, 6]);

    let net = VibiNet::from_tensors(&config, &by_name(&vars)).unwrap();
    let choice = net.explain(&features).unwrap();
    let kept = relaxed_choice(&choice, &noise, 0.7).unwrap();
    let answer = net.approximate(&features, &kept).unwrap();
    let likeliest = net.likeliest(&choice).unwrap();
    let from_likeliest = net.approximate(&features, &likeliest).unwrap();
    for (name, got) in [
        ("choice", &choice),
        ("kept", &kept),
        ("answer", &answer),
        ("likeliest", &likeliest),
        ("decided", &from_likeliest),
    ] {
        assert_close(name, &values(got), &floats(&want[name]), TOLERANCE);
    }
    let fid = fidelity(&answer, &decided, Activation::Sigmoid).unwrap();
    let kl = divergence(&choice).unwrap();
    assert_scalar("fidelity", &fid, &want);
    assert_scalar("divergence", &kl, &want);
    let total = (fid + (kl * (0.05 * 3.0)).unwrap()).unwrap();
    assert_scalar("total", &total, &want);
    assert_gradients(&vars, &total, &want);
    assert!(VibiConfig { chunk: [24, 8], ..config.clone() }.checked().is_err());
    assert!(VibiConfig { chosen: 1.0, ..config }.checked().is_err());
}

#[test]
fn apnet_and_its_losses_equal_numpy() {
    let want = golden("apnet");
    let config = ApnetConfig { n_mels: 9, n_classes: 3, n_prototypes: 5, frames: 8, channels: 2, silence: -1.25 }
        .checked()
        .unwrap();
    let mut n = Numbers(44);
    let vars = variables(&mut n, config.arrays());
    let features = tensor(n.draw(396, 1.0, 0.0), &[2, 22, 9]);
    let targets = tensor(vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0], &[2, 3]);

    let net = ApnetNet::from_tensors(&config, &by_name(&vars)).unwrap();
    let map = net.encode(&features).unwrap();
    let likeness = net.compare(&map).unwrap();
    let logits = net.decide(&likeness).unwrap();
    let rebuilt = net.decode(&map).unwrap();
    for (name, got) in [
        ("map", &map),
        ("similarities", &likeness.similarities),
        ("distances", &likeness.distances),
        ("logits", &logits),
        ("rebuilt", &rebuilt),
    ] {
        assert_close(name, &values(got), &floats(&want[name]), TOLERANCE);
    }
    let how = ApnetLesson {
        net: config.clone(),
        activation: Activation::Sigmoid,
        labels: 1.5,
        prototypes: 0.7,
        reconstruction: 2.0,
    };
    let parts = apnet::losses(&how, &likeness, &logits, &rebuilt, &features, &targets).unwrap();
    for (name, got) in [
        ("total", &parts.total),
        ("labels", &parts.labels),
        ("prototypes", &parts.prototypes),
        ("reconstruction", &parts.reconstruction),
    ] {
        assert_scalar(name, got, &want);
    }
    assert_gradients(&vars, &parts.total, &want);
    // A prototype is like itself, at the first place, in every band.
    let itself = net.compare(&net.prototypes().unwrap()).unwrap();
    let distances = values(&itself.distances);
    assert!((0..5).all(|j| distances[j * 5 + j] < 1e-6), "{distances:?}");
    let short = net.encode(&features.narrow(1, 0, 3).unwrap()).unwrap();
    assert_eq!(short.dims4().unwrap(), (2, 2, 2, 2), "as long as a prototype at least");
    assert!(net.encode(&features.narrow(2, 0, 8).unwrap()).is_err());
    assert!(ApnetConfig { frames: 6, ..config.clone() }.checked().is_err());
    assert!(ApnetConfig { n_prototypes: 0, ..config }.checked().is_err());
}

#[test]
fn the_bottleneck_of_iba_equals_numpy() {
    let want = golden("iba");
    let mut n = Numbers(43);
    let layer = n.draw(40, 2.0, 0.0);
    let mean = n.draw(8, 0.5, 0.0);
    let deviation: Vec<f32> = n.draw(8, 0.8, 0.0).iter().map(|d| d.abs() + 0.3).collect();
    let alpha = n.draw(40, 3.0, 1.0);
    let noises: Vec<Vec<f32>> = n.draw(80, 1.5, 0.0).chunks(40).map(<[f32]>::to_vec).collect();
    let weights = n.draw(40, 1.0, 0.0);
    let bottleneck = Bottleneck::new([5, 4, 2], &layer, &mean, &deviation, 7.0);
    let lambda = bottleneck.passing(&alpha);
    assert_close("passing", &lambda, &floats(&want["passing"]), TOLERANCE);
    assert_close("information", &bottleneck.information(&lambda), &floats(&want["information"]), TOLERANCE);
    assert_close("bits", &bottleneck.bits(&lambda), &floats(&want["bits"]), TOLERANCE);
    let mixed: Vec<Vec<f32>> = noises.iter().map(|noise| bottleneck.mixed(&lambda, noise)).collect();
    assert_close("mixed", &mixed[1], &floats(&want["mixed"]), TOLERANCE);
    // The gradient of Σ w sin z by z, which stands for the network above.
    let slopes: Vec<Vec<f32>> =
        mixed.iter().map(|z| z.iter().zip(&weights).map(|(z, w)| w * z.cos()).collect()).collect();
    let got = bottleneck.gradient(&alpha, &lambda, &noises, &slopes);
    assert_close("gradient", &got, &floats(&want["gradient"]), GRADIENT_TOLERANCE);
}
