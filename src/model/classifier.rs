//! A classifier ready to listen: network, front end and labels of one package.

use candle_core::{Device, Tensor};

use super::manifest::{Activation, Label, Manifest};
use super::package::Package;
use super::vgg::{Vgg, VggConfig};
use crate::dsp::FrontEndParams;
use crate::{Error, Result};

/// What a pass over one segment gives.
#[derive(Debug, Clone)]
pub struct Classified {
    /// Before sigmoid or softmax, one a class.
    pub logits: Vec<f32>,
    /// 0…1, one a class.
    pub probs: Vec<f32>,
    /// Outputs of the last three blocks, earliest first: `[1, time, freq, channels]`.
    pub taps: Vec<Tensor>,
}

impl Classified {
    /// The class that is likeliest, the first of equals; 0 of none. By logits, for probabilities near 1 may be equal.
    #[must_use]
    pub fn top(&self) -> usize {
        (0..self.logits.len()).fold(0, |best, i| if self.logits[i] > self.logits[best] { i } else { best })
    }
}

/// Network, front end and labels.
pub struct Classifier {
    net: Vgg,
    activation: Activation,
    front_end: FrontEndParams,
    labels: Vec<Label>,
    n_frames: usize,
    stride_frames: usize,
}

impl Classifier {
    /// Builds the classifier of a package.
    ///
    /// # Errors
    /// A model error where the weights do not fit the manifest.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest: &Manifest = package.manifest();
        let config = VggConfig::from_manifest(manifest)?;
        let net = Vgg::load(&config, &package.tensors(&manifest.classifier.weights)?)?;
        Ok(Self {
            net,
            activation: manifest.classifier.activation,
            front_end: manifest.front_end.params()?,
            labels: manifest.labels.clone(),
            n_frames: manifest.segment.n_frames,
            stride_frames: manifest.segment.stride_frames,
        })
    }

    /// The front end that the network was trained with.
    #[must_use]
    pub const fn front_end(&self) -> &FrontEndParams {
        &self.front_end
    }

    /// The labels, in class order, with their default thresholds.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Frames in a segment.
    #[must_use]
    pub const fn n_frames(&self) -> usize {
        self.n_frames
    }

    /// Frames from one segment to the next.
    #[must_use]
    pub const fn stride_frames(&self) -> usize {
        self.stride_frames
    }

    /// Classifies one segment `[n_frames, n_mels]`.
    ///
    /// # Errors
    /// If the segment has another shape.
    pub fn classify(&self, features: &[f32]) -> Result<Classified> {
        let n_mels = self.front_end.mel.n_mels;
        if features.len() != self.n_frames * n_mels {
            return Err(Error::bug(format!(
                "a segment of {} values was given to a classifier of {} frames and {n_mels} bands",
                features.len(),
                self.n_frames
            )));
        }
        let x = Tensor::from_slice(features, (1, self.n_frames, n_mels), &Device::Cpu)?;
        let forward = self.net.forward(&x)?;
        let logits = forward.logits.flatten_all()?.to_vec1::<f32>()?;
        let probs = probabilities(&logits, self.activation);
        Ok(Classified { logits, probs, taps: forward.taps })
    }
}

/// Sigmoid or softmax of one segment's logits.
#[must_use]
pub fn probabilities(logits: &[f32], activation: Activation) -> Vec<f32> {
    match activation {
        Activation::Sigmoid => logits.iter().map(|l| 1.0 / (1.0 + (-l).exp())).collect(),
        Activation::Softmax => {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp: Vec<f32> = logits.iter().map(|l| (l - max).exp()).collect();
            let sum: f32 = exp.iter().sum();
            exp.iter().map(|e| e / sum).collect()
        }
    }
}
