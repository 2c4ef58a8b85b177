//! Any method's explanation as a map over the classifier's input, so that methods can be compared there.

use std::sync::Arc;

use super::batch::Pool;
use super::{Clips, Progress};
use crate::dsp::{FrontEnd, MelFilterbank};
use crate::eval::faithfulness::Listener;
use crate::eval::workers::for_each;
use crate::interpret::Explanation;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// The order that knows nothing, for comparison.
pub const RANDOM: &str = "random";
/// The order of magnitudes, which knows the sound but not the network.
pub const AMPLITUDE: &str = "amplitude";

/// Relevance of the classifier's input for `class`, `[n_frames, n_mels]`: the method's own where it attributes to the
/// input (signed), else its mask averaged over the bins of each band (0…1).
#[must_use]
pub fn input_map(explanation: &dyn Explanation, class: ClassId, bank: &MelFilterbank) -> Arc<[f32]> {
    explanation.relevance(class).unwrap_or_else(|| mel_mask(&explanation.whole_mask(class), bank).into())
}

/// A classifier's input, and the relevance of each of its values.
pub type InputMap = (Vec<f32>, Arc<[f32]>);

/// The classifier's input for each clip with what a method (as [`crate::interpret::methods`] names it) finds relevant in it,
/// each `[n_frames, n_mels]`, for the class that the classifier puts first: the true one would tell a classifier that is
/// trained on what the method left what the clip is. Nothing is more relevant than anything else for [`RANDOM`], and for
/// [`AMPLITUDE`] what is larger is.
///
/// # Errors
/// Where the method cannot be loaded or fails.
pub fn input_maps(
    package: &Package,
    method: &str,
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<InputMap>> {
    let classifier = Classifier::load(package)?;
    let front_end = FrontEnd::new(classifier.front_end())?;
    let pool = Pool::new(package, method, seed);
    let one = |i: usize| -> Result<InputMap> {
        let heard = Listener::new(&classifier)?.hear(clips[i])?;
        let class = ClassId(heard.classified.top());
        let map = if method == RANDOM {
            vec![0.0; heard.features.len()].into()
        } else if method == AMPLITUDE {
            heard.features.iter().map(|x| x.abs()).collect()
        } else {
            let explanation = pool.with(|interpreter| interpreter.explain(&heard.segment()))?;
            input_map(explanation.as_ref(), class, front_end.bank())
        };
        if map.len() != heard.features.len() {
            return Err(Error::bug(format!("{method} gave a relevance of another shape than the input")));
        }
        Ok((heard.features, map))
    };
    for_each(clips.len(), one, progress)
}

/// A mask `[n_frames, n_bins]` averaged over the bins of each band by the band's weights, `[n_frames, n_mels]`. A band so
/// narrow that no bin lies in it has the mask of the bin next to it.
#[must_use]
pub fn mel_mask(mask: &[f32], bank: &MelFilterbank) -> Vec<f32> {
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
