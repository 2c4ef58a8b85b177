//! Noise that is made: backgrounds that hold no sound of any class.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::units::SampleRate;

/// Below this, pink and brown noise are flat, in Hz: there is no end to them else.
const LOWEST_HZ: f64 = 10.0;

/// Mains, in Hz.
const MAINS_HZ: f64 = 50.0;

/// Harmonics of a hum, the first among them. The odd ones are stronger, as of a transformer.
const N_HARMONICS: u32 = 24;

/// Share of a hum's amplitude that is white noise.
const HUM_FLOOR: f64 = 0.05;

/// How the power of noise is spread over frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Equal power in each Hz.
    White,
    /// Equal power in each octave: −3 dB an octave, above 10 Hz.
    Pink,
    /// −6 dB an octave, above 10 Hz.
    Brown,
    /// Mains of 50 Hz and its harmonics, over faint white noise.
    Hum,
}

impl Colour {
    /// The colours by the names of the command line.
    pub const NAMES: [(&'static str, Self); 4] =
        [("white", Self::White), ("pink", Self::Pink), ("brown", Self::Brown), ("hum", Self::Hum)];
}

/// `n` samples of noise with an RMS near 0.1. The same seed gives the same samples.
#[must_use]
pub fn coloured_noise(colour: Colour, n: usize, rate: SampleRate, seed: u64) -> Vec<f32> {
    let mut white = White::new(seed);
    let rate_hz = f64::from(rate.hz());
    let mut samples = match colour {
        Colour::White => (0..n).map(|_| white.next()).collect(),
        Colour::Pink => pink(n, rate_hz, &mut white),
        Colour::Brown => low_passed(n, LOWEST_HZ / rate_hz, &mut white),
        Colour::Hum => hum(n, rate_hz, &mut white),
    };
    let rms = (samples.iter().map(|x| x * x).sum::<f64>() / n.max(1) as f64).sqrt();
    if rms > 0.0 {
        samples.iter_mut().for_each(|x| *x *= 0.1 / rms);
    }
    samples.into_iter().map(|x| x as f32).collect()
}

/// Sums low-passed noises whose corners lie an octave apart, each with half the power density of the one below: together
/// their density falls with the frequency.
fn pink(n: usize, rate_hz: f64, white: &mut White) -> Vec<f64> {
    let mut sum = vec![0.0; n];
    let mut corner_hz = LOWEST_HZ;
    while corner_hz < rate_hz / 2.0 {
        let gain = (1.0 / corner_hz).sqrt();
        let part = low_passed(n, corner_hz / rate_hz, white);
        sum.iter_mut().zip(part).for_each(|(sum, x)| *sum += gain * x);
        corner_hz *= 2.0;
    }
    sum
}

/// White noise through one pole; `corner` is a share of the sample rate.
fn low_passed(n: usize, corner: f64, white: &mut White) -> Vec<f64> {
    let step = 1.0 - (-TAU * corner).exp();
    let mut state = 0.0;
    let next = |_| {
        state += step * (white.next() - state);
        state
    };
    (0..n).map(next).collect()
}

fn hum(n: usize, rate_hz: f64, white: &mut White) -> Vec<f64> {
    let mut samples: Vec<f64> = (0..n).map(|_| HUM_FLOOR * white.next()).collect();
    for harmonic in (1..=N_HARMONICS).filter(|k| f64::from(*k) * MAINS_HZ < rate_hz / 2.0) {
        let amplitude = if harmonic % 2 == 1 { 1.0 } else { 0.3 } / f64::from(harmonic);
        let phase = TAU * white.uniform();
        let turn = TAU * f64::from(harmonic) * MAINS_HZ / rate_hz;
        samples.iter_mut().enumerate().for_each(|(i, x)| *x += amplitude * (turn * i as f64 + phase).sin());
    }
    samples
}

/// Normal noise of variance 1.
struct White(ChaCha8Rng);

impl White {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// By Box and Muller.
    fn next(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const N: usize = 1 << 17;

    /// Power of `samples` in the octave from `from_hz` on: a sum over windowed Goertzel bins, a tenth of an octave apart.
    fn octave_db(samples: &[f32], from_hz: f64) -> f64 {
        let density = |hz: f64| {
            let pieces = samples.chunks_exact(4096);
            let power = |piece: &[f32]| {
                let (mut re, mut im) = (0.0, 0.0);
                for (i, x) in piece.iter().enumerate() {
                    let window = 0.5 - 0.5 * (TAU * i as f64 / 4096.0).cos();
                    let (sin, cos) = (TAU * hz * i as f64 / 16_000.0).sin_cos();
                    (re, im) = (re + window * f64::from(*x) * cos, im + window * f64::from(*x) * sin);
                }
                re * re + im * im
            };
            let n = pieces.len() as f64;
            pieces.map(power).sum::<f64>() / n
        };
        let steps = (0..10).map(|i| from_hz * 2.0_f64.powf((f64::from(i) + 0.5) / 10.0));
        10.0 * (steps.map(density).sum::<f64>() / 10.0).log10()
    }

    #[test]
    fn the_power_density_falls_by_the_colours_decibels_an_octave() {
        for (colour, slope_db) in [(Colour::White, 0.0), (Colour::Pink, -3.01), (Colour::Brown, -6.02)] {
            let samples = coloured_noise(colour, N, SampleRate::new(16_000).unwrap(), 3);
            let levels: Vec<f64> = [125.0, 250.0, 500.0, 1000.0, 2000.0].map(|hz| octave_db(&samples, hz)).to_vec();
            let slope = (levels[4] - levels[0]) / 4.0;
            assert!((slope - slope_db).abs() < 0.5, "{colour:?}: {slope} dB an octave, {levels:?}");
            let rms = (samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / N as f64).sqrt();
            assert!((rms - 0.1).abs() < 1e-4, "{rms}");
        }
    }

    #[test]
    fn a_hum_is_fifty_hertz_and_harmonics_and_the_seed_decides() {
        let rate = SampleRate::new(16_000).unwrap();
        let samples = coloured_noise(Colour::Hum, N, rate, 3);
        // Periodic with 20 ms, but for the floor.
        let change: f64 = samples.iter().zip(&samples[320..]).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let power: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!(change / power < 0.02, "{}", change / power);
        assert_eq!(samples, coloured_noise(Colour::Hum, N, rate, 3));
        assert_ne!(samples, coloured_noise(Colour::Hum, N, rate, 4));
    }
}
