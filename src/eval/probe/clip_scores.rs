//! What each method says of one clip, for a page that shows them side by side.

use crate::Result;
use crate::dsp::FrontEnd;
use crate::eval::faithfulness::{Keep, Listener};
use crate::eval::mel_mask::mel_mask;
use crate::interpret::{Interpreter, methods};
use crate::model::classifier::Classifier;
use crate::model::device::ComputeDevice;
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

/// A model and methods, loaded once for all the clips that are to be scored.
pub struct ClipScorer<'a> {
    listener: Listener<'a>,
    front_end: FrontEnd,
    methods: Vec<(&'a str, Box<dyn Interpreter>)>,
}

impl<'a> ClipScorer<'a> {
    /// Loads each of `methods` (as [`crate::interpret::methods`] names them).
    ///
    /// # Errors
    /// Where a method cannot be loaded.
    pub fn new(package: &Package, classifier: &'a Classifier, methods: &'a [String], seed: u64) -> Result<Self> {
        let load = |method: &'a String| {
            let interpreter = methods::load(package, method, &ComputeDevice::cpu(), seed)?;
            Ok((method.as_str(), interpreter))
        };
        Ok(Self {
            listener: Listener::new(classifier)?,
            front_end: FrontEnd::new(classifier.front_end())?,
            methods: methods.iter().map(load).collect::<Result<_>>()?,
        })
    }

    /// Explains one clip by each method.
    ///
    /// # Errors
    /// Where a method fails.
    pub fn score(&mut self, clip: &[f32]) -> Result<ClipScores> {
        let heard = self.listener.hear(clip)?;
        let class = heard.classified.top();
        let prob = |probs: &[f32]| probs.get(class).copied().unwrap_or(0.0);
        let mut scores = Vec::with_capacity(self.methods.len());
        for (method, interpreter) in &mut self.methods {
            let explanation = interpreter.explain(&heard.segment())?;
            let (mask, scale) = (explanation.whole_mask(ClassId(class)), explanation.mask_scale());
            let inside = self.listener.classify_masked(&heard, &mask, scale, Keep::Inside)?;
            let outside = self.listener.classify_masked(&heard, &mask, scale, Keep::Outside)?;
            scores.push(MethodScores {
                method: (*method).to_owned(),
                mask: mel_mask(&mask, self.front_end.bank()),
                prob_in: prob(&inside.probs),
                prob_out: prob(&outside.probs),
                agrees: inside.top() == class,
            });
        }
        Ok(ClipScores { prob: prob(&heard.classified.probs), class, features: heard.features, methods: scores })
    }
}
