use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::model::backward::Reversible;

fn small() -> CausalConfig {
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

/// A network whose batch norms are not trivial, with its dense layer.
fn arrays(config: &CausalConfig, seed: u64) -> Arrays {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut arrays = TrainableCausal::new(config, &mut rng).unwrap().arrays();
    for (name, array) in &mut arrays.0 {
        let range = match name.rsplit('.').next() {
            Some("running_var") => 0.5..1.5,
            _ if name.ends_with("norm.weight") => 0.5..1.5,
            _ if name.contains("norm") => -0.3..0.3,
            _ => continue,
        };
        array.values.iter_mut().for_each(|v| *v = rng.random_range(range.clone()));
    }
    let (n, e) = (config.n_classes, config.embedding);
    arrays.insert("label.weight", [n, e], (0..n * e).map(|_| rng.random_range(-0.3..0.3)).collect());
    arrays.insert("label.bias", [n], (0..n).map(|_| rng.random_range(-0.3..0.3)).collect());
    arrays
}

fn columns(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Whether no difference is larger than `tolerance` as a share of the largest value, of 1 at least.
fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    let largest = b.iter().fold(1.0_f32, |m, x| m.max(x.abs()));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * largest)
}

#[test]
fn the_stream_equals_the_whole_for_any_chunks_and_in_every_layer() {
    for config in [small(), CausalConfig::standard(64, 5)] {
        let net = CausalNet::load(&config, &arrays(&config, 1)).unwrap();
        let n_frames = 52;
        let x = columns(n_frames * config.n_mels, 2);
        let (mut whole, mut taps) = (Frames::default(), Vec::new());
        let state = net.whole(&x, &mut whole).unwrap();
        let names: Vec<String> = config.layers().into_iter().map(|l| l.name).collect();
        names.iter().for_each(|name| taps.push(net.output(&state, name).unwrap().0.to_vec()));
        assert_eq!(whole.logits.len(), n_frames / 4 * config.n_classes);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for longest in [1, 4, 7, 30] {
            let (mut state, mut heard, mut from) = (net.stream(), Frames::default(), 0);
            let mut streamed = vec![Vec::new(); names.len()];
            while from < n_frames {
                let to = (from + rng.random_range(1..=longest)).min(n_frames);
                let before = heard.logits.len();
                net.push(&mut state, &x[from * config.n_mels..to * config.n_mels], &mut heard).unwrap();
                if heard.logits.len() > before {
                    for (all, name) in streamed.iter_mut().zip(&names) {
                        all.extend_from_slice(net.output(&state, name).unwrap().0);
                    }
                }
                from = to;
            }
            assert!(close(&heard.logits, &whole.logits, 1e-5), "chunks up to {longest}");
            assert!(close(&heard.embeddings, &whole.embeddings, 1e-5));
            for ((streamed, whole), name) in streamed.iter().zip(&taps).zip(&names) {
                assert!(close(streamed, whole, 1e-5), "{name} in chunks up to {longest}");
            }
        }
    }
}

/// What an ear says of the newest segment is what one pass over the whole stream says there, taps included; and before the
/// stream there is nothing.
#[test]
fn an_ear_says_what_the_whole_stream_says() {
    let config = small();
    let net = CausalNet::load(&config, &arrays(&config, 1)).unwrap();
    let (n_frames, segment) = (48, 16);
    let x = columns(n_frames * config.n_mels, 2);
    let mut whole = Frames::default();
    let state = net.whole(&x, &mut whole).unwrap();
    let taps = ["blocks.0.project", "time_blocks.0.project"].map(str::to_string);
    let outputs = taps.each_ref().map(|tap| net.output(&state, tap).unwrap().0.to_vec());
    let net = CausalClassifier::new(net, &taps).unwrap();
    let mut ear = net.ear(0);
    let flat = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for end in (8..=n_frames).step_by(8) {
        let from = ear.position() as usize;
        let forward = net.hear(&mut [(&mut ear, &x[from * config.n_mels..end * config.n_mels])], segment).unwrap();
        let rows = |per_frame: usize| end.saturating_sub(segment) * per_frame / 4..end * per_frame / 4;
        let heard = flat(forward.frames.as_ref().unwrap());
        let missing = heard.iter().take_while(|z| **z == f32::NEG_INFINITY).count();
        assert_eq!(missing, segment.saturating_sub(end) / 4 * config.n_classes);
        assert!(close(&heard[missing..], &whole.logits[rows(config.n_classes)], 1e-5));
        for (tap, (output, per_frame)) in forward.taps.iter().zip(outputs.iter().zip([2 * 5 * 8, 16])) {
            let tap = flat(tap);
            let wanted = &output[rows(per_frame)];
            assert!(close(&tap[tap.len() - wanted.len()..], wanted, 1e-5), "up to frame {end}");
        }
        if end == segment {
            let segment = candle_core::Tensor::from_slice(
                &x[..segment * config.n_mels],
                (1, segment, config.n_mels),
                &candle_core::Device::Cpu,
            );
            let at_once = net.forward(&segment.unwrap()).unwrap();
            assert!(close(&flat(&at_once.logits), &flat(&forward.logits), 1e-5));
        }
    }
    assert!(
        CausalClassifier::new(CausalNet::load(&config, &arrays(&config, 1)).unwrap(), &["no layer".into()]).is_err()
    );
}

