//! How loud: RMS and peak in dB relative to full scale.
//!
//! 0 dBFS is an amplitude of 1. A full-scale sine so has a peak of 0 dBFS and an RMS of -3.01 dBFS (its RMS amplitude is
//! `1/√2`); only a full-scale square wave has an RMS of 0 dBFS.

/// The lowest level told, in dBFS; digital silence has it too.
pub const FLOOR_DBFS: f32 = -120.0;

/// The loudness of a stretch of samples, in dBFS and never below [`FLOOR_DBFS`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square of the amplitude.
    pub rms_dbfs: f32,
    /// Largest amplitude, of either sign.
    pub peak_dbfs: f32,
}

/// Measures the level of what was pushed since it was last read; the chunking does not matter.
#[derive(Debug, Clone, Default)]
pub struct LevelMeter {
    square_sum: f64,
    peak: f32,
    n_samples: u64,
}

impl LevelMeter {
    /// A meter that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more samples. NaN and infinities count as silence.
    pub fn push(&mut self, samples: &[f32]) {
        for &sample in samples {
            if sample.is_finite() {
                self.square_sum += f64::from(sample) * f64::from(sample);
                self.peak = self.peak.max(sample.abs());
            }
        }
        self.n_samples += samples.len() as u64;
    }

    /// The level of everything since the last [`take`](Self::take); the floor where there was nothing.
    #[must_use]
    pub fn level(&self) -> Level {
        let mean_square = if self.n_samples == 0 { 0.0 } else { self.square_sum / self.n_samples as f64 };
        Level { rms_dbfs: dbfs(mean_square.sqrt()), peak_dbfs: dbfs(f64::from(self.peak)) }
    }

    /// The level, and begins anew.
    pub fn take(&mut self) -> Level {
        let level = self.level();
        *self = Self::default();
        level
    }
}

/// The level of `samples` as one stretch.
#[must_use]
pub fn level(samples: &[f32]) -> Level {
    let mut meter = LevelMeter::new();
    meter.push(samples);
    meter.level()
}

fn dbfs(amplitude: f64) -> f32 {
    ((20.0 * amplitude.log10()) as f32).max(FLOOR_DBFS)
}

/// The amplitude ratio of `db` decibels.
#[must_use]
pub fn from_db(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_peaks_at_0_and_has_3_db_less_in_rms() {
        let sine: Vec<f32> = (0..1000).map(|i| (std::f32::consts::TAU * i as f32 / 100.0).sin()).collect();
        let level = level(&sine);
        assert!((level.rms_dbfs + 3.0103).abs() < 1e-3, "{level:?}");
        assert!(level.peak_dbfs.abs() < 1e-3, "{level:?}");
    }

    #[test]
    fn silence_nothing_and_nan_are_the_floor() {
        let floor = Level { rms_dbfs: FLOOR_DBFS, peak_dbfs: FLOOR_DBFS };
        assert_eq!(level(&[0.0; 10]), floor);
        assert_eq!(level(&[]), floor);
        assert_eq!(level(&[f32::NAN, f32::INFINITY]), floor);
    }

    #[test]
    fn a_meter_adds_up_and_begins_anew_when_taken() {
        let mut meter = LevelMeter::new();
        meter.push(&[1.0, 0.0]);
        meter.push(&[0.0, -0.5]);
        assert_eq!(meter.take(), level(&[1.0, 0.0, 0.0, -0.5]));
        assert_eq!(meter.level().peak_dbfs, FLOOR_DBFS);
    }
}
