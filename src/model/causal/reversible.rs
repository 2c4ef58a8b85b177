//! The network backward: gradients and layer-wise relevance propagation for the methods that attribute.
//!
//! A class's logit is that of its pooled probability P = Σp²/Σp. Gradients go through that formula. Relevance is handed to
//! the frames' logits by their share p/Σp of the pooling, which counts as constant, and from there on by the rules; an
//! addition shares it in proportion to what was added.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::linear;
use super::network::Folded;
use super::spec::{Kind, LayerSpec};
use super::{CausalConfig, CausalNet};
use crate::model::backward::{
    Above, Composite, Halfway, Hidden, LayerRule, LinearMap, Propagation, ReluGradient, Reversible, STABILISER,
    Surroundings, divide,
};
use crate::{Error, Result};

/// Least denominator of the pooling's slope.
const TINY: f32 = 1e-12;

/// The network with everything that a walk back needs.
pub struct ReversibleCausal {
    config: CausalConfig,
    /// The convolutions, and the dense layer of each frame behind them.
    layers: Vec<Folded>,
    /// The layers that end a block.
    blocks: Vec<usize>,
}

/// A forward pass.
struct Pass {
    /// Of each layer: frames of its input, its sums, its output.
    seen: Vec<Seen>,
}

struct Seen {
    frames: usize,
    input: Vec<f32>,
    sums: Vec<f32>,
    output: Vec<f32>,
}

impl CausalNet {
    /// The same network as one that runs backward.
    #[must_use]
    pub fn reversible(&self) -> ReversibleCausal {
        let config = self.config().clone();
        let mut layers = self.folded().to_vec();
        let blocks = (0..layers.len()).filter(|i| layers[*i].spec.name.ends_with(".project")).collect();
        let (weights, bias) = self.head();
        layers.push(Folded {
            spec: LayerSpec {
                name: "label".into(),
                kind: Kind::Pointwise,
                c_in: config.embedding,
                c_out: config.n_classes,
                kernel: [1, 1],
                stride: [1, 1],
                dilation: 1,
                relu: false,
                residual: None,
                bands: [1, 1],
            },
            weights: weights.to_vec(),
            bias: bias.to_vec(),
        });
        ReversibleCausal { config, layers, blocks }
    }
}

impl ReversibleCausal {
    fn pass(&self, segment: &[f32]) -> Result<Pass> {
        self.check(segment)?;
        Ok(self.pass_from(Vec::with_capacity(self.layers.len()), segment.len() / self.config.n_mels, segment))
    }

    /// Goes on behind the layers that were `seen`, whose last gave `input` of so many frames. Nothing but the last one's output
    /// is read of these.
    fn pass_from(&self, mut seen: Vec<Seen>, mut frames: usize, input: &[f32]) -> Pass {
        for layer in &self.layers[seen.len()..] {
            let spec = &layer.spec;
            let input = seen.last().map_or_else(|| input.to_vec(), |below| below.output.clone());
            let sums = layer.forward(frames, spec.bands[0], layer, &input);
            let mut output: Vec<f32> = if spec.relu { sums.iter().map(|z| z.max(0.0)).collect() } else { sums.clone() };
            if let Some(r) = spec.residual {
                output.iter_mut().zip(&seen[r].output).for_each(|(y, x)| *y += x);
            }
            seen.push(Seen { frames, input, sums, output });
            frames /= spec.stride[0];
        }
        Pass { seen }
    }

    /// The output of layer `layer`.
    fn behind(&self, pass: &Pass, layer: usize) -> Hidden {
        let (seen, spec) = (&pass.seen[layer], &self.layers[layer].spec);
        Hidden { height: seen.frames / spec.stride[0], width: spec.bands[1], values: seen.output.clone() }
    }

