//! Frequency weightings A, C and Z of IEC 61672-1 as filters, for any sample rate.
//!
//! The standard gives the weightings as analogue poles (its annex E): twice 20.6 Hz and twice 12.2 kHz for C; for A also 107.7 Hz
//! and 737.9 Hz; zeros at 0 Hz. Each pole becomes a digital one at the same place, by e^(−2πf/rate). The bilinear transform
//! would move the upper ones, by many dB at 16 kHz; instead the zero of each low-pass is put where its gain at half the rate is
//! the analogue one.

use std::f64::consts::PI;

use crate::units::SampleRate;

/// The analogue poles, in Hz (IEC 61672-1, annex E).
const LOWEST: f64 = 20.598_997;
const LOW: f64 = 107.652_65;
const MIDDLE: f64 = 737.862_23;
const HIGH: f64 = 12_194.217;
/// Where all weightings have a gain of 0 dB, in Hz.
const REFERENCE: f64 = 1000.0;

/// A frequency weighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weighting {
    /// As the ear hears sounds of medium loudness: little below 500 Hz.
    A,
    /// Nearly flat from 30 Hz to 8 kHz.
    C,
    /// Flat.
    Z,
}

impl Weighting {
    /// The analogue poles of high-passes and of low-passes.
    const fn poles(self) -> (&'static [f64], &'static [f64]) {
        match self {
            Self::A => (&[LOWEST, LOWEST, LOW, MIDDLE], &[HIGH, HIGH]),
            Self::C => (&[LOWEST, LOWEST], &[HIGH, HIGH]),
            Self::Z => (&[], &[]),
        }
    }

    /// The gain at `hz` as the standard defines it, in dB (its equations E.1 and E.6).
    #[must_use]
    pub fn gain_db(self, hz: f64) -> f64 {
        let (high_pass, low_pass) = self.poles();
        let power = |hz: f64| -> f64 {
            let square = |pole: &f64| hz * hz + pole * pole;
            let high: f64 = high_pass.iter().map(|pole| hz * hz / square(pole)).product();
            let low: f64 = low_pass.iter().map(|pole| pole * pole / square(pole)).product();
            high * low
        };
        10.0 * (power(hz) / power(REFERENCE)).log10()
    }
}

/// y[n] = b0 x[n] + b1 x[n−1] + p y[n−1].
#[derive(Debug, Clone, Copy)]
struct Section {
    b0: f64,
    b1: f64,
    pole: f64,
    x: f64,
    y: f64,
}

impl Section {
    fn high_pass(hz: f64, rate: f64) -> Self {
        let pole = (-2.0 * PI * hz / rate).exp();
        let gain = f64::midpoint(1.0, pole);
        Self { b0: gain, b1: -gain, pole, x: 0.0, y: 0.0 }
    }

    /// Gain 1 at 0 Hz, and the analogue gain at half the rate.
    fn low_pass(hz: f64, rate: f64) -> Self {
        let pole = (-2.0 * PI * hz / rate).exp();
        let sum = 1.0 - pole;
        let at_half = 1.0 / (rate / 2.0 / hz).hypot(1.0);
        let difference = at_half * (1.0 + pole);
        Self { b0: f64::midpoint(sum, difference), b1: (sum - difference) / 2.0, pole, x: 0.0, y: 0.0 }
    }

    fn step(&mut self, x: f64) -> f64 {
        self.y = self.b0 * x + self.b1 * self.x + self.pole * self.y;
        self.x = x;
        self.y
    }

    /// Squared gain at an angular frequency, radians a sample.
    fn power(&self, omega: f64) -> f64 {
        let (b0, b1, p) = (self.b0, self.b1, self.pole);
        (b0 * b0 + b1 * b1 + 2.0 * b0 * b1 * omega.cos()) / (1.0 + p * p - 2.0 * p * omega.cos())
    }
}

/// A weighting as a filter; the chunking does not matter.
#[derive(Debug, Clone)]
pub struct WeightingFilter {
    sections: Vec<Section>,
    gain: f64,
}

impl WeightingFilter {
    /// The filter for sound at `rate`. Its gain at 1 kHz is 0 dB.
    #[must_use]
    pub fn new(weighting: Weighting, rate: SampleRate) -> Self {
        let rate = f64::from(rate.hz());
        let (high_pass, low_pass) = weighting.poles();
        let high_pass = high_pass.iter().map(|hz| Section::high_pass(*hz, rate));
        let sections: Vec<Section> = high_pass.chain(low_pass.iter().map(|hz| Section::low_pass(*hz, rate))).collect();
        let mut filter = Self { sections, gain: 1.0 };
        filter.gain = 10_f64.powf(-filter.gain_db(REFERENCE, rate) / 20.0);
        filter
    }

    /// Takes one sample and gives the weighted one.
    pub fn step(&mut self, sample: f64) -> f64 {
        self.sections.iter_mut().fold(sample * self.gain, |x, section| section.step(x))
    }

