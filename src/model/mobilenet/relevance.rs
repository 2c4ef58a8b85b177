//! Layer-wise relevance propagation through the steps.
//!
//! Linear layers follow the rules of [`Composite`]. Activations pass relevance on as it is; the factors of squeeze and
//! excitation count as constants, so that a gate passes it on too; an addition shares it in proportion to what was added, and
//! a mean in proportion to the values.

use std::ops::Range;

use super::backward::{Pass, Seen, add};
use super::{Activation, Image, Layer, Step};
use crate::model::backward::{Composite, LayerRule, STABILISER, Surroundings, divide};
use crate::{Error, Result};

/// Rules with their weights for one network, first layer first.
pub(super) struct Rules(Vec<LayerRule<Layer>>);

impl Rules {
    /// Computes the weights that the rules need.
    ///
    /// # Errors
    /// A bug where there are not as many rules as linear layers.
    pub(super) fn prepare(steps: &[Step], composite: &Composite) -> Result<Self> {
        let linears = linear_layers(steps);
        if linears.len() != composite.rules.len() {
            return Err(Error::bug(format!("{} rules were given to {} layers", composite.rules.len(), linears.len())));
        }
        let rules = linears.iter().zip(&composite.rules).enumerate().map(|(i, ((layer, input_positive), rule))| {
            let spared = composite.rules.get(i + 1).is_some_and(|above| above.spares_zeros());
            let around = Surroundings {
                input_positive: *input_positive,
                silent_below_zero: spared && layer.activation() == Some(Activation::Relu),
            };
            LayerRule::new(*layer, *rule, composite.zero_bias, around)
        });
        Ok(Self(rules.collect()))
    }

    /// Carries relevance of what there is behind the last of the steps `range` to what there is before the first. No block may
    /// be cut in two.
    pub(super) fn carry(&self, steps: &[Step], pass: &Pass, mut relevance: Vec<f32>, range: Range<usize>) -> Vec<f32> {
        let n_above = linear_layers(&steps[range.end..]).len();
        let mut rules = self.0.iter().rev().skip(n_above);
        let mut owed: Vec<Vec<f32>> = Vec::new();
        // The image that was kept when an addition came.
        let kept_before = |at: usize| {
            let keep = steps[..at].iter().rposition(|step| matches!(step, Step::Keep));
            keep.and_then(|keep| pass.seen.get(keep)).map_or(&[][..], |seen| &seen.input)
        };
        for (i, (step, seen)) in steps.iter().zip(&pass.seen).enumerate().take(range.end).skip(range.start).rev() {
            match step {
                Step::Layer(Layer::Gate { .. }) => {}
                Step::Layer(Layer::Mean) => relevance = mean_relevance(seen, &relevance),
                Step::Layer(layer) => {
                    let Image { height, width, .. } = seen.image;
                    relevance = match rules.next() {
                        Some(rule) => rule.apply(layer, height, width, &seen.input, &seen.sums, &relevance),
                        None => vec![0.0; seen.input.len()],
                    };
                }
                Step::Add => {
                    let mut of_kept = Vec::with_capacity(relevance.len());
                    for ((r, x), kept) in relevance.iter_mut().zip(&seen.input).zip(kept_before(i)) {
                        let ratio = divide(*r, x + kept, STABILISER);
                        of_kept.push(kept * ratio);
                        *r = x * ratio;
                    }
                    owed.push(of_kept);
                }
                Step::Keep => add(&mut relevance, owed.pop().as_deref()),
            }
        }
        relevance
    }
}

/// The linear layers, each with whether its input has no negative values.
fn linear_layers(steps: &[Step]) -> Vec<(&Layer, bool)> {
    let (mut layers, mut positive) = (Vec::new(), false);
    for step in steps {
        match step {
            Step::Layer(layer) => {
                if let Some(activation) = layer.activation() {
                    layers.push((layer, positive));
                    positive = activation == Activation::Relu;
                }
            }
            Step::Keep => {}
            Step::Add => positive = false,
        }
    }
    layers
}

/// Shares a channel's relevance among its positions by their values.
fn mean_relevance(seen: &Seen, relevance: &[f32]) -> Vec<f32> {
    let channels = seen.image.channels;
    let mut ratio = vec![0.0; channels];
    for row in seen.input.chunks_exact(channels) {
        ratio.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    ratio.iter_mut().zip(relevance).for_each(|(sum, r)| *sum = divide(*r, *sum, STABILISER));
    let rows = seen.input.chunks_exact(channels);
    rows.flat_map(|row| row.iter().zip(&ratio).map(|(x, ratio)| x * ratio)).collect()
}
