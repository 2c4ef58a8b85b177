//! What is linear in the network: convolutions, and the dense layer as one of a single pixel.

use super::map::LinearMap;
use crate::model::kernels::conv::{ConvShape, Epilogue, flip_weights};
use crate::model::kernels::gemm::{View, matmul};
use crate::model::kernels::strided::Windows;
use crate::model::kernels::{batch, strided};

/// What a convolution looks at. Height and width are set at each use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// An image as large as the result.
    Same(ConvShape),
    /// Windows with a stride, and the channels of the result.
    Strided(Windows, usize),
}

impl Shape {
    fn at(self, height: usize, width: usize) -> Self {
        match self {
            Self::Same(shape) => Self::Same(ConvShape { height, width, ..shape }),
            Self::Strided(windows, c_out) => Self::Strided(Windows { height, width, ..windows }, c_out),
        }
    }

    /// Height and width of the result.
    fn size_out(self) -> [usize; 2] {
        match self {
            Self::Same(shape) => [shape.height, shape.width],
            Self::Strided(windows, _) => windows.counts(),
        }
    }
}

/// Weights in both directions. The way back is a convolution with flipped weights, and flipping them at every pass would
/// cost as much as the pass. Those of one pixel are flipped by how they are read, so that a large dense layer is there once.
pub(super) struct Weights {
    /// `[kh, kw, c_in, c_out]`.
    pub(super) forward: Vec<f32>,
    pub(super) flipped: Vec<f32>,
    /// `[c_out]`.
    pub(super) bias: Vec<f32>,
}

impl Weights {
    pub(super) fn new(shape: &Shape, forward: Vec<f32>, bias: Vec<f32>) -> Self {
        let flipped = match shape {
            Shape::Same(shape) if shape.kh * shape.kw > 1 => flip_weights(shape, &forward),
            _ => Vec::new(),
        };
        Self { flipped, forward, bias }
    }
}

/// One linear layer.
pub(super) struct Linear {
    pub(super) shape: Shape,
    pub(super) weights: Weights,
}

impl Linear {
    /// A convolution that keeps the image's size, with weights `[kh, kw, c_in, c_out]`.
    pub(super) fn same(shape: ConvShape, weights: Vec<f32>, bias: Vec<f32>) -> Self {
        Self::new(Shape::Same(shape), weights, bias)
    }

    pub(super) fn new(shape: Shape, weights: Vec<f32>, bias: Vec<f32>) -> Self {
        Self { shape, weights: Weights::new(&shape, weights, bias) }
    }

    /// Height and width of the result.
    pub(super) fn size_out(&self, height: usize, width: usize) -> [usize; 2] {
        self.shape.at(height, width).size_out()
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
        let [height_out, width_out] = self.size_out(height, width);
        let mut out = vec![0.0; height_out * width_out * weights.bias.len()];
        match self.shape.at(height, width) {
            Shape::Same(shape) => {
                let epilogue = Epilogue { bias: Some(&weights.bias), relu: false };
                batch::forward(&shape, input, &weights.forward, epilogue, &mut out);
            }
            Shape::Strided(windows, _) => {
                let Weights { forward, bias, .. } = weights;
                strided::forward(&windows, input, forward, bias, false, &mut out, &mut Vec::new());
            }
        }
        out
    }

    fn backward(&self, height: usize, width: usize, weights: &Weights, values: &[f32]) -> Vec<f32> {
        match self.shape.at(height, width) {
            Shape::Same(shape) => {
                let mut out = vec![0.0; height * width * shape.c_in];
                if weights.flipped.is_empty() {
                    let [to, from] = [shape.c_in, shape.c_out].map(|n| View::dense(height * width, n));
                    let transposed = View::dense(shape.c_in, shape.c_out).t();
                    matmul(&mut out, to, values, from, &weights.forward, transposed, false);
                } else {
                    let epilogue = Epilogue { bias: None, relu: false };
                    batch::forward(&shape.backward(), values, &weights.flipped, epilogue, &mut out);
                }
                out
            }
            Shape::Strided(windows, _) => {
                let mut out = vec![0.0; height * width * windows.channels];
                strided::backward_input(&windows, &weights.forward, values, &mut out);
                out
            }
        }
    }
}
