//! From a checkpoint's arrays to a network's steps.

use super::config::{BATCH_NORM_EPS, BlockSpec, EfficientAtConfig};
use crate::Result;
use crate::model::folding::{Folded, fold};
use crate::model::kernels::depthwise::pack_weights;
use crate::model::mobilenet::{Activation, Kernel, Layer, Step};
use crate::model::tensors::Arrays;

/// The network's steps, the step behind which each of the layers `features.N` ends, and the step that gives the embedding.
pub(super) fn steps(config: &EfficientAtConfig, arrays: &Arrays) -> Result<(Vec<Step>, Vec<usize>, usize)> {
    let mut steps = vec![Step::Layer(stem(config, arrays)?)];
    let mut ends = vec![0];
    for (i, spec) in config.blocks().iter().enumerate() {
        block(&format!("features.{}.block", i + 1), spec, arrays, &mut steps)?;
        ends.push(steps.len() - 1);
    }
    let name = format!("features.{}", ends.len());
    let last = pointwise(&name, config.last_block(), config.embedding(), Activation::HardSwish, arrays)?;
    steps.push(Step::Layer(last));
    ends.push(steps.len() - 1);
    steps.push(Step::Layer(Layer::Mean));
    let embeds = steps.len() - 1;
    let hidden = dense("classifier.2", config.embedding(), config.n_hidden, Activation::HardSwish, arrays)?;
    let logits = dense("classifier.5", config.n_hidden, config.n_classes, Activation::Identity, arrays)?;
    steps.extend([Step::Layer(hidden), Step::Layer(logits)]);
    Ok((steps, ends, embeds))
}

/// The first convolution. PyTorch's images have frequency first, ours time: kernels are turned.
fn stem(config: &EfficientAtConfig, arrays: &Arrays) -> Result<Layer> {
    let kernel = Kernel { side: 3, stride: 2 };
    let c_out = config.stem();
    let Folded { weights, bias } = fold(arrays, "features.0", &[c_out, 1, 3, 3], BATCH_NORM_EPS)?;
    let weights = pack_weights(c_out, 3, 3, &weights, |time, freq| freq * 3 + time);
    Ok(Layer::Conv { kernel, weights, bias, activation: Activation::HardSwish })
}

/// An inverted residual block: expand, convolve each channel, squeeze and excite, project, add.
fn block(name: &str, spec: &BlockSpec, arrays: &Arrays, steps: &mut Vec<Step>) -> Result<()> {
    let activation = if spec.hard_swish { Activation::HardSwish } else { Activation::Relu };
    // PyTorch numbers the layers that are there.
    let mut n_layers = 0;
    let mut next = || {
        n_layers += 1;
        format!("{name}.{}", n_layers - 1)
    };
    if spec.is_residual() {
        steps.push(Step::Keep);
    }
    if spec.expanded != spec.c_in {
        steps.push(Step::Layer(pointwise(&next(), spec.c_in, spec.expanded, activation, arrays)?));
    }
    let side = spec.kernel;
    let Folded { weights, bias } = fold(arrays, &next(), &[spec.expanded, 1, side, side], BATCH_NORM_EPS)?;
    let weights = pack_weights(spec.expanded, side, side, &weights, |time, freq| freq * side + time);
    steps.push(Step::Layer(Layer::Depthwise {
        kernel: Kernel { side, stride: spec.stride },
        weights,
        bias,
        activation,
    }));
    if let Some(squeezed) = spec.squeezed {
        steps.push(Step::Layer(gate(&next(), spec.expanded, squeezed, arrays)?));
    }
    steps.push(Step::Layer(pointwise(&next(), spec.expanded, spec.c_out, Activation::Identity, arrays)?));
    if spec.is_residual() {
        steps.push(Step::Add);
    }
    Ok(())
}

/// A 1×1 convolution with its batch norm.
fn pointwise(name: &str, c_in: usize, c_out: usize, activation: Activation, arrays: &Arrays) -> Result<Layer> {
    let Folded { weights, bias } = fold(arrays, name, &[c_out, c_in, 1, 1], BATCH_NORM_EPS)?;
    Ok(Layer::Pointwise { weights: transposed(&weights, c_in), bias, activation })
}

/// A dense layer, as a 1×1 convolution of an image of one position.
fn dense(name: &str, c_in: usize, c_out: usize, activation: Activation, arrays: &Arrays) -> Result<Layer> {
    let weights = arrays.get(&format!("{name}.weight"), &[c_out, c_in])?;
    let bias = arrays.get(&format!("{name}.bias"), &[c_out])?.to_vec();
    Ok(Layer::Pointwise { weights: transposed(weights, c_in), bias, activation })
}

/// Squeeze and excitation.
fn gate(name: &str, channels: usize, squeezed: usize, arrays: &Arrays) -> Result<Layer> {
    let array = |what: &str, shape: &[usize]| arrays.get(&format!("{name}.conc_se_layers.0.{what}"), shape);
    Ok(Layer::Gate {
        squeeze: transposed(array("fc1.weight", &[squeezed, channels])?, channels),
        squeeze_bias: array("fc1.bias", &[squeezed])?.to_vec(),
        excite: transposed(array("fc2.weight", &[channels, squeezed])?, squeezed),
        excite_bias: array("fc2.bias", &[channels])?.to_vec(),
    })
}

/// `[rows, cols]` to `[cols, rows]`.
fn transposed(weights: &[f32], cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|c| weights.iter().skip(c).step_by(cols)).copied().collect()
}
