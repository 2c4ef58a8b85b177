//! The chain as it listens.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::spec::SequentialConfig;
use crate::Result;
use crate::model::backward::Chain;
use crate::model::tensors::Arrays;
use crate::model::vgg::Forward;

/// A plain chain of layers on the CPU, a segment a thread.
pub struct SequentialNet {
    chain: Arc<Chain>,
    n_classes: usize,
}

impl SequentialNet {
    /// Builds the network from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the array which is missing or does not fit.
    pub fn load(config: &SequentialConfig, arrays: &Arrays) -> Result<Self> {
        Ok(Self { chain: Arc::new(Chain::sequential(config, arrays)?), n_classes: config.n_classes })
    }

    /// Classifies segments `[batch, n_frames, n_mels]`; there are no taps.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let (batch, n_frames, n_mels) = segments.dims3()?;
        let values = segments.flatten_all()?.to_vec1::<f32>()?;
        let one = |segment: &[f32]| Ok(self.chain.forward(segment)?.logits().to_vec());
        let logits: Vec<Vec<f32>> = values.par_chunks(n_frames * n_mels).map(one).collect::<Result<_>>()?;
        let logits = Tensor::from_vec(logits.concat(), (batch, self.n_classes), &Device::Cpu)?;
        Ok(Forward { logits, taps: Vec::new(), frames: None })
    }
}
