//! Sound levels by the second: LAeq, LAFmax, LCeq and LZeq (IEC 61672-1).

use super::weighting::{Weighting, WeightingFilter};
use crate::units::{SampleRate, SecondLevels};

/// Time constant of the weighting F, in seconds.
const FAST_SECS: f64 = 0.125;
/// The lowest level told without calibration; digital silence has it too.
const FLOOR_DB: f64 = -160.0;

/// Measures the levels of every whole second of a stream; the chunking does not matter.
#[derive(Debug, Clone)]
pub struct SoundLevelMeter {
    second: u64,
    calibration_db: f64,
    filters: [WeightingFilter; 2],
    /// What is left of the F-weighted level after a sample.
    kept: f64,
    fast: f64,
    /// Where the stream is, in samples.
    position: u64,
    /// The second under way, or none where some of it is missing.
    sums: Option<Sums>,
}

/// Squares of a second.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    a: f64,
    c: f64,
    z: f64,
    fast_max: f64,
}

impl SoundLevelMeter {
    /// A meter at the beginning of a stream. `calibration_db` is added to every level: the sound pressure level of what has a
    /// mean square of 1.
    #[must_use]
    pub fn new(rate: SampleRate, calibration_db: f64) -> Self {
        Self {
            second: u64::from(rate.hz()),
            calibration_db,
            filters: [Weighting::A, Weighting::C].map(|weighting| WeightingFilter::new(weighting, rate)),
            kept: (-1.0 / (FAST_SECS * f64::from(rate.hz()))).exp(),
            fast: 0.0,
            position: 0,
            sums: Some(Sums::default()),
        }
    }

    /// Takes the next samples and appends the seconds that are over, each with its number from the stream's beginning. A
    /// sample that is no number counts as silence.
    pub fn push(&mut self, samples: &[f32], over: &mut Vec<(u64, SecondLevels)>) {
        for &sample in samples {
            let z = if sample.is_finite() { f64::from(sample) } else { 0.0 };
            let [a, c] = self.filters.each_mut().map(|filter| filter.step(z));
            self.fast = self.kept * self.fast + (1.0 - self.kept) * a * a;
            if let Some(sums) = &mut self.sums {
                sums.a += a * a;
                sums.c += c * c;
                sums.z += z * z;
                sums.fast_max = sums.fast_max.max(self.fast);
            }
            self.position += 1;
            if self.position.is_multiple_of(self.second) {
                let levels = self.sums.replace(Sums::default()).map(|sums| self.levels(&sums));
                over.extend(levels.map(|levels| (self.position / self.second - 1, levels)));
            }
        }
    }

    /// Passes over `n` samples that are missing: the seconds that they are in have no levels.
    pub fn gap(&mut self, n: u64) {
        if n == 0 {
            return;
        }
        self.position += n;
        self.fast = 0.0;
        self.sums = self.position.is_multiple_of(self.second).then(Sums::default);
    }

    fn levels(&self, sums: &Sums) -> SecondLevels {
        let mean = |sum: f64| self.level(sum / self.second as f64);
        SecondLevels {
            laeq_db: mean(sums.a),
            lafmax_db: self.level(sums.fast_max),
            lceq_db: mean(sums.c),
            lzeq_db: mean(sums.z),
        }
    }

    fn level(&self, mean_square: f64) -> f32 {
        ((10.0 * mean_square.log10()).max(FLOOR_DB) + self.calibration_db) as f32
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RATE: u32 = 16_000;

    fn tone(hz: f32, amplitude: f32, secs: f32) -> Vec<f32> {
        let n = (secs * RATE as f32) as usize;
        (0..n).map(|i| amplitude * (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin()).collect()
    }

    fn meter() -> SoundLevelMeter {
        SoundLevelMeter::new(SampleRate::new(RATE).unwrap(), 100.0)
    }

    fn measured(chunks: &[&[f32]]) -> Vec<(u64, SecondLevels)> {
        let (mut meter, mut over) = (meter(), Vec::new());
        chunks.iter().for_each(|chunk| meter.push(chunk, &mut over));
        over
    }

    #[test]
    fn tones_have_their_weighted_levels() {
        // A full-scale sine has a mean square of a half.
        let over = measured(&[&tone(1000.0, 1.0, 3.0)]);
        assert_eq!(over.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [0, 1, 2]);
        let settled = over[2].1;
        for level in [settled.laeq_db, settled.lafmax_db, settled.lceq_db, settled.lzeq_db] {
            assert!((level - 96.99).abs() < 0.03, "{settled:?}");
        }
        let low = measured(&[&tone(100.0, 0.1, 3.0)])[2].1;
        assert!((low.laeq_db - (76.99 - 19.1)).abs() < 0.15, "{low:?}");
        assert!((low.lceq_db - (76.99 - 0.3)).abs() < 0.15 && (low.lzeq_db - 76.99).abs() < 0.02, "{low:?}");
    }

    #[test]
    fn a_burst_has_the_fast_level_of_the_standard() {
        // IEC 61672-1, table 4: a burst of 4 kHz that lasts 50 ms reaches 4.8 dB less than the tone that goes on, ±1 dB.
        let mut burst = tone(4000.0, 0.5, 0.05);
        burst.resize(RATE as usize, 0.0);
        let on = measured(&[&tone(4000.0, 0.5, 3.0)])[2].1;
        let difference = measured(&[&burst])[0].1.lafmax_db - on.lafmax_db;
        assert!((difference + 4.8).abs() < 0.3, "{difference}");
        // The mean of the second is 13 dB less.
        let mean = measured(&[&burst])[0].1.laeq_db - on.laeq_db;
        assert!((mean + 13.0).abs() < 0.1, "{mean}");
    }

    #[test]
    fn chunks_make_no_difference_and_gaps_leave_seconds_out() {
        let sound = tone(440.0, 0.3, 4.5);
        let whole = measured(&[&sound]);
        assert_eq!(whole.len(), 4);
        let chunks: Vec<&[f32]> = sound.chunks(777).collect();
        assert_eq!(measured(&chunks), whole);

        let (mut meter, mut over) = (meter(), Vec::new());
        meter.push(&sound[..20_000], &mut over);
        meter.gap(4_000);
        meter.push(&sound, &mut over);
        // Second 1 is half there.
        let seconds: Vec<u64> = over.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 2, 3, 4, 5]);
        meter.gap(0);
        meter.push(&[f32::NAN; 32_000], &mut over);
        assert!(over.iter().all(|(_, levels)| levels.laeq_db.is_finite()));
        assert!((over.last().unwrap().1.lzeq_db - (100.0 - 160.0)).abs() < 1e-3, "silence has the floor");
    }
}
