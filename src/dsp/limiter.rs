//! A look-ahead peak limiter: what would be too loud is turned down before it comes, without a step.

use std::collections::VecDeque;

use crate::units::SampleRate;

/// How a limiter behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimiterParams {
    /// No sample comes out louder than this, in dB below full scale.
    pub ceiling_dbfs: f32,
    /// How far it looks ahead, and so its delay, in seconds. A gain changes over this time.
    pub lookahead_secs: f64,
    /// Time in which a gain comes back to 1 by two thirds, in seconds.
    pub release_secs: f64,
}

impl Default for LimiterParams {
    fn default() -> Self {
        Self { ceiling_dbfs: -1.0, lookahead_secs: 0.005, release_secs: 0.1 }
    }
}

/// A gain of 1. Gains are whole numbers, so that their running sum stays exact for ever.
const UNITY: u64 = 1 << 30;

/// The limiter. While the signal stays below the ceiling, samples pass bit for bit, [`delay_samples`](Self::delay_samples)
/// later. Above it, the gain is the mean of what the samples within reach ask for, so it moves smoothly and is low enough
/// when the peak arrives.
///
/// It works sample by sample: any chunking gives the same output. Nothing allocates after [`new`](Self::new).
pub struct Limiter {
    ceiling: f32,
    /// Share of the way back to 1 that a gain goes from one sample to the next.
    release: f64,
    /// Index of the next sample.
    at: u64,
    /// The samples on their way, in a circle as long as the delay and one more.
    samples: Box<[f32]>,
    /// The gains held for them, in the same places, and their sum.
    gains: Box<[u64]>,
    sum: u64,
    /// Index and gain wanted of the samples within reach that no later one undercuts: the first has the least.
    least: VecDeque<(u64, u64)>,
    held: u64,
}

impl Limiter {
    /// A limiter at the beginning of a stream. A ceiling over full scale counts as full scale, times below one sample as
    /// none.
    #[must_use]
    pub fn new(rate: SampleRate, params: &LimiterParams) -> Self {
        let reach = rate.samples(params.lookahead_secs) as usize + 1;
        let release_samples = f64::from(rate.hz()) * params.release_secs.max(0.0);
        Self {
            ceiling: 10.0_f32.powf(params.ceiling_dbfs.min(0.0) / 20.0),
            release: if release_samples > 1.0 { 1.0 - (-1.0 / release_samples).exp() } else { 1.0 },
            at: 0,
            samples: vec![0.0; reach].into_boxed_slice(),
            gains: vec![UNITY; reach].into_boxed_slice(),
            sum: UNITY * reach as u64,
            least: VecDeque::with_capacity(reach + 1),
            held: UNITY,
        }
    }

    /// How much later samples come out, in samples.
    #[must_use]
    pub const fn delay_samples(&self) -> usize {
        self.samples.len() - 1
    }

    /// The loudest that a sample comes out, full scale being 1.
    #[must_use]
    pub const fn ceiling(&self) -> f32 {
        self.ceiling
    }

    /// Forgets the stream.
    pub fn reset(&mut self) {
        self.samples.fill(0.0);
        self.gains.fill(UNITY);
        self.sum = UNITY * self.gains.len() as u64;
        self.least.clear();
        self.held = UNITY;
        self.at = 0;
    }

    /// Replaces samples by those that come out: the first [`delay_samples`](Self::delay_samples) of a stream are 0. What is
    /// not a number counts as 0.
    pub fn process(&mut self, samples: &mut [f32]) {
        for sample in samples {
            *sample = self.next(*sample);
        }
    }

    fn next(&mut self, sample: f32) -> f32 {
        let sample = if sample.is_finite() { sample } else { 0.0 };
        let gain = self.hold(sample.abs());
        let reach = self.samples.len() as u64;
        let slot = (self.at % reach) as usize;
        self.at += 1;
        self.sum = self.sum - self.gains[slot] + gain;
        self.gains[slot] = gain;
        self.samples[slot] = sample;
        // The oldest one on the way: every gain in the sum was held with it in reach.
        let out = self.samples[(self.at % reach) as usize];
        if self.sum == UNITY * reach {
            return out;
        }
        let gain = self.sum as f64 / (UNITY * reach) as f64;
        // Rounding may go up where the ceiling is met exactly.
        ((f64::from(out) * gain) as f32).clamp(-self.ceiling, self.ceiling)
    }

