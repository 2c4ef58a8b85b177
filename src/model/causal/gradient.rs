//! The network inside a larger computation: gradients of its logits flow back to the segments.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;

use super::{CausalClassifier, ReversibleCausal};
use crate::Result;
use crate::model::vgg::Forward;

/// A causal classifier whose logits may be differentiated by the segments that it was given. Taps have no gradient.
pub struct DifferentiableCausal {
    classifier: CausalClassifier,
    back: Arc<ReversibleCausal>,
}

impl DifferentiableCausal {
    /// Of a classifier.
    #[must_use]
    pub fn new(classifier: CausalClassifier) -> Self {
        let back = Arc::new(classifier.net().reversible());
        Self { classifier, back }
    }

    /// As [`CausalClassifier::forward`], with logits that have a gradient.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, segments: &Tensor) -> Result<Forward> {
        let forward = self.classifier.forward(segments)?;
        let values = forward.logits.flatten_all()?.to_vec1()?;
        let logits = segments.contiguous()?.apply_op1(Logits { values, back: Arc::clone(&self.back) })?;
        Ok(Forward { logits, ..forward })
    }

    /// As [`CausalClassifier::class_weights`].
    ///
    /// # Errors
    /// As there.
    pub fn class_weights(&self) -> Result<Vec<f32>> {
        self.classifier.class_weights()
    }
}

/// From segments `[batch, n_frames, n_mels]` to logits that were computed already, `[batch, n_classes]`.
struct Logits {
    values: Vec<f32>,
    back: Arc<ReversibleCausal>,
}

impl CustomOp1 for Logits {
    fn name(&self) -> &'static str {
        "causal-logits"
    }

    fn cpu_fwd(&self, _: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let batch = layout.shape().dims3()?.0;
        Ok((CpuStorage::F32(self.values.clone()), Shape::from((batch, self.values.len() / batch.max(1)))))
    }

    fn bwd(&self, segments: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let x = segments.flatten_all()?.to_vec1::<f32>()?;
        let grads = grad.to_vec2::<f32>()?;
        let len = (x.len() / grads.len().max(1)).max(1);
        let pulled: Result<Vec<Vec<f32>>> =
            x.par_chunks_exact(len).zip(&grads).map(|(segment, grad)| self.back.pull_back(segment, grad)).collect();
        let pulled = pulled.map_err(candle_core::Error::wrap)?;
        Ok(Some(Tensor::from_vec(pulled.concat(), segments.dims(), segments.device())?))
    }
}
