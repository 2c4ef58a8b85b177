//! The network as it learns: batch norm on the batch, gradients on, running statistics kept.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use rand::{Rng, RngExt};

use super::classifier::pool_segment;
use super::{BATCH_NORM_EPS, LayerSpec, VggConfig};
use crate::model::kernels::conv::{ConvShape, Epilogue, pack_weights, unpack_weights};
use crate::model::kernels::norm::BatchStats;
use crate::model::kernels::pool::PoolShape;
use crate::model::kernels::{batch, norm, pool};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Share of a batch's statistics that enters the running ones, PyTorch's default.
const MOMENTUM: f32 = 0.1;

/// One trained array with its newest gradient.
#[derive(Debug, Clone, Default)]
pub struct Param {
    /// Name for the optimiser's checkpoint.
    pub name: String,
    /// The values, in the layout that the kernels want.
    pub values: Vec<f32>,
    /// Gradient of the loss by the values.
    pub grad: Vec<f32>,
    /// Whether weight decay applies: to weights, not to biases and batch norms.
    pub decays: bool,
}

impl Param {
    /// An array with a gradient of zeros.
    #[must_use]
    pub fn new(name: String, values: Vec<f32>, decays: bool) -> Self {
        Self { name, grad: vec![0.0; values.len()], values, decays }
    }
}

/// One convolution with its batch norm, and what the backward pass needs of the forward pass. Buffers live from step to
/// step: fresh ones would cost more in page faults than the arithmetic on them.
struct Layer {
    spec: LayerSpec,
    weights: Param,
    /// Gamma, then beta.
    affine: Param,
    mean: Vec<f32>,
    var: Vec<f32>,
    shape: ConvShape,
    stats: BatchStats,
    convolved: Vec<f32>,
    output: Vec<f32>,
    /// The output behind the pooling; empty where there is none.
    pooled: Vec<f32>,
}

/// The network with gradients. Convolutions, batch norms and poolings form a chain whose backward pass is written out
/// here; only the small head goes through candle's automatic one.
pub struct TrainableVgg {
    config: VggConfig,
    layers: Vec<Layer>,
    fc_weight: Param,
    fc_bias: Param,
    input: Vec<f32>,
    grads: [Vec<f32>; 2],
}

/// What a loss on the logits teaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The whole network.
    All,
    /// The dense layer alone, on the blocks as they are.
    DenseLayer,
}

/// Where the chain ends: the last block's output as a candle variable, the head's variables, and the logits.
pub struct HeadPass {
    /// Outputs of the last three blocks before their pooling, earliest first, `[batch, time, freq, channels]`: a loss may
    /// be built on these variables too. The last is always there, the others after [`TrainableVgg::forward_with_taps`].
    pub taps: Vec<Var>,
    fc_weight: Var,
    fc_bias: Var,
    /// `[batch, n_classes]`, before sigmoid or softmax: build the loss on them.
    pub logits: Tensor,
}

impl TrainableVgg {
    /// A fresh network: uniform within ±1/√fan-in, as PyTorch's default; batch norm starts at 1 and 0.
    ///
    /// # Errors
    /// If the configuration is impossible.
    pub fn new(config: &VggConfig, rng: &mut impl Rng) -> Result<Self> {
        config.validate()?;
        let mut arrays = Arrays::default();
        let mut uniform = |n: usize, fan_in: usize| -> Vec<f32> {
            let bound = 1.0 / (fan_in as f32).sqrt();
            (0..n).map(|_| rng.random_range(-bound..bound)).collect()
        };
        for s in config.layers() {
            let shape = [s.c_out, s.c_in, 3, 3];
            arrays.insert(format!("{}.0.weight", s.name), shape, uniform(s.c_out * s.c_in * 9, s.c_in * 9));
            for (what, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
                arrays.insert(format!("{}.1.{what}", s.name), [s.c_out], vec![value; s.c_out]);
            }
        }
        let (n, e) = (config.n_classes, config.embedding());
        arrays.insert("fc.weight", [n, e], uniform(n * e, e));
        arrays.insert("fc.bias", [n], uniform(n, e));
        Self::load(config, &arrays)
    }

