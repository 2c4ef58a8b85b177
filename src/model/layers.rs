//! Layers by name, of the small networks that read a classifier: `[batch, time, freq, channels]`, on the CPU, once for listening
//! and once for learning.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::ops::{conv2d, matmul};
use super::tensors::Arrays;
use crate::{Error, Result};

/// Names and PyTorch shapes of a network's arrays, in a fixed order.
pub(super) type ArrayShapes = Vec<(String, Vec<usize>)>;

/// Tensors in the layout that the operations want.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// Whose they are, for messages.
    network: &'static str,
    tensors: HashMap<String, Tensor>,
}

/// Adds a layer to a list of arrays: a weight of `shape` and a bias for each of its outputs.
pub(super) fn push_layer(shapes: &mut ArrayShapes, name: &str, shape: &[usize]) {
    shapes.push((format!("{name}.weight"), shape.to_vec()));
    shapes.push((format!("{name}.bias"), vec![shape[0]]));
}

impl Layers {
    /// From arrays by name.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub(super) fn load(network: &'static str, shapes: ArrayShapes, arrays: &Arrays) -> Result<Self> {
        let mut tensors = HashMap::new();
        for (name, shape) in &shapes {
            let values = arrays.get(name, shape)?.to_vec();
            tensors.insert(name.clone(), Tensor::from_vec(values, shape.as_slice(), &Device::Cpu)?);
        }
        Self::from_tensors(network, shapes, &tensors)
    }

    /// On tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub(super) fn from_tensors(
        network: &'static str,
        shapes: ArrayShapes,
        tensors: &HashMap<String, Tensor>,
    ) -> Result<Self> {
        let mut laid_out = HashMap::new();
        for (name, shape) in shapes {
            let t = tensors.get(&name).ok_or_else(|| without(network, &name))?;
            let t = match shape.len() {
                4 => t.permute((2, 3, 1, 0))?.contiguous()?,
                2 => t.t()?.contiguous()?,
                _ => t.clone(),
            };
            laid_out.insert(name, t);
        }
        Ok(Self { network, tensors: laid_out })
    }

    /// A tensor in the layout of our operations: dense weights `[in, out]`, kernels `[time, freq, c_in, c_out]`.
    pub(super) fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| without(self.network, name))
    }

    /// A convolution that keeps height and width, and its bias.
    pub(super) fn convolve(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let y = conv2d(&x.contiguous()?, self.tensor(&format!("{name}.weight"))?, None, false)?;
        Ok(y.broadcast_add(self.tensor(&format!("{name}.bias"))?)?)
    }

    /// A dense layer on rows `[rows, features]`, and its bias.
    pub(super) fn dense(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let y = matmul(x, self.tensor(&format!("{name}.weight"))?)?;
        Ok(y.broadcast_add(self.tensor(&format!("{name}.bias"))?)?)
    }

    /// A dense layer on the channels of every place of a map.
    pub(super) fn at_each_place(&self, map: &Tensor, name: &str) -> Result<Tensor> {
        let (batch, time, freq, channels) = map.dims4()?;
        let y = self.dense(&map.contiguous()?.reshape((batch * time * freq, channels))?, name)?;
        let width = y.dim(1)?;
        Ok(y.reshape((batch, time, freq, width))?)
    }
}

fn without(network: &str, name: &str) -> Error {
    Error::bug(format!("{network} was built without '{name}'"))
}
