//! The networks of Listen to Interpret: Ψ turns the classifier's hidden layers into activations H of a dictionary W, Θ
//! turns H into the classifier's decision. Layer names are those of the authors' program, so that its checkpoints load.
//!
//! Everything is in candle operations on `[batch, time, freq, channels]`, once for listening and once for learning: the
//! same code runs on plain tensors and on variables. Only convolution has two ways: our kernels on the CPU, candle's
//! elsewhere.

mod psi;
mod theta;

use std::collections::HashMap;

use candle_core::Tensor;

use super::device::ComputeDevice;
use super::manifest::{Manifest, Pooling};
use super::ops::matmul;
use super::tap_shapes::TapShapes;
use super::tensors::Arrays;
use super::vgg::BATCH_BYTES;
use crate::{Error, Result};

pub use theta::Pooled;

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
    fn common_frames(&self) -> (usize, usize) {
        let [t4, t5, t6] = self.tap_frames;
        let middle = t6 * (t5 / t6);
        (middle * (t4 / t5), middle)
    }

    /// All steps from one number of frames to another that Ψ takes.
    fn resizings(&self) -> [(usize, usize); 5] {
        let (frames, middle) = self.common_frames();
        [
            (self.tap_frames[2], middle),
            (middle, frames),
            (frames, 2 * frames),
            (2 * frames, 4 * frames),
            (4 * frames, self.n_frames),
        ]
    }

    /// Most segments that go to a device at once; see [`super::vgg::VggConfig::largest_batch`].
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

/// Ψ and Θ with tensors in the layout that the operations want.
pub struct L2iNet {
    config: L2iConfig,
    tensors: HashMap<&'static str, Tensor>,
    /// Linear interpolation over time as matrices `[1, to, from]`, by (from, to).
    resizings: HashMap<(usize, usize), Tensor>,
    own_kernels: bool,
}

/// Masks of a training step, each value 0 or 1/(1−p).
#[derive(Debug, Clone)]
pub struct Dropout {
    /// On the two inputs of Θ's attention, `[batch, n_frames, n_components]` each.
    pub attention: (Tensor, Tensor),
    /// On z, `[batch, n_components]`: spreads a decision over the components that carry the sound.
    pub pooled: Tensor,
}

/// What Ψ and Θ make of a batch.
#[derive(Debug, Clone)]
pub struct L2iForward {
    /// H, `[batch, n_frames, n_components]`, at least 0.
    pub activations: Tensor,
    /// Θ's pooling of H, and its weights over time.
    pub pooled: Pooled,
    /// Θ(H) before sigmoid or softmax, `[batch, n_classes]`.
    pub logits: Tensor,
}

impl L2iNet {
    /// The networks on the CPU, from arrays by the authors' names. `fc1.bias` may be absent (the published Θ has none).
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &L2iConfig, arrays: &Arrays) -> Result<Self> {
        Self::load_on(config, arrays, &ComputeDevice::cpu())
    }

    /// As [`Self::load`], on a device.
    ///
    /// # Errors
    /// As [`Self::load`]; also where the device fails.
    pub fn load_on(config: &L2iConfig, arrays: &Arrays, device: &ComputeDevice) -> Result<Self> {
        let mut tensors = HashMap::new();
        for (name, shape) in config.arrays() {
            let values = match name {
                "fc1.bias" => arrays.get_optional(name, &shape)?.map_or(vec![0.0; config.n_classes], <[f32]>::to_vec),
                _ => arrays.get(name, &shape)?.to_vec(),
            };
            tensors.insert(name, Tensor::from_vec(values, shape, device.candle())?);
        }
        Self::from_tensors_on(config, &tensors, device)
    }

    /// The networks on the CPU, on tensors in PyTorch's layouts, which may be variables: gradients flow back to them.
    ///
    /// # Errors
    /// If a tensor is missing or misshapen.
    pub fn from_tensors(config: &L2iConfig, tensors: &HashMap<&'static str, Tensor>) -> Result<Self> {
        Self::from_tensors_on(config, tensors, &ComputeDevice::cpu())
    }

    /// As [`Self::from_tensors`], on tensors that lie on `device`; forward only where that has no kernels of ours.
    ///
    /// # Errors
    /// As [`Self::from_tensors`]; also where the device fails.
    pub fn from_tensors_on(
        config: &L2iConfig,
        tensors: &HashMap<&'static str, Tensor>,
        device: &ComputeDevice,
    ) -> Result<Self> {
        let own_kernels = device.has_own_kernels();
        let mut laid_out = HashMap::new();
        for (name, shape) in config.arrays() {
            let t = tensors.get(name).ok_or_else(|| Error::bug(format!("L2I was built without '{name}'")))?;
            let t = match (name, shape.len()) {
                // The authors' maps are (channels, freq, time), ours (time, freq, channels).
                ("conv6.weight" | "conv8.weight", 4) => {
                    t.permute((2, 1, 3, 0))?.contiguous()?.reshape((shape[2] * shape[1], shape[0]))?
                }
                (_, 4) if own_kernels => t.permute((3, 2, 1, 0))?.contiguous()?,
                (_, 4) => t.permute((0, 1, 3, 2))?.contiguous()?,
                (_, 3) if own_kernels => t.permute((2, 1, 0))?.contiguous()?.unsqueeze(1)?,
                (_, 3) => t.contiguous()?.unsqueeze(3)?,
                (_, 2) => t.t()?.contiguous()?,
                _ => t.clone(),
            };
            laid_out.insert(name, t);
        }
        let mut resizings = HashMap::new();
        for (from, to) in config.resizings() {
            let matrix = Tensor::from_vec(psi::interpolation(from, to), (1, to, from), device.candle())?;
            resizings.insert((from, to), matrix);
        }
        Ok(Self { config: config.clone(), tensors: laid_out, resizings, own_kernels })
    }

    /// The shape of the networks.
    #[must_use]
    pub const fn config(&self) -> &L2iConfig {
        &self.config
    }

    /// Runs Ψ and Θ on the classifier's taps; `dropout` is for training only.
    ///
    /// # Errors
    /// If the taps do not have the classifier's shapes.
    pub fn forward(&self, taps: &[Tensor], dropout: Option<&Dropout>) -> Result<L2iForward> {
        let activations = self.psi(taps)?;
        let pooled = self.pool(&activations, dropout)?;
        let z = match dropout {
            Some(d) => (&pooled.pooled * &d.pooled)?,
            None => pooled.pooled.clone(),
        };
        let logits = matmul(&z, self.tensor("fc1.weight")?)?.broadcast_add(self.tensor("fc1.bias")?)?;
        Ok(L2iForward { activations, pooled, logits })
    }

    fn tensor(&self, name: &'static str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| Error::bug(format!("L2I was built without '{name}'")))
    }
}
