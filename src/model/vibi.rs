//! The networks of VIBI (Bang et al. 2021), which know a classifier by its input and its answer alone: an explainer says of every
//! chunk of the input how likely it is chosen, and an approximator repeats the classifier's decision from the chosen chunks,
//! with silence in place of all others.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::layers::{ArrayShapes, Layers, push_layer};
use super::manifest::{Manifest, VIBI_PLACE as PLACE};
use super::ops::max_pool;
use super::tensors::Arrays;
use crate::{Error, Result};

/// The approximator's last layer.
pub(super) const ANSWER: [&str; 2] = [DECISION_WEIGHT, "approximator.answer.bias"];

/// The weights of the layer that decides.
pub const DECISION_WEIGHT: &str = "approximator.answer.weight";

const NETWORK: &str = "VIBI";

/// Frames and bands of the input that both networks see as one: their mean.
const CELL: [usize; 2] = [4, 2];

/// Shape of the networks.
#[derive(Debug, Clone, PartialEq)]
pub struct VibiConfig {
    /// Bands of the classifier's input.
    pub n_mels: usize,
    /// Classes.
    pub n_classes: usize,
    /// Frames and bands of a chunk, multiples of [`VIBI_PLACE`](PLACE).
    pub chunk: [usize; 2],
    /// Channels of the first maps; later ones have two and four times as many.
    pub channels: usize,
    /// Share of the chunks that are chosen, above 0 and below 1.
    pub chosen: f32,
    /// What a value of the input is in silence.
    pub silence: f32,
}

impl VibiConfig {
    /// The networks that a manifest describes.
    ///
    /// # Errors
    /// A model error where the manifest has no `[vibi]`, or one that fits no network.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let vibi = manifest.vibi.as_ref().ok_or_else(|| {
            Error::model(format!("the model {} has no [vibi]; train one with 'earwitness train vibi'", manifest.name))
        })?;
        Self {
            n_mels: manifest.front_end.n_mels,
            n_classes: manifest.labels.len(),
            chunk: [vibi.chunk_frames, vibi.chunk_bands],
            channels: vibi.channels,
            chosen: vibi.chosen,
            silence: manifest.front_end.params()?.compression.silence(),
        }
        .checked()
    }

    /// The configuration, where there can be such networks.
    ///
    /// # Errors
    /// A model error that says what is wrong.
    pub fn checked(self) -> Result<Self> {
        let whole = |(size, place): (usize, usize)| size > 0 && size.is_multiple_of(place);
        if !self.chunk.into_iter().zip(PLACE).all(whole) {
            return Err(Error::model(format!(
                "chunks of {} frames and {} bands cannot be; give multiples of {} frames and {} bands",
                self.chunk[0], self.chunk[1], PLACE[0], PLACE[1]
            )));
        }
        if self.channels == 0 || !(self.chosen > 0.0 && self.chosen < 1.0) {
            return Err(Error::model(
                "VIBI needs at least one channel, and a share of chosen chunks above 0 and below 1",
            ));
        }
        Ok(self)
    }

    /// Chunks over time and over frequency in an input of `n_frames`; the last ones may reach beyond it.
    #[must_use]
    pub fn grid(&self, n_frames: usize) -> [usize; 2] {
        [n_frames.div_ceil(self.chunk[0]), self.n_mels.div_ceil(self.chunk[1])]
    }

    /// How many of so many chunks are chosen, k.
    #[must_use]
    pub fn n_chosen(&self, n_chunks: usize) -> usize {
        ((self.chosen * n_chunks as f32).round() as usize).clamp(1, n_chunks.max(1))
    }

    /// Names and PyTorch shapes of all arrays (kernels `[c_out, c_in, time, freq]`), in a fixed order.
    #[must_use]
    pub fn arrays(&self) -> ArrayShapes {
        let c = self.channels;
        let mut all = Vec::new();
        for (name, c_in, c_out) in
            [("conv1", 1, c), ("conv2", c, 2 * c), ("conv3", 2 * c, 2 * c), ("conv4", 2 * c, 2 * c)]
        {
            push_layer(&mut all, &format!("explainer.{name}"), &[c_out, c_in, 3, 3]);
        }
        push_layer(&mut all, "explainer.choice", &[1, 2 * c]);
        for (name, c_in, c_out) in
            [("conv1", 1, c), ("conv2", c, 2 * c), ("conv3", 2 * c, 4 * c), ("conv4", 4 * c, 4 * c)]
        {
            push_layer(&mut all, &format!("approximator.{name}"), &[c_out, c_in, 3, 3]);
        }
        push_layer(&mut all, "approximator.answer", &[self.n_classes, 4 * c]);
        all
    }
}

/// Explainer and approximator on the CPU.
#[derive(Debug, Clone)]
pub struct VibiNet {
    config: VibiConfig,
    layers: Layers,
}

