//! The network as it learns: batch norm on the batch, gradients on, running statistics kept.

use candle_core::{Device, Tensor, Var};
use rand::{Rng, RngExt};

use super::classifier::pool_segment;
use super::{BATCH_NORM_EPS, VggConfig};
use crate::Result;
use crate::model::kernels::conv::{pack_weights, unpack_weights};
use crate::model::ops::{BatchStats, conv_norm_relu, max_pool};
use crate::model::tensors::Arrays;

/// Share of a batch's statistics that enters the running ones, PyTorch's default.
const MOMENTUM: f32 = 0.1;

/// A variable that an optimiser may move.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Name for checkpoints of the optimiser.
    pub name: String,
    /// The variable.
    pub var: Var,
    /// Whether weight decay applies: to weights, not to biases and batch norms.
    pub decays: bool,
}

struct Layer {
    name: String,
    c_in: usize,
    c_out: usize,
    pool: Option<usize>,
    weights: Var,
    affine: Var,
    mean: Vec<f32>,
    var: Vec<f32>,
}

/// The network with variables.
pub struct TrainableVgg {
    config: VggConfig,
    layers: Vec<Layer>,
    fc_weight: Var,
    fc_bias: Var,
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
        for s in config.layers() {
            let weights = arrays.get(&format!("{}.0.weight", s.name), &[s.c_out, s.c_in, 3, 3])?;
            let packed = pack_weights(s.c_out, s.c_in, 9, weights);
            let norm = |what: &str| arrays.get(&format!("{}.1.{what}", s.name), &[s.c_out]);
            layers.push(Layer {
                weights: Var::from_vec(packed, (3, 3, s.c_in, s.c_out), &Device::Cpu)?,
                affine: Var::from_vec([norm("weight")?, norm("bias")?].concat(), (2, s.c_out), &Device::Cpu)?,
                mean: norm("running_mean")?.to_vec(),
                var: norm("running_var")?.to_vec(),
                name: s.name,
                c_in: s.c_in,
                c_out: s.c_out,
                pool: s.pool,
            });
        }
        let (n, e) = (config.n_classes, config.embedding());
        Ok(Self {
            config: config.clone(),
            layers,
            fc_weight: Var::from_slice(arrays.get("fc.weight", &[n, e])?, (n, e), &Device::Cpu)?,
            fc_bias: Var::from_slice(arrays.get("fc.bias", &[n])?, n, &Device::Cpu)?,
        })
    }

    /// Everything by PyTorch's names, running statistics included.
    ///
    /// # Errors
    /// Never in practice; tensor reads are fallible.
    pub fn arrays(&self) -> Result<Arrays> {
        let mut arrays = Arrays::default();
        for l in &self.layers {
            let packed = l.weights.flatten_all()?.to_vec1::<f32>()?;
            let shape = [l.c_out, l.c_in, 3, 3];
            arrays.insert(format!("{}.0.weight", l.name), shape, unpack_weights(l.c_out, l.c_in, 9, &packed));
            let affine = l.affine.flatten_all()?.to_vec1::<f32>()?;
            arrays.insert(format!("{}.1.weight", l.name), [l.c_out], affine[..l.c_out].to_vec());
            arrays.insert(format!("{}.1.bias", l.name), [l.c_out], affine[l.c_out..].to_vec());
            arrays.insert(format!("{}.1.running_mean", l.name), [l.c_out], l.mean.clone());
            arrays.insert(format!("{}.1.running_var", l.name), [l.c_out], l.var.clone());
        }
        let (n, e) = (self.config.n_classes, self.config.embedding());
        arrays.insert("fc.weight", [n, e], self.fc_weight.flatten_all()?.to_vec1()?);
        arrays.insert("fc.bias", [n], self.fc_bias.to_vec1()?);
        Ok(arrays)
    }

    /// All variables, in a fixed order.
    #[must_use]
    pub fn variables(&self) -> Vec<Trained> {
        let mut all = Vec::new();
        for l in &self.layers {
            all.push(Trained { name: format!("{}.0.weight", l.name), var: l.weights.clone(), decays: true });
            all.push(Trained { name: format!("{}.1", l.name), var: l.affine.clone(), decays: false });
        }
        all.push(Trained { name: "fc.weight".into(), var: self.fc_weight.clone(), decays: true });
        all.push(Trained { name: "fc.bias".into(), var: self.fc_bias.clone(), decays: false });
        all
    }

    /// Logits `[batch, n_classes]` of a training batch `[batch, n_frames, n_mels]`; updates the running statistics.
    /// `dropout` is multiplied onto the pooled features `[batch, channels]` (0 or 1/(1−p) each).
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward(&mut self, segments: &Tensor, dropout: Option<&Tensor>) -> Result<Tensor> {
        let mut x = segments.unsqueeze(3)?.contiguous()?;
        for layer in &mut self.layers {
            let (y, stats) = conv_norm_relu(&x, &layer.weights, &layer.affine, BATCH_NORM_EPS)?;
            layer.follow(&stats);
            x = match layer.pool {
                Some(rows) => max_pool(&y, rows)?,
                None => y,
            };
        }
        let pooled = pool_segment(&x)?;
        let pooled = match dropout {
            Some(mask) => (pooled * mask)?,
            None => pooled,
        };
        Ok(pooled.matmul(&self.fc_weight.t()?)?.broadcast_add(&self.fc_bias)?)
    }
}

impl Layer {
    fn follow(&mut self, stats: &BatchStats) {
        // PyTorch keeps the unbiased variance.
        let unbias = stats.count as f32 / (stats.count.max(2) - 1) as f32;
        for (running, batch) in self.mean.iter_mut().zip(&stats.mean) {
            *running += MOMENTUM * (batch - *running);
        }
        for (running, batch) in self.var.iter_mut().zip(&stats.var) {
            *running += MOMENTUM * (batch * unbias - *running);
        }
    }
}