#[test]
fn nothing_is_known_before_it_was_heard() {
    let config = small();
    let net = CausalNet::load(&config, &arrays(&config, 1)).unwrap();
    let x = columns(40 * config.n_mels, 2);
    let mut changed = x.clone();
    changed[20 * config.n_mels..].fill(0.7);
    let logits = |x: &[f32]| {
        let mut frames = Frames::default();
        net.whole(x, &mut frames).unwrap();
        frames.logits
    };
    let (a, b) = (logits(&x), logits(&changed));
    let same = 5 * config.n_classes;
    assert_eq!(a[..same], b[..same]);
    assert_ne!(a[same..], b[same..]);
}

/// The gradients of every kind of layer, batch norm in parts included, against differences of the loss.
#[test]
fn gradients_equal_differences() {
    let config = small();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut net = TrainableCausal::new(&config, &mut rng).unwrap();
    let (n_frames, part, batch) = (12, 2, 4);
    let x = columns(batch * n_frames * config.n_mels, 6);
    let weights = columns(batch * n_frames / 4 * config.embedding, 7);
    let per_part = weights.len() / 2;
    let run = |net: &mut TrainableCausal| -> f64 {
        let parts = net.step(&x, n_frames, part, |i, embeddings, grad| {
            let weights = &weights[i * per_part..][..per_part];
            grad.copy_from_slice(weights);
            embeddings.iter().zip(weights).map(|(e, w)| f64::from(e * w)).sum::<f64>()
        });
        parts.unwrap().iter().sum::<f64>() / 2.0
    };
    run(&mut net);
    let grads: Vec<(String, Vec<f32>)> = net.params().iter().map(|p| (p.name.clone(), p.grad.clone())).collect();
    for (k, (name, grad)) in grads.iter().enumerate() {
        let norm = (grad.iter().map(|g| f64::from(g * g)).sum::<f64>()).sqrt();
        // Along the gradient itself the loss rises by its norm, with less noise than along one weight.
        let step = 1e-3 / norm.max(1e-3);
        let mut along = |factor: f64| {
            let old = net.params()[k].values.clone();
            net.params()[k].values.iter_mut().zip(grad).for_each(|(v, g)| *v += (factor * step) as f32 * g);
            let loss = run(&mut net);
            net.params()[k].values = old;
            loss
        };
        let slope = (along(1.0) - along(-1.0)) / (2.0 * step);
        // What is left is where ReLUs bend.
        assert!((slope - norm * norm).abs() < 0.06 * norm * norm + 1e-3, "{name}: {slope} is not {}", norm * norm);
    }
}

/// Without biases every rule that shares by contribution keeps what it is given, layer by layer.
#[test]
fn relevance_is_kept() {
    let config = small();
    let mut arrays = arrays(&config, 1);
    for (name, array) in &mut arrays.0 {
        if name.ends_with("norm.bias") || name.ends_with("running_mean") || name == "label.bias" {
            array.values.fill(0.0);
        }
    }
    let net = Arc::new(CausalNet::load(&config, &arrays).unwrap().reversible());
    let x = columns(24 * config.n_mels, 2);
    let mut frames = Frames::default();
    CausalNet::load(&config, &arrays).unwrap().whole(&x, &mut frames).unwrap();
    for class in 0..config.n_classes {
        let logits: Vec<f32> =
            frames.logits.chunks_exact(config.n_classes).skip(config.lookahead).map(|row| row[class]).collect();
        let probs: Vec<f32> = logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let sum: f32 = probs.iter().sum();
        let want: f32 = logits.iter().zip(&probs).map(|(z, p)| z * p / sum).sum();
        for preset in ["epsilon", "zero"] {
            let relevance = Arc::clone(&net).propagation(preset, -1.0, 1.0).unwrap().relevance(&x, class).unwrap();
            let got: f32 = relevance.iter().sum();
            assert!((got - want).abs() < 1e-2 * want.abs().max(0.1), "{preset}, class {class}: {got} is not {want}");
        }
    }
}

