//! What microphones, telephones and codecs do to sound.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::dsp::from_db;
use crate::units::SampleRate;

/// How likely a microphone colours a scene, with how many bells or dips, how high they are in dB, and where in Hz.
const COLOUR_PROB: f64 = 0.5;
const BELLS: usize = 3;
const BELL_DB: f32 = 9.0;
const BELL_HZ: (f32, f32) = (80.0, 7_000.0);
/// How likely a scene is limited to a band, clipped, and coded with loss.
const BAND_PROB: f64 = 0.2;
const CLIP_PROB: f64 = 0.07;
const CODE_PROB: f64 = 0.1;

/// Damages a scene at random, or not at all.
pub(super) fn damage(rng: &mut ChaCha8Rng, rate: SampleRate, samples: &mut [f32]) {
    if rng.random_bool(COLOUR_PROB) {
        for _ in 0..rng.random_range(1..=BELLS) {
            let hz = rng.random_range(BELL_HZ.0.ln()..BELL_HZ.1.ln()).exp();
            bell(samples, rate, hz, rng.random_range(0.4..2.0), rng.random_range(-BELL_DB..BELL_DB));
        }
    }
    if rng.random_bool(BAND_PROB) {
        match rng.random_range(0..3) {
            // What is left of 8 kHz sampling, of a telephone, of a small loudspeaker or microphone.
            0 => low_pass(samples, rate, 3_900.0),
            1 => {
                low_pass(samples, rate, 3_400.0);
                high_pass(samples, rate, 300.0);
            }
            _ => high_pass(samples, rate, rng.random_range(60.0..250.0)),
        }
    }
    if rng.random_bool(CLIP_PROB) {
        let peak = samples.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let limit = peak * rng.random_range(0.15..0.7_f32);
        samples.iter_mut().for_each(|x| *x = x.clamp(-limit, limit));
    }
    if rng.random_bool(CODE_PROB) {
        code(samples, if rng.random_bool(0.5) { 127.0 } else { 31.0 });
    }
}

/// μ-law with so many steps each way, of the scene's own peak.
fn code(samples: &mut [f32], steps: f32) {
    const MU: f32 = 255.0;
    let peak = samples.iter().fold(1e-6_f32, |m, x| m.max(x.abs()));
    for x in samples {
        let law = (MU * x.abs() / peak).ln_1p() / MU.ln_1p();
        let level = (law * steps).round() / steps;
        *x = x.signum() * peak * ((level * MU.ln_1p()).exp_m1() / MU);
    }
}

/// Butterworth low-pass of fourth order.
fn low_pass(samples: &mut [f32], rate: SampleRate, hz: f32) {
    for q in [0.541_196_1, 1.306_563] {
        biquad(samples, rate, hz, q, false);
    }
}

/// Butterworth high-pass of fourth order.
fn high_pass(samples: &mut [f32], rate: SampleRate, hz: f32) {
    for q in [0.541_196_1, 1.306_563] {
        biquad(samples, rate, hz, q, true);
    }
}

/// One section of second order, by the bilinear transform (R. Bristow-Johnson's cookbook).
fn biquad(samples: &mut [f32], rate: SampleRate, hz: f32, q: f32, high: bool) {
    let (alpha, cos) = section(rate, hz, q);
    let edge = if high { (1.0 + cos) / 2.0 } else { (1.0 - cos) / 2.0 };
    let b = [edge, if high { -2.0 * edge } else { 2.0 * edge }, edge];
    filter(samples, b, [1.0 + alpha, -2.0 * cos, 1.0 - alpha]);
}

/// A bell or dip of so many dB at `hz` (the same cookbook).
fn bell(samples: &mut [f32], rate: SampleRate, hz: f32, q: f32, db: f32) {
    let (alpha, cos) = section(rate, hz, q);
    let a = from_db(db / 2.0);
    filter(samples, [1.0 + alpha * a, -2.0 * cos, 1.0 - alpha * a], [1.0 + alpha / a, -2.0 * cos, 1.0 - alpha / a]);
}

/// Bandwidth term and cosine of a section at `hz`.
fn section(rate: SampleRate, hz: f32, q: f32) -> (f32, f32) {
    let w = (std::f32::consts::TAU * hz / rate.hz() as f32).min(3.1);
    (w.sin() / (2.0 * q), w.cos())
}

/// Filters in place with the coefficients of z⁰, z⁻¹ and z⁻².
fn filter(samples: &mut [f32], b: [f32; 3], a: [f32; 3]) {
    let (b, a) = (b.map(|c| c / a[0]), a.map(|c| c / a[0]));
    let (mut x1, mut x2, mut y1, mut y2) = (0.0_f32, 0.0_f32, 0.0_f32, 0.0_f32);
    for x in samples {
        let y = b[0] * *x + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2;
        (x2, x1, y2, y1) = (x1, *x, y1, y);
        *x = y;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn level_of(hz: f32, f: impl Fn(&mut [f32])) -> f32 {
        let mut samples: Vec<f32> =
            (0..16_000).map(|i| (std::f32::consts::TAU * hz * i as f32 / 16_000.0).sin()).collect();
        f(&mut samples);
        let tail = &samples[8_000..];
        10.0 * (2.0 * tail.iter().map(|x| x * x).sum::<f32>() / tail.len() as f32).log10()
    }

    #[test]
    fn filters_keep_their_band_and_fall_by_24_db_an_octave() {
        let rate = SampleRate::new(16_000).unwrap();
        let low = |hz| level_of(hz, |s| low_pass(s, rate, 1_000.0));
        assert!(low(200.0).abs() < 0.1, "{}", low(200.0));
        assert!((low(1_000.0) + 3.0).abs() < 0.1, "{}", low(1_000.0));
        assert!((low(2_000.0) + 24.0).abs() < 3.0, "{}", low(2_000.0));
        let high = |hz| level_of(hz, |s| high_pass(s, rate, 400.0));
        assert!(high(2_000.0).abs() < 0.1);
        assert!((high(200.0) + 24.0).abs() < 1.5, "{}", high(200.0));
    }

    #[test]
    fn a_bell_raises_its_place_and_nothing_far_from_it() {
        let rate = SampleRate::new(16_000).unwrap();
        let with = |hz, db| level_of(hz, |s| bell(s, rate, 1_000.0, 2.0, db));
        assert!((with(1_000.0, 6.0) - 6.0).abs() < 0.1, "{}", with(1_000.0, 6.0));
        assert!((with(1_000.0, -9.0) + 9.0).abs() < 0.1);
        assert!(with(100.0, 6.0).abs() < 0.2 && with(6_000.0, 6.0).abs() < 0.2);
    }

    #[test]
    fn coding_adds_noise_that_follows_the_level() {
        let noise = |gain: f32| {
            let clean: Vec<f32> = (0..4_000).map(|i| gain * (i as f32 * 0.37).sin()).chain([1.0]).collect();
            let mut coded = clean.clone();
            code(&mut coded, 127.0);
            let error: f32 = clean.iter().zip(&coded).map(|(a, b)| (a - b) * (a - b)).sum();
            10.0 * (error / clean[..4_000].iter().map(|x| x * x).sum::<f32>()).log10()
        };
        assert!((noise(1.0) - noise(0.1)).abs() < 6.0);
        assert!(noise(1.0) < -30.0);
    }
}
