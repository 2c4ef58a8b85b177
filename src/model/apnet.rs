//! The network of APNet (Zinemanas et al. 2021), a classifier of its own: an encoder makes a map of the input, the map is
//! compared with learned prototypes, band by band, and a linear layer decides from these similarities alone. A decoder turns
//! maps back into input, prototypes too, so that a prototype can be seen and heard.
//!
//! The paper's prototypes are as long as its clips. Segments have any length here, so a prototype is shorter, is compared at
//! every place in time, and the most similar place counts.

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::layers::{ArrayShapes, Layers, push_layer};
use super::manifest::{APNET_STEP as STEP, Manifest};
use super::ops::{matmul, max_pool, upsample};
use super::tensors::Arrays;
use crate::{Error, Result};

/// The prototypes, `[n_prototypes, channels, steps, bands]`.
pub const PROTOTYPES: &str = "prototypes.weight";
/// What the similarity in each band counts, H, `[n_prototypes, bands]`.
pub const BANDS: &str = "similarity.weight";
/// The weights of the layer that decides.
pub const DECISION_WEIGHT: &str = "decision.weight";
/// What the layer that decides adds to each class.
pub const DECISION_BIAS: &str = "decision.bias";
/// The layer that decides.
pub(super) const DECISION: [&str; 2] = [DECISION_WEIGHT, DECISION_BIAS];

const NETWORK: &str = "APNet";
/// Slope of the activation below 0.
const LEAK: f64 = 0.01;

/// Shape of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct ApnetConfig {
    /// Bands of the input.
    pub n_mels: usize,
    /// Classes.
    pub n_classes: usize,
    /// Prototypes, of all classes together.
    pub n_prototypes: usize,
    /// Frames of a prototype, a multiple of [`APNET_STEP`](STEP).
    pub frames: usize,
    /// Channels of all maps.
    pub channels: usize,
    /// What a value of the input is in silence.
    pub silence: f32,
}

/// How similar segments are to the prototypes.
#[derive(Debug, Clone)]
pub struct Likeness {
    /// Mean squared distance at every place, over channels, time and bands, `[batch, places, n_prototypes]`.
    pub distances: Tensor,
    /// exp(−distance) in each band, `[batch, places, n_prototypes]` for each, lowest band first.
    pub by_band: Vec<Tensor>,
    /// What the bands weigh together, Σ H_f exp(−D_f), `[batch, places, n_prototypes]`.
    pub similarities: Tensor,
}

impl ApnetConfig {
    /// The network that a manifest describes.
    ///
    /// # Errors
    /// A model error where the manifest has no `[apnet]`, or one that fits no network.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let apnet = manifest.apnet.as_ref().ok_or_else(|| {
            Error::model(format!("the model {} has no [apnet]; train one with 'earwitness train apnet'", manifest.name))
        })?;
        Self {
            n_mels: manifest.front_end.n_mels,
            n_classes: manifest.labels.len(),
            n_prototypes: apnet.n_prototypes,
            frames: apnet.frames,
            channels: apnet.channels,
            silence: manifest.front_end.params()?.compression.silence(),
        }
        .checked()
    }

    /// The configuration, where there can be such a network.
    ///
    /// # Errors
    /// A model error that says what is wrong.
    pub fn checked(self) -> Result<Self> {
        if self.frames == 0 || !self.frames.is_multiple_of(STEP) {
            return Err(Error::model(format!(
                "prototypes of {} frames cannot be; give a multiple of {STEP} frames",
                self.frames
            )));
        }
        if self.channels == 0 || self.n_prototypes == 0 || self.n_mels < STEP {
            return Err(Error::model(format!(
                "APNet needs at least one channel, one prototype and {STEP} bands of input"
            )));
        }
        Ok(self)
    }

    /// Steps in time of a prototype.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.frames / STEP
    }

    /// Bands of the maps.
    #[must_use]
    pub const fn bands(&self) -> usize {
        self.n_mels / STEP
    }

    /// Names and PyTorch shapes of all arrays (kernels `[c_out, c_in, time, freq]`), in a fixed order.
    #[must_use]
    pub fn arrays(&self) -> ArrayShapes {
        let c = self.channels;
        let mut all = Vec::new();
        for (name, c_in, c_out) in [("encoder.conv1", 1, c), ("encoder.conv2", c, c), ("encoder.conv3", c, c)] {
            push_layer(&mut all, name, &[c_out, c_in, 3, 3]);
        }
        for (name, c_in, c_out) in [("decoder.conv1", c, c), ("decoder.conv2", c, c), ("decoder.conv3", c, 1)] {
            push_layer(&mut all, name, &[c_out, c_in, 3, 3]);
        }
        all.push((PROTOTYPES.to_owned(), vec![self.n_prototypes, c, self.steps(), self.bands()]));
        all.push((BANDS.to_owned(), vec![self.n_prototypes, self.bands()]));
        push_layer(&mut all, "decision", &[self.n_classes, self.n_prototypes]);
        all
    }
}

/// The network on the CPU.
#[derive(Debug, Clone)]
pub struct ApnetNet {
    config: ApnetConfig,
    layers: Layers,
}

