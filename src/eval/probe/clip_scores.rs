//! What each method says of one clip, for a page that shows them side by side.

use super::batch::{Pool, hear};
use super::input_map::mel_mask;
use crate::Result;
use crate::dsp::FrontEnd;
use crate::eval::faithfulness::{Keep, Listener};
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::units::ClassId;

/// One clip and what the methods say of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipScores {
    /// The classifier's input, `[n_frames, n_mels]`.
    pub features: Vec<f32>,
    /// The class that the classifier puts first: the one that is explained.
    pub class: usize,
    /// Its probability.
    pub prob: f32,
    /// In the methods' order.
    pub methods: Vec<MethodScores>,
}

/// One method on one clip.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodScores {
    /// The method's name.
    pub method: String,
    /// The mask averaged over each mel band, `[n_frames, n_mels]`, 0…1.
    pub mask: Vec<f32>,
    /// The class's probability on what the mask covers.
    pub prob_in: f32,
    /// The class's probability on what is left without it.
    pub prob_out: f32,
    /// Whether the class is first on what the mask covers, too.
    pub agrees: bool,
}

/// Explains one clip by each of `methods` (as [`crate::interpret::methods`] names them).
///
/// # Errors
/// Where a method cannot be loaded or fails.
pub fn clip_scores(package: &Package, methods: &[String], clip: &[f32], seed: u64) -> Result<ClipScores> {
    let classifier = Classifier::load(package)?;
    let front_end = FrontEnd::new(classifier.front_end())?;
    let heard = hear(&classifier, &[clip])?.remove(0);
    let class = heard.classified.top();
    let mut listener = Listener::new(&classifier)?;
    let prob = |probs: &[f32]| probs.get(class).copied().unwrap_or(0.0);
    let mut scores = Vec::with_capacity(methods.len());
    for method in methods {
        let explanation = Pool::new(package, method, seed).with(|interpreter| interpreter.explain(&heard.segment()))?;
        let mask = explanation.whole_mask(ClassId(class));
        let inside = listener.classify_masked(&heard, &mask, Keep::Inside)?;
        let outside = listener.classify_masked(&heard, &mask, Keep::Outside)?;
        scores.push(MethodScores {
            method: method.clone(),
            mask: mel_mask(&mask, front_end.bank()),
            prob_in: prob(&inside.probs),
            prob_out: prob(&outside.probs),
            agrees: inside.top() == class,
        });
    }
    Ok(ClipScores { prob: prob(&heard.classified.probs), class, features: heard.features, methods: scores })
}
