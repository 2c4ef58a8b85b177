//! The network in plain candle operations, on any device: the path of a GPU, which hears whole segments in batches.

use candle_core::{Device, Tensor};

use super::network::Folded;
use super::segments::{CausalClassifier, MARGIN};
use super::spec::{Kind, LayerSpec};
use crate::Result;
use crate::model::vgg::Forward;

/// One layer on a device.
struct Layer {
    spec: LayerSpec,
    /// `[inputs of one sum, c_out]`; of a depthwise layer `[kernel, c_out]`.
    weights: Tensor,
    bias: Tensor,
}

/// As [`CausalClassifier`], without streams.
pub struct PlainCausal {
    layers: Vec<Layer>,
    /// The layers that interpreters read.
    taps: Vec<usize>,
    /// `[embedding, n_classes]`.
    head: Tensor,
    head_bias: Tensor,
    lookahead: usize,
}

impl PlainCausal {
    /// The network of a classifier, on a device.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(classifier: &CausalClassifier, device: &Device) -> Result<Self> {
        let net = classifier.net();
        let config = net.config();
        let layer = |Folded { spec, weights, bias }: &Folded| -> Result<Layer> {
            let shape = (weights.len() / spec.c_out, spec.c_out);
            let weights = Tensor::from_slice(weights, shape, device)?;
            Ok(Layer { spec: spec.clone(), weights, bias: Tensor::from_slice(bias, bias.len(), device)? })
        };
        let (head, bias) = net.head();
        let named = |name: &String| net.folded().iter().position(|layer| layer.spec.name == *name);
        Ok(Self {
            layers: net.folded().iter().map(layer).collect::<Result<_>>()?,
            taps: classifier.taps().iter().filter_map(|tap| named(&tap.name)).collect(),
            head: Tensor::from_slice(head, (config.embedding, config.n_classes), device)?,
            head_bias: Tensor::from_slice(bias, bias.len(), device)?,
            lookahead: config.lookahead,
        })
    }

    /// As [`CausalClassifier::forward`], on the network's device.
    ///
    /// # Errors
    /// If the shape does not fit, or the device fails.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let input = match outputs.last() {
                Some(before) => before.clone(),
                None => segments.unsqueeze(3)?,
            };
            let mut y = sums(&layer.spec, &layer.weights, &input)?.broadcast_add(&layer.bias)?;
            if layer.spec.relu {
                y = y.relu()?;
            }
            if let Some(added) = layer.spec.residual {
                y = (y + &outputs[added])?;
            }
            outputs.push(y);
        }
        let embeddings = outputs.last().unwrap_or(segments).squeeze(2)?;
        let (batch, rows, width) = embeddings.dims3()?;
        let logits = embeddings.reshape((batch * rows, width))?.matmul(&self.head)?.broadcast_add(&self.head_bias)?;
        let logits = logits.reshape((batch, rows, logits.dim(1)?))?;
        let taps = self.taps.iter().map(|i| outputs[*i].clone()).collect();
        Ok(Forward { logits: self.pool(&logits)?, taps, frames: Some(logits) })
    }

    /// As [`CausalClassifier`]'s pooling: Σp²/Σp of the frames' probabilities, as a logit.
    fn pool(&self, logits: &Tensor) -> Result<Tensor> {
        let rows = logits.dim(1)?.saturating_sub(self.lookahead);
        let p = (logits.narrow(1, self.lookahead, rows)?.neg()?.exp()? + 1.0)?.recip()?;
        let sum = p.sum(1)?.clamp(MARGIN, f32::INFINITY)?;
        let p = (p.sqr()?.sum(1)? / sum)?.clamp(MARGIN, 1.0 - MARGIN)?;
        Ok((p.log()? - (1.0 - &p)?.log()?)?)
    }
}

/// A layer's sums over `x[batch, frames, bands, channels]`, with zeros before the first frame and beside the bands.
fn sums(spec: &LayerSpec, weights: &Tensor, x: &Tensor) -> Result<Tensor> {
    let (batch, frames, bands, channels) = x.dims4()?;
    let dense = |x: Tensor, frames: usize, bands: usize| -> Result<Tensor> {
        let rows = x.contiguous()?.reshape((batch * frames * bands, x.elem_count() / (batch * frames * bands)))?;
        Ok(rows.matmul(weights)?.reshape((batch, frames, bands, spec.c_out))?)
    };
    let out_frames = frames / spec.stride[0];
    match spec.kind {
        Kind::Pointwise => dense(x.clone(), frames, bands),
        Kind::Join => dense(x.contiguous()?.reshape((batch, frames, 1, bands * channels))?, frames, 1),
        Kind::Full => dense(Tensor::cat(&shifted(spec, x)?, 3)?, out_frames, spec.bands[1]),
        Kind::Depthwise => {
            let mut sum: Option<Tensor> = None;
            for (i, x) in shifted(spec, x)?.into_iter().enumerate() {
                let term = x.broadcast_mul(&weights.get(i)?)?;
                sum = Some(match sum {
                    Some(sum) => (sum + term)?,
                    None => term,
                });
            }
            sum.ok_or_else(|| crate::Error::bug("a kernel without taps was loaded"))
        }
    }
}

/// What each tap of a kernel meets for all outputs, `[batch, out frames, out bands, channels]` each.
fn shifted(spec: &LayerSpec, x: &Tensor) -> Result<Vec<Tensor>> {
    let frames = x.dim(1)?;
    let ([kt, kf], [st, sf]) = (spec.kernel, spec.stride);
    // Behind the last output a stride has nothing to skip over; zeros stand there, and are dropped.
    let x = x.pad_with_zeros(1, spec.top(), st)?.pad_with_zeros(2, kf / 2, kf / 2 + sf)?;
    let mut all = Vec::with_capacity(kt * kf);
    for i in 0..kt {
        let row = every(&x, 1, i * spec.dilation, frames / st, st)?;
        for j in 0..kf {
            all.push(every(&row, 2, j, spec.bands[1], sf)?);
        }
    }
    Ok(all)
}

/// `n` slices of a dimension, every `stride`th from `start` on.
fn every(x: &Tensor, dim: usize, start: usize, n: usize, stride: usize) -> Result<Tensor> {
    let x = x.narrow(dim, start, n * stride)?;
    if stride == 1 {
        return Ok(x);
    }
    let mut shape = x.dims().to_vec();
    shape[dim] = n;
    shape.insert(dim + 1, stride);
    Ok(x.contiguous()?.reshape(shape)?.narrow(dim + 1, 0, 1)?.squeeze(dim + 1)?)
}
