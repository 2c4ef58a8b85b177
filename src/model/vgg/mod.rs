//! The classifier of the L2I papers: the VGG of Kumar et al. (2018) over a log-mel segment, with PyTorch's layer names.
//!
//! Blocks of two 3×3 convolutions with batch norm and ReLU (the last block has one), 2×2 max pooling between blocks, then
//! mean over frequency, mean + max over time, and a dense layer. Time enters only through convolutions, pooling whose
//! kernel equals its stride, and pooling over the segment.

mod classifier;
mod trainable;

pub(crate) use classifier::fold_layer;
pub use classifier::{Forward, PlainVgg, Vgg};
pub use trainable::{HeadPass, Param, Reach, TrainableVgg};

use crate::model::batch_bytes::BATCH_BYTES;
use crate::model::manifest::{Architecture, Head, Manifest};
use crate::{Error, Result};

/// Added to the variance in batch norm, PyTorch's default.
pub const BATCH_NORM_EPS: f32 = 1e-5;

/// Shape of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VggConfig {
    /// Mel bands of the input.
    pub n_mels: usize,
    /// Input frames averaged into one before the first convolution: 1 as published. 2 halves all work at full resolution.
    pub input_pool: usize,
    /// Channels of each block, as in `[16, 32, 64, 128, 256, 512]`.
    pub widths: Vec<usize>,
    /// Frames that the pooling behind each block but the last makes one: 2 as published, or 1 to keep time and halve
    /// frequency alone.
    pub time_pools: Vec<usize>,
    /// Classes.
    pub n_classes: usize,
}

/// One convolution of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerSpec {
    /// PyTorch's name, as in `layer11`.
    pub(crate) name: String,
    pub(crate) c_in: usize,
    pub(crate) c_out: usize,
    /// Whether a block ends here: a tap.
    pub(crate) ends_block: bool,
    /// Frames pooled into one behind this layer, if there is pooling.
    pub(crate) pool: Option<usize>,
}

impl VggConfig {
    /// Checks that the network can exist.
    ///
    /// # Errors
    /// A model error where there are fewer than three blocks (taps are the last three), an empty width or class list, or
    /// fewer mel bands than the pooling halves away.
    pub fn validate(&self) -> Result<()> {
        if self.widths.len() < 3 || self.widths.contains(&0) {
            return Err(Error::model(format!(
                "widths {:?} must be at least three positive channel counts",
                self.widths
            )));
        }
        if self.n_classes == 0 {
            return Err(Error::model("the model has no labels; it needs at least one"));
        }
        if !(1..=16).contains(&self.input_pool) {
            return Err(Error::model(format!("input_pool = {} must be 1 to 16 frames", self.input_pool)));
        }
        if self.time_pools.len() + 1 != self.widths.len() || self.time_pools.iter().any(|p| !(1..=2).contains(p)) {
            return Err(Error::model(format!(
                "time_pools {:?} must be 1 or 2 for each of the {} blocks but the last",
                self.time_pools,
                self.widths.len()
            )));
        }
        if self.n_mels >> self.time_pools.len() == 0 {
            return Err(Error::model(format!(
                "{} mel bands are too few for {} blocks; at least {} are needed",
                self.n_mels,
                self.widths.len(),
                1 << self.time_pools.len()
            )));
        }
        Ok(())
    }

    /// Input frames per frame of the last block: the product of all poolings over time.
    #[must_use]
    pub fn time_pooling(&self) -> usize {
        self.input_pool * self.time_pools.iter().product::<usize>()
    }

    /// Most segments of `n_frames` frames that go to a device at once: what candle's convolutions unroll there of the
    /// largest layer stays below [`BATCH_BYTES`].
    #[must_use]
    pub fn largest_batch(&self, n_frames: usize) -> usize {
        let (mut frames, mut bands, mut largest) = (n_frames / self.input_pool.max(1), self.n_mels, 0);
        for layer in self.layers() {
            largest = largest.max(frames * bands * layer.c_in * 9 * size_of::<f32>());
            if let Some(rows) = layer.pool {
                (frames, bands) = (frames / rows.max(1), bands / 2);
            }
        }
        (BATCH_BYTES / largest.max(1)).max(1)
    }

    /// Channels of the last block.
    #[must_use]
    pub fn embedding(&self) -> usize {
        self.widths.last().copied().unwrap_or(0)
    }

    /// The convolutions in order. The numbers in the names count the pooling layers too, as in the published network.
    pub(crate) fn layers(&self) -> Vec<LayerSpec> {
        let last = self.widths.len() - 1;
        let mut layers = Vec::new();
        let mut c_in = 1;
        for (block, &c_out) in self.widths.iter().enumerate() {
            let n = if block == last { 1 } else { 2 };
            for i in 0..n {
                let name = format!("layer{}", 3 * block + i + 1);
                let ends_block = i + 1 == n;
                let pool = if ends_block { self.time_pools.get(block).copied() } else { None };
                layers.push(LayerSpec { name, c_in, c_out, ends_block, pool });
                c_in = c_out;
            }
        }
        layers
    }
}

impl VggConfig {
    /// The network that a manifest describes.
    ///
    /// # Errors
    /// As [`Self::validate`]; also where the manifest asks for a part that this version does not have, or a stride that is
    /// no multiple of the time pooling.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let c = &manifest.classifier;
        if c.architecture != Architecture::Vgg {
            return Err(Error::model(format!(
                "the model {} is no VGG network, and nothing else can be used here; choose a model whose \
                 classifier.architecture is \"vgg\"",
                manifest.name
            )));
        }
        if c.head != Head::MeanMax {
            return Err(Error::model("classifier.head = \"conv\" cannot be loaded yet; only \"mean-max\" can"));
        }
        let config = Self {
            n_mels: manifest.front_end.n_mels,
            input_pool: c.input_pool,
            widths: c.widths.clone(),
            time_pools: c.time_pools.clone(),
            n_classes: manifest.labels.len(),
        };
        config.validate()?;
        let pooling = config.time_pooling();
        let segment = &manifest.segment;
        let lengths = [segment.stride_frames, segment.n_frames, segment.clip_frames.unwrap_or(segment.n_frames)];
        if lengths.iter().any(|n| !n.is_multiple_of(pooling)) {
            return Err(Error::model(format!(
                "segment.stride_frames, n_frames and clip_frames = {lengths:?} must be multiples of the network's time pooling, {pooling}"
            )));
        }
        Ok(config)
    }
}
