//! The shape of Ψ and Θ, and their arrays.

use crate::model::batch_bytes::BATCH_BYTES;
use crate::model::manifest::{Manifest, Pooling};
use crate::model::tap_shapes::TapShapes;
use crate::{Error, Result};

/// Shape of Ψ and Θ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L2iConfig {
    /// Columns of the dictionary, K.
    pub n_components: usize,
    /// Width of Ψ: 256 in the published network. Must be even.
    pub psi_channels: usize,
    /// Width of the attention, 256 as published.
    pub theta_hidden: usize,
    /// How Θ pools over time.
    pub pooling: Pooling,
    /// Classes.
    pub n_classes: usize,
    /// Frames of a segment: what Ψ brings its time axis to.
    pub n_frames: usize,
    /// Channels of the classifier's last three blocks, earliest first.
    pub tap_channels: [usize; 3],
    /// Frequency bins of the taps.
    pub tap_bands: [usize; 3],
    /// Frames of the taps.
    pub tap_frames: [usize; 3],
}

impl L2iConfig {
    /// The networks that fit a classifier.
    ///
    /// # Errors
    /// A model error where the classifier's last blocks are too small to be read.
    pub fn new(
        net: &TapShapes,
        n_frames: usize,
        n_components: usize,
        psi_channels: usize,
        theta_hidden: usize,
        pooling: Pooling,
    ) -> Result<Self> {
        let config = Self {
            n_components,
            psi_channels,
            theta_hidden,
            pooling,
            n_classes: net.n_classes,
            n_frames,
            tap_channels: net.taps.map(|tap| tap.channels),
            tap_bands: net.taps.map(|tap| tap.size.bands),
            tap_frames: net.taps.map(|tap| n_frames / tap.size.frames),
        };
        if n_components == 0 || psi_channels < 2 || !psi_channels.is_multiple_of(2) || theta_hidden == 0 {
            return Err(Error::model(
                "L2I needs at least one component, an even psi_channels and a theta_hidden of at least 1",
            ));
        }
        if config.tap_frames[2] < 2 || config.tap_bands[2] == 0 {
            return Err(Error::model(format!("segments of {n_frames} frames are too short for L2I; use longer ones")));
        }
        Ok(config)
    }

    /// The networks that a manifest describes.
    ///
    /// # Errors
    /// As [`Self::new`]; also where the manifest has no `[l2i]`.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self> {
        let l2i = manifest.l2i.as_ref().ok_or_else(|| {
            Error::model(format!("the model {} has no [l2i]; train one with 'earwitness train l2i'", manifest.name))
        })?;
        let net = TapShapes::from_manifest(manifest)?;
        Self::new(&net, manifest.segment.n_frames, l2i.n_components, l2i.psi_channels, l2i.theta_hidden, l2i.pooling)
    }

    /// Frames of the maps that Ψ puts together: a whole multiple of the latest map's. And of the middle map, cut to one.
    pub(super) fn common_frames(&self) -> (usize, usize) {
        let [t4, t5, t6] = self.tap_frames;
        let middle = t6 * (t5 / t6);
        (middle * (t4 / t5), middle)
    }

    /// All steps from one number of frames to another that Ψ takes.
    pub(super) fn resizings(&self) -> [(usize, usize); 5] {
        let (frames, middle) = self.common_frames();
        [
            (self.tap_frames[2], middle),
            (middle, frames),
            (frames, 2 * frames),
            (2 * frames, 4 * frames),
            (4 * frames, self.n_frames),
        ]
    }

    /// Most segments that go to a device at once; see [`crate::model::vgg::VggConfig::largest_batch`].
    #[must_use]
    pub fn largest_batch(&self) -> usize {
        let (frames, _) = self.common_frames();
        let wide = 2 * frames * self.tap_bands[2] * 2 * self.psi_channels * 9;
        let middle = frames * self.tap_bands[1] * self.tap_channels[1] * 9;
        let long = self.n_frames * self.psi_channels.max(self.n_components) * 5;
        BATCH_BYTES / (wide.max(middle).max(long) * size_of::<f32>()).max(1)
    }

    /// Names and PyTorch shapes of all arrays, in a fixed order.
    #[must_use]
    pub fn arrays(&self) -> Vec<(&'static str, Vec<usize>)> {
        let [c4, c5, c6] = self.tap_channels;
        let [f4, _, f6] = self.tap_bands;
        let (p, k, l) = (self.psi_channels, self.n_components, self.theta_hidden);
        let mut all = vec![
            ("conv1.weight", vec![p, c5, 3, 3]),
            ("conv1.bias", vec![p]),
            ("conv7.weight", vec![p / 2, c6, 3, 3]),
            ("conv7.bias", vec![p / 2]),
            ("conv8.weight", vec![p / 2, c4, f4 / f6, 1]),
            ("conv8.bias", vec![p / 2]),
            ("conv2.weight", vec![p, 2 * p, 3, 3]),
            ("conv2.bias", vec![p]),
            ("conv6.weight", vec![p, p, f6, 1]),
            ("conv6.bias", vec![p]),
            ("conv4.weight", vec![k, p, 5]),
            ("conv4.bias", vec![k]),
            ("conv5.weight", vec![k, k, 5]),
            ("conv5.bias", vec![k]),
        ];
        if self.pooling == Pooling::Attention {
            all.extend([
                ("attention_V.0.weight", vec![l, k]),
                ("attention_V.0.bias", vec![l]),
                ("attention_U.0.weight", vec![l, k]),
                ("attention_U.0.bias", vec![l]),
                ("attention_weights.weight", vec![1, l]),
                ("attention_weights.bias", vec![1]),
            ]);
        }
        all.extend([("fc1.weight", vec![self.n_classes, k]), ("fc1.bias", vec![self.n_classes])]);
        all
    }
}
