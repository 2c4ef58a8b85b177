//! What the signal path costs on one core. Throughput is in samples: divide by the sample rate for "times real time".

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use earwitness::dsp::{
    Compression, FrontEnd, FrontEndParams, MelFilterbank, MelNorm, MelParams, MelScale, SpectrumPower, StftParams,
    StreamingIstft, StreamingResampler, StreamingStft, WindowKind,
};
use earwitness::units::SampleRate;

const SECS: usize = 10;
const RATE_HZ: u32 = 22_050;
const STFT: StftParams =
    StftParams { n_fft: 1024, hop: 345, win_length: 1024, window: WindowKind::Hann, centred: true };
const MEL: MelParams =
    MelParams { n_mels: 128, scale: MelScale::Slaney, norm: MelNorm::Slaney, f_min_hz: 0.0, f_max_hz: 11_025.0 };

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

fn noise(n: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state) / f64::from(1_u32 << 31) - 1.0) as f32
    };
    (0..n).map(|_| next()).collect()
}

/// Ten seconds in chunks of 512 samples, as a device delivers them.
fn frames(c: &mut Criterion) {
    let samples = noise(SECS * RATE_HZ as usize);
    let mut group = c.benchmark_group("22.05 kHz, 1024/345");
    group.throughput(Throughput::Elements(samples.len() as u64));

    let (mut forward, mut inverse) = (StreamingStft::new(&STFT).unwrap(), StreamingIstft::new(&STFT).unwrap());
    group.bench_function("forward", |b| {
        b.iter(|| {
            samples.chunks(512).for_each(|chunk| forward.push(chunk, |frame| _ = black_box(frame)));
        });
    });
    group.bench_function("forward and inverse", |b| {
        b.iter(|| {
            for chunk in samples.chunks(512) {
                forward.push(chunk, |frame| inverse.push_frame(frame, |s| _ = black_box(s)));
            }
        });
    });

    let mut front_end = FrontEnd::new(&FrontEndParams {
        sample_rate: rate(RATE_HZ),
        stft: STFT,
        mel: MEL,
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Db { floor: 1e-8 },
    })
    .unwrap();
    let mut column = vec![0.0; MEL.n_mels];
    group.bench_function("forward, mel and dB", |b| {
        b.iter(|| {
            for chunk in samples.chunks(512) {
                forward.push(chunk, |frame| front_end.column(frame, black_box(&mut column)));
            }
        });
    });
    group.finish();
}

/// One column through 128 bands: our sparse bank, and beside it the same weights as a full matrix.
fn mel(c: &mut Criterion) {
    let bank = MelFilterbank::new(&MEL, rate(RATE_HZ), STFT.n_fft).unwrap();
    let n_bins = bank.n_bins();
    let mut dense = vec![0.0; MEL.n_mels * n_bins];
    for (band, row) in dense.chunks_mut(n_bins).enumerate() {
        let (first, weights) = bank.weights(band);
        row[first..first + weights.len()].copy_from_slice(weights);
    }
    let spectrum: Vec<f32> = noise(n_bins).iter().map(|x| x * x).collect();
    let mut out = vec![0.0; MEL.n_mels];

    let mut group = c.benchmark_group("mel, one column of 513 bins to 128 bands");
    group.bench_function("sparse", |b| b.iter(|| bank.apply(black_box(&spectrum), black_box(&mut out))));
    group.bench_function("dense", |b| {
        b.iter(|| {
            let spectrum = black_box(&spectrum);
            for (out, row) in black_box(&mut out).iter_mut().zip(dense.chunks(n_bins)) {
                *out = row.iter().zip(spectrum).map(|(w, x)| w * x).sum();
            }
        });
    });
    group.finish();
}

fn resampling(c: &mut Criterion) {
    let mut group = c.benchmark_group("resample");
    for (from, to) in [(48_000, 22_050), (44_100, 22_050), (16_000, 22_050), (192_000, 22_050)] {
        let samples = noise(SECS * from as usize);
        let mut resampler = StreamingResampler::new(rate(from), rate(to)).unwrap();
        let mut out = Vec::with_capacity((SECS + 1) * to as usize);
        group.throughput(Throughput::Elements(samples.len() as u64));
        group.bench_function(format!("{from} Hz to {to} Hz"), |b| {
            b.iter(|| {
                out.clear();
                samples.chunks(512).for_each(|chunk| resampler.push(chunk, &mut out));
                black_box(&out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, frames, mel, resampling);
criterion_main!(benches);
