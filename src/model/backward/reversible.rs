//! What methods that attribute need of a network, whatever its layers: gradients, hidden blocks, and relevance.

use std::sync::Arc;

use super::{Hidden, ReluGradient};
use crate::Result;

/// A classifier that runs backward, segment by segment `[n_frames, n_mels]`.
pub trait Reversible: Send + Sync {
    /// Bands of its input.
    fn n_mels(&self) -> usize;

    /// Classes.
    fn n_classes(&self) -> usize;

    /// Blocks that Grad-CAM can look at, numbered from 0.
    fn n_blocks(&self) -> usize;

    /// Whether a segment can go through.
    ///
    /// # Errors
    /// A bug where it has another shape.
    fn check(&self, segment: &[f32]) -> Result<()>;

    /// A segment's logits, one a class.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn logits(&self, segment: &[f32]) -> Result<Vec<f32>>;

    /// Gradient of a class's logit by the input; zeros for a class that there is not.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn input_gradient(&self, segment: &[f32], class: usize, relu: ReluGradient) -> Result<Vec<f32>>;

    /// A block's output and the gradient of a class's logit by it; nothing for a block that there is not.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn block_gradient(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<(Hidden, Vec<f32>)>>;

    /// The network from the output of a block on, with that output; nothing for a block that there is not.
    ///
    /// # Errors
    /// As [`Self::check`].
    fn above(&self, segment: &[f32], block: usize) -> Result<Option<Above<'_>>>;

    /// Layer-wise relevance propagation with the rules of a preset ([`PRESETS`](super::PRESETS)). `low` and `high` are the
    /// ends of the range of the input.
    ///
    /// # Errors
    /// A usage error for a name that is none.
    fn propagation(self: Arc<Self>, preset: &str, low: f32, high: f32) -> Result<Box<dyn Propagation>>;
}

/// Runs values of a block's output on to the logits, asks for the slopes of a loss by them, and carries these back.
type There<'a> = Box<dyn Fn(&[f32], &dyn Fn(&[f32]) -> Vec<f32>) -> Vec<f32> + Sync + 'a>;

/// A network from the output of a block on.
pub struct Above<'a> {
    hidden: Hidden,
    there_and_back: There<'a>,
}

impl<'a> Above<'a> {
    /// What is above a block with this output; `there_and_back` is what [`Self::gradient`] does.
    pub(crate) fn new(
        hidden: Hidden,
        there_and_back: impl Fn(&[f32], &dyn Fn(&[f32]) -> Vec<f32>) -> Vec<f32> + Sync + 'a,
    ) -> Self {
        Self { hidden, there_and_back: Box::new(there_and_back) }
    }

    /// The block's output.
    #[must_use]
    pub const fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Gradient of a loss by the block's output where that is `values`, `[height, width, channels]`: `slopes` gives the loss'
    /// gradient by the logits, one a class, from the logits.
    #[must_use]
    pub fn gradient(&self, values: &[f32], slopes: &dyn Fn(&[f32]) -> Vec<f32>) -> Vec<f32> {
        (self.there_and_back)(values, slopes)
    }
}

/// Relevance by rules that were prepared for one network.
pub trait Propagation: Send + Sync {
    /// Relevance of the input for a class's logit; zeros for a class that there is not.
    ///
    /// # Errors
    /// As [`Reversible::check`].
    fn relevance(&self, segment: &[f32], class: usize) -> Result<Vec<f32>>;

    /// As [`Self::relevance`], as far as the output of block `block` (from 0, as [`Reversible::block_gradient`] has it);
    /// nothing for a block that there is not.
    ///
    /// # Errors
    /// As [`Reversible::check`].
    fn halfway(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<Halfway<'_>>>;
}

/// Carries shares of a block's relevance on to the input.
type Onward<'a> = Box<dyn Fn(Vec<Vec<f32>>) -> Vec<Vec<f32>> + 'a>;

/// A segment's way back, halted at the output of a block.
pub struct Halfway<'a> {
    hidden: Hidden,
    relevance: Vec<f32>,
    onward: Onward<'a>,
}

impl<'a> Halfway<'a> {
    /// A halt at a block with this output and this relevance; `onward` is what [`Self::to_input`] does.
    pub(crate) fn new(
        hidden: Hidden,
        relevance: Vec<f32>,
        onward: impl Fn(Vec<Vec<f32>>) -> Vec<Vec<f32>> + 'a,
    ) -> Self {
        Self { hidden, relevance, onward: Box::new(onward) }
    }

    /// The block's output.
    #[must_use]
    pub const fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Relevance of each of its values for the class's logit, `[height, width, channels]`.
    #[must_use]
    pub fn relevance(&self) -> &[f32] {
        &self.relevance
    }

    /// Carries shares of that relevance, as large as it, on to the input, `[n_frames, n_mels]` each. What is linear in the
    /// rules is linear here: where the shares sum to the relevance, the results sum to that of the input.
    #[must_use]
    pub fn to_input(&self, shares: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        (self.onward)(shares)
    }
}
