//! The chain as it learns: a batch forward, with dropout behind the hidden dense layers, and back.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::spec::{SequentialConfig, Stage};
use crate::model::kernels::conv::Epilogue;
use crate::model::kernels::{batch, dense, pool, strided};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;
use crate::{Error, Result};

/// Values that one thread takes at a time in loops over values.
const CHUNK: usize = 1 << 14;

/// One layer with what it gave in the last pass. Buffers live from step to step.
struct Layer {
    stage: Stage,
    /// Weights in the kernels' layout, and biases; empty for poolings.
    weights: Param,
    bias: Param,
    /// Factors of the dropout on the output: 0 or 1/(1 − p) each; empty without.
    dropout: Vec<f32>,
    output: Vec<f32>,
}

/// A chain with gradients.
pub struct TrainableSequential {
    config: SequentialConfig,
    layers: Vec<Layer>,
    input: Vec<f32>,
    grads: [Vec<f32>; 2],
}

impl TrainableSequential {
    /// A fresh network: uniform within ±1/√fan-in, as PyTorch's default.
    ///
    /// # Errors
    /// If the configuration is impossible.
    pub fn new(config: &SequentialConfig, rng: &mut impl Rng) -> Result<Self> {
        let mut arrays = Arrays::default();
        for stage in config.stages()? {
            let Some((name, c_out, fan_in)) = stage.weighed() else { continue };
            let bound = 1.0 / (fan_in as f32).sqrt();
            let mut uniform = |n: usize| (0..n).map(|_| rng.random_range(-bound..bound)).collect();
            arrays.insert(format!("{name}.weight"), stage.weight_shape(), uniform(c_out * fan_in));
            arrays.insert(format!("{name}.bias"), [c_out], uniform(c_out));
        }
        Self::load(config, &arrays)
    }

    /// A network that goes on from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &SequentialConfig, arrays: &Arrays) -> Result<Self> {
        let layers = config.stages()?.into_iter().map(|stage| Layer::load(stage, arrays)).collect::<Result<_>>()?;
        Ok(Self { config: config.clone(), layers, input: Vec::new(), grads: [Vec::new(), Vec::new()] })
    }

    /// Everything by PyTorch's names.
    #[must_use]
    pub fn arrays(&self) -> Arrays {
        let mut arrays = Arrays::default();
        for Layer { stage, weights, bias, .. } in &self.layers {
            if let Some((name, c_out, _)) = stage.weighed() {
                arrays.insert(format!("{name}.weight"), stage.weight_shape(), stage.unpack(&weights.values));
                arrays.insert(format!("{name}.bias"), [c_out], bias.values.clone());
            }
        }
        arrays
    }

    /// All trained arrays, in a fixed order.
    pub fn params(&mut self) -> Vec<&mut Param> {
        let weighed = self.layers.iter_mut().filter(|layer| layer.stage.weighed().is_some());
        weighed.flat_map(|layer| [&mut layer.weights, &mut layer.bias]).collect()
    }

    /// Runs a batch `segments[batch, n_frames, n_mels]`; gives the logits `[batch, n_classes]`. A share `dropout` (0…1, less
    /// than 1) of what the hidden dense layers give is dropped, drawn from `rng`.
    ///
    /// # Errors
    /// A bug where the shape does not fit.
    pub fn forward(&mut self, segments: &[f32], batch: usize, dropout: f32, rng: &mut impl Rng) -> Result<&[f32]> {
        let n = self.config.n_frames * self.config.n_mels;
        if batch == 0 || segments.len() != batch * n {
            return Err(Error::bug(format!("{} values are no batch of {batch} segments", segments.len())));
        }
        self.input.clear();
        self.input.extend_from_slice(segments);
        for i in 0..self.layers.len() {
            let (before, rest) = self.layers.split_at_mut(i);
            let x = before.last().map_or(&self.input, |layer| &layer.output);
            rest[0].forward(x, batch, n);
            if matches!(&rest[0].stage, Stage::Dense(shape) if shape.relu) && dropout > 0.0 {
                rest[0].drop_out(dropout, rng);
            } else {
                rest[0].dropout.clear();
            }
        }
        Ok(self.layers.last().map_or(&[], |layer| &layer.output))
    }

    /// Fills every parameter's gradient, from the gradient of a loss by the logits of the last [`Self::forward`].
    pub fn backward(&mut self, grad_logits: &[f32]) {
        let [grad, spare] = &mut self.grads;
        grad.clear();
        grad.extend_from_slice(grad_logits);
        for i in (0..self.layers.len()).rev() {
            let (before, rest) = self.layers.split_at_mut(i);
            let x = before.last().map_or(&self.input, |layer| &layer.output);
            let wants_input = before.iter().any(|layer| layer.stage.weighed().is_some());
            rest[0].backward(x, grad, spare, wants_input);
            if !wants_input {
                break;
            }
            std::mem::swap(grad, spare);
        }
    }
}