    /// A network that goes on from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &VggConfig, arrays: &Arrays) -> Result<Self> {
        config.validate()?;
        let mut layers = Vec::new();
        for spec in config.layers() {
            let weights = arrays.get(&format!("{}.0.weight", spec.name), &[spec.c_out, spec.c_in, 3, 3])?;
            let packed = pack_weights(spec.c_out, spec.c_in, 9, weights);
            let norm = |what: &str| arrays.get(&format!("{}.1.{what}", spec.name), &[spec.c_out]);
            let mut mean = norm("running_mean")?.to_vec();
            // Batch norm takes a convolution's bias away again, so none is trained; one that is there moves into the mean.
            if let Some(bias) = arrays.get_optional(&format!("{}.0.bias", spec.name), &[spec.c_out])? {
                mean.iter_mut().zip(bias).for_each(|(m, b)| *m -= b);
            }
            layers.push(Layer {
                weights: Param::new(format!("{}.0.weight", spec.name), packed, true),
                affine: Param::new(format!("{}.1", spec.name), [norm("weight")?, norm("bias")?].concat(), false),
                mean,
                var: norm("running_var")?.to_vec(),
                shape: ConvShape { height: 0, width: 0, c_in: spec.c_in, c_out: spec.c_out, kh: 3, kw: 3 },
                spec,
                stats: BatchStats::default(),
                convolved: Vec::new(),
                output: Vec::new(),
                pooled: Vec::new(),
            });
        }
        let (n, e) = (config.n_classes, config.embedding());
        Ok(Self {
            config: config.clone(),
            layers,
            fc_weight: Param::new("fc.weight".into(), arrays.get("fc.weight", &[n, e])?.to_vec(), true),
            fc_bias: Param::new("fc.bias".into(), arrays.get("fc.bias", &[n])?.to_vec(), false),
            input: Vec::new(),
            grads: [Vec::new(), Vec::new()],
        })
    }

    /// Shape of the network.
    #[must_use]
    pub const fn config(&self) -> &VggConfig {
        &self.config
    }

    /// Everything by PyTorch's names, running statistics included.
    #[must_use]
    pub fn arrays(&self) -> Arrays {
        let mut arrays = Arrays::default();
        for l in &self.layers {
            let (name, c_in, c_out) = (&l.spec.name, l.spec.c_in, l.spec.c_out);
            let weights = unpack_weights(c_out, c_in, 9, &l.weights.values);
            arrays.insert(format!("{name}.0.weight"), [c_out, c_in, 3, 3], weights);
            let (gamma, beta) = l.affine.values.split_at(c_out);
            for (what, values) in
                [("weight", gamma), ("bias", beta), ("running_mean", &l.mean), ("running_var", &l.var)]
            {
                arrays.insert(format!("{name}.1.{what}"), [c_out], values.to_vec());
            }
        }
        let (n, e) = (self.config.n_classes, self.config.embedding());
        arrays.insert("fc.weight", [n, e], self.fc_weight.values.clone());
        arrays.insert("fc.bias", [n], self.fc_bias.values.clone());
        arrays
    }

    /// All trained arrays, in a fixed order.
    pub fn params(&mut self) -> Vec<&mut Param> {
        let mut all: Vec<&mut Param> = Vec::new();
        for l in &mut self.layers {
            all.push(&mut l.weights);
            all.push(&mut l.affine);
        }
        all.push(&mut self.fc_weight);
        all.push(&mut self.fc_bias);
        all
    }

    /// Runs a training batch `segments[batch, n_frames, n_mels]` and updates the running statistics. `dropout` is
    /// multiplied onto the pooled features `[batch, channels]` (0 or 1/(1−p) each).
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward(&mut self, segments: &[f32], batch: usize, dropout: Option<Tensor>) -> Result<HeadPass> {
        let shape = self.forward_blocks(segments, batch)?;
        self.head(self.tap(self.layers.len() - 1, batch, shape)?, dropout, Reach::All)
    }

    /// As [`Self::forward`], with the hidden layers that an interpreter reads as variables, so that its loss flows back into
    /// the blocks.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_with_taps(
        &mut self,
        segments: &[f32],
        batch: usize,
        dropout: Option<Tensor>,
        reach: Reach,
    ) -> Result<HeadPass> {
        self.forward_blocks(segments, batch)?;
        let ends: Vec<usize> = (0..self.layers.len()).filter(|&i| self.layers[i].spec.ends_block).collect();
        let mut taps = Vec::with_capacity(3);
        for &i in &ends[ends.len() - 3..] {
            taps.push(self.tap(i, batch, (self.layers[i].shape.height, self.layers[i].shape.width))?);
        }
        let last = taps.pop().ok_or_else(|| Error::bug("a network without blocks was trained"))?;
        let mut pass = self.head(last, dropout, reach)?;
        pass.taps.splice(0..0, taps);
        Ok(pass)
    }

    /// A layer's output before its pooling, as a variable.
    fn tap(&self, layer: usize, batch: usize, (height, width): (usize, usize)) -> Result<Var> {
        let layer = &self.layers[layer];
        Ok(Var::from_slice(&layer.output, (batch, height, width, layer.spec.c_out), &Device::Cpu)?)
    }

    /// Runs the blocks; height and width of the last one's output.
    fn forward_blocks(&mut self, segments: &[f32], batch: usize) -> Result<(usize, usize)> {
        let n_mels = self.config.n_mels;
        let n_frames = segments.len() / (batch * n_mels).max(1);
        if batch == 0 || segments.len() != batch * n_frames * n_mels || n_frames < self.config.time_pooling() {
            return Err(Error::bug(format!("{} values are no batch of {batch} segments", segments.len())));
        }
        pool_input(segments, n_frames, n_mels, self.config.input_pool, &mut self.input);
        let (mut height, mut width) = (n_frames / self.config.input_pool, n_mels);
        for i in 0..self.layers.len() {
            let (before, rest) = self.layers.split_at_mut(i);
            let x = before.last().map_or(&self.input, Layer::result);
            (height, width) = rest[0].forward(x, batch, height, width);
        }
        Ok((height, width))
    }

    /// The dense layer on the last block's output.
    fn head(&self, last: Var, dropout: Option<Tensor>, reach: Reach) -> Result<HeadPass> {
        let (n, e) = (self.config.n_classes, self.config.embedding());
        let fc_weight = Var::from_slice(&self.fc_weight.values, (n, e), &Device::Cpu)?;
        let fc_bias = Var::from_slice(&self.fc_bias.values, n, &Device::Cpu)?;
        let pooled = match reach {
            Reach::All => pool_segment(&last)?,
            Reach::DenseLayer => pool_segment(&last.detach())?,
        };
        let pooled = match dropout {
            Some(mask) => (pooled * mask)?,
            None => pooled,
        };
        let logits = pooled.matmul(&fc_weight.t()?)?.broadcast_add(&fc_bias)?;
        Ok(HeadPass { taps: vec![last], fc_weight, fc_bias, logits })
    }

    /// Fills every parameter's gradient for the loss that was built on the logits of the last [`Self::forward`].
    ///
    /// # Errors
    /// If the loss does not depend on the logits.
    pub fn backward(&mut self, pass: &HeadPass, loss: &Tensor) -> Result<()> {
        self.backward_from(pass, &loss.backward()?)
    }

    /// As [`Self::backward`], from the gradients of a loss that may also be built on the pass' taps: what arrives at a tap
    /// is added where the chain comes by.
    ///
    /// # Errors
    /// If the loss depends neither on the blocks nor on the logits.
    pub fn backward_from(&mut self, pass: &HeadPass, store: &GradStore) -> Result<()> {
        let grad = |var: &Var| -> Result<Vec<f32>> {
            let grad = store.get(var).ok_or_else(|| Error::bug("the loss does not depend on the network"))?;
            Ok(grad.flatten_all()?.to_vec1()?)
        };
        self.fc_weight.grad = grad(&pass.fc_weight)?;
        self.fc_bias.grad = grad(&pass.fc_bias)?;
        let (last, earlier) = pass.taps.split_last().ok_or_else(|| Error::bug("a pass has no taps"))?;
        // Walked backward beside the layers.
        let mut earlier = earlier.iter().rev();
        let [grad_out, grad_in] = &mut self.grads;
        *grad_out = grad(last)?;
        for i in (0..self.layers.len()).rev() {
            let (before, rest) = self.layers.split_at_mut(i);
            let x = before.last().map_or(&self.input, Layer::result);
            // The last block's tap is where the chain begins.
            let tap = if rest[0].spec.ends_block && rest.len() > 1 { earlier.next() } else { None };
            let tap = match tap {
                Some(tap) => store.get(tap).map(|g| g.flatten_all()?.to_vec1()).transpose()?,
                None => None,
            };
            rest[0].backward(x, grad_out, tap.as_deref(), grad_in, i > 0);
        }
        Ok(())
    }
}