impl VibiNet {
    /// The networks from arrays by the names of [`VibiConfig::arrays`].
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &VibiConfig, arrays: &Arrays) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::load(NETWORK, config.arrays(), arrays)? })
    }

    /// The networks on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &VibiConfig, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::from_tensors(NETWORK, config.arrays(), tensors)? })
    }

    /// The shape of the networks.
    #[must_use]
    pub const fn config(&self) -> &VibiConfig {
        &self.config
    }

    /// The explainer: of every chunk of `[batch, n_frames, n_mels]` the logit of being chosen, `[batch, n_chunks]`, time by time.
    ///
    /// # Errors
    /// If the input does not have the network's bands.
    pub fn explain(&self, features: &Tensor) -> Result<Tensor> {
        let x = self.pooled(&self.cells(features)?, "explainer")?;
        let (batch, time, freq, channels) = x.dims4()?;
        let [by_time, by_freq] = [self.config.chunk[0] / PLACE[0], self.config.chunk[1] / PLACE[1]];
        let x = x.reshape(&[batch, time / by_time, by_time, freq / by_freq, by_freq, channels][..])?;
        let x = x.mean(4)?.mean(2)?.contiguous()?;
        let x = self.layers.convolve(&x, "explainer.conv4")?.relu()?;
        let chunks = self.layers.at_each_place(&x, "explainer.choice")?;
        Ok(chunks.reshape((batch, (time / by_time) * (freq / by_freq)))?)
    }

    /// 1 for the chunks that are chosen by logits `[batch, n_chunks]`, the greatest and of equal ones the first, and 0 for the
    /// others.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn likeliest(&self, choice: &Tensor) -> Result<Tensor> {
        let (batch, n_chunks) = choice.dims2()?;
        let mut kept = vec![0.0_f32; batch * n_chunks];
        for (logits, kept) in choice.to_vec2::<f32>()?.iter().zip(kept.chunks_exact_mut(n_chunks)) {
            let mut order: Vec<usize> = (0..n_chunks).collect();
            order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
            order.iter().take(self.config.n_chosen(n_chunks)).for_each(|chunk| kept[*chunk] = 1.0);
        }
        Ok(Tensor::from_vec(kept, (batch, n_chunks), &Device::Cpu)?)
    }

    /// The approximator: the decision's logits `[batch, n_classes]` from the input and how much of each chunk there is, 0…1,
    /// `[batch, n_chunks]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn approximate(&self, features: &Tensor, kept: &Tensor) -> Result<Tensor> {
        let silence = f64::from(self.config.silence);
        let seen = ((features - silence)? * self.spread(kept, features.dim(1)?)?)?.affine(1.0, silence)?;
        let x = self.pooled(&self.cells(&seen)?, "approximator")?;
        let x = self.layers.convolve(&x, "approximator.conv4")?.relu()?;
        let (batch, time, freq, channels) = x.dims4()?;
        let x = x.reshape((batch, time * freq, channels))?;
        self.layers.dense(&(x.mean(1)? + x.max(1)?)?, "approximator.answer")
    }

    /// Values of chunks `[batch, n_chunks]` as values of the input, `[batch, n_frames, n_mels]`.
    fn spread(&self, chunks: &Tensor, n_frames: usize) -> Result<Tensor> {
        let batch = chunks.dim(0)?;
        let ([rows, columns], [frames, bands]) = (self.config.grid(n_frames), self.config.chunk);
        let x = chunks.reshape(&[batch, rows, 1, columns, 1][..])?;
        let x = x.broadcast_as(&[batch, rows, frames, columns, bands][..])?.contiguous()?;
        let x = x.reshape((batch, rows * frames, columns * bands))?;
        Ok(x.narrow(1, 0, n_frames)?.narrow(2, 0, self.config.n_mels)?.contiguous()?)
    }

    /// The input in whole chunks, filled with silence, as means over cells: `[batch, time, freq, 1]`.
    fn cells(&self, features: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = features.dims3()?;
        if n_mels != self.config.n_mels || n_frames == 0 {
            return Err(Error::bug(format!("VIBI was given {n_frames} frames of {n_mels} bands")));
        }
        let ([rows, columns], [frames, bands]) = (self.config.grid(n_frames), self.config.chunk);
        let x = self.filled(features, 1, rows * frames - n_frames)?;
        let x = self.filled(&x, 2, columns * bands - n_mels)?;
        let (time, freq) = (rows * frames / CELL[0], columns * bands / CELL[1]);
        let x = x.contiguous()?.reshape(&[batch, time, CELL[0], freq, CELL[1]][..])?;
        Ok(x.mean(4)?.mean(2)?.contiguous()?.unsqueeze(3)?)
    }

    fn filled(&self, x: &Tensor, dim: usize, more: usize) -> Result<Tensor> {
        if more == 0 {
            return Ok(x.clone());
        }
        let mut shape = x.dims().to_vec();
        shape[dim] = more;
        let silence = Tensor::full(self.config.silence, shape, &Device::Cpu)?;
        Ok(Tensor::cat(&[x, &silence], dim)?)
    }

    /// Three convolutions with a pooling behind each of the first two.
    fn pooled(&self, x: &Tensor, network: &str) -> Result<Tensor> {
        let conv = |x: &Tensor, i: usize| -> Result<Tensor> {
            Ok(self.layers.convolve(x, &format!("{network}.conv{i}"))?.relu()?)
        };
        let x = max_pool(&conv(x, 1)?, 2)?;
        let x = max_pool(&conv(&x, 2)?, 2)?;
        conv(&x, 3)
    }
}
