//! Streaming equals batch, to the bit, for every chunking; the inverse gives back what went in; nothing allocates live.

#![allow(clippy::unwrap_used)]

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use earwitness::dsp::{
    Complex32, Compression, FrontEnd, FrontEndParams, LevelMeter, MelFilterbank, MelNorm, MelParams, MelScale,
    Spectrogram, SpectrumPower, StftParams, StreamingIstft, StreamingResampler, StreamingStft, WindowKind, istft,
    level, stft,
};
use earwitness::units::SampleRate;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

fn white_noise(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn params(n_fft: usize, hop: usize, win_length: usize, window: WindowKind, centred: bool) -> StftParams {
    StftParams { n_fft, hop, win_length, window, centred }
}

/// The chunk lengths of one run: taken in turn, over and over.
fn chunkings() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![1]),
        Just(vec![22_050]),
        Just(vec![2, 3, 5, 7, 11, 101, 997, 1009]),
        prop::collection::vec(0..3000_usize, 1..8)
            .prop_filter("some chunk must hold samples", |c| c.iter().any(|n| *n > 0)),
    ]
}

fn any_params() -> impl Strategy<Value = StftParams> {
    (2..700_usize, 1..900_usize, 0.01..1.0_f64, any::<bool>(), any::<bool>()).prop_map(
        |(n_fft, hop, win, hann, centred)| {
            let win_length = ((n_fft as f64 * win) as usize).max(1);
            params(n_fft, hop, win_length, if hann { WindowKind::Hann } else { WindowKind::Hamming }, centred)
        },
    )
}

fn for_each_chunk<T>(mut all: &[T], chunking: &[usize], mut each: impl FnMut(&[T])) {
    for n in chunking.iter().cycle() {
        if all.is_empty() {
            break;
        }
        let (chunk, rest) = all.split_at((*n).min(all.len()));
        each(chunk);
        all = rest;
    }
}

/// Frames straight from the definition: pad, cut, weight, sum.
fn stft_by_definition(params: &StftParams, samples: &[f32], frame: usize, bin: usize) -> (f64, f64) {
    let begin = (frame * params.hop) as i64 - if params.centred { params.n_fft as i64 / 2 } else { 0 };
    let offset = (params.n_fft - params.win_length) / 2;
    let (mut re, mut im) = (0.0, 0.0);
    for i in 0..params.win_length {
        let turn = std::f64::consts::TAU * i as f64 / params.win_length as f64;
        let weight = match params.window {
            WindowKind::Hann => 0.5 - 0.5 * turn.cos(),
            WindowKind::Hamming => 0.54 - 0.46 * turn.cos(),
            WindowKind::SymmetricHann => {
                0.5 - 0.5 * (turn * params.win_length as f64 / (params.win_length - 1) as f64).cos()
            }
        };
        let place = begin + (offset + i) as i64;
        let sample = usize::try_from(place).ok().and_then(|i| samples.get(i)).map_or(0.0, |s| f64::from(*s));
        let angle = std::f64::consts::TAU * ((offset + i) * bin % params.n_fft) as f64 / params.n_fft as f64;
        re += sample * weight * angle.cos();
        im -= sample * weight * angle.sin();
    }
    (re, im)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_frames(params in any_params(), chunking in chunkings(), n in 0..6000_usize, seed: u64) {
        let samples = white_noise(n, seed);
        let batch = stft(&params, &samples).unwrap();
        prop_assert_eq!(batch.n_frames(), params.n_frames(n));

        let mut streaming = StreamingStft::new(&params).unwrap();
        // Twice over: a stream must leave nothing behind.
        for _ in 0..2 {
            let mut frames = Vec::new();
            for_each_chunk(&samples, &chunking, |chunk| streaming.push(chunk, |f| frames.extend_from_slice(f)));
            streaming.finish(|f| frames.extend_from_slice(f));
            prop_assert!(frames == batch.frames, "the frames differ");
        }

        // One value of one frame against the definition.
        if batch.n_frames() > 0 {
            let (frame, bin) = (seed as usize % batch.n_frames(), (seed >> 32) as usize % batch.n_bins);
            let (re, im) = stft_by_definition(&params, &samples, frame, bin);
            let got = batch.frame(frame)[bin];
            let error = (f64::from(got.re) - re).hypot(f64::from(got.im) - im);
            prop_assert!(error < 1e-5 * (params.win_length as f64).sqrt(), "frame {frame}, bin {bin}: {got}, not {re} {im}");
        }
    }

    #[test]
    fn any_chunking_gives_the_same_audio(
        hop in 30..200_usize, hann: bool, centred: bool, chunking in chunkings(), n in 0..6000_usize, seed: u64
    ) {
        // Samples in by chunks, masked frame by frame, samples out: against the batch functions.
        let window = if hann { WindowKind::Hann } else { WindowKind::Hamming };
        let params = params(512, hop, 400, window, centred);
        let samples = white_noise(n, seed);
        let mask = |frame: &mut [Complex32], t: usize| {
            for (bin, value) in frame.iter_mut().enumerate() {
                *value *= ((bin * 7 + t * 13) % 10) as f32 / 10.0;
            }
        };
        let mut spectrogram = stft(&params, &samples).unwrap();
        for t in 0..spectrogram.n_frames() {
            mask(spectrogram.frame_mut(t), t);
        }
        let batch = istft(&params, &spectrogram, n).unwrap();
        prop_assert_eq!(batch.len(), n);

        let (mut forward, mut inverse) = (StreamingStft::new(&params).unwrap(), StreamingIstft::new(&params).unwrap());
        for _ in 0..2 {
            let (mut audio, mut frame_of, mut t) = (Vec::new(), Vec::new(), 0);
            let mut on_frame = |frame: &[Complex32], audio: &mut Vec<f32>, inverse: &mut StreamingIstft| {
                frame_of.clear();
                frame_of.extend_from_slice(frame);
                mask(&mut frame_of, t);
                t += 1;
                inverse.push_frame(&frame_of, |s| audio.extend_from_slice(s));
            };
            for_each_chunk(&samples, &chunking, |chunk| {
                forward.push(chunk, |frame| on_frame(frame, &mut audio, &mut inverse));
            });
            forward.finish(|frame| on_frame(frame, &mut audio, &mut inverse));
            inverse.finish(n, |s| audio.extend_from_slice(s));
            prop_assert!(audio == batch, "the audio differs");
        }
    }

    #[test]
    fn samples_that_are_no_numbers_do_no_harm(
        params in any_params(), n in 0..3000_usize, bad in prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(1e-42_f32)]
    ) {
        let mut samples = white_noise(n, 3);
        samples.iter_mut().step_by(500).for_each(|s| *s = bad);
        let spectrogram = stft(&params, &samples).unwrap();
        if params.hop <= params.win_length {
            prop_assert_eq!(istft(&params, &spectrogram, n).unwrap().len(), n);
        }
        prop_assert!(level(&samples).rms_dbfs <= 1.0);
    }
}

