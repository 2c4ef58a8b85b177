//! The networks of Listen to Interpret: Ψ turns the classifier's hidden layers into activations H of a dictionary W, Θ
//! turns H into the classifier's decision. Layer names are those of the authors' program, so that its checkpoints load.
//!
//! Everything is in candle operations on `[batch, time, freq, channels]`, once for listening and once for learning: the
//! same code runs on plain tensors and on variables. Only convolution has two ways: our kernels on the CPU, candle's
//! elsewhere.

mod config;
mod interpolation;
mod passes;
mod psi;
mod theta;

use std::collections::HashMap;

use candle_core::Tensor;

use super::device::ComputeDevice;
use super::ops::matmul;
use super::tensors::Arrays;
use crate::{Error, Result};

pub use config::L2iConfig;
pub use passes::{Dropout, L2iForward, Pooled};

/// Ψ and Θ with tensors in the layout that the operations want.
pub struct L2iNet {
    config: L2iConfig,
    tensors: HashMap<&'static str, Tensor>,
    /// Linear interpolation over time as matrices `[1, to, from]`, by (from, to).
    resizings: HashMap<(usize, usize), Tensor>,
    own_kernels: bool,
}

impl L2iNet {
    /// The networks on the CPU, from arrays by the authors' names. `fc1.bias` may be absent (the published Θ has none).
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &L2iConfig, arrays: &Arrays) -> Result<Self> {
        Self::load_on(config, arrays, &ComputeDevice::cpu())
    }

    /// As [`Self::load`], on a device.
    ///
    /// # Errors
    /// As [`Self::load`]; also where the device fails.
    pub fn load_on(config: &L2iConfig, arrays: &Arrays, device: &ComputeDevice) -> Result<Self> {
        let mut tensors = HashMap::new();
        for (name, shape) in config.arrays() {
            let values = match name {
                "fc1.bias" => arrays.get_optional(name, &shape)?.map_or(vec![0.0; config.n_classes], <[f32]>::to_vec),
                _ => arrays.get(name, &shape)?.to_vec(),
            };
            tensors.insert(name, Tensor::from_vec(values, shape, device.candle())?);
        }
        Self::from_tensors_on(config, &tensors, device)
    }

    /// The networks on the CPU, on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &L2iConfig, tensors: &HashMap<&'static str, Tensor>) -> Result<Self> {
        Self::from_tensors_on(config, tensors, &ComputeDevice::cpu())
    }

    /// As [`Self::from_tensors`], on tensors that lie on `device`; forward only where that has no kernels of ours.
    ///
    /// # Errors
    /// As [`Self::from_tensors`]; also where the device fails.
    pub fn from_tensors_on(
        config: &L2iConfig,
        tensors: &HashMap<&'static str, Tensor>,
        device: &ComputeDevice,
    ) -> Result<Self> {
        let own_kernels = device.has_own_kernels();
        let mut laid_out = HashMap::new();
        for (name, shape) in config.arrays() {
            let t = tensors.get(name).ok_or_else(|| Error::bug(format!("L2I was built without '{name}'")))?;
            let t = match (name, shape.len()) {
                // The authors' maps are (channels, freq, time), ours (time, freq, channels).
                ("conv6.weight" | "conv8.weight", 4) => {
                    t.permute((2, 1, 3, 0))?.contiguous()?.reshape((shape[2] * shape[1], shape[0]))?
                }
                (_, 4) if own_kernels => t.permute((3, 2, 1, 0))?.contiguous()?,
                (_, 4) => t.permute((0, 1, 3, 2))?.contiguous()?,
                (_, 3) if own_kernels => t.permute((2, 1, 0))?.contiguous()?.unsqueeze(1)?,
                (_, 3) => t.contiguous()?.unsqueeze(3)?,
                (_, 2) => t.t()?.contiguous()?,
                _ => t.clone(),
            };
            laid_out.insert(name, t);
        }
        let mut resizings = HashMap::new();
        for (from, to) in config.resizings() {
            let matrix = Tensor::from_vec(interpolation::interpolation(from, to), (1, to, from), device.candle())?;
            resizings.insert((from, to), matrix);
        }
        Ok(Self { config: config.clone(), tensors: laid_out, resizings, own_kernels })
    }

    /// The shape of the networks.
    #[must_use]
    pub const fn config(&self) -> &L2iConfig {
        &self.config
    }

    /// Runs Ψ and Θ on the classifier's taps; `dropout` is for training only.
    ///
    /// # Errors
    /// If the taps do not have the classifier's shapes.
    pub fn forward(&self, taps: &[Tensor], dropout: Option<&Dropout>) -> Result<L2iForward> {
        let activations = self.psi(taps)?;
        let pooled = self.pool(&activations, dropout)?;
        let z = match dropout {
            Some(d) => (&pooled.pooled * &d.pooled)?,
            None => pooled.pooled.clone(),
        };
        let logits = matmul(&z, self.tensor("fc1.weight")?)?.broadcast_add(self.tensor("fc1.bias")?)?;
        Ok(L2iForward { activations, pooled, logits })
    }

    fn tensor(&self, name: &'static str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::bug(format!("L2I was built without '{name}'")))
    }
}