    /// Probabilities of a class in each frame that is pooled (0 in the first, which are not), and their sums Σp and Σp².
    fn pooled(&self, pass: &Pass, class: usize) -> (Vec<f32>, f32, f32) {
        let n = self.config.n_classes;
        let logits = pass.seen.last().map_or(&[][..], |seen| &seen.output);
        let rows = logits.chunks_exact(n).enumerate();
        let probs: Vec<f32> = rows
            .map(|(t, row)| if t < self.config.lookahead { 0.0 } else { 1.0 / (1.0 + (-row[class]).exp()) })
            .collect();
        let sum = probs.iter().sum::<f32>().max(TINY);
        let squares = probs.iter().map(|p| p * p).sum();
        (probs, sum, squares)
    }

    /// Values for the frames' logits, of one class alone.
    fn seed(&self, pass: &Pass, class: usize, of: impl Fn(f32, f32, f32, f32) -> f32) -> Vec<f32> {
        let n = self.config.n_classes;
        let logits = pass.seen.last().map_or(&[][..], |seen| &seen.output);
        let mut seed = vec![0.0; logits.len()];
        if class < n {
            let (probs, sum, squares) = self.pooled(pass, class);
            for (t, p) in probs.iter().enumerate().filter(|(_, p)| **p > 0.0) {
                seed[t * n + class] = of(*p, sum, squares / sum, logits[t * n + class]);
            }
        }
        seed
    }

    /// Gradient of a class's logit by the frames' logits.
    fn slope(&self, pass: &Pass, class: usize) -> Vec<f32> {
        self.seed(pass, class, |p, sum, pooled, _| {
            (2.0 * p - pooled) / sum * p * (1.0 - p) / (pooled * (1.0 - pooled)).max(TINY)
        })
    }

    /// Gradient of a weighted sum of all classes' logits by a segment `[n_frames, n_mels]`.
    ///
    /// # Errors
    /// If the segment does not fit.
    pub fn pull_back(&self, segment: &[f32], weights: &[f32]) -> Result<Vec<f32>> {
        let pass = self.pass(segment)?;
        Ok(self.carry(&pass, self.slopes(&pass, weights), ReluGradient::Plain, 0))
    }

    /// Gradient of a weighted sum of all classes' logits by the frames' logits.
    fn slopes(&self, pass: &Pass, weights: &[f32]) -> Vec<f32> {
        let mut seed = vec![0.0; pass.seen.last().map_or(0, |seen| seen.output.len())];
        for (class, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            seed.iter_mut().zip(self.slope(pass, class)).for_each(|(s, slope)| *s += weight * slope);
        }
        seed
    }

    /// The logits of the pooled probabilities, one a class.
    fn pooled_logits(&self, pass: &Pass) -> Vec<f32> {
        let logit = |class| {
            let (_, sum, squares) = self.pooled(pass, class);
            let pooled = (squares / sum).clamp(1e-7, 1.0 - 1e-7);
            (pooled / (1.0 - pooled)).ln()
        };
        (0..self.config.n_classes).map(logit).collect()
    }

    /// Gradient of a class's logit by the input of layer `down_to`.
    fn gradient(&self, pass: &Pass, class: usize, relu: ReluGradient, down_to: usize) -> Vec<f32> {
        self.carry(pass, self.slope(pass, class), relu, down_to)
    }

    /// Carries a gradient by the frames' logits to the input of layer `down_to`.
    fn carry(&self, pass: &Pass, seed: Vec<f32>, relu: ReluGradient, down_to: usize) -> Vec<f32> {
        self.walk(pass, seed, down_to..self.layers.len(), |i, mut grad| {
            let (layer, seen) = (&self.layers[i], &pass.seen[i]);
            let owed = layer.spec.residual.map(|_| grad.clone());
            if layer.spec.relu {
                let guided = relu == ReluGradient::Guided;
                for (g, z) in grad.iter_mut().zip(&seen.sums) {
                    *g = if *z > 0.0 && !(guided && *g < 0.0) { *g } else { 0.0 };
                }
            }
            (layer.backward(seen.frames, layer.spec.bands[0], layer, &grad), owed)
        })
    }

