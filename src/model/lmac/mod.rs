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

mod spread;
mod window;

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{Device, Tensor};

use super::manifest::Manifest;
use super::ops::{conv2d, matmul, upsample};
use super::tap_shapes::{MapSize, TapShape, TapShapes};
use super::tensors::Arrays;
use crate::{Error, Result};
pub use spread::BandSpread;
use window::Window;

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

    /// The mask in mel bands `[batch, n_frames, n_mels]`, 0…1, for the class of each segment: from the classifier's taps,
    /// earliest first, and its input `[batch, n_frames, n_mels]`. Any number of frames that the classifier takes and that is
    /// a multiple of its time pooling.
    ///
    /// # Errors
    /// If the taps do not have the classifier's shapes, or a class does not exist.
    pub fn forward(&self, taps: &[Tensor], features: &Tensor, classes: &[usize]) -> Result<Tensor> {
        self.forward_in(taps, features, classes, 0..features.dim(1)?)
    }

    /// [`forward`](Self::forward) for some frames of the segments, `[batch, frames.len(), n_mels]`: the same values, at the cost
    /// of these frames and those around them that their cells depend on.
    ///
    /// # Errors
    /// As [`Self::forward`]; also where the segments do not have these frames.
    pub fn forward_in(
        &self,
        taps: &[Tensor],
        features: &Tensor,
        classes: &[usize],
        frames: Range<usize>,
    ) -> Result<Tensor> {
        let [early, middle, late] = self.check(taps, features)?;
        let (batch, n_frames, _) = features.dims3()?;
        if classes.len() != batch || frames.start >= frames.end || frames.end > n_frames {
            return Err(Error::bug(format!(
                "L-MAC was asked for {} classes in frames {frames:?} of {batch} segments of {n_frames} frames",
                classes.len()
            )));
        }
        let sizes = self.config.net.taps.map(|tap| tap.size);
        let chosen = self.one_hot(classes)?;
        // From the last layer back to the first, which frames each needs; then forward, each map cut to what is needed next.
        let mut ahead = self.windows(&frames, n_frames).into_iter();
        let mut next = || ahead.next().ok_or_else(|| Error::bug("L-MAC has more layers than windows"));
        let mut at = next()?;
        let mut x = self.merge(None, &at.of_whole(late)?, "late", &chosen)?;
        for (tap, name, from, to) in [(middle, "middle", sizes[2], sizes[1]), (early, "early", sizes[1], sizes[0])] {
            let wanted = next()?;
            let below = wanted.cut(&raise(&x, from, to)?, &at)?;
            x = self.merge(Some(below), &wanted.of_whole(tap)?, name, &chosen)?;
            at = wanted;
        }
        for step in self.config.steps() {
            let wanted = next()?;
            x = self.convolve(&wanted.cut(&raise(&x, step.from, step.to)?, &at)?, &step.name)?.relu()?;
            at = wanted;
        }
        let wanted = next()?;
        let cells = wanted.of_whole(&self.as_cells(features)?)?;
        x = self.convolve(&Tensor::cat(&[wanted.cut(&x, &at)?, cells], 3)?, "detail")?.relu()?;
        at = wanted;
        let wanted = next()?;
        let logits = self.out_of_cells(&self.convolve(&wanted.cut(&x, &at)?, "mask")?)?;
        // The sigmoid as a tanh: by 1 ÷ (1 + e^−x), a logit of −90 has a gradient of 0 · ∞.
        let mask = self.smooth(&(logits * 0.5)?.tanh()?.affine(0.5, 0.5)?)?;
        Ok(mask.narrow(1, frames.start - wanted.frames.start, frames.len())?.contiguous()?)
    }

    /// The frames that each convolution's input must have for `frames` of the mask, first layer first. A kernel of three looks
    /// at one row to each side, and the smoothing at less than a cell.
    fn windows(&self, frames: &Range<usize>, n_frames: usize) -> Vec<Window> {
        let [early, middle, late] = self.config.net.taps.map(|tap| tap.size.frames);
        let finest = self.config.finest().frames;
        let steps = self.config.steps().into_iter().map(|step| step.to.frames);
        let rows: Vec<usize> = [late, middle, early].into_iter().chain(steps).chain([finest, finest]).collect();
        let mut wanted = frames.clone();
        let mut reach = finest - 1;
        let mut windows: Vec<Window> = rows
            .into_iter()
            .rev()
            .map(|row| {
                let window = Window::around(&wanted, reach + row, row, n_frames);
                (wanted, reach) = (window.frames.clone(), 0);
                window
            })
            .collect();
        windows.reverse();
        windows
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

    /// The mask without what it does within a cell, over frames and over bands. The classifier pools: one loud frame of four
    /// is enough for it, so that small masks turn out as stripes, which in sound are a flutter.
    fn smooth(&self, mask: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = mask.dims3()?;
        let (frames, bands) = self.config.cell();
        let x = matmul(&mask.reshape((batch * n_frames, n_mels))?, &triangles(n_mels, bands)?)?;
        let x = x.reshape((batch, n_frames, n_mels))?.transpose(1, 2)?.contiguous()?;
        let x = matmul(&x.reshape((batch * n_mels, n_frames))?, &triangles(n_frames, frames)?)?;
        Ok(x.reshape((batch, n_mels, n_frames))?.transpose(1, 2)?.contiguous()?)
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::bug(format!("L-MAC was built without '{name}'")))
    }

    /// `[batch, n_classes]`.
    fn one_hot(&self, classes: &[usize]) -> Result<Tensor> {
        let n = self.config.net.n_classes;
        let mut values = vec![0.0_f32; classes.len() * n];
        for (row, class) in values.chunks_exact_mut(n).zip(classes) {
            *row.get_mut(*class).ok_or_else(|| Error::bug(format!("there is no class {class}")))? = 1.0;
        }
        Ok(Tensor::from_vec(values, (classes.len(), n), &Device::Cpu)?)
    }

    /// A tap, its channels scaled and shifted for the class, added to what came from below; then one convolution.
    fn merge(&self, below: Option<Tensor>, tap: &Tensor, name: &str, chosen: &Tensor) -> Result<Tensor> {
        let batch = tap.dim(0)?;
        let x = self.project(tap, &format!("{name}.tap.weight"))?;
        let mut x = x.broadcast_add(self.tensor(&format!("{name}.tap.bias"))?)?;
        match below {
            Some(below) => x = (x + below)?,
            None if self.config.conditioned => x = (x + self.evidence(tap, chosen)?)?,
            None => (),
        }
        if self.config.conditioned {
            let of_class = |what: &str| -> Result<Tensor> {
                let rows = matmul(chosen, self.tensor(&format!("{name}.class.{what}"))?)?;
                Ok(rows.reshape((batch, 1, 1, self.config.channels))?)
            };
            x = x.broadcast_mul(&(of_class("scale")? + 1.0)?)?.broadcast_add(&of_class("shift")?)?;
        }
        Ok(self.convolve(&x.relu()?, name)?.relu()?)
    }

    /// What the last tap says for the class: its channels, weighted with what each says for the class.
    fn evidence(&self, tap: &Tensor, chosen: &Tensor) -> Result<Tensor> {
        let (batch, _, _, channels) = tap.dims4()?;
        let weights = matmul(chosen, self.tensor(CLASS_EVIDENCE)?)?.reshape((batch, 1, 1, channels))?;
        self.project(&tap.broadcast_mul(&weights)?, "late.evidence.weight")
    }

    /// A map's channels as as many as the decoder has.
    fn project(&self, map: &Tensor, weight: &str) -> Result<Tensor> {
        let (batch, time, freq, channels) = map.dims4()?;
        let x = matmul(&map.contiguous()?.reshape((batch * time * freq, channels))?, self.tensor(weight)?)?;
        Ok(x.reshape((batch, time, freq, self.config.channels))?)
    }

    fn convolve(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let y = conv2d(&x.contiguous()?, self.tensor(&format!("{name}.weight"))?, None, false)?;
        Ok(y.broadcast_add(self.tensor(&format!("{name}.bias"))?)?)
    }

    /// `[batch, n_frames, n_mels]` as cells `[batch, time, freq, values]`; a band that fills no cell is left out.
    fn as_cells(&self, features: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, _) = features.dims3()?;
        let (frames, bands) = self.config.cell();
        let n_bands = self.config.finest().bands;
        let x = features.narrow(2, 0, n_bands * bands)?.contiguous()?;
        let x = x.reshape(&[batch, n_frames / frames, frames, n_bands, bands][..])?;
        Ok(x.permute((0, 1, 3, 2, 4))?.contiguous()?.reshape((batch, n_frames / frames, n_bands, frames * bands))?)
    }

    /// The way back; the last band is repeated where one was left out.
    fn out_of_cells(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, n_bands, _) = x.dims4()?;
        let (frames, bands) = self.config.cell();
        let x = x.reshape(&[batch, time, n_bands, frames, bands][..])?.permute((0, 1, 3, 2, 4))?.contiguous()?;
        let x = x.reshape((batch, time * frames, n_bands * bands))?;
        let missing = self.config.net.n_mels - n_bands * bands;
        let last = x.narrow(2, n_bands * bands - 1, 1)?;
        let mut parts = vec![x];
        parts.extend(std::iter::repeat_n(last, missing));
        Ok(Tensor::cat(&parts, 2)?)
    }
}

/// A map brought to the size of a finer one, as [`TapShapes`] has them: bands are doubled again and again.
fn raise(x: &Tensor, from: MapSize, to: MapSize) -> Result<Tensor> {
    let mut x = x.contiguous()?;
    let doublings = from.doublings(to).ok_or_else(|| Error::bug(format!("{from:?} does not become {to:?}")))?;
    for left in (0..doublings).rev() {
        let rows = if left == 0 { from.frames / to.frames } else { 1 };
        x = upsample(&x, rows, to.bands >> left)?;
    }
    Ok(x)
}

/// `[n, n]`: column i is a mean around i, whose weights fall linearly and reach 0 at a distance of `width`. What repeats
/// every `width` values is averaged away.
fn triangles(n: usize, width: usize) -> Result<Tensor> {
    let mut values = vec![0.0_f32; n * n];
    for i in 0..n {
        let near = i.saturating_sub(width - 1)..n.min(i + width);
        let weight = |j: usize| (width - j.abs_diff(i)) as f32;
        let sum: f32 = near.clone().map(weight).sum();
        for j in near {
            values[j * n + i] = weight(j) / sum;
        }
    }
    Ok(Tensor::from_vec(values, (n, n), &Device::Cpu)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
