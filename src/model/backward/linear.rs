//! What is linear in the network: convolutions, and the dense layer as one of a single pixel.

use super::map::LinearMap;
use crate::model::kernels::batch;
use crate::model::kernels::conv::{ConvShape, Epilogue, flip_weights};

/// Weights in both directions. The way back is a convolution with flipped weights, and flipping them at every pass would
/// cost as much as the pass.
pub(super) struct Weights {
    /// `[kh, kw, c_in, c_out]`.
    pub(super) forward: Vec<f32>,
    pub(super) flipped: Vec<f32>,
    /// `[c_out]`.
    pub(super) bias: Vec<f32>,
}

impl Weights {
    pub(super) fn new(shape: &ConvShape, forward: Vec<f32>, bias: Vec<f32>) -> Self {
        Self { flipped: flip_weights(shape, &forward), forward, bias }
    }
}

/// One linear layer. Height and width in `shape` are set at each use.
pub(super) struct Linear {
    pub(super) shape: ConvShape,
    pub(super) weights: Weights,
}

impl Linear {
    fn at(&self, height: usize, width: usize) -> ConvShape {
        ConvShape { height, width, ..self.shape }
    }

    /// The layer's own weighted sums with bias, `[height, width, c_out]`.
    pub(super) fn sums(&self, height: usize, width: usize, input: &[f32]) -> Vec<f32> {
        self.forward(height, width, &self.weights, input)
    }
}

impl LinearMap for Linear {
    type Weights = Weights;

    fn changed(&self, weight: &dyn Fn(f32) -> f32, bias: &dyn Fn(f32) -> f32) -> Weights {
        let forward = self.weights.forward.iter().map(|w| weight(*w)).collect();
        Weights::new(&self.shape, forward, self.weights.bias.iter().map(|b| bias(*b)).collect())
    }

    fn forward(&self, height: usize, width: usize, weights: &Weights, input: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; height * width * self.shape.c_out];
        let epilogue = Epilogue { bias: Some(&weights.bias), relu: false };
        batch::forward(&self.at(height, width), input, &weights.forward, epilogue, &mut out);
        out
    }

    fn backward(&self, height: usize, width: usize, weights: &Weights, values: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; height * width * self.shape.c_in];
        let epilogue = Epilogue { bias: None, relu: false };
        batch::forward(&self.at(height, width).backward(), values, &weights.flipped, epilogue, &mut out);
        out
    }
}
