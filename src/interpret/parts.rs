//! What the methods share that tell the classifier's input apart into parts, each with weights in mel bands.

use std::ops::Range;
use std::sync::Arc;

use super::relevance_mask::RelevanceMask;
use super::{ComponentShare, Explanation};
use crate::units::ClassId;

/// The parts of one segment.
pub(super) trait Parts: Send + Sync {
    /// The parts that made `class` likely, most relevant first.
    fn shares(&self, class: ClassId) -> Vec<ComponentShare>;

    /// What all these parts together weigh in each value of the input, `[n_frames, n_mels]`, at least 0.
    fn weights(&self, class: ClassId) -> Vec<f32>;

    /// The same of one part; zeros of one that there is not.
    fn weights_of(&self, index: usize) -> Vec<f32>;

    /// As [`Explanation::decision`].
    fn decision(&self) -> &[f32];
}

/// What parts add to a decision, over the largest magnitude: their relevance. All 0 where nothing is added, and `n` zeros for a
/// class that there is not.
pub(super) fn relevance(mut added: Vec<f32>, n: usize) -> Vec<f32> {
    let largest = added.iter().fold(0.0_f32, |most, r| most.max(r.abs()));
    added.iter_mut().for_each(|r| *r = if largest > 0.0 { *r / largest } else { 0.0 });
    added.resize(n, 0.0);
    added
}

/// The parts whose relevance is above `threshold`, most relevant first.
pub(super) fn relevant(relevance: Vec<f32>, threshold: f32, name: impl Fn(usize) -> String) -> Vec<ComponentShare> {
    let above = relevance.into_iter().enumerate().filter(|(_, r)| *r > threshold);
    let mut shares: Vec<ComponentShare> =
        above.map(|(index, relevance)| ComponentShare { index, name: name(index), relevance }).collect();
    shares.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
    shares
}

/// An explanation made of parts: a mask is their weights, divided by a high percentile and spread over the bins as relevance is.
pub(super) struct PartsExplanation<P> {
    pub(super) parts: P,
    pub(super) n_frames: usize,
    pub(super) n_mels: usize,
    pub(super) mask: Arc<RelevanceMask>,
}

impl<P: Parts> PartsExplanation<P> {
    /// Weights as a mask in bands.
    fn bands(&self, weights: &[f32]) -> Vec<f32> {
        self.mask.band_mask(weights).unwrap_or_else(|| vec![0.0; weights.len()])
    }

    fn spread(&self, weights: &[f32], frames: &Range<usize>, out: &mut [f32]) {
        let bands = self.bands(weights);
        self.mask.spread_mask(&bands[frames.start * self.n_mels..frames.end * self.n_mels], out);
    }
}

impl<P: Parts> Explanation for PartsExplanation<P> {
    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn n_bins(&self) -> usize {
        self.mask.n_bins()
    }

    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        self.parts.shares(class)
    }

    fn decision(&self) -> &[f32] {
        self.parts.decision()
    }

    /// What the parts weigh in each frame.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        self.parts.weights(class).chunks_exact(self.n_mels).map(|frame| frame.iter().sum()).collect()
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        self.spread(&self.parts.weights(class), &frames, out);
    }

    fn band_mask(&self, class: ClassId) -> Option<Vec<f32>> {
        Some(self.bands(&self.parts.weights(class)))
    }

    fn component_mask(&self, _: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]) {
        self.spread(&self.parts.weights_of(index), &frames, out);
    }
}
