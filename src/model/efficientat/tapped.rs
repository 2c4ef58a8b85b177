//! The network as a classifier of packages: batches of tensors, and the outputs of hidden layers.

use candle_core::{Device, Tensor};

use super::{BlockOutput, EfficientAt, Heard};
use crate::model::manifest::Manifest;
use crate::model::tensors::Arrays;
use crate::model::vgg::Forward;
use crate::{Error, Result};

/// The hidden layers that a package names, where nothing else is asked for: an eighth, a sixteenth and a thirty-second of the
/// input's frames.
pub const TAPS: [&str; 3] = ["features.6", "features.12", "features.15"];

/// A network with taps.
pub struct TappedEfficientAt {
    net: EfficientAt,
    /// Indices of the layers, ascending.
    layers: Vec<usize>,
}

impl TappedEfficientAt {
    /// Builds the network that a manifest describes.
    ///
    /// # Errors
    /// A model error where the manifest describes another network, or arrays are missing or do not fit.
    pub fn load(manifest: &Manifest, arrays: &Arrays) -> Result<Self> {
        let net = EfficientAt::from_manifest(manifest, arrays)?;
        let index = |tap: &String| {
            let index = tap.strip_prefix("features.").and_then(|n| n.parse().ok()).filter(|n| *n < net.n_layers());
            index.ok_or_else(|| {
                Error::model(format!(
                    "classifier.taps: the network has no layer '{tap}'; give names from features.0 to features.{}",
                    net.n_layers() - 1
                ))
            })
        };
        let layers = manifest.classifier.taps.iter().map(index).collect::<Result<Vec<usize>>>()?;
        if !layers.is_sorted() {
            return Err(Error::model("classifier.taps are not in the network's order; name the deepest layer last"));
        }
        Ok(Self { net, layers })
    }

    /// Classifies segments `[batch, n_frames, 128]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let (batch, n_frames, n_mels) = segments.dims3()?;
        let values = segments.flatten_all()?.to_vec1::<f32>()?;
        let (mut logits, mut taps) = (Vec::new(), vec![Vec::new(); self.layers.len()]);
        let mut images = vec![None; self.layers.len()];
        for segment in values.chunks_exact((n_frames * n_mels).max(1)) {
            let (Heard { logits: one, .. }, outputs) = self.net.forward_with(segment, &self.layers)?;
            logits.extend(one);
            for ((tap, image), BlockOutput { image: of, values }) in taps.iter_mut().zip(&mut images).zip(outputs) {
                tap.extend(values);
                *image = Some(of);
            }
        }
        let tensor = |(values, image): (Vec<f32>, _)| {
            let Some(super::Image { height, width, channels }) = image else {
                return Err(Error::bug("a batch without segments was given to a network"));
            };
            Ok(Tensor::from_vec(values, (batch, height, width, channels), &Device::Cpu)?)
        };
        Ok(Forward {
            frames: None,
            logits: Tensor::from_vec(logits, (batch, self.net.config().n_classes), &Device::Cpu)?,
            taps: taps.into_iter().zip(images).map(tensor).collect::<Result<_>>()?,
        })
    }
}
