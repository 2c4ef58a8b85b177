//! The decoder of L-MAC (Paissan et al. 2024): from the classifier's hidden layers to a mask on the spectrogram that it
//! heard, for one class.
//!
//! A U-Net: the last block's map, small and knowing, is brought back step by step to the size of the input, and what earlier
//! maps hold of the details is added on the way. Differences from the published program: the class to be explained enters
//! (every map's channels are scaled and shifted for it, and those of the last one come again, each weighted with what it
//! says for the class), so that a model of several labels can be asked for each; the input
//! itself is the last map that is added, because the taps end where one cell is many frames; the mask is made in mel
//! bands, which is all that the classifier hears, and spread over bins; and it covers all frames. Everything is in
//! operations with right gradients on `[batch, time, freq, channels]`, once for listening and once for learning.

mod decode;
mod remembered;
mod spread;
mod window;

use std::collections::HashMap;

use candle_core::{Device, Tensor};

use super::manifest::Manifest;
use super::tap_shapes::{MapSize, TapShape, TapShapes};
use super::tensors::Arrays;
use crate::{Error, Result};
pub use remembered::MaskMemory;
pub use spread::BandSpread;

/// Fewest channels of a map, unless `channels` itself is less.
const LEAST_CHANNELS: usize = 8;

/// What each channel of the last tap says for each class, `[n_classes, embedding]`.
pub(crate) const CLASS_EVIDENCE: &str = "late.class.evidence";

/// Blocks of the classifier whose maps are read.
const TAPS: usize = 3;

/// Shape of the decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmacConfig {
    /// The layers that it reads, and their classifier's input.
    pub net: TapShapes,
    /// Channels at the size of the taps; each step towards the input halves them.
    pub channels: usize,
    /// Whether the mask depends on the class that is asked for; otherwise it is always that of the likeliest class.
    pub conditioned: bool,
}

/// One step of the U-Net behind the taps: to a finer map, with so many channels.
#[derive(Debug, Clone)]
struct Step {
    name: String,
    from: MapSize,
    to: MapSize,
    c_in: usize,
    c_out: usize,
}

impl LmacConfig {
    /// The decoder that a manifest describes.
    ///
    /// # Errors
    /// As [`TapShapes::from_manifest`]; also where the manifest has no `[lmac]`.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let lmac = manifest.lmac.as_ref().ok_or_else(|| {
            Error::model(format!("the model {} has no [lmac]; train one with 'earwitness train lmac'", manifest.name))
        })?;
        let net = TapShapes::from_manifest(manifest)?;
        Ok(Self { net, channels: lmac.channels, conditioned: lmac.conditioned })
    }

    /// The map in which the mask is written: cells of a few frames and bands, which become the mask's values at once. A map of
    /// the input's own size would cost as much as all the rest.
    fn finest(&self) -> MapSize {
        self.net.finer.last().copied().unwrap_or(self.net.taps[0].size)
    }

    /// Values of the mask in a cell of the finest map: frames and bands.
    fn cell(&self) -> (usize, usize) {
        let finest = self.finest();
        (finest.frames, self.net.n_mels / finest.bands)
    }

    fn steps(&self) -> Vec<Step> {
        let (mut c_in, mut from) = (self.channels, self.net.taps[0].size);
        let narrower = |c: usize| (c / 2).max(LEAST_CHANNELS.min(self.channels));
        let step = |(i, to): (usize, &MapSize)| {
            let name = format!("up{}", self.net.finer.len() - i);
            let step = Step { name, from, to: *to, c_in, c_out: narrower(c_in) };
            (c_in, from) = (step.c_out, *to);
            step
        };
        self.net.finer.iter().enumerate().map(step).collect()
    }

    /// Names and PyTorch shapes of all arrays (kernels `[c_out, c_in, time, freq]`), in a fixed order.
    #[must_use]
    pub fn arrays(&self) -> Vec<(String, Vec<usize>)> {
        let (c, [early, middle, late]) = (self.channels, self.net.taps.map(|tap| tap.channels));
        let mut all = Vec::new();
        let mut layer = |name: &str, shape: Vec<usize>| {
            let c_out = shape[0];
            all.push((format!("{name}.weight"), shape));
            all.push((format!("{name}.bias"), vec![c_out]));
        };
        for (name, width) in [("late", late), ("middle", middle), ("early", early)] {
            layer(&format!("{name}.tap"), vec![c, width]);
            layer(name, vec![c, c, 3, 3]);
        }
        let mut last = c;
        for step in self.steps() {
            layer(&step.name, vec![step.c_out, step.c_in, 3, 3]);
            last = step.c_out;
        }
        let (frames, bands) = self.cell();
        layer("detail", vec![last, last + frames * bands, 3, 3]);
        layer("mask", vec![frames * bands, last, 3, 3]);
        if self.conditioned {
            all.push(("late.evidence.weight".to_owned(), vec![c, late]));
            all.push((CLASS_EVIDENCE.to_owned(), vec![self.net.n_classes, late]));
            for name in ["late", "middle", "early"] {
                all.push((format!("{name}.class.scale"), vec![self.net.n_classes, c]));
                all.push((format!("{name}.class.shift"), vec![self.net.n_classes, c]));
            }
        }
        all
    }
}

