//! The network as a classifier of whole segments, each heard as a stream that begins with it.

use super::{CausalConfig, CausalNet};
use crate::model::manifest::{Causal, Head, Manifest};
use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Probabilities are kept this far from 0 and 1 where they become logits again.
pub(super) const MARGIN: f32 = 1e-7;

impl CausalConfig {
    /// The network that a manifest describes.
    ///
    /// # Errors
    /// As [`Self::validate`]; also where the manifest describes none, or a segment that is no multiple of the time pooling.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let (Some(shape), Head::Frames) = (&manifest.classifier.causal, manifest.classifier.head) else {
            return Err(Error::model(
                "classifier.architecture = \"causal\" needs a table [classifier.causal] and head = \"frames\"",
            ));
        };
        let Causal { stem, joined, embedding, lookahead, blocks, time_blocks } = shape.clone();
        let (n_mels, n_classes) = (manifest.front_end.n_mels, manifest.labels.len());
        let config = Self { n_mels, n_classes, stem, blocks, joined, time_blocks, embedding, lookahead };
        config.validate()?;
        let (pooling, segment) = (config.time_pooling(), &manifest.segment);
        let lengths = [segment.stride_frames, segment.n_frames, segment.clip_frames.unwrap_or(segment.n_frames)];
        if lengths.iter().any(|n| !n.is_multiple_of(pooling)) || segment.n_frames <= pooling * lookahead {
            return Err(Error::model(format!(
                "segment.stride_frames, n_frames and clip_frames = {lengths:?} must be multiples of the network's time \
                 pooling, {pooling}, and n_frames more than {}",
                pooling * lookahead
            )));
        }
        Ok(config)
    }

    /// What a manifest says of the network besides bands and labels.
    #[must_use]
    pub fn to_manifest(&self) -> Causal {
        Causal {
            stem: self.stem,
            joined: self.joined,
            embedding: self.embedding,
            lookahead: self.lookahead,
            blocks: self.blocks.clone(),
            time_blocks: self.time_blocks.clone(),
        }
    }
}

/// A layer that interpreters read.
#[derive(Debug, Clone)]
pub(super) struct Tap {
    pub(super) name: String,
    pub(super) bands: usize,
    pub(super) channels: usize,
    /// Frames of this layer for one row of the network's output.
    pub(super) frames_per_row: usize,
}

/// The network with the layers that interpreters read.
pub struct CausalClassifier {
    net: CausalNet,
    taps: Vec<Tap>,
}

impl CausalClassifier {
    /// The network of a manifest.
    ///
    /// # Errors
    /// As [`CausalNet::load`]; also for a tap that is no layer.
    pub fn load(manifest: &Manifest, arrays: &Arrays) -> Result<Self> {
        let config = CausalConfig::from_manifest(manifest)?;
        Self::new(CausalNet::load(&config, arrays)?, &manifest.classifier.taps)
    }

    /// A network of which interpreters read the layers named `taps`.
    ///
    /// # Errors
    /// A model error for a tap that is no layer.
    pub fn new(net: CausalNet, taps: &[String]) -> Result<Self> {
        let layers = net.config().layers();
        let tap = |name: &String| {
            let at = CausalConfig::tap_position(&layers, name)?;
            Ok(Tap {
                name: name.clone(),
                bands: layers[at].bands[1],
                channels: layers[at].c_out,
                frames_per_row: layers[at + 1..].iter().map(|layer| layer.stride[0]).product(),
            })
        };
        let taps = taps.iter().map(tap).collect::<Result<_>>()?;
        Ok(Self { net, taps })
    }

    /// The network.
    #[must_use]
    pub const fn net(&self) -> &CausalNet {
        &self.net
    }

    pub(super) fn taps(&self) -> &[Tap] {
        &self.taps
    }

    /// What each channel of the last layer over time says for each class, `[n_classes, channels]`: the product of the layers
    /// behind it, as far as these are linear.
    ///
    /// # Errors
    /// A bug where the network has no layers.
    pub fn class_weights(&self) -> Result<Vec<f32>> {
        let (head, _) = self.net.head();
        let embed = self.net.folded().last().ok_or_else(|| Error::bug("a causal network has no layers"))?;
        let (n, e) = (self.net.config().n_classes, self.net.config().embedding);
        let of = |class: usize, row: &[f32]| row.iter().enumerate().map(|(i, w)| w * head[i * n + class]).sum::<f32>();
        Ok((0..n).flat_map(|class| embed.weights.chunks_exact(e).map(move |row| of(class, row))).collect())
    }

    /// One logit a class: of the frames' probabilities pooled by linear softmax, Σp²/Σp, which follows the frames in which
    /// the class sounds, however few.
    pub(super) fn pool(&self, logits: &[f32]) -> Vec<f32> {
        let CausalConfig { n_classes, lookahead, .. } = *self.net.config();
        let (mut sums, mut squares) = (vec![0.0_f32; n_classes], vec![0.0_f32; n_classes]);
        for row in logits.chunks_exact(n_classes).skip(lookahead) {
            for ((sum, square), z) in sums.iter_mut().zip(&mut squares).zip(row) {
                let p = 1.0 / (1.0 + (-z).exp());
                *sum += p;
                *square += p * p;
            }
        }
        let logit = |(sum, square): (&f32, &f32)| {
            let p = (square / sum.max(MARGIN)).clamp(MARGIN, 1.0 - MARGIN);
            (p / (1.0 - p)).ln()
        };
        sums.iter().zip(&squares).map(logit).collect()
    }
}
