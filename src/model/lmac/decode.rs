//! The decoder's pass: layer after layer, each over the frames that the layers behind it look at and no others.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::remembered::MaskMemory;
use super::window::{Window, cut};
use super::{CLASS_EVIDENCE, LmacNet};
use crate::model::ops::{conv2d, matmul};
use crate::model::raise::{out_of_cells, raise};
use crate::model::tap_shapes::MapSize;
use crate::{Error, Result};

/// One convolution, with what comes before it.
struct Layer {
    stage: Stage,
    /// Size of the map below, and of the layer's own.
    from: MapSize,
    to: MapSize,
}

enum Stage {
    /// A tap of the classifier joins in: its name here, and which one it is.
    Merge(&'static str, usize),
    /// A step towards the input.
    Step(String),
    /// The classifier's input joins in.
    Detail,
    /// Out come the mask's logits.
    Mask,
}

/// What a decoder is given of segments.
struct Inputs<'a> {
    taps: [&'a Tensor; 3],
    /// The classifier's input.
    features: &'a Tensor,
    /// `[batch, n_classes]`.
    chosen: Tensor,
}

/// What of a layer's output is needed, what of that must be computed, and the input that it takes, in frames.
struct Plan {
    wanted: Window,
    missing: Window,
    input: Window,
}

impl LmacNet {
    /// The mask in mel bands `[batch, n_frames, n_mels]`, 0…1, for the class of each segment: from the classifier's taps,
    /// earliest first, and its input `[batch, n_frames, n_mels]`. Any number of frames that the classifier takes and that is
    /// a multiple of its time pooling.
    ///
    /// # Errors
    /// If the taps do not have the classifier's shapes, or a class does not exist.
    pub fn forward(&self, taps: &[Tensor], features: &Tensor, classes: &[usize]) -> Result<Tensor> {
        self.forward_in(taps, features, classes, 0..features.dim(1)?, None)
    }

    /// [`forward`](Self::forward) for some frames of the segments, `[batch, frames.len(), n_mels]`: the same values, at the cost
    /// of these frames and those around them that their cells depend on.
    ///
    /// `memory` belongs to one class and one stream, of which the segment is a piece: what the last call computed is not
    /// computed again. It knows the segment by its end in the stream.
    ///
    /// # Errors
    /// As [`Self::forward`]; also where the segments do not have these frames, or a memory is given to several.
    pub fn forward_in(
        &self,
        taps: &[Tensor],
        features: &Tensor,
        classes: &[usize],
        frames: Range<usize>,
        memory: Option<(&mut MaskMemory, u64)>,
    ) -> Result<Tensor> {
        let taps = self.check(taps, features)?;
        let (batch, n_frames, _) = features.dims3()?;
        let whole = frames.start < frames.end && frames.end <= n_frames;
        if classes.len() != batch || !whole || (memory.is_some() && batch != 1) {
            return Err(Error::bug(format!(
                "L-MAC was asked for {} classes in frames {frames:?} of {batch} segments of {n_frames} frames",
                classes.len()
            )));
        }
        let inputs = Inputs { taps, features, chosen: self.one_hot(classes)? };
        let mut nothing = MaskMemory::default();
        let remembers = memory.is_some();
        let (memory, end) = memory.unwrap_or((&mut nothing, n_frames as u64));
        memory.begin(end, n_frames);
        let layers = self.layers();
        let mut below: Option<(Tensor, Window)> = None;
        let plans = self.plans(&layers, &frames, n_frames, memory);
        // Behind the segment each layer sees zeros, and not yet what comes: a row more than the layer before.
        let mut settled = n_frames;
        for (i, (layer, plan)) in layers.iter().zip(plans).enumerate() {
            settled = settled.saturating_sub(layer.to.frames);
            if plan.wanted.frames.is_empty() {
                continue;
            }
            let mut parts = memory.recall(i, &plan.wanted, &plan.missing)?;
            if !plan.missing.frames.is_empty() {
                let x = match &below {
                    Some((x, at)) => Some(cut(&raise(x, layer.from, layer.to)?, at.frames.start, &plan.input)?),
                    None => None,
                };
                let y = self.apply(layer, x, &inputs, &plan.input)?;
                parts.push(cut(&y, plan.input.frames.start, &plan.missing)?);
            }
            let out = if let [one] = parts.as_slice() { one.clone() } else { Tensor::cat(&parts, 1)? };
            if remembers {
                memory.keep(i, &out, &plan.wanted, settled);
            }
            below = Some((out, plan.wanted));
        }
        let (cells, at) = below.ok_or_else(|| Error::bug("L-MAC has no layers"))?;
        // The sigmoid as a tanh: by 1 ÷ (1 + e^−x), a logit of −90 has a gradient of 0 · ∞.
        let mask = self.smooth(
            &(out_of_cells(&cells, self.config().cell(), self.config().net.n_mels)? * 0.5)?.tanh()?.affine(0.5, 0.5)?,
        )?;
        Ok(mask.narrow(1, frames.start - at.frames.start, frames.len())?.contiguous()?)
    }

