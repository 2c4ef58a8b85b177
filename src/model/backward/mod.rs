//! The classifier as a chain that runs backward: what each value of its input has to do with one logit.
//!
//! One forward pass keeps every layer's input ([`Pass`]); one walk back through the same layers serves gradients
//! ([`Chain::gradient`]) and layer-wise relevance propagation ([`Chain::relevance`]): only what a layer makes of what it
//! gets from above differs. Batch norm is folded into the convolutions, everything is NHWC on slices, and a pass stays on
//! the calling thread, so that many may run side by side.
//!
//! A walk starts from the logit, not from the probability: sigmoid and softmax are flat where the network is sure.

mod chain;
mod composite;
mod linear;
mod map;
mod pooling;
mod prepare;
mod reversible;
mod rules;
mod sequential;

pub use composite::{Composite, PRESETS, Prepared};
pub use reversible::{Above, Halfway, Propagation, Reversible};
pub use rules::{Rule, STABILISER};

pub(crate) use self::map::LinearMap;
pub(crate) use self::rules::{LayerRule, Surroundings, divide};

use std::ops::Range;

use self::linear::Linear;
use super::kernels::conv::{ConvShape, pack_weights};
use super::kernels::pool::{self, PoolShape};
use super::kernels::strided::{self, Windows};
use super::sequential::waveform_scale;
use super::tensors::Arrays;
use super::vgg::{VggConfig, fold_layer};
use crate::{Error, Result};

/// How a gradient passes the ReLUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReluGradient {
    /// As it is: where the activation is above 0.
    Plain,
    /// Guided backpropagation (Springenberg et al. 2015): only what is positive, too.
    Guided,
}

/// One layer. A convolution has its ReLU with it.
enum Layer {
    /// Mean of as many frames.
    InputPool(usize),
    Conv(Linear),
    /// Maximum of 1 or 2 frames and 2 bands.
    MaxPool(usize),
    /// Maximum of windows that may overlap.
    Maximum(Windows),
    /// Mean over frequency, then mean + max over time.
    GlobalPool,
    /// All columns as one line of samples, over a percentile of their magnitudes and a floor.
    Waveform {
        percentile: f32,
        floor: f32,
    },
    /// The image as one pixel. Behind it, a convolution is a dense layer with a ReLU.
    Flatten,
    Dense(Linear),
}

/// The network, ready to run forward and backward, segment by segment.
pub struct Chain {
    n_mels: usize,
    n_classes: usize,
    /// Frames of a segment: at least as many, or exactly, where dense layers see all of them.
    frames: (usize, Frames),
    layers: Vec<Layer>,
}

/// Which segments a chain takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frames {
    AtLeast,
    Exactly,
}

/// What one layer was given in a forward pass.
struct Step {
    height: usize,
    width: usize,
    input: Vec<f32>,
    /// Of convolutions and the dense layer: the weighted sums, before the ReLU.
    sums: Vec<f32>,
}

/// A forward pass with everything that the way back needs.
pub struct Pass {
    steps: Vec<Step>,
    n_values: usize,
}

impl Pass {
    /// One a class, before sigmoid or softmax.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        self.steps.last().map_or(&[], |step| &step.sums)
    }
}

/// Values in the input of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// Time frames.
    pub height: usize,
    /// Frequency bands.
    pub width: usize,
    /// `[height, width, channels]`.
    pub values: Vec<f32>,
}

