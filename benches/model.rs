//! What the classifier costs, on our kernels and in plain candle, and what a step of its training costs. For one core:
//! `RAYON_NUM_THREADS=1 cargo bench --bench model`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use candle_core::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use earwitness::model::causal::{CausalConfig, CausalNet, Frames, TrainableCausal};
use earwitness::model::vgg::{PlainVgg, TrainableVgg, Vgg, VggConfig};
use earwitness::train::adam::{Adam, AdamParams};
use earwitness::train::loss::binary_cross_entropy;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The net that `train classifier` makes by default.
fn monitor_net() -> VggConfig {
    VggConfig { n_mels: 64, input_pool: 2, time_pools: vec![2, 2, 2, 2, 1], ..published_net() }
}

/// The net as published, but for its head: 431×128 frames and bands are five seconds at 44.1 kHz.
fn published_net() -> VggConfig {
    VggConfig {
        n_mels: 128,
        input_pool: 1,
        widths: vec![16, 32, 64, 128, 256, 512],
        time_pools: vec![2; 5],
        n_classes: 50,
    }
}

fn segments(rng: &mut ChaCha8Rng, batch: usize, n_frames: usize, n_mels: usize) -> Vec<f32> {
    (0..batch * n_frames * n_mels).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// One segment through the network, which is checked to give the same on both paths.
fn classifier(c: &mut Criterion) {
    for (name, config, n_frames) in [
        ("classifier, 320×64, time pooling 32", monitor_net(), 320),
        ("classifier as published, 431×128", published_net(), 431),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let arrays = TrainableVgg::new(&config, &mut rng).unwrap().arrays();
        let segment = segments(&mut rng, 1, n_frames, config.n_mels);
        let segment = Tensor::from_vec(segment, (1, n_frames, config.n_mels), &Device::Cpu).unwrap();
        let ours = Vgg::load(&config, &arrays).unwrap();
        let plain = PlainVgg::load(&config, &arrays, &Device::Cpu).unwrap();
        let logits = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (a, b) = (logits(ours.forward(&segment).unwrap().logits), logits(plain.forward(&segment).unwrap().logits));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "the two paths differ: {a:?} {b:?}");

        let mut group = c.benchmark_group(name);
        group.bench_function("our kernels", |b| b.iter(|| black_box(ours.forward(black_box(&segment)).unwrap())));
        group.bench_function("plain candle", |b| b.iter(|| black_box(plain.forward(black_box(&segment)).unwrap())));
        group.finish();
    }
}

/// The causal network: a stride of a stream, whatever the segment, and five seconds at once.
fn causal(c: &mut Criterion) {
    let config = CausalConfig::standard(64, 59);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut arrays = TrainableCausal::new(&config, &mut rng).unwrap().arrays();
    let (n, e) = (config.n_classes, config.embedding);
    arrays.insert("label.weight", [n, e], segments(&mut rng, 1, n, e));
    arrays.insert("label.bias", [n], vec![0.0; n]);
    let net = CausalNet::load(&config, &arrays).unwrap();
    let mut group = c.benchmark_group("causal network of 59 labels");
    let stride = segments(&mut rng, 1, 16, config.n_mels);
    let (mut state, mut frames) = (net.stream(), Frames::default());
    group.bench_function("a stride of 0.256 s of a stream", |b| {
        b.iter(|| {
            frames = Frames::default();
            net.push(&mut state, black_box(&stride), &mut frames).unwrap();
            black_box(&frames);
        });
    });
    let whole = segments(&mut rng, 1, 312, config.n_mels);
    group.bench_function("5 s at once", |b| {
        b.iter(|| {
            frames = Frames::default();
            black_box(net.whole(black_box(&whole), &mut frames).unwrap());
        });
    });
    group.finish();
}

/// Forward, backward and Adam on a batch of 16.
fn training(c: &mut Criterion) {
    const BATCH: usize = 16;
    let config = monitor_net();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut net = TrainableVgg::new(&config, &mut rng).unwrap();
    let mut adam = Adam::new(AdamParams { weight_decay: 1e-3, ..AdamParams::default() });
    let x = segments(&mut rng, BATCH, 320, config.n_mels);
    let targets: Vec<f32> = (0..BATCH * config.n_classes).map(|i| f32::from(u8::from(i % 7 == 0))).collect();
    let targets = Tensor::from_vec(targets, (BATCH, config.n_classes), &Device::Cpu).unwrap();
    let mut group = c.benchmark_group("training step, 16 segments of 320×64, time pooling 32");
    group.sample_size(10);
    group.bench_function("our kernels", |b| {
        b.iter(|| {
            let pass = net.forward(&x, BATCH, None).unwrap();
            let loss = binary_cross_entropy(&pass.logits, &targets).unwrap();
            net.backward(&pass, &loss).unwrap();
            adam.step(1e-4, &mut net.params());
            black_box(loss);
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(10));
    targets = classifier, causal, training
}
criterion_main!(benches);