    /// Carries values of the output of the last of `layers` to the input of the first. `back` gives what a layer makes of them,
    /// and what its residual connection takes.
    fn walk(
        &self,
        pass: &Pass,
        seed: Vec<f32>,
        layers: Range<usize>,
        mut back: impl FnMut(usize, Vec<f32>) -> (Vec<f32>, Option<Vec<f32>>),
    ) -> Vec<f32> {
        let mut owed: Vec<Option<Vec<f32>>> = vec![None; self.layers.len()];
        let mut values = seed;
        let first = layers.start;
        for i in layers.rev() {
            if let Some(more) = owed[i].take() {
                values.iter_mut().zip(&more).for_each(|(v, m)| *v += m);
            }
            let (below, kept) = back(i, values);
            values = below;
            if let (Some(r), Some(kept)) = (self.layers[i].spec.residual, kept) {
                match &mut owed[r] {
                    Some(more) => more.iter_mut().zip(&kept).for_each(|(m, k)| *m += k),
                    empty => *empty = Some(kept),
                }
            }
        }
        // What was added further up belongs to the output that the caller asked about.
        if let Some(more) = first.checked_sub(1).and_then(|i| owed[i].take()) {
            values.iter_mut().zip(&more).for_each(|(v, m)| *v += m);
        }
        debug_assert_eq!(values.len(), pass.seen.get(first).map_or(0, |seen| seen.input.len()));
        values
    }
}

impl Reversible for ReversibleCausal {
    fn n_mels(&self) -> usize {
        self.config.n_mels
    }

    fn n_classes(&self) -> usize {
        self.config.n_classes
    }

    fn n_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn check(&self, segment: &[f32]) -> Result<()> {
        let row = self.config.n_mels * self.config.time_pooling();
        if !segment.is_empty() && segment.len().is_multiple_of(row) {
            return Ok(());
        }
        Err(Error::bug(format!(
            "a segment of {} values was given to a network that takes multiples of {row}",
            segment.len()
        )))
    }

    fn logits(&self, segment: &[f32]) -> Result<Vec<f32>> {
        Ok(self.pooled_logits(&self.pass(segment)?))
    }

    fn input_gradient(&self, segment: &[f32], class: usize, relu: ReluGradient) -> Result<Vec<f32>> {
        Ok(self.gradient(&self.pass(segment)?, class, relu, 0))
    }

    fn block_gradient(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<(Hidden, Vec<f32>)>> {
        let Some(end) = self.blocks.get(block) else { return Ok(None) };
        let pass = self.pass(segment)?;
        Ok(Some((self.behind(&pass, *end), self.gradient(&pass, class, ReluGradient::Plain, end + 1))))
    }

    fn above(&self, segment: &[f32], block: usize) -> Result<Option<Above<'_>>> {
        let Some(end) = self.blocks.get(block).copied() else { return Ok(None) };
        let hidden = self.behind(&self.pass(segment)?, end);
        let frames = hidden.height;
        Ok(Some(Above::new(hidden, move |values, slopes| {
            // A residual connection spans one block, so nothing is read of the layers below but the block's output.
            let unseen = || Seen { frames: 0, input: Vec::new(), sums: Vec::new(), output: Vec::new() };
            let mut seen: Vec<Seen> = std::iter::repeat_with(unseen).take(end + 1).collect();
            if let Some(block) = seen.last_mut() {
                block.output = values.to_vec();
            }
            let pass = self.pass_from(seen, frames, values);
            let weights = slopes(&self.pooled_logits(&pass));
            self.carry(&pass, self.slopes(&pass, &weights), ReluGradient::Plain, end + 1)
        })))
    }

    fn propagation(self: Arc<Self>, preset: &str, low: f32, high: f32) -> Result<Box<dyn Propagation>> {
        let composite = Composite::named(preset, self.layers.len() - 1, 1, low, high)?;
        let rules = self.layers.iter().zip(&composite.rules).enumerate().map(|(i, (layer, rule))| {
            let below = i.checked_sub(1).and_then(|i| self.layers.get(i));
            let around = Surroundings {
                input_positive: below.is_some_and(|below| below.spec.relu),
                silent_below_zero: layer.spec.relu
                    && composite.rules.get(i + 1).is_some_and(|above| above.spares_zeros()),
            };
            LayerRule::new(layer, *rule, composite.zero_bias, around)
        });
        let rules = rules.collect();
        Ok(Box::new(CausalPropagation { net: self, rules }))
    }
}