#[test]
fn the_inverse_gives_back_white_noise() {
    use WindowKind::{Hamming, Hann};
    // (1024, 345) does not overlap to a constant: only the running sum of squared windows can be right.
    for (n_fft, hop, win, window, centred) in [
        (1024, 345, 1024, Hann, true),
        (1024, 512, 1024, Hann, true),
        (1024, 256, 1024, Hann, true),
        (1024, 186, 372, Hamming, true),
        (1024, 372, 372, Hamming, true),
        (512, 129, 301, Hamming, true),
        (375, 100, 251, Hamming, true),
        (2048, 441, 1200, Hann, true),
        (1024, 345, 1024, Hamming, false),
        (1024, 186, 372, Hamming, false),
    ] {
        let params = params(n_fft, hop, win, window, centred);
        let n = 64 * hop;
        let samples = white_noise(n, 7);
        let spectrogram = stft(&params, &samples).unwrap();
        let back = istft(&params, &spectrogram, n).unwrap();
        // Without centring, the samples before the first window and after the last are in no frame.
        let offset = (n_fft - win) / 2;
        let covered = if centred { 0..n } else { offset..(spectrogram.n_frames() - 1) * hop + offset + win };
        let error: f64 = covered.clone().map(|i| f64::from(back[i] - samples[i]).powi(2)).sum();
        let power: f64 = covered.clone().map(|i| f64::from(samples[i]).powi(2)).sum();
        let relative = (error / power).sqrt();
        assert!(relative < 1e-6, "{params:?}: {relative:e}");
        let uncovered = || back[..covered.start].iter().chain(&back[covered.end.min(n)..]);
        assert!(uncovered().all(|s| *s == 0.0), "{params:?}: what no frame holds is silent");
    }
}

#[test]
fn samples_come_out_as_soon_as_the_delay_says() {
    for (win, centred) in [(1024, true), (1024, false), (372, true), (372, false)] {
        let params = params(1024, 345, win, WindowKind::Hamming, centred);
        let mut inverse = StreamingIstft::new(&params).unwrap();
        let frame = vec![Complex32::new(1.0, 0.0); params.n_bins()];
        let mut n_out = 0;
        for t in 0..20 {
            inverse.push_frame(&frame, |s| n_out += s.len());
            let frame_end = (t * params.hop + params.n_fft) as i64 - if centred { 512 } else { 0 };
            assert_eq!(n_out as i64, (frame_end - inverse.delay_samples() as i64).max(0), "{params:?}, frame {t}");
        }
    }
}

#[test]
fn a_mask_makes_no_click_at_the_ends() {
    // Every second bin dropped leaves something at the very edge of a frame, where the windows' sum is next to nothing.
    for (hop, centred) in [(512, true), (345, false)] {
        let params = params(1024, hop, 1024, WindowKind::Hann, centred);
        let samples = white_noise(20 * hop + 511, 5);
        let mut spectrogram = stft(&params, &samples).unwrap();
        spectrogram.frames.iter_mut().step_by(2).for_each(|x| *x = Complex32::default());
        let audio = istft(&params, &spectrogram, samples.len()).unwrap();
        let peak = audio.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 10.0, "hop {hop}: a peak of {peak}");
    }
}

