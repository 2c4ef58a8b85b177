//! A high-pass that takes rumble away: Butterworth of fourth order, 24 dB an octave.

use std::f64::consts::TAU;

use crate::units::SampleRate;

/// The quality of the two sections that make a Butterworth of fourth order: 1 / (2 cos(π/8)) and 1 / (2 cos(3π/8)).
const QUALITIES: [f64; 2] = [0.541_196_100_146_197, 1.306_562_964_876_376_4];

/// Highest corner, as a share of the rate.
const MAX_SHARE: f64 = 0.45;

/// The filter, sample by sample; −3 dB at its corner.
#[derive(Debug, Clone)]
pub struct HighPass {
    sections: [Section; 2],
}

impl HighPass {
    /// A filter at rest, with its corner at `corner_hz` (above 0), or as near to that as `rate` allows.
    #[must_use]
    pub fn new(corner_hz: f64, rate: SampleRate) -> Self {
        let share = (corner_hz / f64::from(rate.hz())).clamp(f64::MIN_POSITIVE, MAX_SHARE);
        Self { sections: QUALITIES.map(|quality| Section::new(share, quality)) }
    }

    /// The next sample, filtered. What is not finite becomes 0 and leaves no trace.
    #[must_use]
    pub fn next(&mut self, sample: f32) -> f32 {
        if !sample.is_finite() {
            return 0.0;
        }
        self.sections.iter_mut().fold(f64::from(sample), |x, section| section.next(x)) as f32
    }

    /// Filters samples in place.
    pub fn filter(&mut self, samples: &mut [f32]) {
        samples.iter_mut().for_each(|sample| *sample = self.next(*sample));
    }
}

/// Two poles and two zeros (bilinear transform with the corner kept), in the transposed direct form II.
#[derive(Debug, Clone)]
struct Section {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Section {
    fn new(share: f64, quality: f64) -> Self {
        let (sin, cos) = (TAU * share).sin_cos();
        let alpha = sin / (2.0 * quality);
        let a0 = 1.0 + alpha;
        let b1 = -(1.0 + cos) / a0;
        Self { b: [-b1 / 2.0, b1, -b1 / 2.0], a: [-2.0 * cos / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    fn next(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state = [self.b[1] * x - self.a[0] * y + self.state[1], self.b[2] * x - self.a[1] * y];
        // What fades away becomes 0 before it is so small that the processor slows down.
        self.state.iter_mut().filter(|s| s.abs() < 1e-30).for_each(|s| *s = 0.0);
        y
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dsp::level;

    /// How much of a tone is lost, in dB, once the filter has settled.
    fn lost_db(corner_hz: f64, hz: u32, tone_hz: f64) -> f32 {
        let mut filter = HighPass::new(corner_hz, SampleRate::new(hz).unwrap());
        let step = tone_hz / f64::from(hz) * TAU;
        let tone: Vec<f32> = (0..4 * hz).map(|i| filter.next((0.5 * (step * f64::from(i)).sin()) as f32)).collect();
        level(&tone[2 * hz as usize..]).rms_dbfs + 9.0309
    }

    #[test]
    fn rumble_is_lost_and_sound_is_not() {
        for hz in [8000, 22_050, 192_000] {
            assert!((lost_db(30.0, hz, 30.0) + 3.01).abs() < 0.02);
            assert!(lost_db(30.0, hz, 15.0) < -24.0 && lost_db(30.0, hz, 7.5) < -48.0);
            assert!(lost_db(30.0, hz, 60.0).abs() < 0.05 && lost_db(30.0, hz, 1000.0).abs() < 0.01);
        }
    }

    #[test]
    fn any_chunking_gives_the_same_and_what_is_not_finite_leaves_no_trace() {
        let samples: Vec<f32> = (0..5000).map(|i| ((i * i % 977) as f32 / 977.0) - 0.5).collect();
        let rate = SampleRate::new(16_000).unwrap();
        let mut whole = samples.clone();
        HighPass::new(120.0, rate).filter(&mut whole);
        for chunk in [1, 7, 1000] {
            let (mut pieces, mut filter) = (samples.clone(), HighPass::new(120.0, rate));
            pieces.chunks_mut(chunk).for_each(|chunk| filter.filter(chunk));
            assert_eq!(pieces, whole);
        }
        let mut filter = HighPass::new(120.0, rate);
        assert_eq!([f32::NAN, f32::INFINITY, 0.0].map(|x| filter.next(x)), [0.0; 3]);
        // A corner beyond what the rate can carry is as high as can be.
        let mut high = samples;
        HighPass::new(1e9, rate).filter(&mut high);
        assert!(high.iter().all(|x| x.is_finite()));
    }
}