    fn layers(&self) -> Vec<Layer> {
        let [early, middle, late] = self.config().net.taps.map(|tap| tap.size);
        let merge = |name, tap, from, to| Layer { stage: Stage::Merge(name, tap), from, to };
        let mut layers =
            vec![merge("late", 2, late, late), merge("middle", 1, late, middle), merge("early", 0, middle, early)];
        let steps = self.config().steps().into_iter();
        layers.extend(steps.map(|step| Layer { stage: Stage::Step(step.name), from: step.from, to: step.to }));
        let finest = self.config().finest();
        layers.extend([Stage::Detail, Stage::Mask].map(|stage| Layer { stage, from: finest, to: finest }));
        layers
    }

    /// What each layer must compute for `frames` of the mask. A kernel of three looks at one row to each side, and the smoothing
    /// at less than a cell.
    fn plans(&self, layers: &[Layer], frames: &Range<usize>, n_frames: usize, memory: &MaskMemory) -> Vec<Plan> {
        let mut wanted = frames.clone();
        let mut reach = self.config().finest().frames - 1;
        let mut plans = Vec::with_capacity(layers.len());
        for (i, layer) in layers.iter().enumerate().rev() {
            let row = layer.to.frames;
            let out = Window::around(&wanted, reach, row, n_frames);
            let missing = memory.missing(i, &out);
            let input = Window::around(&missing.frames, row, row, n_frames);
            (wanted, reach) = (input.frames.clone(), 0);
            plans.push(Plan { wanted: out, missing, input });
        }
        plans.reverse();
        plans
    }

    /// Frames that the first layer computes for `frames` of the mask.
    #[cfg(test)]
    pub(super) fn frames_to_compute(&self, frames: Range<usize>, n_frames: usize, memory: &MaskMemory) -> usize {
        self.plans(&self.layers(), &frames, n_frames, memory)[0].missing.frames.len()
    }

    fn apply(&self, layer: &Layer, below: Option<Tensor>, inputs: &Inputs<'_>, at: &Window) -> Result<Tensor> {
        let whole = |x: &Tensor| cut(x, 0, at);
        match (&layer.stage, below) {
            (Stage::Merge(name, tap), below) => self.merge(below, &whole(inputs.taps[*tap])?, name, &inputs.chosen),
            (Stage::Step(name), Some(x)) => Ok(self.convolve(&x, name)?.relu()?),
            (Stage::Detail, Some(x)) => {
                let cells = self.as_cells(&inputs.features.narrow(1, at.frames.start, at.frames.len())?)?;
                Ok(self.convolve(&Tensor::cat(&[x, cells], 3)?, "detail")?.relu()?)
            }
            (Stage::Mask, Some(x)) => self.convolve(&x, "mask"),
            (_, None) => Err(Error::bug("a layer of L-MAC has nothing below it")),
        }
    }

    /// The mask without what it does within a cell, over frames and over bands. The classifier pools: one loud frame of four
    /// is enough for it, so that small masks turn out as stripes, which in sound are a flutter.
    fn smooth(&self, mask: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, n_mels) = mask.dims3()?;
        let (frames, bands) = self.config().cell();
        let x = matmul(&mask.reshape((batch * n_frames, n_mels))?, &triangles(n_mels, bands)?)?;
        let x = x.reshape((batch, n_frames, n_mels))?.transpose(1, 2)?.contiguous()?;
        let x = matmul(&x.reshape((batch * n_mels, n_frames))?, &triangles(n_frames, frames)?)?;
        Ok(x.reshape((batch, n_mels, n_frames))?.transpose(1, 2)?.contiguous()?)
    }

    /// `[batch, n_classes]`.
    fn one_hot(&self, classes: &[usize]) -> Result<Tensor> {
        let n = self.config().net.n_classes;
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
            None if self.config().conditioned => x = (x + self.evidence(tap, chosen)?)?,
            None => (),
        }
        if self.config().conditioned {
            let of_class = |what: &str| -> Result<Tensor> {
                let rows = matmul(chosen, self.tensor(&format!("{name}.class.{what}"))?)?;
                Ok(rows.reshape((batch, 1, 1, self.config().channels))?)
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
        Ok(x.reshape((batch, time, freq, self.config().channels))?)
    }

    fn convolve(&self, x: &Tensor, name: &str) -> Result<Tensor> {
        let y = conv2d(&x.contiguous()?, self.tensor(&format!("{name}.weight"))?, None, false)?;
        Ok(y.broadcast_add(self.tensor(&format!("{name}.bias"))?)?)
    }

    /// `[batch, n_frames, n_mels]` as cells `[batch, time, freq, values]`; a band that fills no cell is left out.
    fn as_cells(&self, features: &Tensor) -> Result<Tensor> {
        let (batch, n_frames, _) = features.dims3()?;
        let (frames, bands) = self.config().cell();
        let n_bands = self.config().finest().bands;
        let x = features.narrow(2, 0, n_bands * bands)?.contiguous()?;
        let x = x.reshape(&[batch, n_frames / frames, frames, n_bands, bands][..])?;
        Ok(x.permute((0, 1, 3, 2, 4))?.contiguous()?.reshape((batch, n_frames / frames, n_bands, frames * bands))?)
    }
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
