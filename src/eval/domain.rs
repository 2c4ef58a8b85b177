//! Where a mask is laid: on the STFT, whose masked spectrum can be heard, or on the mel bands that the classifier sees
//! (the two halves of the L-MAC paper's tables).

use serde::Serialize;

use super::probe::input_map::mel_mask;
use crate::dsp::{MelFilterbank, SpectrumPower};
use crate::interpret::Explanation;
use crate::units::ClassId;

/// Where a mask is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// On ln(1 + |X|), `[n_frames, n_bins]`: "STFT→Mel" in the paper.
    Stft,
    /// On ln(1 + M), M the mel magnitude, `[n_frames, n_mels]`.
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

/// Lays a mask on one column of mel sums, before compression: M' = exp(mask · ln(1 + M)) − 1 of the mel magnitude M, which
/// is the root of the sum where `power` says that powers were summed.
pub(super) fn mask_mel(mel: &mut [f32], mask: &[f32], power: SpectrumPower) {
    // Samples have a sign.
    let masked = |magnitude: f32, mask: f32| (mask * magnitude.abs().ln_1p()).exp_m1().copysign(magnitude);
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
    fn a_mel_mask_acts_on_the_logarithm_of_the_magnitude() {
        let mut power = [9.0, 9.0, 9.0];
        mask_mel(&mut power, &[0.5, 0.0, 1.0], SpectrumPower::Power);
        assert!((power[0] - 1.0).abs() < 1e-6 && power[1] == 0.0 && power[2] == 9.0, "{power:?}");
        let mut magnitude = [9.0];
        mask_mel(&mut magnitude, &[0.25], SpectrumPower::Magnitude);
        assert!((magnitude[0] - 0.778_279_4).abs() < 1e-6, "{magnitude:?}");
    }
}
