//! The chain that a manifest describes.

use super::spec::SequentialConfig;
use crate::model::manifest::{Architecture, Manifest};
use crate::{Error, Result};

impl SequentialConfig {
    /// The chain that a manifest describes.
    ///
    /// # Errors
    /// A model error where it describes another network, or a chain that cannot be.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        if manifest.classifier.architecture != Architecture::Sequential {
            return Err(Error::model(format!("the model {} is no plain chain of layers", manifest.name)));
        }
        let config = Self {
            n_frames: manifest.segment.n_frames,
            n_mels: manifest.front_end.n_mels,
            layers: manifest.classifier.layers.clone(),
            n_classes: manifest.labels.len(),
        };
        config.validate()?;
        if manifest.segment.clip_frames.is_some_and(|n| n != config.n_frames) {
            return Err(Error::model(format!(
                "segment.clip_frames must be n_frames, {}, in a model whose dense layers see the whole segment",
                config.n_frames
            )));
        }
        Ok(config)
    }
}
