//! Where a mask is laid: on the STFT, whose masked spectrum can be heard, or on the mel bands that the classifier sees
//! (the two halves of the L-MAC paper's tables).

use serde::Serialize;

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
    /// In the mel domain this is the positive relevance divided by its maximum, for methods that attribute to the classifier's
    /// input; for the others every band gets the mean of the STFT mask over its bins, weighted as the band weights them.
    #[must_use]
    pub fn mask(self, explanation: &dyn Explanation, class: ClassId, bank: &MelFilterbank) -> Vec<f32> {
        let n_frames = explanation.n_frames();
        if self == Self::Mel
            && let Some(relevance) = explanation.relevance(class)
        {
            return positive_share(&relevance);
        }
        let mut mask = vec![0.0; n_frames * explanation.n_bins()];
        explanation.mask(class, 0..n_frames, &mut mask);
        match self {
            Self::Stft => mask,
            Self::Mel => band_means(&mask, bank),
        }
    }
}

/// Positive relevance divided by its maximum; zeros where nothing is positive.
fn positive_share(relevance: &[f32]) -> Vec<f32> {
    let largest = relevance.iter().copied().fold(0.0, f32::max);
    if largest > 0.0 { relevance.iter().map(|r| r.max(0.0) / largest).collect() } else { vec![0.0; relevance.len()] }
}

/// The mean of a mask over each band's bins, weighted by the filterbank: `[n_frames, n_bins]` to `[n_frames, n_mels]`. A
/// band without bins gets 0.
fn band_means(mask: &[f32], bank: &MelFilterbank) -> Vec<f32> {
    let n_mels = bank.n_mels();
    let mut sums = vec![0.0; n_mels];
    bank.apply(&vec![1.0; bank.n_bins()], &mut sums);
    let n_frames = mask.len() / bank.n_bins();
    let mut means = vec![0.0; n_frames * n_mels];
    for (row, out) in mask.chunks_exact(bank.n_bins()).zip(means.chunks_exact_mut(n_mels)) {
        bank.apply(row, out);
        out.iter_mut().zip(&sums).for_each(|(m, sum)| *m = if *sum > 0.0 { (*m / sum).min(1.0) } else { 0.0 });
    }
    means
}

/// Lays a mask on one column of mel sums, before compression: M' = exp(mask · ln(1 + M)) − 1 of the mel magnitude M, which
/// is the root of the sum where `power` says that powers were summed.
pub(super) fn mask_mel(mel: &mut [f32], mask: &[f32], power: SpectrumPower) {
    let masked = |magnitude: f32, mask: f32| (mask * magnitude.ln_1p()).exp_m1();
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dsp::{MelNorm, MelParams, MelScale};
    use crate::units::SampleRate;

    #[test]
    fn a_bands_mask_is_the_weighted_mean_over_its_bins() {
        let params =
            MelParams { n_mels: 3, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 };
        let bank = MelFilterbank::new(&params, SampleRate::new(8000).unwrap(), 32).unwrap();
        let mut mask = vec![1.0; 2 * bank.n_bins()];
        // The second frame's mask is the bin's number.
        mask[bank.n_bins()..].iter_mut().enumerate().for_each(|(bin, m)| *m = bin as f32 / 16.0);
        let means = band_means(&mask, &bank);
        assert_eq!(means[..3], [1.0; 3]);
        for (band, mean) in means[3..].iter().enumerate() {
            let (first, weights) = bank.weights(band);
            let sum: f32 = weights.iter().sum();
            let wanted: f32 = weights.iter().enumerate().map(|(i, w)| w * (first + i) as f32 / 16.0).sum::<f32>() / sum;
            assert!((mean - wanted).abs() < 1e-6 && *mean > 0.0, "{band}: {mean} where {wanted} was wanted");
        }
    }

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

    #[test]
    fn a_relevance_becomes_a_mask_by_its_positive_part() {
        assert_eq!(positive_share(&[-1.0, 0.5, 2.0]), [0.0, 0.25, 1.0]);
        assert_eq!(positive_share(&[-1.0, 0.0]), [0.0, 0.0]);
    }
}