impl Chain {
    /// Builds the chain from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &VggConfig, arrays: &Arrays) -> Result<Self> {
        config.validate()?;
        let mut layers = vec![Layer::InputPool(config.input_pool)];
        for s in config.layers() {
            let folded = fold_layer(arrays, &s)?;
            let shape = ConvShape { height: 0, width: 0, c_in: s.c_in, c_out: s.c_out, kh: 3, kw: 3 };
            let packed = pack_weights(s.c_out, s.c_in, 9, &folded.weights);
            layers.push(Layer::Conv(Linear::same(shape, packed, folded.bias)));
            layers.extend(s.pool.map(Layer::MaxPool));
        }
        layers.push(Layer::GlobalPool);
        // A dense layer is a convolution with a kernel of one pixel on an image of one pixel.
        let (n, e) = (config.n_classes, config.embedding());
        let shape = ConvShape { height: 1, width: 1, c_in: e, c_out: n, kh: 1, kw: 1 };
        let packed = pack_weights(n, e, 1, arrays.get("fc.weight", &[n, e])?);
        let bias = arrays.get("fc.bias", &[n])?.to_vec();
        layers.push(Layer::Dense(Linear::same(shape, packed, bias)));
        let frames = (config.time_pooling(), Frames::AtLeast);
        Ok(Self { n_mels: config.n_mels, n_classes: config.n_classes, frames, layers })
    }

    /// Values of a frame of the input.
    #[must_use]
    pub const fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Layers, the input's pooling first and the dense layer last: a convolution with its ReLU is one.
    #[must_use]
    pub fn n_layers(&self) -> usize {
        self.layers.len()
    }

    /// The layer whose input is the output of block `block` (from 0) before its pooling, as taps are.
    #[must_use]
    pub fn behind_block(&self, block: usize) -> Option<usize> {
        let ends =
            |(_, layer): &(usize, &Layer)| matches!(layer, Layer::MaxPool(_) | Layer::Maximum(_) | Layer::GlobalPool);
        self.layers.iter().enumerate().filter(ends).nth(block).map(|(i, _)| i)
    }

    /// Blocks that [`Self::behind_block`] knows.
    fn n_blocks(&self) -> usize {
        (0..).take_while(|block| self.behind_block(*block).is_some()).count()
    }

    /// Convolutions, and dense layers behind them.
    fn n_linear(&self) -> (usize, usize) {
        let n = |layers: &[Layer]| layers.iter().filter(|layer| layer.linear().is_some()).count();
        let dense_from = |layer: &Layer| matches!(layer, Layer::Flatten | Layer::Dense(_));
        let (convs, dense) = self.layers.split_at(self.layers.iter().position(dense_from).unwrap_or(self.layers.len()));
        (n(convs), n(dense))
    }

    /// Whether a segment `[n_frames, n_mels]` can go through.
    ///
    /// # Errors
    /// A bug where it is too short, or no whole number of frames.
    pub fn check(&self, segment: &[f32]) -> Result<()> {
        let (n_mels, (n_frames, frames)) = (self.n_mels, self.frames);
        let fits = match frames {
            Frames::AtLeast => segment.len() / n_mels >= n_frames,
            Frames::Exactly => segment.len() / n_mels == n_frames,
        };
        if segment.len().is_multiple_of(n_mels) && fits {
            return Ok(());
        }
        Err(Error::bug(format!(
            "a segment of {} values was given to a network of {}{n_frames} frames and {n_mels} bands",
            segment.len(),
            if frames == Frames::AtLeast { "at least " } else { "" }
        )))
    }

    /// Runs a segment `[n_frames, n_mels]` forward. Frames beyond a multiple of the input's pooling are left out.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn forward(&self, segment: &[f32]) -> Result<Pass> {
        self.check(segment)?;
        let n_frames = segment.len() / self.n_mels;
        Ok(Pass { steps: self.run(&self.layers, [n_frames, self.n_mels], segment.to_vec()), n_values: segment.len() })
    }

    /// Runs some layers on an image `[height, width]`.
    fn run(&self, layers: &[Layer], [mut height, mut width]: [usize; 2], mut input: Vec<f32>) -> Vec<Step> {
        let n_mels = self.n_mels;
        let mut steps = Vec::with_capacity(layers.len());
        for layer in layers {
            let mut sums = Vec::new();
            let (mut next_height, mut next_width) = (height, width);
            let output = match layer {
                Layer::InputPool(frames) => {
                    next_height = height / frames;
                    pooling::input_forward(&input, n_mels, *frames)
                }
                Layer::Conv(linear) => {
                    [next_height, next_width] = linear.size_out(height, width);
                    sums = linear.sums(height, width, &input);
                    sums.iter().map(|z| z.max(0.0)).collect()
                }
                Layer::MaxPool(rows) => {
                    (next_height, next_width) = (height / rows, width / 2);
                    let shape = pool_shape(height, width, &input, *rows);
                    let mut output = vec![0.0; shape.len_out()];
                    pool::forward(shape, &input, &mut output);
                    output
                }
                Layer::Maximum(windows) => {
                    [next_height, next_width] = windows.counts();
                    let mut output = vec![0.0; windows.n() * windows.channels];
                    strided::max(windows, &input, &mut output);
                    output
                }
                Layer::GlobalPool => {
                    (next_height, next_width) = (1, 1);
                    pooling::global_forward(height, width, &input)
                }
                Layer::Waveform { percentile, floor } => {
                    (next_height, next_width) = (1, input.len());
                    let scale = waveform_scale(&input, *percentile, *floor);
                    input.iter().map(|x| x * scale).collect()
                }
                Layer::Flatten => {
                    (next_height, next_width) = (1, 1);
                    input.clone()
                }
                Layer::Dense(linear) => {
                    sums = linear.sums(1, 1, &input);
                    Vec::new()
                }
            };
            steps.push(Step { height, width, input, sums });
            (height, width, input) = (next_height, next_width, output);
        }
        steps
    }

    /// The input that layer `layer` was given. Places of a line of samples are frames.
    #[must_use]
    pub fn hidden(&self, pass: &Pass, layer: usize) -> Option<Hidden> {
        let step = pass.steps.get(layer)?;
        let is_line = self.hears_samples() && layer > 0;
        let (height, width) = if is_line { (step.width, step.height) } else { (step.height, step.width) };
        Some(Hidden { height, width, values: step.input.clone() })
    }

    /// Whether the input is samples.
    fn hears_samples(&self) -> bool {
        matches!(self.layers.first(), Some(Layer::Waveform { .. }))
    }

    /// Gradient of a class's logit by the input, `[n_frames, n_mels]`; zeros for a class that there is not.
    #[must_use]
    pub fn gradient(&self, pass: &Pass, class: usize, relu: ReluGradient) -> Vec<f32> {
        self.gradient_behind(pass, class, relu, 0)
    }

    /// Gradient of a class's logit by the input of layer `layer`.
    #[must_use]
    pub fn gradient_behind(&self, pass: &Pass, class: usize, relu: ReluGradient, layer: usize) -> Vec<f32> {
        let seed = one_hot(pass.logits().len(), class, 1.0);
        self.walk(pass, seed, layer, |layer, step, grad| self.step_back(layer, step, grad, relu))
    }

    /// The gradient by a layer's input, from that by its output.
    fn step_back(&self, layer: &Layer, step: &Step, mut grad: Vec<f32>, relu: ReluGradient) -> Vec<f32> {
        match layer {
            Layer::InputPool(frames) => pooling::input_gradient(&grad, self.n_mels, *frames, step.input.len()),
            Layer::Conv(linear) => {
                let guided = relu == ReluGradient::Guided;
                for (g, z) in grad.iter_mut().zip(&step.sums) {
                    *g = if *z > 0.0 && !(guided && *g < 0.0) { *g } else { 0.0 };
                }
                linear.backward(step.height, step.width, &linear.weights, &grad)
            }
            Layer::MaxPool(rows) => unpool(step, *rows, &grad),
            Layer::Maximum(windows) => to_winners(step, windows, &grad),
            Layer::GlobalPool => pooling::global_gradient(step.height, step.width, &step.input, &grad),
            Layer::Waveform { percentile, floor } => {
                let scale = waveform_scale(&step.input, *percentile, *floor);
                grad.iter_mut().for_each(|g| *g *= scale);
                grad
            }
            Layer::Flatten => grad,
            Layer::Dense(linear) => linear.backward(1, 1, &linear.weights, &grad),
        }
    }

    /// Relevance of the input for a class's logit, `[n_frames, n_mels]`, by the rules that were prepared; zeros for a
    /// class that there is not.
    #[must_use]
    pub fn relevance(&self, pass: &Pass, class: usize, rules: &Prepared) -> Vec<f32> {
        self.relevance_behind(pass, class, rules, 0)
    }

    /// Relevance of the input of layer `layer` for a class's logit, so that layers can be looked at one by one.
    #[must_use]
    pub fn relevance_behind(&self, pass: &Pass, class: usize, rules: &Prepared, layer: usize) -> Vec<f32> {
        let logits = pass.logits();
        let seed = one_hot(logits.len(), class, logits.get(class).copied().unwrap_or(0.0));
        let n_layers = self.layers.len();
        self.relevance_between(pass, vec![seed], rules, layer.min(n_layers)..n_layers).pop().unwrap_or_default()
    }

    /// Carries shares of the output of the last of `layers` to the input of the first, side by side.
    fn relevance_between(
        &self,
        pass: &Pass,
        mut shares: Vec<Vec<f32>>,
        rules: &Prepared,
        layers: Range<usize>,
    ) -> Vec<Vec<f32>> {
        let n_above = self.layers[layers.end..].iter().filter(|layer| layer.linear().is_some()).count();
        let mut next_rule = rules.linear.iter().rev().skip(n_above);
        for (layer, step) in self.layers[layers.clone()].iter().zip(&pass.steps[layers]).rev() {
            let each =
                |of: &dyn Fn(&[f32]) -> Vec<f32>| -> Vec<Vec<f32>> { shares.iter().map(|share| of(share)).collect() };
            shares = match layer {
                Layer::InputPool(frames) => {
                    each(&|share| pooling::input_relevance(&step.input, share, self.n_mels, *frames, rules.input))
                }
                Layer::Conv(linear) | Layer::Dense(linear) => match next_rule.next() {
                    Some(rule) => {
                        let shares: Vec<&[f32]> = shares.iter().map(Vec::as_slice).collect();
                        rule.apply_all(linear, step.height, step.width, &step.input, &step.sums, &shares)
                    }
                    None => each(&|_| vec![0.0; step.input.len()]),
                },
                Layer::MaxPool(rows) => each(&|share| unpool(step, *rows, share)),
                Layer::Maximum(windows) => each(&|share| to_winners(step, windows, share)),
                Layer::GlobalPool => {
                    each(&|share| pooling::global_relevance(step.height, step.width, &step.input, share))
                }
                Layer::Waveform { .. } | Layer::Flatten => shares,
            };
        }
        shares
    }

    /// Carries `values` of the logits back to the input of layer `down_to`.
    fn walk(
        &self,
        pass: &Pass,
        mut values: Vec<f32>,
        down_to: usize,
        mut back: impl FnMut(&Layer, &Step, Vec<f32>) -> Vec<f32>,
    ) -> Vec<f32> {
        for (layer, step) in self.layers.iter().zip(&pass.steps).skip(down_to).rev() {
            values = back(layer, step, values);
        }
        debug_assert!(down_to > 0 || values.len() == pass.n_values, "a walk ended elsewhere than at the input");
        values
    }
}

