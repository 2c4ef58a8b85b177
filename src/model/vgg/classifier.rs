//! The network as it listens: batch norm folded into the convolutions.

use candle_core::{Device, Tensor};

use super::{BATCH_NORM_EPS, LayerSpec, VggConfig};
use crate::model::folding::{Folded, fold};
use crate::model::kernels::conv::pack_weights;
use crate::model::ops::{conv2d, matmul, max_pool};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// What one pass gives.
#[derive(Debug, Clone)]
pub struct Forward {
    /// `[batch, n_classes]`, before sigmoid or softmax.
    pub logits: Tensor,
    /// Outputs of the last three blocks before their pooling, earliest first: `[batch, time, freq, channels]`.
    pub taps: Vec<Tensor>,
    /// `[batch, rows, n_classes]` before the sigmoid, of networks that say when.
    pub frames: Option<Tensor>,
}

/// Folds the convolution and the batch norm of one layer.
pub(crate) fn fold_layer(arrays: &Arrays, spec: &LayerSpec) -> Result<Folded> {
    fold(arrays, &spec.name, &[spec.c_out, spec.c_in, 3, 3], BATCH_NORM_EPS)
}

/// The dense layer behind the pooling.
struct Head {
    weight_t: Tensor,
    bias: Tensor,
}

impl Head {
    fn load(config: &VggConfig, arrays: &Arrays, device: &Device) -> Result<Self> {
        let shape = [config.n_classes, config.embedding()];
        let weight = Tensor::from_slice(arrays.get("fc.weight", &shape)?, &shape, device)?;
        let bias = Tensor::from_slice(arrays.get("fc.bias", &[config.n_classes])?, config.n_classes, device)?;
        Ok(Self { weight_t: weight.t()?.contiguous()?, bias })
    }

    fn forward(&self, last: &Tensor) -> Result<Tensor> {
        Ok(matmul(&pool_segment(last)?, &self.weight_t)?.broadcast_add(&self.bias)?)
    }
}

/// Mean over frequency, then mean + max over time: `[batch, time, freq, channels]` to `[batch, channels]`.
pub(super) fn pool_segment(last: &Tensor) -> Result<Tensor> {
    let over_freq = last.mean(2)?;
    Ok((over_freq.mean(1)? + over_freq.max(1)?)?)
}

/// Mean of every `input_pool` frames of `[batch, n_frames, n_mels]`; frames left over at the end are dropped.
fn pool_input(segments: &Tensor, config: &VggConfig) -> Result<Tensor> {
    let (batch, n_frames, n_mels) = segments.dims3()?;
    // Without this, other bands would pass, and too few frames would give logits that are not numbers.
    if n_mels != config.n_mels || n_frames < config.time_pooling() {
        return Err(Error::bug(format!(
            "a segment of {n_frames} frames and {n_mels} bands was given to a network of at least {} frames and {} bands",
            config.time_pooling(),
            config.n_mels
        )));
    }
    let frames = config.input_pool;
    if frames == 1 {
        return Ok(segments.clone());
    }
    let whole = segments.narrow(1, 0, n_frames / frames * frames)?.contiguous()?;
    Ok(whole.reshape((batch, n_frames / frames, frames, n_mels))?.mean(2)?)
}

/// The classifier on the CPU, on our own kernels.
pub struct Vgg {
    config: VggConfig,
    layers: Vec<(LayerSpec, Tensor, Vec<f32>)>,
    head: Head,
}

impl Vgg {
    /// Builds the network from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &VggConfig, arrays: &Arrays) -> Result<Self> {
        config.validate()?;
        let mut layers = Vec::new();
        for s in config.layers() {
            let folded = fold_layer(arrays, &s)?;
            let packed = pack_weights(s.c_out, s.c_in, 9, &folded.weights);
            let weights = Tensor::from_vec(packed, (3, 3, s.c_in, s.c_out), &Device::Cpu)?;
            layers.push((s, weights, folded.bias));
        }
        Ok(Self { config: config.clone(), layers, head: Head::load(config, arrays, &Device::Cpu)? })
    }

    /// Shape of the network.
    #[must_use]
    pub const fn config(&self) -> &VggConfig {
        &self.config
    }

    /// Classifies segments `[batch, n_frames, n_mels]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let mut x = pool_input(segments, &self.config)?.unsqueeze(3)?.contiguous()?;
        let mut taps = Vec::with_capacity(self.config.widths.len());
        for (spec, weights, bias) in &self.layers {
            x = conv2d(&x, weights, Some(bias), true)?;
            if spec.ends_block {
                taps.push(x.clone());
            }
            if let Some(rows) = spec.pool {
                x = max_pool(&x, rows)?;
            }
        }
        let logits = self.head.forward(&x)?;
        Ok(Forward { logits, taps: taps.split_off(taps.len() - 3), frames: None })
    }

    /// What each channel of the last block's map says for each class: the rows of the dense layer, `[n_classes, embedding]`.
    ///
    /// # Errors
    /// If a device cannot give its values back.
    pub fn class_weights(&self) -> Result<Vec<f32>> {
        Ok(self.head.weight_t.t()?.contiguous()?.flatten_all()?.to_vec1()?)
    }
}

/// The same network in plain candle operations (NCHW), on any device: the oracle of [`Vgg`], and the path of devices
/// that have no kernels of ours.
pub struct PlainVgg {
    config: VggConfig,
    layers: Vec<(LayerSpec, Tensor, Tensor)>,
    head: Head,
}

impl PlainVgg {
    /// As [`Vgg::load`], on a device.
    ///
    /// # Errors
    /// As [`Vgg::load`].
    pub fn load(config: &VggConfig, arrays: &Arrays, device: &Device) -> Result<Self> {
        config.validate()?;
        let mut layers = Vec::new();
        for s in config.layers() {
            let folded = fold_layer(arrays, &s)?;
            let weights = Tensor::from_vec(folded.weights, (s.c_out, s.c_in, 3, 3), device)?;
            let bias = Tensor::from_vec(folded.bias, (1, s.c_out, 1, 1), device)?;
            layers.push((s, weights, bias));
        }
        Ok(Self { config: config.clone(), layers, head: Head::load(config, arrays, device)? })
    }

    /// As [`Vgg::forward`].
    ///
    /// # Errors
    /// As [`Vgg::forward`].
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let mut x = pool_input(segments, &self.config)?.unsqueeze(1)?;
        let mut taps = Vec::with_capacity(3);
        let mut blocks_left = self.config.widths.len();
        for (spec, weights, bias) in &self.layers {
            x = x.conv2d(weights, 1, 1, 1, 1)?.broadcast_add(bias)?.relu()?;
            blocks_left -= usize::from(spec.ends_block);
            // Of the others nobody wants a copy: they are the largest, and a batch may be too.
            if spec.ends_block && blocks_left < 3 {
                taps.push(x.permute((0, 2, 3, 1))?.contiguous()?);
            }
            if let Some(rows) = spec.pool {
                x = x.max_pool2d((rows, 2))?;
            }
        }
        let logits = match taps.last() {
            Some(tap) => self.head.forward(tap)?,
            None => return Err(Error::bug("a network without blocks was loaded")),
        };
        Ok(Forward { logits, taps, frames: None })
    }
}
