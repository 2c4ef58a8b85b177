//! Any method's explanation as a map over the classifier's input, so that methods can be compared there.

use std::sync::Arc;

use super::batch::Pool;
use super::{Clips, Progress};
use crate::dsp::{FrontEnd, MelFilterbank};
use crate::eval::faithfulness::Listener;
use crate::eval::mel_mask::mel_mask;
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
