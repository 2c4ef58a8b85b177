//! Feature columns as levels in dB, for pictures: a full-scale sine is 0 dB in the band it lies in.

use std::f64::consts::TAU;

use crate::dsp::{
    self, Compression, FrontEnd, FrontEndParams, MelFilterbank, MelScale, SpectrumPower, StftParams, WindowKind,
    window_weights,
};
use crate::{Error, Result};

/// Lowest level told, in dB.
pub(super) const FLOOR_DB: f32 = -120.0;

/// From a model's feature values to dB.
#[derive(Debug, Clone)]
pub struct LevelScale {
    compression: Compression,
    /// 10 for power, 20 for magnitude.
    db_per_decade: f32,
    /// What a full-scale sine has in each band, in dB of the band's own unit.
    reference_db: Vec<f32>,
    /// The transform of a column of samples, for front ends that have no bands.
    of_samples: Option<StftParams>,
}

impl LevelScale {
    /// The scale of a front end.
    ///
    /// # Errors
    /// As the front end itself.
    pub fn new(params: &FrontEndParams, bank: &MelFilterbank) -> Result<Self> {
        let db_per_decade = match params.power {
            SpectrumPower::Power => 10.0,
            SpectrumPower::Magnitude => 20.0,
        };
        if params.mel.scale == MelScale::Samples {
            return Ok(Self::of_samples(params));
        }
        let n_fft = params.stft.n_fft;
        let front_end =
            FrontEnd::new(&FrontEndParams { stft: StftParams { centred: false, ..params.stft }, ..*params })?;
        let mut reference_db = Vec::with_capacity(bank.n_mels());
        let mut bands = vec![0.0; bank.n_mels()];
        for band in 0..bank.n_mels() {
            // A sine on the bin that the band weighs most.
            let (first, weights) = bank.weights(band);
            let Some(best) = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b])) else {
                reference_db.push(0.0);
                continue;
            };
            let step = TAU * (first + best) as f64 / n_fft as f64;
            let sine: Vec<f32> = (0..n_fft).map(|n| (step * n as f64).cos() as f32).collect();
            let spectrum: Vec<f32> = front_end
                .frames(&sine)?
                .frames
                .iter()
                .map(|x| if params.power == SpectrumPower::Power { x.norm_sqr() } else { x.norm() })
                .collect();
            if spectrum.len() != bank.n_bins() {
                return Err(Error::bug("a frame of n_fft samples did not give one frame"));
            }
            bank.apply(&spectrum, &mut bands);
            reference_db.push(db_per_decade * bands[band].max(f32::MIN_POSITIVE).log10());
        }
        Ok(Self { compression: params.compression, db_per_decade, reference_db, of_samples: None })
    }

    /// Columns of n samples are shown as n values of their spectrum, from 0 Hz to half the sample rate.
    fn of_samples(params: &FrontEndParams) -> Self {
        let n = params.mel.n_mels;
        let stft = StftParams { n_fft: 2 * n, hop: n, win_length: n, window: WindowKind::Hann, centred: false };
        let full_scale = window_weights(stft.window, n).iter().sum::<f32>() / 2.0;
        Self {
            compression: params.compression,
            db_per_decade: 20.0,
            reference_db: vec![20.0 * full_scale.max(f32::MIN_POSITIVE).log10(); n],
            of_samples: Some(stft),
        }
    }

    /// Levels of feature columns `[n, n_mels]`, in dB and never below [`FLOOR_DB`].
    #[must_use]
    pub fn levels(&self, features: &[f32]) -> Vec<f32> {
        let n_mels = self.reference_db.len().max(1);
        let spectra;
        let features = match &self.of_samples {
            Some(stft) => {
                spectra = magnitudes(stft, features);
                &spectra
            }
            None => features,
        };
        let columns = features.chunks_exact(n_mels);
        columns
            .flat_map(|c| c.iter().zip(&self.reference_db).map(|(v, reference)| self.level(*v, *reference)))
            .collect()
    }

    fn level(&self, value: f32, reference_db: f32) -> f32 {
        let decades = match self.compression {
            Compression::Log10 { scale, offset, .. } => (value - offset) / scale,
            Compression::Db { .. } => value / 10.0,
            Compression::Ln { floor, scale, offset } => {
                (((value - offset) / scale).exp() - floor).max(f32::MIN_POSITIVE).log10()
            }
            Compression::None => value.max(f32::MIN_POSITIVE).log10(),
            Compression::Log1p => value.exp_m1().max(f32::MIN_POSITIVE).log10(),
        };
        (self.db_per_decade * decades - reference_db).max(FLOOR_DB)
    }
}

/// Magnitudes of the spectrum of every column of samples, as many as it has samples.
fn magnitudes(stft: &StftParams, samples: &[f32]) -> Vec<f32> {
    let n = stft.hop;
    // Each window is centred in its frame, on one column.
    let padded = [&vec![0.0; n / 2][..], samples, &vec![0.0; n - n / 2][..]].concat();
    // The parameters were made here and fit.
    let frames = dsp::stft(stft, &padded).map(|s| s.frames).unwrap_or_default();
    frames.chunks_exact(stft.n_bins()).flat_map(|frame| frame[..n].iter().map(|x| x.norm_sqr().sqrt())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dsp::{MelNorm, MelParams};
    use crate::units::SampleRate;

    #[test]
    fn a_full_scale_sine_is_0_db_and_a_tenth_of_it_20_db_less() {
        let log10 = Compression::Log10 { floor: 1e-9, scale: 0.4, offset: 0.8 };
        for (power, norm, compression) in [
            (SpectrumPower::Power, MelNorm::None, log10),
            (SpectrumPower::Magnitude, MelNorm::Slaney, log10),
            (SpectrumPower::Power, MelNorm::Slaney, Compression::Db { floor: 1e-9 }),
            (SpectrumPower::Power, MelNorm::None, Compression::Log1p),
        ] {
            let params = FrontEndParams {
                sample_rate: SampleRate::new(16_000).unwrap(),
                stft: StftParams { n_fft: 512, hop: 160, win_length: 512, window: WindowKind::Hann, centred: true },
                mel: MelParams { n_mels: 32, scale: MelScale::Htk, norm, f_min_hz: 0.0, f_max_hz: 8000.0 },
                pre_emphasis: 0.0,
                power,
                compression,
            };
            let mut front_end = FrontEnd::new(&params).unwrap();
            let scale = LevelScale::new(&params, front_end.bank()).unwrap();
            // A tone between two bands is in neither fully: take the bin that one band weighs most.
            let (first, weights) = front_end.bank().weights(12);
            let best = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b])).unwrap();
            let step = TAU * (first + best) as f64 / 512.0;
            for (amplitude, want) in [(1.0, 0.0), (0.1, -20.0)] {
                let sine: Vec<f32> = (0..4096).map(|n| amplitude * (step * f64::from(n)).sin() as f32).collect();
                let columns = front_end.batch(&sine).unwrap();
                let levels = scale.levels(&columns[12 * 32..13 * 32]);
                let loudest = levels.iter().copied().fold(f32::MIN, f32::max);
                assert!((loudest - want).abs() < 0.1, "{power:?} {norm:?} {compression:?}: {loudest} dB, not {want}");
            }
            let silence = scale.levels(&front_end.batch(&[0.0; 2000]).unwrap());
            assert!(silence.iter().all(|db| db.is_finite() && *db >= FLOOR_DB && *db < -60.0), "{compression:?}");
        }
    }
}