impl Layer {
    const fn linear(&self) -> Option<&Linear> {
        match self {
            Self::Conv(linear) | Self::Dense(linear) => Some(linear),
            _ => None,
        }
    }
}

fn one_hot(n: usize, at: usize, value: f32) -> Vec<f32> {
    (0..n).map(|i| if i == at { value } else { 0.0 }).collect()
}

fn pool_shape(height: usize, width: usize, input: &[f32], rows: usize) -> PoolShape {
    PoolShape { height, width, channels: input.len() / (height * width).max(1), rows }
}

/// Gives what arrives to the pixels that won the maximum.
fn unpool(step: &Step, rows: usize, values: &[f32]) -> Vec<f32> {
    let shape = pool_shape(step.height, step.width, &step.input, rows);
    let mut pooled = vec![0.0; shape.len_out()];
    pool::forward(shape, &step.input, &mut pooled);
    let mut out = vec![0.0; step.input.len()];
    pool::backward(shape, &step.input, &pooled, values, &mut out);
    out
}

/// The same of windows that may overlap.
fn to_winners(step: &Step, windows: &Windows, values: &[f32]) -> Vec<f32> {
    let mut most = vec![0.0; windows.n() * windows.channels];
    strided::max(windows, &step.input, &mut most);
    let mut out = vec![0.0; step.input.len()];
    strided::max_backward(windows, &step.input, &most, values, &mut out);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
