//! The network as it learns: batch norm on parts of the batch, gradients written out, running statistics kept.
//!
//! A batch is cut into parts of a fixed size, each of which one core takes forward and backward as a whole, with a batch
//! norm of its own ("ghost batch norm", Hoffer et al. 2017). So a layer's memory stays near one core, no layer waits for
//! another core, and results do not depend on the number of threads.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::linear;
use super::spec::{CausalConfig, LayerSpec};
use super::weights::{pack, unpack};
use super::{BATCH_NORM_EPS, batch_arrays};
use crate::model::kernels::batch_norm::{self, RowStats};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// Share of a batch's statistics that enters the running ones.
const MOMENTUM: f32 = 0.02;

/// One layer's parameters and running statistics.
struct Layer {
    spec: LayerSpec,
    weights: Param,
    gamma: Param,
    beta: Param,
    mean: Vec<f32>,
    var: Vec<f32>,
}

/// What one part of a batch keeps of one layer from the forward pass to the backward one.
#[derive(Default)]
struct Kept {
    frames: usize,
    sums: Vec<f32>,
    stats: RowStats,
    output: Vec<f32>,
    /// Gradient of the output.
    grad: Vec<f32>,
    grad_weights: Vec<f32>,
    grad_gamma: Vec<f32>,
    grad_beta: Vec<f32>,
}

/// Memory of one part of a batch; it lives from step to step.
#[derive(Default)]
struct Part {
    kept: Vec<Kept>,
    columns: Vec<f32>,
}

/// The network with gradients, up to the embeddings of its frames. What reads these, and the loss, is the caller's.
pub struct TrainableCausal {
    config: CausalConfig,
    layers: Vec<Layer>,
    parts: Vec<Part>,
}

impl TrainableCausal {
    /// A fresh network: normal weights with a variance of 2 over the fan-in (He et al. 2015); batch norm starts at 1 and 0.
    ///
    /// # Errors
    /// If the configuration is impossible.
    pub fn new(config: &CausalConfig, rng: &mut impl Rng) -> Result<Self> {
        config.validate()?;
        let mut arrays = Arrays::default();
        for spec in config.layers() {
            let deviation = (2.0 / spec.fan_in() as f32).sqrt();
            let weights = (0..spec.n_weights()).map(|_| normal(rng) * deviation).collect();
            arrays.insert(format!("{}.weight", spec.name), spec.shape(), weights);
            for (what, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
                arrays.insert(format!("{}.norm.{what}", spec.name), [spec.c_out], vec![value; spec.c_out]);
            }
        }
        Self::load(config, &arrays)
    }

    /// A network that goes on from arrays by their names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &CausalConfig, arrays: &Arrays) -> Result<Self> {
        config.validate()?;
        let one = |spec: LayerSpec| {
            let of = |what: &str| arrays.get(&format!("{}.norm.{what}", spec.name), &[spec.c_out]).map(<[f32]>::to_vec);
            let weights = pack(&spec, arrays.get(&format!("{}.weight", spec.name), &spec.shape())?);
            Ok(Layer {
                weights: Param::new(format!("{}.weight", spec.name), weights, true),
                gamma: Param::new(format!("{}.norm.weight", spec.name), of("weight")?, false),
                beta: Param::new(format!("{}.norm.bias", spec.name), of("bias")?, false),
                mean: of("running_mean")?,
                var: of("running_var")?,
                spec,
            })
        };
        let layers = config.layers().into_iter().map(one).collect::<Result<Vec<Layer>>>()?;
        Ok(Self { config: config.clone(), layers, parts: Vec::new() })
    }

    /// The arrays by their names.
    #[must_use]
    pub fn arrays(&self) -> Arrays {
        let mut arrays = Arrays::default();
        for layer in &self.layers {
            let (name, n) = (&layer.spec.name, layer.spec.c_out);
            arrays.insert(format!("{name}.weight"), layer.spec.shape(), unpack(&layer.spec, &layer.weights.values));
            batch_arrays(&mut arrays, name, n, [&layer.gamma.values, &layer.beta.values, &layer.mean, &layer.var]);
        }
        arrays
    }

    /// The trained arrays with their newest gradients.
    pub fn params(&mut self) -> Vec<&mut Param> {
        self.layers.iter_mut().flat_map(|l| [&mut l.weights, &mut l.gamma, &mut l.beta]).collect()
    }

    /// Trains on one batch of segments `[n_frames, n_mels]`, in parts of `part` segments: runs them forward, asks `loss` of
    /// each part for the loss and its gradient by the embeddings, and runs that backward. Gradients are the parts' mean.
    /// `loss(part, embeddings, gradient)` gets embeddings `[segments, frames, embedding]` and writes the gradient of the
    /// part's mean loss, which it returns with whatever else it found.
    ///
    /// # Errors
    /// A bug where the batch is no whole number of parts.
    pub fn step<T: Send>(
        &mut self,
        segments: &[f32],
        n_frames: usize,
        part: usize,
        loss: impl Fn(usize, &[f32], &mut [f32]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let len = part * n_frames * self.config.n_mels;
        if len == 0 || segments.is_empty() || !segments.len().is_multiple_of(len) {
            return Err(Error::bug(format!("a batch of {} values is no number of parts of {len}", segments.len())));
        }
        let n_parts = segments.len() / len;
        self.parts.resize_with(n_parts, Part::default);
        let layers = &self.layers;
        let found: Vec<T> = self
            .parts
            .par_iter_mut()
            .zip(segments.par_chunks_exact(len))
            .enumerate()
            .map(|(i, (part, x))| {
                part.forward(layers, x, n_frames);
                let Some(last) = part.kept.last_mut() else { return loss(i, &[], &mut []) };
                last.grad.clear();
                last.grad.resize(last.output.len(), 0.0);
                let found = loss(i, &last.output, &mut last.grad);
                part.backward(layers, x);
                found
            })
            .collect();
        self.gather();
        Ok(found)
    }

    /// The mean of the parts' gradients, and their statistics into the running ones.
    fn gather(&mut self) {
        let share = 1.0 / self.parts.len() as f32;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for param in [&mut layer.weights, &mut layer.gamma, &mut layer.beta] {
                param.grad.fill(0.0);
            }
            for part in &self.parts {
                let kept = &part.kept[i];
                add_scaled(&mut layer.weights.grad, &kept.grad_weights, share);
                add_scaled(&mut layer.gamma.grad, &kept.grad_gamma, share);
                add_scaled(&mut layer.beta.grad, &kept.grad_beta, share);
                let n = (kept.sums.len() / layer.spec.c_out).max(2) as f32;
                let move_to = |running: &mut [f32], batch: &[f32], factor: f32| {
                    for (r, b) in running.iter_mut().zip(batch) {
                        *r += MOMENTUM * share * (b * factor - *r);
                    }
                };
                move_to(&mut layer.mean, &kept.stats.mean, 1.0);
                move_to(&mut layer.var, &kept.stats.var, n / (n - 1.0));
            }
        }
    }
}