impl Layer {
    fn load(stage: Stage, arrays: &Arrays) -> Result<Self> {
        let (mut weights, mut bias) = (Param::default(), Param::default());
        if let Some((name, c_out, _)) = stage.weighed() {
            let values = arrays.get(&format!("{name}.weight"), &stage.weight_shape())?;
            weights = Param::new(format!("{name}.weight"), stage.pack(values), true);
            bias = Param::new(format!("{name}.bias"), arrays.get(&format!("{name}.bias"), &[c_out])?.to_vec(), false);
        }
        Ok(Self { stage, weights, bias, dropout: Vec::new(), output: Vec::new() })
    }

    fn forward(&mut self, x: &[f32], batch: usize, n_input: usize) {
        match &self.stage {
            Stage::Waveform { percentile, floor } => {
                self.output.clear();
                for samples in x.chunks_exact(n_input) {
                    let scale = waveform_scale(samples, *percentile, *floor);
                    self.output.extend(samples.iter().map(|x| x * scale));
                }
            }
            Stage::Conv { shape, .. } => {
                self.output.resize(batch * shape.height * shape.width * shape.c_out, 0.0);
                let epilogue = Epilogue { bias: Some(&self.bias.values), relu: true };
                batch::forward(shape, x, &self.weights.values, epilogue, &mut self.output);
            }
            Stage::Strided { windows, c_out, .. } => {
                self.output.resize(batch * windows.n() * c_out, 0.0);
                let (weights, bias) = (&self.weights.values, &self.bias.values);
                let images =
                    self.output.par_chunks_exact_mut(windows.n() * c_out).zip(x.par_chunks_exact(x.len() / batch));
                images.for_each_init(Vec::new, |columns, (out, x)| {
                    strided::forward(windows, x, weights, bias, true, out, columns);
                });
            }
            Stage::MaxPool(shape) => {
                self.output.resize(batch * shape.len_out(), 0.0);
                pool::forward(*shape, x, &mut self.output);
            }
            Stage::Maximum(windows) => {
                let n_out = windows.n() * windows.channels;
                self.output.resize(batch * n_out, 0.0);
                let images = self.output.par_chunks_exact_mut(n_out).zip(x.par_chunks_exact(x.len() / batch));
                images.for_each(|(out, x)| strided::max(windows, x, out));
            }
            Stage::Dense(shape) => {
                self.output.resize(batch * shape.c_out, 0.0);
                dense::forward(shape.c_in(), x, &self.weights.values, &self.bias.values, &mut self.output);
                if shape.relu {
                    self.output.iter_mut().for_each(|x| *x = x.max(0.0));
                }
            }
        }
    }

    fn drop_out(&mut self, share: f32, rng: &mut impl Rng) {
        let kept = 1.0 / (1.0 - share);
        self.dropout.clear();
        let factor = || if rng.random_bool(f64::from(share)) { 0.0 } else { kept };
        self.dropout.extend(std::iter::repeat_with(factor).take(self.output.len()));
        self.output.iter_mut().zip(&self.dropout).for_each(|(x, factor)| *x *= factor);
    }

