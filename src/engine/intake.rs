//! What happens to an input's samples before the model hears them: their levels are measured, what is below a frequency is taken
//! away, they become louder, and they come to the model's rate.

use crate::Result;
use crate::audio::source::Conditioning;
use crate::dsp::{HighPass, SoundLevelMeter, StreamingResampler};
use crate::units::{SampleRate, SecondLevels};

/// An input's way to the model.
pub(super) struct Intake {
    /// Of the sound as it comes from the microphone.
    meter: Option<SoundLevelMeter>,
    /// Seconds that nobody has taken yet.
    levels: Vec<(u64, SecondLevels)>,
    highpass: Option<HighPass>,
    /// What every sample is multiplied by.
    gain: f32,
    resampler: StreamingResampler,
}

impl Intake {
    /// From `rate` to `model_rate`.
    pub(super) fn new(conditioning: Conditioning, rate: SampleRate, model_rate: SampleRate) -> Result<Self> {
        let Conditioning { highpass_hz, gain_db, levels_db } = conditioning;
        Ok(Self {
            meter: levels_db.map(|calibration_db| SoundLevelMeter::new(rate, calibration_db)),
            levels: Vec::new(),
            highpass: (highpass_hz > 0.0).then(|| HighPass::new(highpass_hz, rate)),
            gain: 10_f64.powf(gain_db / 20.0) as f32,
            resampler: StreamingResampler::new(rate, model_rate)?,
        })
    }

    /// Takes samples, which it changes, and appends what the model hears of them.
    pub(super) fn hear(&mut self, samples: &mut [f32], queue: &mut Vec<f32>) {
        if let Some(meter) = &mut self.meter {
            meter.push(samples, &mut self.levels);
        }
        if let Some(highpass) = &mut self.highpass {
            highpass.filter(samples);
        }
        if self.gain != 1.0 {
            samples.iter_mut().for_each(|sample| *sample *= self.gain);
        }
        self.resampler.push(samples, queue);
    }

    /// `n` samples are missing; the model hears silence.
    pub(super) fn hear_silence(&mut self, n: u64, queue: &mut Vec<f32>) {
        self.skip(n);
        let silence = vec![0.0; usize::try_from(n).unwrap_or(0)];
        self.resampler.push(&silence, queue);
    }

    /// `n` samples are missing, which the model does not hear of.
    pub(super) fn skip(&mut self, n: u64) {
        if let Some(meter) = &mut self.meter {
            meter.gap(n);
        }
    }

    /// Appends what the resampler still holds.
    pub(super) fn drain(&mut self, queue: &mut Vec<f32>) {
        self.resampler.finish(queue);
    }

    /// Takes the levels measured since the last call, each second with its number from the stream's beginning.
    pub(super) fn take_levels(&mut self) -> Vec<(u64, SecondLevels)> {
        std::mem::take(&mut self.levels)
    }
}