    /// The gain held at this sample: the least that any sample within reach wants; from there it goes back to 1 slowly.
    fn hold(&mut self, magnitude: f32) -> u64 {
        let wanted = if magnitude > self.ceiling {
            (f64::from(self.ceiling) / f64::from(magnitude) * UNITY as f64) as u64
        } else {
            UNITY
        };
        while self.least.back().is_some_and(|(_, gain)| *gain >= wanted) {
            self.least.pop_back();
        }
        self.least.push_back((self.at, wanted));
        let reach = self.samples.len() as u64;
        while self.least.front().is_some_and(|(at, _)| at + reach <= self.at) {
            self.least.pop_front();
        }
        // Rounded up, so that it does arrive.
        let back = ((UNITY - self.held) as f64 * self.release).ceil() as u64;
        let least = self.least.front().map_or(UNITY, |(_, gain)| *gain);
        self.held = (self.held + back).min(least);
        self.held
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(rate_hz: u32) -> Limiter {
        Limiter::new(SampleRate::new(rate_hz).unwrap(), &LimiterParams::default())
    }

    #[test]
    fn what_is_not_too_loud_passes_bit_for_bit_after_the_delay() {
        let mut limiter = limiter(48_000);
        assert_eq!(limiter.delay_samples(), 240);
        assert!((limiter.ceiling() - 0.891_25).abs() < 1e-5);
        let ceiling = limiter.ceiling();
        let samples: Vec<f32> = (0..10_000).map(|i| ceiling * (i as f32 * 0.37).sin()).chain([ceiling]).collect();
        let mut out = samples.clone();
        limiter.process(&mut out);
        assert!(out[..240].iter().all(|x| *x == 0.0));
        assert_eq!(out[240..], samples[..samples.len() - 240]);
    }

    #[test]
    fn a_peak_is_met_by_a_ramp_and_left_slowly_until_all_is_as_before() {
        let mut limiter = limiter(48_000);
        let mut out = vec![0.5_f32; 100_000];
        out[10_000] = 5.0;
        limiter.process(&mut out);
        let peak = 10_000 + 240;
        assert!((out[peak] - limiter.ceiling()).abs() < 1e-3, "as loud as it may be: {}", out[peak]);
        // The gain of the constant beside it, from sample to sample.
        let gains: Vec<f32> =
            out.iter().enumerate().filter(|(i, _)| *i >= 240 && *i != peak).map(|(_, x)| x / 0.5).collect();
        let steepest = gains.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 2.0 / 240.0, "{steepest} in one sample");
        let down = out[peak + 1] / 0.5;
        assert!(out[peak - 241] == 0.5 && out[peak - 240] < 0.5 && down < 0.2, "down to {down} within the reach");
        let later = out[peak + 240 + 4800] / 0.5;
        assert!((later - (1.0 - (1.0 - down) / 1.0_f32.exp())).abs() < 0.05, "two thirds back after 0.1 s: {later}");
        assert!(out[90_000..].iter().all(|x| *x == 0.5), "bit for bit again");
    }

    #[test]
    fn what_is_not_a_number_is_silence_and_does_not_stay() {
        let mut limiter = limiter(8000);
        let mut out = vec![0.25; 100];
        out[10] = f32::NAN;
        out[11] = f32::INFINITY;
        limiter.process(&mut out);
        assert_eq!((out[49], out[50], out[51], out[52]), (0.25, 0.0, 0.0, 0.25));
        limiter.reset();
        let mut out = vec![0.25; 41];
        limiter.process(&mut out);
        assert_eq!((out[39], out[40]), (0.0, 0.25));
    }

    proptest! {
        #[test]
        fn nothing_is_louder_than_the_ceiling_and_any_chunking_is_the_same(
            samples in prop::collection::vec(prop_oneof![3 => -1.0_f32..1.0, 1 => -1000.0_f32..1000.0], 0..2000),
            chunk in 1_usize..300,
            lookahead_secs in 0.0..0.01,
            release_secs in 0.0..0.2,
            ceiling_dbfs in -20.0_f32..1.0,
        ) {
            let params = LimiterParams { ceiling_dbfs, lookahead_secs, release_secs };
            let rate = SampleRate::new(8000).unwrap();
            let mut limiter = Limiter::new(rate, &params);
            let mut whole = samples.clone();
            limiter.process(&mut whole);
            let ceiling = limiter.ceiling();
            prop_assert!(whole.iter().all(|x| x.abs() <= ceiling));
            limiter.reset();
            let mut pieces = samples;
            pieces.chunks_mut(chunk).for_each(|piece| limiter.process(piece));
            prop_assert_eq!(pieces, whole);
        }
    }
}
