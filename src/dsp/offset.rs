//! A constant offset, as cheap converters and unconnected inputs have it, is no sound: levels are taken without it.

use crate::units::SampleRate;

/// How quickly the offset is followed, as the corner of a high-pass of first order. A tone of 50 Hz loses 0.04 dB.
const CORNER_HZ: f64 = 5.0;

/// Takes the offset away: the mean of what came last, which grows longer up to 1/30 s, so that a stream that begins with an
/// offset does not begin with a bump.
#[derive(Debug, Clone)]
pub struct OffsetFilter {
    /// Share of the newest sample in the mean, once the mean is as long as it gets.
    share: f64,
    mean: f64,
    /// Samples so far, as long as they matter.
    n_samples: f64,
}

impl OffsetFilter {
    /// A filter for samples at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        let share = 1.0 - (-std::f64::consts::TAU * CORNER_HZ / f64::from(rate.hz())).exp();
        Self { share, mean: 0.0, n_samples: 0.0 }
    }

    /// The next sample, without the offset. What is not finite becomes 0 and leaves no trace.
    #[must_use]
    pub fn next(&mut self, sample: f32) -> f32 {
        if !sample.is_finite() {
            return 0.0;
        }
        let sample = f64::from(sample);
        self.n_samples = (self.n_samples + 1.0).min(1.0 / self.share);
        self.mean += (sample - self.mean) / self.n_samples;
        (sample - self.mean) as f32
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dsp::level;

    fn filtered(hz: u32, samples: impl IntoIterator<Item = f32>) -> Vec<f32> {
        let mut filter = OffsetFilter::new(SampleRate::new(hz).unwrap());
        samples.into_iter().map(|x| filter.next(x)).collect()
    }

    #[test]
    fn sound_keeps_its_level_from_50_hz_on_whatever_its_offset() {
        for hz in [8000, 22_050, 192_000] {
            for (tone_hz, offset) in [(50.0, 0.0), (50.0, 0.3), (440.0, -0.5), (3000.0, 0.25)] {
                let step = tone_hz / f64::from(hz) * std::f64::consts::TAU;
                let tone = |i: u32| (0.1 * (step * f64::from(i)).sin()) as f32;
                // From the first half second on; there are whole periods.
                let out = filtered(hz, (0..2 * hz).map(|i| tone(i) + offset));
                for part in out.chunks(hz as usize / 2) {
                    let lost = level(part).rms_dbfs + 23.0103;
                    assert!(lost.abs() < 0.1, "{tone_hz} Hz at {hz} Hz with {offset}: {lost} dB");
                }
            }
        }
    }

    #[test]
    fn an_offset_is_silence_from_the_first_sample_on() {
        for offset in [0.25, -1.0, 0.3] {
            assert_eq!(level(&filtered(22_050, vec![offset; 5000])).rms_dbfs, -120.0, "{offset}");
        }
        // One bit of noise is all there is.
        let noise = (0..22_050_u32).map(|i| (8192 + (i.wrapping_mul(2_654_435_761) >> 31)) as f32 / 32_768.0);
        let level = level(&filtered(22_050, noise));
        assert!(level.rms_dbfs < -90.0 && level.peak_dbfs < -85.0, "{level:?}");
    }

    #[test]
    fn a_resampler_that_begins_from_nothing_makes_no_bump() {
        let mut resampler =
            crate::dsp::StreamingResampler::new(SampleRate::new(48_000).unwrap(), SampleRate::new(22_050).unwrap())
                .unwrap();
        let mut out = Vec::new();
        resampler.push(&[0.25; 48_000], &mut out);
        let first_half_second = level(&filtered(22_050, out.iter().copied().take(11_025)));
        assert!(first_half_second.rms_dbfs < -45.0, "{first_half_second:?}");
    }

    #[test]
    fn what_is_not_finite_leaves_no_trace() {
        let out = filtered(8000, [0.5, f32::NAN, f32::INFINITY, 0.5, 0.5]);
        assert_eq!(out, [0.0; 5]);
    }
}
