use candle_core::{Device, Tensor};
use earwitness::model::vgg::*;
use rand::SeedableRng;
use std::time::Instant;
fn main() {
    let w: usize = std::env::args().nth(1).map(|s| s.parse().unwrap()).unwrap_or(16);
    let config = VggConfig {
        n_mels: 64,
        widths: vec![w, 2 * w, 4 * w, 8 * w, 16 * w, 32 * w],
        time_pools: vec![2, 2, 2, 2, 1],
        n_classes: 13,
    };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut net = TrainableVgg::new(&config, &mut rng).unwrap();
    let x1 = Tensor::randn(0f32, 1., (1, 160, 64), &Device::Cpu).unwrap();
    let x16 = Tensor::randn(0f32, 1., (16, 160, 64), &Device::Cpu).unwrap();
    let fast = Vgg::load(&config, &net.arrays().unwrap()).unwrap();
    let plain = PlainVgg::load(&config, &net.arrays().unwrap(), &Device::Cpu).unwrap();
    let a = fast.forward(&x1).unwrap();
    let b = plain.forward(&x1).unwrap();
    println!("diff {:?}", (a.logits - b.logits).unwrap().abs().unwrap().max_all().unwrap());
    for (x, y) in a.taps.iter().zip(&b.taps) {
        println!("tap diff {:?}", (x - y).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>());
    }
    for _ in 0..3 {
        let t = Instant::now();
        for _ in 0..10 {
            fast.forward(&x1).unwrap();
        }
        println!("fast {:?}", t.elapsed() / 10);
        let t = Instant::now();
        for _ in 0..3 {
            plain.forward(&x1).unwrap();
        }
        println!("plain {:?}", t.elapsed() / 3);
    }
    for _ in 0..5 {
        let t = Instant::now();
        let y = net.forward(&x16, None).unwrap();
        let f = t.elapsed();
        let l = y.sqr().unwrap().mean_all().unwrap();
        let g = l.backward().unwrap();
        let _ = g;
        println!("train it fwd {f:?} total {:?}", t.elapsed());
    }
}