/// Mean of every `pool` frames, as the listening network does it.
fn pool_input(segments: &[f32], n_frames: usize, n_mels: usize, pool: usize, out: &mut Vec<f32>) {
    out.clear();
    for segment in segments.chunks_exact(n_frames * n_mels) {
        for group in segment.chunks_exact(pool * n_mels) {
            let mean = |band: usize| group[band..].iter().step_by(n_mels).sum::<f32>() / pool as f32;
            out.extend((0..n_mels).map(mean));
        }
    }
}

impl Layer {
    fn result(&self) -> &Vec<f32> {
        if self.spec.pool.is_some() { &self.pooled } else { &self.output }
    }

    fn pool_shape(&self, rows: usize) -> PoolShape {
        PoolShape { height: self.shape.height, width: self.shape.width, channels: self.shape.c_out, rows }
    }

    /// Returns height and width of the result.
    fn forward(&mut self, x: &[f32], batch: usize, height: usize, width: usize) -> (usize, usize) {
        (self.shape.height, self.shape.width) = (height, width);
        let n = batch * height * width * self.shape.c_out;
        self.convolved.resize(n, 0.0);
        self.output.resize(n, 0.0);
        batch::forward(&self.shape, x, &self.weights.values, Epilogue { bias: None, relu: false }, &mut self.convolved);
        let (gamma, beta) = self.affine.values.split_at(self.shape.c_out);
        self.stats = norm::forward(&self.convolved, gamma, beta, BATCH_NORM_EPS, &mut self.output);
        self.follow_stats();
        match self.spec.pool {
            Some(rows) => {
                let shape = self.pool_shape(rows);
                self.pooled.resize(batch * shape.len_out(), 0.0);
                pool::forward(shape, &self.output, &mut self.pooled);
                (height / rows, width / 2)
            }
            None => (height, width),
        }
    }

