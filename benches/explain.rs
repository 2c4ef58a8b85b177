//! What one explanation costs: each method, with the default model, for the class that is likeliest in a clip of five seconds,
//! from the classifier's answer to the mask. For one core: `RAYON_NUM_THREADS=1 cargo bench --bench explain`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use earwitness::eval::faithfulness::{Heard, Listener};
use earwitness::interpret::methods;
use earwitness::model::classifier::Classifier;
use earwitness::model::device::ComputeDevice;
use earwitness::model::package::Package;
use earwitness::units::ClassId;

const CLIP_SECS: f32 = 5.0;

/// Two tones that come and go, over a little noise: every method has something to say of it.
fn clip(rate_hz: f32) -> Vec<f32> {
    let mut noise = 1_u32;
    (0..(CLIP_SECS * rate_hz) as usize)
        .map(|i| {
            let t = i as f32 / rate_hz;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let tone = |hz: f32, on: f32| if t % 1.0 < on { (std::f32::consts::TAU * hz * t).sin() } else { 0.0 };
            0.3 * tone(880.0, 0.4) + 0.2 * tone(2350.0, 0.7) + 0.02 * (noise as f32 / (1_u32 << 31) as f32 - 1.0)
        })
        .collect()
}

fn explanations(c: &mut Criterion) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/esc13");
    let package = Package::open(&dir).unwrap().for_clips();
    let classifier = Classifier::load(&package).unwrap();
    let rate_hz = classifier.front_end().sample_rate.hz() as f32;
    let heard: Heard = Listener::new(&classifier).unwrap().hear(&clip(rate_hz)).unwrap();
    let class = ClassId(heard.classified.top());

    let mut group = c.benchmark_group("one explanation of 5 s");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    let mut mask = vec![0.0; heard.log_magnitude.len()];
    let names = methods::available(&package).into_iter().chain(methods::BASELINES.iter().copied());
    for name in names.chain(["lrp:thesis+thesis-audio", "lrp:thesis+thesis-audio-nnls"]) {
        let mut method = methods::load(&package, name, &ComputeDevice::cpu(), 1).unwrap();
        group.bench_function(name, |b| {
            b.iter(|| {
                let explanation = method.explain(black_box(&heard.segment())).unwrap();
                explanation.mask(class, 0..explanation.n_frames(), &mut mask);
                black_box(&mask);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, explanations);
criterion_main!(benches);
