//! Where a mask is laid: on the STFT, whose masked spectrum can be heard, or on the mel bands that the classifier sees
//! (the two halves of the L-MAC paper's tables).

use serde::Serialize;

use super::mel_mask::mel_mask;
use crate::dsp::{MaskScale, MelFilterbank, SpectrumPower};
use crate::interpret::Explanation;
use crate::units::ClassId;

/// Where a mask is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// On the STFT, `[n_frames, n_bins]`: "STFT→Mel" in the paper.
    Stft,
    /// On the mel magnitudes, `[n_frames, n_mels]`.
    Mel,
}

impl Domain {
    /// Its name in commands and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stft => "stft",
            Self::Mel => "mel",
        }
    }

    /// The mask that an explanation gives for `class` here, `[n_frames, n_bins or n_mels]`, each 0…1.
    ///
    /// In the mel domain this is what the STFT mask is made of, where it is made of a mask of bands
    /// ([`Explanation::band_mask`]); otherwise every band gets the mean of the STFT mask over its bins, weighted as the band
    /// weights them.
    #[must_use]
    pub fn mask(self, explanation: &dyn Explanation, class: ClassId, bank: &MelFilterbank) -> Vec<f32> {
        match self {
            Self::Stft => explanation.whole_mask(class),
            Self::Mel => match explanation.band_mask(class) {
                Some(bands) => bands,
                // A mean of ones may be a little more than 1 by rounding.
                None => mel_mask(&explanation.whole_mask(class), bank).into_iter().map(|m| m.min(1.0)).collect(),
            },
        }
    }
}

/// Lays a mask on one column of mel sums, before compression: on the mel magnitude, which is the root of the sum where
/// `power` says that powers were summed.
pub(super) fn mask_mel(mel: &mut [f32], mask: &[f32], scale: MaskScale, power: SpectrumPower) {
    // Samples have a sign.
    let masked = |magnitude: f32, mask: f32| scale.apply(magnitude.abs(), mask).copysign(magnitude);
    for (mel, mask) in mel.iter_mut().zip(mask) {
        *mel = match power {
            // A root and its square are not the number itself.
            _ if *mask >= 1.0 => *mel,
            SpectrumPower::Magnitude => masked(*mel, *mask),
            SpectrumPower::Power => masked(mel.sqrt(), *mask).powi(2),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import numpy as np
    /// print(np.expm1(0.5 * np.log1p(np.sqrt(9.0))) ** 2, np.expm1(0.25 * np.log1p(9.0)))
    /// ```
    #[test]
    fn a_mel_mask_acts_on_the_magnitude_or_its_logarithm() {
        let mut gained = [9.0, 9.0];
        mask_mel(&mut gained, &[0.5, 1.0], MaskScale::Gain, SpectrumPower::Power);
        assert_eq!(gained, [2.25, 9.0]);
        let mut power = [9.0, 9.0, 9.0];
        mask_mel(&mut power, &[0.5, 0.0, 1.0], MaskScale::Log, SpectrumPower::Power);
        assert!((power[0] - 1.0).abs() < 1e-6 && power[1] == 0.0 && power[2] == 9.0, "{power:?}");
        let mut magnitude = [9.0];
        mask_mel(&mut magnitude, &[0.25], MaskScale::Log, SpectrumPower::Magnitude);
        assert!((magnitude[0] - 0.778_279_4).abs() < 1e-6, "{magnitude:?}");
    }
}