impl Part {
    fn forward(&mut self, layers: &[Layer], x: &[f32], n_frames: usize) {
        self.kept.resize_with(layers.len(), Kept::default);
        let mut frames = n_frames;
        for (i, layer) in layers.iter().enumerate() {
            let spec = &layer.spec;
            let (before, rest) = self.kept.split_at_mut(i);
            let Some(kept) = rest.first_mut() else { return };
            let input = before.last().map_or(x, |k| &k.output);
            let images = input.len() / (frames * spec.bands[0] * spec.c_in);
            let len = images * (frames / spec.stride[0]) * spec.bands[1] * spec.c_out;
            kept.frames = frames;
            kept.sums.resize(len, 0.0);
            kept.output.resize(len, 0.0);
            linear::forward(spec, frames, spec.top(), &layer.weights.values, input, &mut self.columns, &mut kept.sums);
            let added = spec.residual.map(|r| before[r].output.as_slice());
            let affine = (layer.gamma.values.as_slice(), layer.beta.values.as_slice());
            batch_norm::forward(
                &kept.sums,
                affine,
                BATCH_NORM_EPS,
                spec.relu,
                added,
                &mut kept.stats,
                &mut kept.output,
            );
            frames /= spec.stride[0];
        }
    }

    /// Runs the gradient of the last output back; every layer's `grad` but the last is overwritten.
    fn backward(&mut self, layers: &[Layer], x: &[f32]) {
        let last = self.kept.len().saturating_sub(1);
        for kept in &mut self.kept[..last] {
            kept.grad.clear();
            kept.grad.resize(kept.output.len(), 0.0);
        }
        for (i, layer) in layers.iter().enumerate().rev() {
            let spec = &layer.spec;
            let (before, rest) = self.kept.split_at_mut(i);
            let Some(kept) = rest.first_mut() else { return };
            if let Some(r) = spec.residual {
                add_scaled(&mut before[r].grad, &kept.grad, 1.0);
            }
            for (grad, like) in [
                (&mut kept.grad_weights, &layer.weights),
                (&mut kept.grad_gamma, &layer.gamma),
                (&mut kept.grad_beta, &layer.beta),
            ] {
                grad.clear();
                grad.resize(like.values.len(), 0.0);
            }
            batch_norm::backward(
                &kept.sums,
                spec.relu,
                &kept.stats,
                &mut kept.grad,
                &mut kept.grad_gamma,
                &mut kept.grad_beta,
            );
            let input = before.last().map_or(x, |below| &below.output);
            linear::backward_weights(spec, kept.frames, input, &kept.grad, &mut self.columns, &mut kept.grad_weights);
            if let Some(below) = before.last_mut() {
                let weights = &layer.weights.values;
                linear::backward_input(spec, kept.frames, weights, &kept.grad, &mut self.columns, &mut below.grad);
            }
        }
    }
}

fn add_scaled(to: &mut [f32], from: &[f32], factor: f32) {
    to.iter_mut().zip(from).for_each(|(t, f)| *t += f * factor);
}

/// A standard normal number, by Box and Muller.
fn normal(rng: &mut impl Rng) -> f32 {
    let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}
