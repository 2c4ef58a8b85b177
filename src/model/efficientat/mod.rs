//! EfficientAT's `mn` networks (Schmid, Koutini and Widmer 2023): MobileNetV3-Large over a mel spectrogram of 128 bands,
//! distilled from transformers on AudioSet, with the names of the published checkpoints.
//!
//! A 3×3 convolution of stride 2, fifteen inverted residual blocks (some with squeeze and excitation), a 1×1 convolution
//! whose mean over time and frequency is the embedding, and two dense layers. Squeeze and excitation takes its mean over the
//! whole segment, so that columns of a stream cannot be computed once and used again.

mod config;
mod front_end;
mod load;
mod tapped;

use std::cell::RefCell;

pub use config::{BATCH_NORM_EPS, EfficientAtConfig, N_MELS};
pub use front_end::{HOP, RATE_HZ, front_end};
pub use tapped::{TAPS, TappedEfficientAt};

use super::manifest::{Architecture, Manifest};
use super::mobilenet::{Image, Scratch, Step, StepNet, forward};
use super::tensors::Arrays;
use crate::{Error, Result};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What the network makes of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Before the sigmoid, one a class.
    pub logits: Vec<f32>,
    /// Mean of the last convolution's output over time and frequency.
    pub embedding: Vec<f32>,
    /// Its mean over frequency alone, `[n_columns, channels]`: column k is centred on input frame [`FRAMES_PER_COLUMN`]·k.
    pub columns: Vec<f32>,
}

/// Input frames from one column of [`Heard::columns`] to the next.
pub const FRAMES_PER_COLUMN: usize = 32;

/// The output of a block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockOutput {
    /// Its size.
    pub image: Image,
    /// `[time, freq, channels]`.
    pub values: Vec<f32>,
}

/// A network that listens: batch norm is folded.
#[derive(Debug, Clone)]
pub struct EfficientAt {
    config: EfficientAtConfig,
    steps: Vec<Step>,
    /// The step behind which each of the layers `features.0` … `features.16` ends.
    ends: Vec<usize>,
    /// The step that gives the embedding.
    embeds: usize,
}

impl EfficientAt {
    /// Builds the network of a published checkpoint.
    ///
    /// # Errors
    /// A model error where width and classes cannot be found ([`EfficientAtConfig::find`]), or that names the array which is
    /// missing or does not fit.
    pub fn load(arrays: &Arrays) -> Result<Self> {
        Self::load_as(EfficientAtConfig::find(arrays)?, arrays)
    }

    /// Builds a network of a known shape.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load_as(config: EfficientAtConfig, arrays: &Arrays) -> Result<Self> {
        let (steps, ends, embeds) = load::steps(&config, arrays)?;
        Ok(Self { config, steps, ends, embeds })
    }

    /// Builds the network that a manifest describes.
    ///
    /// # Errors
    /// A model error where the manifest describes another network, or arrays are missing or do not fit.
    pub fn from_manifest(manifest: &Manifest, arrays: &Arrays) -> Result<Self> {
        let c = &manifest.classifier;
        let (Architecture::EfficientAt, Some(width), Some(n_hidden)) = (c.architecture, c.width, c.hidden_units) else {
            return Err(Error::model(format!(
                "the model {} is no EfficientAT network; its manifest needs classifier.architecture = \"efficientat\", \
                 width and hidden_units",
                manifest.name
            )));
        };
        if manifest.front_end.n_mels != N_MELS {
            return Err(Error::model(format!(
                "front_end.n_mels = {} does not fit an EfficientAT network; give {N_MELS}",
                manifest.front_end.n_mels
            )));
        }
        Self::load_as(EfficientAtConfig { width, n_hidden, n_classes: manifest.labels.len() }, arrays)
    }

    /// The network as methods need it that look at what it does. Grad-CAM's blocks are the layers behind the first.
    #[must_use]
    pub fn reversible(self) -> StepNet {
        StepNet {
            blocks: self.ends[1..].to_vec(),
            steps: self.steps,
            n_mels: N_MELS,
            n_classes: self.config.n_classes,
            n_dense: 2,
        }
    }

    /// Shape of the network.
    #[must_use]
    pub const fn config(&self) -> &EfficientAtConfig {
        &self.config
    }

    /// Layers `features.0`, `features.1`, … that it has.
    #[must_use]
    pub fn n_layers(&self) -> usize {
        self.ends.len()
    }

    /// Its steps, from a segment of one channel to the logits.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Classifies one segment, `columns` of `[n_frames, 128]`, on the calling thread.
    ///
    /// # Errors
    /// A bug where the columns are not whole or there is none.
    pub fn forward(&self, columns: &[f32]) -> Result<Heard> {
        Ok(self.forward_with(columns, &[])?.0)
    }

    /// As [`Self::forward`], with the outputs of some of the layers `features.0` … `features.16` (an index that there is not
    /// gives nothing), in the order of the network.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn forward_with(&self, columns: &[f32], layers: &[usize]) -> Result<(Heard, Vec<BlockOutput>)> {
        let image = segment_image(columns)?;
        let wanted: Vec<usize> = layers.iter().filter_map(|layer| self.ends.get(*layer).copied()).collect();
        SCRATCH.with_borrow_mut(|scratch| {
            let (mut embedding, mut columns_heard, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
            let logits = forward(&self.steps, image, columns, scratch, |i, image, values| {
                if wanted.contains(&i) {
                    outputs.push(BlockOutput { image, values: values.to_vec() });
                }
                if i + 1 == self.embeds {
                    columns_heard = means_over_frequency(image, values);
                }
                if i == self.embeds {
                    embedding.extend_from_slice(values);
                }
            });
            Ok((Heard { logits: logits.to_vec(), embedding, columns: columns_heard }, outputs))
        })
    }
}

/// `[time, channels]` of `[time, freq, channels]`.
fn means_over_frequency(image: Image, values: &[f32]) -> Vec<f32> {
    let mut means = vec![0.0; image.height * image.channels];
    let column = (image.width * image.channels).max(1);
    for (mean, column) in means.chunks_exact_mut(image.channels.max(1)).zip(values.chunks_exact(column)) {
        for row in column.chunks_exact(image.channels) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / image.width as f32);
        }
    }
    means
}

/// A segment as an image of one channel.
pub(crate) fn segment_image(columns: &[f32]) -> Result<Image> {
    if columns.is_empty() || !columns.len().is_multiple_of(N_MELS) {
        return Err(Error::bug(format!(
            "a segment of {} values was given to a network of {N_MELS} bands",
            columns.len()
        )));
    }
    Ok(Image { height: columns.len() / N_MELS, width: N_MELS, channels: 1 })
}