impl ApnetNet {
    /// The network from arrays by the names of [`ApnetConfig::arrays`].
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &ApnetConfig, arrays: &Arrays) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::load(NETWORK, config.arrays(), arrays)? })
    }

    /// The network on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &ApnetConfig, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        Ok(Self { config: config.clone(), layers: Layers::from_tensors(NETWORK, config.arrays(), tensors)? })
    }

    /// The shape of the network.
    #[must_use]
    pub const fn config(&self) -> &ApnetConfig {
        &self.config
    }

    /// The encoder: a map `[batch, steps, bands, channels]` of the input `[batch, n_frames, n_mels]`. An input shorter than a
    /// prototype is filled up with silence.
    ///
    /// # Errors
    /// If the input does not have the network's bands.
    pub fn encode(&self, features: &Tensor) -> Result<Tensor> {
        let x = self.filled(features)?.unsqueeze(3)?;
        let x = max_pool(&self.convolve(&x, "encoder.conv1")?, 2)?;
        let x = max_pool(&self.convolve(&x, "encoder.conv2")?, 2)?;
        self.convolve(&x, "encoder.conv3")
    }

    /// The decoder: the input, `[batch, n_frames, n_mels]`, that a map stands for.
    ///
    /// # Errors
    /// If the map does not have the network's shape.
    pub fn decode(&self, map: &Tensor) -> Result<Tensor> {
        let n_mels = self.config.n_mels;
        let x = upsample(&self.convolve(map, "decoder.conv1")?, 2, n_mels / 2)?;
        let x = upsample(&self.convolve(&x, "decoder.conv2")?, 2, n_mels)?;
        Ok(self.layers.convolve(&x, "decoder.conv3")?.squeeze(3)?)
    }

    /// The prototypes as maps, `[n_prototypes, steps, bands, channels]`.
    ///
    /// # Errors
    /// A defect alone.
    pub fn prototypes(&self) -> Result<Tensor> {
        Ok(self.layers.tensor(PROTOTYPES)?.permute((3, 0, 1, 2))?.contiguous()?)
    }

    /// How similar a map is to the prototypes, wherever they fit.
    ///
    /// # Errors
    /// If the map is shorter than a prototype.
    pub fn compare(&self, map: &Tensor) -> Result<Likeness> {
        let (batch, time, bands, channels) = map.dims4()?;
        let (steps, m) = (self.config.steps(), self.config.n_prototypes);
        let places = (time + 1).checked_sub(steps).filter(|places| *places > 0);
        let places =
            places.ok_or_else(|| Error::bug(format!("APNet compares {time} steps with prototypes of {steps}")))?;
        let inner = steps * channels;
        let prototypes = self.layers.tensor(PROTOTYPES)?;
        let weights = self.layers.tensor(BANDS)?;
        let (mut by_band, mut distances, mut similarities) = (Vec::new(), Vec::new(), Vec::new());
        for band in 0..bands {
            let rows =
                windows(&map.narrow(2, band, 1)?.squeeze(2)?, steps, places)?.reshape((batch * places, inner))?;
            let columns = prototypes.narrow(1, band, 1)?.contiguous()?.reshape((inner, m))?;
            let both = rows.sqr()?.sum_keepdim(1)?.broadcast_add(&columns.sqr()?.sum_keepdim(0)?)?;
            let distance = ((both - (matmul(&rows, &columns)? * 2.0)?)? / inner as f64)?.relu()?;
            let distance = distance.reshape((batch, places, m))?;
            let similar = distance.neg()?.exp()?;
            similarities.push(similar.broadcast_mul(&weights.narrow(0, band, 1)?)?);
            distances.push(distance);
            by_band.push(similar);
        }
        let distances = (sum(distances)? / bands as f64)?;
        Ok(Likeness { distances, by_band, similarities: sum(similarities)? })
    }

    /// The decision's logits `[batch, n_classes]`, from the most similar place of each prototype.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn decide(&self, likeness: &Likeness) -> Result<Tensor> {
        self.layers.dense(&likeness.similarities.max(1)?, "decision")
    }

    /// A convolution of 3×3 and what the paper puts behind it: max(x, 0.01 x).
    fn convolve(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let y = self.layers.convolve(x, name)?;
        Ok((y.relu()? - (y.neg()?.relu()? * LEAK)?)?)
    }

    /// The input in whole steps, at least as many as a prototype has.
    fn filled(&self, features: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = features.dims3()?;
        if n_mels != self.config.n_mels || n_frames == 0 {
            return Err(Error::bug(format!("APNet was given {n_frames} frames of {n_mels} bands")));
        }
        let more = n_frames.next_multiple_of(STEP).max(self.config.frames) - n_frames;
        if more == 0 {
            return Ok(features.clone());
        }
        let silence = Tensor::full(self.config.silence, (batch, more, n_mels), &Device::Cpu)?;
        Ok(Tensor::cat(&[features, &silence], 1)?)
    }
}

/// `steps` rows of `[batch, time, channels]` side by side, from each of the first `places` on:
/// `[batch, places, steps · channels]`.
fn windows(x: &Tensor, steps: usize, places: usize) -> Result<Tensor> {
    let rows = (0..steps).map(|step| x.narrow(1, step, places)).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&rows, 2)?)
}

fn sum(terms: Vec<Tensor>) -> Result<Tensor> {
    let mut terms = terms.into_iter();
    let first = terms.next().ok_or_else(|| Error::bug("APNet compares no bands"))?;
    terms.try_fold(first, |sum, term| Ok((sum + term)?))
}