    fn gain_db(&self, hz: f64, rate: f64) -> f64 {
        let omega = 2.0 * PI * hz / rate;
        let power: f64 = self.sections.iter().map(|section| section.power(omega)).product();
        10.0 * (self.gain * self.gain * power).log10()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// IEC 61672-1:2013, table 3: nominal frequency, A and C in dB, and what class 1 allows above and below.
    const TABLE: [(f64, f64, f64, f64, f64); 34] = [
        (10.0, -70.4, -14.3, 3.0, f64::INFINITY),
        (12.5, -63.4, -11.2, 2.5, f64::INFINITY),
        (16.0, -56.7, -8.5, 2.0, 4.0),
        (20.0, -50.5, -6.2, 2.0, 2.0),
        (25.0, -44.7, -4.4, 2.0, 1.5),
        (31.5, -39.4, -3.0, 1.5, 1.5),
        (40.0, -34.6, -2.0, 1.0, 1.0),
        (50.0, -30.2, -1.3, 1.0, 1.0),
        (63.0, -26.2, -0.8, 1.0, 1.0),
        (80.0, -22.5, -0.5, 1.0, 1.0),
        (100.0, -19.1, -0.3, 1.0, 1.0),
        (125.0, -16.1, -0.2, 1.0, 1.0),
        (160.0, -13.4, -0.1, 1.0, 1.0),
        (200.0, -10.9, 0.0, 1.0, 1.0),
        (250.0, -8.6, 0.0, 1.0, 1.0),
        (315.0, -6.6, 0.0, 1.0, 1.0),
        (400.0, -4.8, 0.0, 1.0, 1.0),
        (500.0, -3.2, 0.0, 1.0, 1.0),
        (630.0, -1.9, 0.0, 1.0, 1.0),
        (800.0, -0.8, 0.0, 1.0, 1.0),
        (1000.0, 0.0, 0.0, 0.7, 0.7),
        (1250.0, 0.6, 0.0, 1.0, 1.0),
        (1600.0, 1.0, -0.1, 1.0, 1.0),
        (2000.0, 1.2, -0.2, 1.0, 1.0),
        (2500.0, 1.3, -0.3, 1.0, 1.0),
        (3150.0, 1.2, -0.5, 1.0, 1.0),
        (4000.0, 1.0, -0.8, 1.0, 1.0),
        (5000.0, 0.5, -1.3, 1.5, 1.5),
        (6300.0, -0.1, -2.0, 1.5, 2.0),
        (8000.0, -1.1, -3.0, 1.5, 2.5),
        (10_000.0, -2.5, -4.4, 2.0, 3.0),
        (12_500.0, -4.3, -6.2, 2.0, 5.0),
        (16_000.0, -6.6, -8.5, 2.5, 16.0),
        (20_000.0, -9.3, -11.2, 3.0, f64::INFINITY),
    ];

    /// The exact frequency of a nominal one: tenths of a decade.
    fn exact(nominal: f64) -> f64 {
        1000.0 * 10_f64.powf((10.0 * (nominal / 1000.0).log10()).round() / 10.0)
    }

    #[test]
    fn weightings_are_those_of_the_standards_table() {
        for (nominal, a, c, ..) in TABLE {
            // The table is rounded to a tenth.
            for (weighting, want) in [(Weighting::A, a), (Weighting::C, c), (Weighting::Z, 0.0)] {
                let got = weighting.gain_db(exact(nominal));
                assert!((got - want).abs() < 0.051, "{weighting:?} at {nominal} Hz: {got} is not {want}");
            }
        }
    }

    #[test]
    fn filters_keep_the_limits_of_class_1_at_every_rate() {
        for rate in [8000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000] {
            for weighting in [Weighting::A, Weighting::C, Weighting::Z] {
                let filter = WeightingFilter::new(weighting, SampleRate::new(rate).unwrap());
                let heard = TABLE.iter().filter(|row| exact(row.0) < 0.48 * f64::from(rate));
                for (nominal, .., above, below) in heard {
                    let off = filter.gain_db(exact(*nominal), f64::from(rate)) - weighting.gain_db(exact(*nominal));
                    assert!(-below <= off && off <= *above, "{weighting:?} at {nominal} Hz of {rate}: off by {off} dB");
                }
            }
        }
    }

    #[test]
    fn what_comes_out_has_that_gain() {
        let rate = 16_000;
        for (weighting, hz) in
            [(Weighting::A, 100.0), (Weighting::A, 4000.0), (Weighting::C, 5000.0), (Weighting::Z, 30.0)]
        {
            let mut filter = WeightingFilter::new(weighting, SampleRate::new(rate).unwrap());
            let tone = |n: u32| (2.0 * PI * hz * f64::from(n) / f64::from(rate)).sin();
            let heard: Vec<f64> = (0..2 * rate).map(|n| filter.step(tone(n))).collect();
            let power = heard[rate as usize..].iter().map(|y| y * y).sum::<f64>() / f64::from(rate);
            let got = 10.0 * (2.0 * power).log10();
            let want = filter.gain_db(hz, f64::from(rate));
            assert!((got - want).abs() < 0.01, "{weighting:?} at {hz} Hz: {got} is not {want}");
        }
    }
}