#[test]
fn impossible_networks_are_refused() {
    let with = |change: &dyn Fn(&mut CausalConfig)| {
        let mut config = small();
        change(&mut config);
        config.validate().is_err()
    };
    assert!(!with(&|_| {}));
    assert!(with(&|c| c.blocks.clear()));
    assert!(with(&|c| c.joined = 0));
    assert!(with(&|c| c.blocks[0].kernel = [3, 2]));
    assert!(with(&|c| c.blocks[0].stride = [5, 1]));
    assert!(with(&|c| c.time_blocks[0].kernel = [3, 3]));
    assert!(with(&|c| c.embedding = 1 << 40));
    assert!(with(&|c| (c.n_mels, c.stem) = (4_000, 4_000)));
}

/// The logits inside candle's graph have the gradient that differences show, of all classes at once.
#[test]
fn gradients_flow_back_to_the_segments() {
    let config = small();
    let (n_frames, batch) = (16, 2);
    let net = CausalNet::load(&config, &arrays(&config, 1)).unwrap();
    let classifier = CausalClassifier::new(net, &config.taps()).unwrap();
    let weights = classifier.class_weights().unwrap();
    assert_eq!(weights.len(), config.n_classes * 16, "one a class and channel of the last block over time");
    let net = DifferentiableCausal::new(classifier);
    assert_eq!(net.class_weights().unwrap(), weights);
    let shape = (batch, n_frames, config.n_mels);
    let x = columns(batch * n_frames * config.n_mels, 3);
    let mix = Tensor::from_vec(columns(batch * config.n_classes, 4), (batch, config.n_classes), &Device::Cpu).unwrap();
    let of = |x: &Tensor| (net.forward(x).unwrap().logits * &mix).unwrap().sum_all().unwrap();
    let var = Var::from_slice(&x, shape, &Device::Cpu).unwrap();
    let store = of(var.as_tensor()).backward().unwrap();
    let grad = store.get(&var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let norm = grad.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
    let step = 1e-2 / norm;
    let along = |factor: f64| {
        let moved: Vec<f32> = x.iter().zip(&grad).map(|(x, g)| x + (factor * step) as f32 * g).collect();
        f64::from(of(&Tensor::from_vec(moved, shape, &Device::Cpu).unwrap()).to_scalar::<f32>().unwrap())
    };
    let slope = (along(1.0) - along(-1.0)) / (2.0 * step);
    assert!(norm > 0.01 && (slope - norm * norm).abs() < 0.03 * norm * norm, "{slope} is not {}", norm * norm);
}

#[test]
fn plain_operations_say_what_our_kernels_say() {
    for config in [small(), CausalConfig::standard(64, 5)] {
        let net = CausalNet::load(&config, &arrays(&config, 3)).unwrap();
        let names = config.taps();
        let ours = CausalClassifier::new(net, &names).unwrap();
        let plain = PlainCausal::new(&ours, &Device::Cpu).unwrap();
        let n_frames = 16 * config.time_pooling();
        let segments = columns(2 * n_frames * config.n_mels, 8);
        let segments = Tensor::from_vec(segments, (2, n_frames, config.n_mels), &Device::Cpu).unwrap();
        let (want, got) = (ours.forward(&segments).unwrap(), plain.forward(&segments).unwrap());
        let values = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(close(&values(&got.logits), &values(&want.logits), 1e-4));
        assert!(close(&values(&got.frames.unwrap()), &values(&want.frames.unwrap()), 1e-4));
        assert_eq!(got.taps.len(), 3);
        for (got, want) in got.taps.iter().zip(&want.taps) {
            assert_eq!(got.dims(), want.dims());
            assert!(close(&values(got), &values(want), 1e-4));
        }
        assert!(config.largest_batch(n_frames) > 64);
    }
}