#[test]
fn impossible_parameters_are_named() {
    let hann = |n_fft, hop, win| params(n_fft, hop, win, WindowKind::Hann, true);
    for (params, word) in [
        (hann(1, 1, 1), "n_fft"),
        (hann(usize::MAX, 1, 1), "n_fft"),
        (hann(1024, 0, 1024), "hop"),
        (hann(1024, 10, 0), "win_length"),
        (hann(1024, 10, 1025), "win_length"),
    ] {
        let error = stft(&params, &[]).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = StreamingIstft::new(&hann(1024, 500, 400)).err().unwrap();
    assert!(error.to_string().contains("hop of 500"), "{error}");
    let other = Spectrogram { n_bins: 10, frames: Vec::new() };
    assert!(istft(&hann(1024, 512, 1024), &other, 5).is_err());

    let mel = |n_mels, f_min_hz, f_max_hz| {
        let params = MelParams { n_mels, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz, f_max_hz };
        MelFilterbank::new(&params, SampleRate::new(16_000).unwrap(), 512)
    };
    assert!(mel(40, 0.0, 8000.0).is_ok());
    for (n_mels, low, high) in
        [(0, 0.0, 8000.0), (40, -1.0, 8000.0), (40, 0.0, 8001.0), (40, 500.0, 500.0), (40, f32::NAN, 1.0)]
    {
        assert!(mel(n_mels, low, high).is_err(), "{n_mels} bands from {low} to {high} Hz");
    }
}

fn front_end() -> FrontEnd {
    FrontEnd::new(&FrontEndParams {
        sample_rate: SampleRate::new(22_050).unwrap(),
        stft: params(1024, 345, 1024, WindowKind::Hann, true),
        mel: MelParams {
            n_mels: 80,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
            f_min_hz: 50.0,
            f_max_hz: 10_000.0,
        },
        pre_emphasis: 0.0,
        power: SpectrumPower::Power,
        compression: Compression::Db { floor: 1e-8 },
    })
    .unwrap()
}

#[test]
fn gains_spread_over_the_bins_that_the_bands_hold() {
    let front_end = front_end();
    let bank = front_end.bank();
    let held: Vec<bool> = (0..bank.n_bins())
        .map(|bin| {
            (0..bank.n_mels()).any(|band| {
                let (first, weights) = bank.weights(band);
                (first..first + weights.len()).contains(&bin)
            })
        })
        .collect();
    assert!(held.iter().any(|h| *h) && held.iter().any(|h| !h));

    let mut gain = vec![f32::NAN; bank.n_bins()];
    bank.transpose_gain(&vec![1.0; bank.n_mels()], &mut gain);
    for (gain, held) in gain.iter().zip(&held) {
        assert!((gain - f32::from(u8::from(*held))).abs() < 1e-6, "{gain}");
    }

    // By the formula, bin by bin, with different gains.
    let gains: Vec<f32> = (0..bank.n_mels()).map(|m| (m % 7) as f32 / 6.0).collect();
    bank.transpose_gain(&gains, &mut gain);
    for (bin, gain) in gain.iter().enumerate() {
        let (mut weighted, mut sum) = (0.0, 0.0);
        for (band, band_gain) in gains.iter().enumerate() {
            let (first, weights) = bank.weights(band);
            let weight = bin.checked_sub(first).and_then(|i| weights.get(i)).copied().unwrap_or(0.0);
            weighted += f64::from(weight * band_gain);
            sum += f64::from(weight);
        }
        let want = if sum > 0.0 { weighted / sum } else { 0.0 };
        assert!((f64::from(*gain) - want).abs() < 1e-5, "bin {bin}: {gain}, not {want}");
    }
}

#[test]
fn live_processing_does_not_allocate() {
    let samples = white_noise(22_050, 1);
    let mut front_end = front_end();
    let params = front_end.params().stft;
    let (mut forward, mut inverse) = (StreamingStft::new(&params).unwrap(), StreamingIstft::new(&params).unwrap());
    let mut meter = LevelMeter::new();
    let (from, to) = (SampleRate::new(48_000).unwrap(), SampleRate::new(22_050).unwrap());
    let (mut resampler, mut resampled) =
        (StreamingResampler::new(from, to).unwrap(), Vec::with_capacity(samples.len()));
    let (mut column, mut n_out, mut n_frames) = (vec![0.0; front_end.n_mels()], 0, 0);
    assert_no_alloc(|| {
        for chunk in samples.chunks(441) {
            meter.push(chunk);
            resampler.push(chunk, &mut resampled);
            forward.push(chunk, |frame| {
                front_end.column(frame, &mut column);
                inverse.push_frame(frame, |s| n_out += s.len());
                n_frames += 1;
            });
        }
        forward.finish(|frame| inverse.push_frame(frame, |s| n_out += s.len()));
        inverse.finish(samples.len(), |s| n_out += s.len());
    });
    assert_eq!((n_out, n_frames), (22_050, 1 + (22_050 - 512) / 345));
}
