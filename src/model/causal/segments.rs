//! The network as a classifier of whole segments, each heard as a stream that begins with it.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{CausalConfig, CausalNet, Frames};
use crate::model::manifest::{Causal, Head, Manifest};
use crate::model::tensors::Arrays;
use crate::model::vgg::Forward;
use crate::{Error, Result};

/// Probabilities are kept this far from 0 and 1 where they become logits again.
const MARGIN: f32 = 1e-7;

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

/// The network with the layers that interpreters read.
pub struct CausalClassifier {
    net: CausalNet,
    taps: Vec<String>,
}

impl CausalClassifier {
    /// The network of a manifest.
    ///
    /// # Errors
    /// As [`CausalNet::load`]; also for a tap that is no layer.
    pub fn load(manifest: &Manifest, arrays: &Arrays) -> Result<Self> {
        let config = CausalConfig::from_manifest(manifest)?;
        let taps = manifest.classifier.taps.clone();
        if let Some(tap) = taps.iter().find(|tap| config.layers().iter().all(|layer| layer.name != **tap)) {
            return Err(Error::model(format!("classifier.taps names '{tap}', which is no layer of this network")));
        }
        Ok(Self { net: CausalNet::load(&config, arrays)?, taps })
    }

    /// The network.
    #[must_use]
    pub const fn net(&self) -> &CausalNet {
        &self.net
    }

    /// Classifies segments `[batch, n_frames, n_mels]` on the CPU.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let (batch, n_frames, n_mels) = segments.dims3()?;
        let values = segments.flatten_all()?.to_vec1::<f32>()?;
        let one = |columns: &[f32]| -> Result<(Vec<f32>, Frames, Vec<Vec<f32>>)> {
            let mut frames = Frames::default();
            let state = self.net.whole(columns, &mut frames)?;
            let taps =
                self.taps.iter().filter_map(|tap| self.net.output(&state, tap)).map(|(values, ..)| values.to_vec());
            Ok((self.pool(&frames.logits), frames, taps.collect()))
        };
        let heard: Vec<_> = values.par_chunks_exact(n_frames * n_mels).map(one).collect::<Result<_>>()?;
        let (mut logits, mut frames) = (Vec::new(), Vec::new());
        let mut taps = vec![Vec::new(); self.taps.len()];
        for (pooled, heard, outputs) in heard {
            logits.extend(pooled);
            frames.extend(heard.logits);
            taps.iter_mut().zip(outputs).for_each(|(all, one)| all.extend(one));
        }
        let (n, rows) = (self.net.config().n_classes, n_frames / self.net.config().time_pooling());
        let tap = |(name, values): (&String, Vec<f32>)| -> Result<Tensor> {
            let layer = self.net.config().layers().into_iter().find(|layer| layer.name == *name);
            let layer = layer.ok_or_else(|| Error::bug(format!("there is no layer {name}")))?;
            let time = values.len() / (batch * layer.bands[1] * layer.c_out).max(1);
            Ok(Tensor::from_vec(values, (batch, time, layer.bands[1], layer.c_out), &Device::Cpu)?)
        };
        Ok(Forward {
            logits: Tensor::from_vec(logits, (batch, n), &Device::Cpu)?,
            taps: self.taps.iter().zip(taps).map(tap).collect::<Result<_>>()?,
            frames: Some(Tensor::from_vec(frames, (batch, rows, n), &Device::Cpu)?),
        })
    }

    /// One logit a class: of the frames' probabilities pooled by linear softmax, Σp²/Σp, which follows the frames in which
    /// the class sounds, however few.
    fn pool(&self, logits: &[f32]) -> Vec<f32> {
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
