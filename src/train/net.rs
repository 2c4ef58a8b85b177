//! The families of networks that [`train`](super::classifier::train) teaches, behind one door.

use candle_core::{Device, Tensor, Var};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::model::classifier::Network;
use crate::model::sequential::{SequentialConfig, SequentialNet, TrainableSequential};
use crate::model::tensors::Arrays;
use crate::model::vgg::{Param, TrainableVgg, Vgg, VggConfig};
use crate::{Error, Result};

/// Shape of a network that can be taught.
#[derive(Debug, Clone, PartialEq)]
pub enum NetConfig {
    /// The VGG.
    Vgg(VggConfig),
    /// A plain list of layers.
    Sequential(SequentialConfig),
}

impl From<VggConfig> for NetConfig {
    fn from(config: VggConfig) -> Self {
        Self::Vgg(config)
    }
}

impl NetConfig {
    /// Classes.
    #[must_use]
    pub const fn n_classes(&self) -> usize {
        match self {
            Self::Vgg(config) => config.n_classes,
            Self::Sequential(config) => config.n_classes,
        }
    }

    /// Values of a frame of the input.
    #[must_use]
    pub const fn n_mels(&self) -> usize {
        match self {
            Self::Vgg(config) => config.n_mels,
            Self::Sequential(config) => config.n_mels,
        }
    }

    /// Checks that the network can exist, and hear windows of `frames` frames.
    ///
    /// # Errors
    /// A model error that says what is wrong, or a usage error for windows that it cannot hear.
    pub fn validate(&self, frames: usize) -> Result<()> {
        let (least, most) = match self {
            Self::Vgg(config) => {
                config.validate()?;
                (config.time_pooling(), usize::MAX)
            }
            Self::Sequential(config) => {
                config.validate()?;
                (config.n_frames, config.n_frames)
            }
        };
        if (least..=most).contains(&frames) {
            return Ok(());
        }
        let wanted = if least == most { format!("{least}") } else { format!("at least {least}") };
        Err(Error::usage(format!("the net cannot hear windows of {frames} frames; give --window-frames {wanted}")))
    }

    /// A network that learns: with random weights, or from `start`.
    pub(super) fn learner(&self, start: Option<&Arrays>, rng: &mut ChaCha8Rng) -> Result<Box<dyn Learner>> {
        Ok(match (self, start) {
            (Self::Vgg(config), Some(arrays)) => Box::new(TrainableVgg::load(config, arrays)?),
            (Self::Vgg(config), None) => Box::new(TrainableVgg::new(config, rng)?),
            (Self::Sequential(config), Some(arrays)) => Box::new(TrainableSequential::load(config, arrays)?),
            (Self::Sequential(config), None) => Box::new(TrainableSequential::new(config, rng)?),
        })
    }

    /// The network as it listens.
    pub(super) fn listening(&self, arrays: &Arrays) -> Result<Box<dyn Network>> {
        Ok(match self {
            Self::Vgg(config) => Box::new(Vgg::load(config, arrays)?),
            Self::Sequential(config) => Box::new(SequentialNet::load(config, arrays)?),
        })
    }
}

/// A loss on logits `[batch, n_classes]`.
pub(super) type Loss<'a> = &'a dyn Fn(&Tensor) -> candle_core::Result<Tensor>;

/// A network while it learns.
pub(super) trait Learner {
    /// Runs a batch `[batch, n_frames, n_mels]`, fills every parameter's gradient for the loss on its logits, and gives the
    /// loss. A share `dropout` of what the dense layers read is dropped, drawn from `rng`.
    fn learn(
        &mut self,
        segments: &[f32],
        batch: usize,
        dropout: f32,
        rng: &mut ChaCha8Rng,
        loss: Loss<'_>,
    ) -> Result<f32>;

    /// All trained arrays, in a fixed order.
    fn params(&mut self) -> Vec<&mut Param>;

    /// Everything by PyTorch's names.
    fn arrays(&self) -> Arrays;
}

impl Learner for TrainableVgg {
    fn learn(
        &mut self,
        segments: &[f32],
        batch: usize,
        dropout: f32,
        rng: &mut ChaCha8Rng,
        loss: Loss<'_>,
    ) -> Result<f32> {
        let dropout = dropout_mask(dropout, [batch, self.config().embedding()], rng)?;
        let pass = self.forward(segments, batch, dropout)?;
        let loss = loss(&pass.logits)?;
        self.backward(&pass, &loss)?;
        Ok(loss.to_scalar()?)
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.params()
    }

    fn arrays(&self) -> Arrays {
        self.arrays()
    }
}

impl Learner for TrainableSequential {
    fn learn(
        &mut self,
        segments: &[f32],
        batch: usize,
        dropout: f32,
        rng: &mut ChaCha8Rng,
        loss: Loss<'_>,
    ) -> Result<f32> {
        let logits = self.forward(segments, batch, dropout, rng)?;
        let logits = Var::from_slice(logits, (batch, logits.len() / batch), &Device::Cpu)?;
        let loss = loss(&logits)?;
        let store = loss.backward()?;
        let grad = store.get(&logits).ok_or_else(|| Error::bug("the loss does not depend on the network"))?;
        self.backward(&grad.flatten_all()?.to_vec1::<f32>()?);
        Ok(loss.to_scalar()?)
    }

    fn params(&mut self) -> Vec<&mut Param> {
        self.params()
    }

    fn arrays(&self) -> Arrays {
        self.arrays()
    }
}

/// 0 with probability `dropout`, else 1/(1 − dropout), for features of `shape`.
fn dropout_mask(dropout: f32, shape: [usize; 2], rng: &mut ChaCha8Rng) -> Result<Option<Tensor>> {
    if dropout <= 0.0 {
        return Ok(None);
    }
    let keep = 1.0 - dropout;
    let factor = || if rng.random_bool(f64::from(keep)) { 1.0 / keep } else { 0.0 };
    let mask: Vec<f32> = std::iter::repeat_with(factor).take(shape[0] * shape[1]).collect();
    Ok(Some(Tensor::from_vec(mask, &shape[..], &Device::Cpu)?))
}
