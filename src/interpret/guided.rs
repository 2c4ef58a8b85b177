//! Methods that look at hidden layers on the way back: guided backpropagation, Grad-CAM, and their product.

use super::attribution::{Attribution, Attributor, Net};
use super::relevance_mask::MaskForm;
use crate::model::backward::{ReluGradient, Reversible};
use crate::model::package::Package;
use crate::{Error, Result};

/// A method of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuidedMethod {
    /// The gradient that passes ReLUs only where it is positive (Springenberg et al. 2015).
    GuidedBackprop,
    /// The hidden layer's channels, weighted by their mean gradients, where their sum is positive, enlarged to the input
    /// (Selvaraju et al. 2017).
    GradCam,
    /// Grad-CAM times guided backpropagation.
    GuidedGradCam,
}

struct Guided {
    method: GuidedMethod,
    /// The one that is looked at, from 0.
    block: usize,
}

/// A method with the network of a package. Grad-CAM looks at the output of `block` (from 1, before its pooling); `None` is
/// the last, as published.
///
/// # Errors
/// A usage error for a block that there is not; a model error where the weights do not fit.
pub fn load(package: &Package, method: GuidedMethod, block: Option<usize>, form: MaskForm) -> Result<Attributor> {
    Attributor::new(package, form, |net| {
        let n_blocks = net.chain.n_blocks();
        let asked = block.unwrap_or(n_blocks);
        let block = asked.checked_sub(1).filter(|block| *block < n_blocks).ok_or_else(|| {
            Error::usage(format!("there is no block {asked} for Grad-CAM; the network has blocks 1 to {n_blocks}"))
        })?;
        Ok(Box::new(Guided { method, block }))
    })
}

impl Attribution for Guided {
    fn method(&self) -> &'static str {
        match self.method {
            GuidedMethod::GuidedBackprop => "guided-backprop",
            GuidedMethod::GradCam => "gradcam",
            GuidedMethod::GuidedGradCam => "guided-gradcam",
        }
    }

    fn passes(&self) -> usize {
        1
    }

    fn relevance(&self, net: &Net, features: &[f32], class: usize) -> Result<Vec<f32>> {
        let chain = &*net.chain;
        let n_mels = chain.n_mels();
        let guided = || chain.input_gradient(features, class, ReluGradient::Guided);
        let enlarged = || -> Result<Vec<f32>> {
            Ok(grad_cam(chain, features, class, self.block)?.enlarged(features.len() / n_mels, n_mels))
        };
        match self.method {
            GuidedMethod::GuidedBackprop => guided(),
            GuidedMethod::GradCam => enlarged(),
            GuidedMethod::GuidedGradCam => {
                let mut product = enlarged()?;
                product.iter_mut().zip(&guided()?).for_each(|(cam, guided)| *cam *= guided);
                Ok(product)
            }
        }
    }
}

/// One value a place of a hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cam {
    /// Time frames of the layer.
    pub height: usize,
    /// Frequency bands of the layer.
    pub width: usize,
    /// `[height, width]`, none negative.
    pub values: Vec<f32>,
}

/// Grad-CAM of a class at the output of block `block` (from 0); empty for a block that there is not.
///
/// # Errors
/// As [`Reversible::check`].
pub fn grad_cam(chain: &dyn Reversible, features: &[f32], class: usize, block: usize) -> Result<Cam> {
    let Some((hidden, grad)) = chain.block_gradient(features, class, block)? else {
        return Ok(Cam { height: 0, width: 0, values: Vec::new() });
    };
    let places = hidden.height * hidden.width;
    let channels = (hidden.values.len() / places.max(1)).max(1);
    let mut weights = vec![0.0; channels];
    for grad in grad.chunks_exact(channels) {
        weights.iter_mut().zip(grad).for_each(|(w, g)| *w += g / places as f32);
    }
    let sum = |values: &[f32]| values.iter().zip(&weights).map(|(a, w)| a * w).sum::<f32>().max(0.0);
    let values = hidden.values.chunks_exact(channels).map(sum).collect();
    Ok(Cam { height: hidden.height, width: hidden.width, values })
}

impl Cam {
    /// Stretched to `[height, width]` by bilinear interpolation between the places' centres, as PyTorch does without
    /// `align_corners`.
    #[must_use]
    pub fn enlarged(&self, height: usize, width: usize) -> Vec<f32> {
        // Where in `from` the centre of place `i` of `to` lies: the two neighbours and the share of the second.
        let places = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
            let place = |i: usize| {
                let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
                let first = (at as usize).min(from.saturating_sub(1));
                (first, (first + 1).min(from.saturating_sub(1)), at - first as f32)
            };
            (0..to).map(place).collect()
        };
        let mut out = Vec::with_capacity(height * width);
        if self.values.is_empty() {
            return vec![0.0; height * width];
        }
        let columns = places(self.width, width);
        for (top, bottom, down) in places(self.height, height) {
            for &(left, right, across) in &columns {
                let row = |t: usize| {
                    let (l, r) = (self.values[t * self.width + left], self.values[t * self.width + right]);
                    l + across * (r - l)
                };
                out.push(row(top) + down * (row(bottom) - row(top)));
            }
        }
        out
    }
}