/// The decoder with tensors in the layout that the operations want, on the CPU.
#[derive(Debug, Clone)]
pub struct LmacNet {
    config: LmacConfig,
    tensors: HashMap<String, Tensor>,
}

impl LmacNet {
    /// The decoder from arrays by the names of [`LmacConfig::arrays`].
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &LmacConfig, arrays: &Arrays) -> Result<Self> {
        let mut tensors = HashMap::new();
        for (name, shape) in config.arrays() {
            let values = arrays.get(&name, &shape)?.to_vec();
            tensors.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
        }
        Self::from_tensors(config, &tensors)
    }

    /// The decoder on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &LmacConfig, tensors: &HashMap<String, Tensor>) -> Result<Self> {
        let mut laid_out = HashMap::new();
        for (name, shape) in config.arrays() {
            let t = tensors.get(&name).ok_or_else(|| Error::bug(format!("L-MAC was built without '{name}'")))?;
            let t = match shape.len() {
                4 => t.permute((2, 3, 1, 0))?.contiguous()?,
                2 if name.ends_with(".weight") => t.t()?.contiguous()?,
                _ => t.clone(),
            };
            laid_out.insert(name, t);
        }
        Ok(Self { config: config.clone(), tensors: laid_out })
    }

    /// The shape of the decoder.
    #[must_use]
    pub const fn config(&self) -> &LmacConfig {
        &self.config
    }

    /// The taps, where they and the classifier's input fit the decoder.
    ///
    /// # Errors
    /// If their shapes are not those of the classifier.
    pub fn check<'a>(&self, taps: &'a [Tensor], features: &Tensor) -> Result<[&'a Tensor; TAPS]> {
        let (batch, n_frames, n_mels) = features.dims3()?;
        let fits = |(tap, shape): (&Tensor, &TapShape)| {
            tap.dims() == [batch, n_frames / shape.size.frames, shape.size.bands, shape.channels]
        };
        let whole = n_frames > 0 && n_frames.is_multiple_of(self.config.net.time_pooling);
        match taps {
            [early, middle, late]
                if whole && n_mels == self.config.net.n_mels && taps.iter().zip(&self.config.net.taps).all(fits) =>
            {
                Ok([early, middle, late])
            }
            _ => Err(Error::bug(format!(
                "L-MAC was given {} hidden layers of a segment of {n_frames} frames and {n_mels} bands, which are not its classifier's",
                taps.len()
            ))),
        }
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::bug(format!("L-MAC was built without '{name}'")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
