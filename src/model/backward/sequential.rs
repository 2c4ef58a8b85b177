//! A plain list of layers as a chain.

use super::linear::{Linear, Shape};
use super::{Chain, Frames, Layer};
use crate::Result;
use crate::model::kernels::conv::ConvShape;
use crate::model::sequential::{DenseShape, SequentialConfig, Stage};
use crate::model::tensors::Arrays;

impl Chain {
    /// Builds the chain of a list of layers from arrays by PyTorch's names.
    ///
    /// # Errors
    /// A model error that names the layer which cannot be, or the array which is missing or does not fit.
    pub fn sequential(config: &SequentialConfig, arrays: &Arrays) -> Result<Self> {
        let mut layers = Vec::new();
        for stage in config.stages()? {
            let (mut weights, mut bias) = (Vec::new(), Vec::new());
            if let Some((name, c_out, _)) = stage.weighed() {
                weights = stage.pack(arrays.get(&format!("{name}.weight"), &stage.weight_shape())?);
                bias = arrays.get(&format!("{name}.bias"), &[c_out])?.to_vec();
            }
            let layer = match stage {
                Stage::Waveform { percentile, floor } => Layer::Waveform { percentile, floor },
                Stage::Conv { shape, .. } => Layer::Conv(Linear::same(shape, weights, bias)),
                Stage::Strided { windows, c_out, .. } => {
                    Layer::Conv(Linear::new(Shape::Strided(windows, c_out), weights, bias))
                }
                Stage::MaxPool(shape) => Layer::MaxPool(shape.rows),
                Stage::Maximum(windows) => Layer::Maximum(windows),
                Stage::Dense(dense) => {
                    // Once is enough: what a dense layer gives is one pixel.
                    if !layers.iter().any(|layer| matches!(layer, Layer::Flatten)) {
                        layers.push(Layer::Flatten);
                    }
                    dense_layer(&dense, weights, bias)
                }
            };
            layers.push(layer);
        }
        let frames = (config.n_frames, Frames::Exactly);
        Ok(Self { n_mels: config.n_mels, n_classes: config.n_classes, frames, layers })
    }
}

/// A dense layer as a convolution with a kernel of one pixel on an image of one pixel.
fn dense_layer(dense: &DenseShape, weights: Vec<f32>, bias: Vec<f32>) -> Layer {
    let shape = ConvShape { height: 1, width: 1, c_in: dense.c_in(), c_out: dense.c_out, kh: 1, kw: 1 };
    let linear = Linear::same(shape, weights, bias);
    if dense.relu { Layer::Conv(linear) } else { Layer::Dense(linear) }
}