    /// Takes the gradient of the result in `grad` and leaves that of the input there; `tap` is a further gradient of the
    /// output before the pooling, `spare` is room to work.
    fn backward(
        &mut self,
        x: &[f32],
        grad: &mut Vec<f32>,
        tap: Option<&[f32]>,
        spare: &mut Vec<f32>,
        wants_input: bool,
    ) {
        if let Some(rows) = self.spec.pool {
            spare.resize(self.output.len(), 0.0);
            pool::backward(self.pool_shape(rows), &self.output, &self.pooled, grad, spare);
            std::mem::swap(grad, spare);
        }
        if let Some(tap) = tap {
            grad.iter_mut().zip(tap).for_each(|(g, t)| *g += t);
        }
        let gamma = &self.affine.values[..self.shape.c_out];
        spare.resize(self.output.len(), 0.0);
        let (grad_gamma, grad_beta) =
            norm::backward(&self.stats, gamma, &self.convolved, &self.output, grad, BATCH_NORM_EPS, spare);
        self.affine.grad = [grad_gamma, grad_beta].concat();
        batch::backward_weights(&self.shape, x, spare, &mut self.weights.grad);
        if wants_input {
            grad.resize(x.len(), 0.0);
            batch::backward_input(&self.shape, &self.weights.values, spare, grad);
        }
    }

    fn follow_stats(&mut self) {
        // PyTorch keeps the unbiased variance.
        let unbias = self.stats.count as f32 / (self.stats.count.max(2) - 1) as f32;
        for (running, batch) in self.mean.iter_mut().zip(&self.stats.mean) {
            *running += MOMENTUM * (batch - *running);
        }
        for (running, batch) in self.var.iter_mut().zip(&self.stats.var) {
            *running += MOMENTUM * (batch * unbias - *running);
        }
    }
}
