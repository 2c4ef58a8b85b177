//! A mask of bins as one of bands.

use crate::dsp::MelFilterbank;

/// A mask `[n_frames, n_bins]` averaged over the bins of each band by the band's weights, `[n_frames, n_mels]`. A band too
/// narrow to hold a bin takes the mask of the bin next to it.
#[must_use]
pub(crate) fn mel_mask(mask: &[f32], bank: &MelFilterbank) -> Vec<f32> {
    let n_bins = bank.n_bins();
    // Of an empty band, the bank's first bin lies one behind the bin above it.
    let beside = |band: usize| bank.weights(band).0.saturating_sub(1).min(n_bins - 1);
    let mean = |row: &[f32], band: usize| bank.mean(band, row).unwrap_or_else(|| row[beside(band)]);
    mask.chunks_exact(n_bins).flat_map(|row| (0..bank.n_mels()).map(|band| mean(row, band))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::dsp::{MelNorm, MelParams, MelScale};
    use crate::units::SampleRate;

    #[test]
    fn a_band_has_the_mean_of_its_bins_by_weight() {
        let params =
            MelParams { n_mels: 128, scale: MelScale::Htk, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 4000.0 };
        let bank = MelFilterbank::new(&params, SampleRate::new(8000).unwrap(), 256).unwrap();
        let empty: Vec<usize> = (0..128).filter(|&b| bank.weights(b).1.is_empty()).collect();
        assert!(!empty.is_empty(), "a bank with a band between two bins is wanted");
        // The mask of a bin is its number: a band's is the centroid of its weights, so it rises with the band.
        let row: Vec<f32> = (0..129).map(|b| b as f32).collect();
        let mels = mel_mask(&[row, vec![1.0; 129]].concat(), &bank);
        assert_eq!(mels.len(), 256);
        assert!(mels[..128].windows(2).all(|w| w[0] <= w[1] + 1e-3), "{:?}", &mels[..128]);
        let (first, weights) = bank.weights(120);
        let centroid =
            weights.iter().zip(first..).map(|(w, b)| w * b as f32).sum::<f32>() / weights.iter().sum::<f32>();
        assert!((mels[120] - centroid).abs() < 1e-3);
        assert!(mels[128..].iter().all(|m| (m - 1.0).abs() < 1e-6));
    }
}