    /// Takes the gradient of the output in `grad` and writes that of the input into `grad_in`, if it is wanted.
    fn backward(&mut self, x: &[f32], grad: &mut [f32], grad_in: &mut Vec<f32>, wants_input: bool) {
        grad.iter_mut().zip(&self.dropout).for_each(|(g, factor)| *g *= factor);
        match &self.stage {
            Stage::Waveform { .. } => {}
            Stage::Conv { shape, .. } => {
                through_relu(grad, &self.output);
                batch::backward_weights(shape, x, grad, &mut self.weights.grad);
                sum_channels(grad, &mut self.bias.grad);
                if wants_input {
                    grad_in.resize(x.len(), 0.0);
                    batch::backward_input(shape, &self.weights.values, grad, grad_in);
                }
            }
            Stage::Strided { windows, c_out, .. } => {
                through_relu(grad, &self.output);
                let (n_in, n_out) = (windows.height * windows.width * windows.channels, windows.n() * c_out);
                self.weights.grad.fill(0.0);
                let mut columns = Vec::new();
                for (x, grad) in x.chunks_exact(n_in).zip(grad.chunks_exact(n_out)) {
                    strided::backward_weights(windows, x, grad, &mut self.weights.grad, &mut columns);
                }
                sum_channels(grad, &mut self.bias.grad);
                if wants_input {
                    grad_in.resize(x.len(), 0.0);
                    let images = grad_in.par_chunks_exact_mut(n_in).zip(grad.par_chunks_exact(n_out));
                    images.for_each(|(grad_in, grad)| {
                        strided::backward_input(windows, &self.weights.values, grad, grad_in);
                    });
                }
            }
            Stage::MaxPool(shape) => {
                grad_in.resize(x.len(), 0.0);
                pool::backward(*shape, x, &self.output, grad, grad_in);
            }
            Stage::Maximum(windows) => {
                grad_in.resize(x.len(), 0.0);
                let (n_in, n_out) = (windows.height * windows.width * windows.channels, windows.n() * windows.channels);
                let images = grad_in.par_chunks_exact_mut(n_in).zip(x.par_chunks_exact(n_in));
                let images = images.zip(self.output.par_chunks_exact(n_out)).zip(grad.par_chunks_exact(n_out));
                images.for_each(|(((grad_in, x), out), grad)| strided::max_backward(windows, x, out, grad, grad_in));
            }
            Stage::Dense(shape) => {
                if shape.relu {
                    through_relu(grad, &self.output);
                }
                dense::backward_weights(x, grad, &mut self.weights.grad, &mut self.bias.grad);
                if wants_input {
                    grad_in.resize(x.len(), 0.0);
                    dense::backward_input(shape.c_out, &self.weights.values, grad, grad_in);
                }
            }
        }
    }
}

/// Nothing comes back where a ReLU gave 0.
fn through_relu(grad: &mut [f32], output: &[f32]) {
    grad.par_chunks_mut(CHUNK).zip(output.par_chunks(CHUNK)).for_each(|(grad, output)| {
        grad.iter_mut().zip(output).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
    });
}

/// Sums over all pixels of a batch, in a fixed order.
fn sum_channels(grad: &[f32], sums: &mut [f32]) {
    let channels = sums.len();
    let parts: Vec<Vec<f32>> = grad
        .par_chunks(channels * CHUNK)
        .map(|part| {
            let mut sum = vec![0.0_f32; channels];
            for row in part.chunks_exact(channels) {
                sum.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
            }
            sum
        })
        .collect();
    sums.fill(0.0);
    for part in parts {
        sums.iter_mut().zip(&part).for_each(|(sum, p)| *sum += p);
    }
}

/// What [`LayerSpec::Waveform`](super::LayerSpec::Waveform) multiplies samples by: one over a percentile of their magnitudes
/// (between two, the weighted mean of both, as NumPy has it) and the floor.
pub(crate) fn waveform_scale(samples: &[f32], percentile: f32, floor: f32) -> f32 {
    let mut magnitudes: Vec<f32> = samples.iter().map(|x| x.abs()).collect();
    magnitudes.sort_unstable_by(f32::total_cmp);
    let at = f64::from(percentile) / 100.0 * magnitudes.len().saturating_sub(1) as f64;
    let value = |i: usize| f64::from(magnitudes.get(i).copied().unwrap_or(0.0));
    let (low, share) = (at as usize, at.fract());
    let of_both = value(low) + share * (value((low + 1).min(magnitudes.len().saturating_sub(1))) - value(low));
    1.0 / (of_both as f32 + floor)
}