struct CausalPropagation {
    net: Arc<ReversibleCausal>,
    rules: Vec<LayerRule<Folded>>,
}

impl CausalPropagation {
    /// Shares of the frames' logits of a class.
    fn seed(&self, pass: &Pass, class: usize) -> Vec<f32> {
        self.net.seed(pass, class, |p, sum, _, logit| p / sum * logit)
    }

    /// Carries relevance of the output of the last of `layers` to the input of the first.
    fn carry(&self, pass: &Pass, relevance: Vec<f32>, layers: Range<usize>) -> Vec<f32> {
        self.net.walk(pass, relevance, layers, |i, mut relevance| {
            let (layer, seen) = (&self.net.layers[i], &pass.seen[i]);
            let owed = layer.spec.residual.map(|r| {
                let kept = &pass.seen[r].output;
                let mut of_kept = Vec::with_capacity(kept.len());
                for ((rel, sum), kept) in relevance.iter_mut().zip(&seen.sums).zip(kept) {
                    let ratio = divide(*rel, sum + kept, STABILISER);
                    of_kept.push(kept * ratio);
                    *rel = sum * ratio;
                }
                of_kept
            });
            let rule = &self.rules[i];
            (rule.apply(layer, seen.frames, layer.spec.bands[0], &seen.input, &seen.sums, &relevance), owed)
        })
    }
}

impl Propagation for CausalPropagation {
    fn relevance(&self, segment: &[f32], class: usize) -> Result<Vec<f32>> {
        let pass = self.net.pass(segment)?;
        Ok(self.carry(&pass, self.seed(&pass, class), 0..self.net.layers.len()))
    }

    fn halfway(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<Halfway<'_>>> {
        let Some(end) = self.net.blocks.get(block).copied() else { return Ok(None) };
        let pass = self.net.pass(segment)?;
        let hidden = self.net.behind(&pass, end);
        // A residual connection spans one block, so nothing leads past a block's output.
        let relevance = self.carry(&pass, self.seed(&pass, class), end + 1..self.net.layers.len());
        let carried = move |share| self.carry(&pass, share, 0..end + 1);
        let onward = move |shares: Vec<Vec<f32>>| shares.into_par_iter().map(&carried).collect();
        Ok(Some(Halfway::new(hidden, relevance, onward)))
    }
}

impl LinearMap for Folded {
    type Weights = Self;

    fn changed(&self, weight: &dyn Fn(f32) -> f32, bias: &dyn Fn(f32) -> f32) -> Self {
        Self {
            spec: self.spec.clone(),
            weights: self.weights.iter().map(|w| weight(*w)).collect(),
            bias: self.bias.iter().map(|b| bias(*b)).collect(),
        }
    }

    fn forward(&self, height: usize, _width: usize, weights: &Self, input: &[f32]) -> Vec<f32> {
        let spec = &self.spec;
        let mut sums = vec![0.0; height / spec.stride[0] * spec.bands[1] * spec.c_out];
        linear::forward(spec, height, spec.top(), &weights.weights, input, &mut Vec::new(), &mut sums);
        for row in sums.chunks_exact_mut(spec.c_out) {
            row.iter_mut().zip(&weights.bias).for_each(|(y, b)| *y += b);
        }
        sums
    }

    fn backward(&self, height: usize, _width: usize, weights: &Self, values: &[f32]) -> Vec<f32> {
        let spec = &self.spec;
        let mut out = vec![0.0; height * spec.bands[0] * spec.c_in];
        linear::backward_input(spec, height, &weights.weights, values, &mut Vec::new(), &mut out);
        out
    }
}
