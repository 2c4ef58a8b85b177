//! The linear layers backward, and with other weights.

use super::{Activation, Image, Kernel, Layer};
use crate::model::backward::LinearMap;
use crate::model::kernels::depthwise;
use crate::model::kernels::gemm::{View, matmul};

impl Layer {
    /// What follows the layer's sums; nothing of a layer that is not linear.
    pub(super) const fn activation(&self) -> Option<Activation> {
        match self {
            Self::Conv { activation, .. } | Self::Depthwise { activation, .. } | Self::Pointwise { activation, .. } => {
                Some(*activation)
            }
            Self::Gate { .. } | Self::Mean => None,
        }
    }

    /// Carries values of the sums back to an input of `image`, along the weights.
    pub(super) fn transposed(&self, image: Image, values: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; image.len()];
        match self {
            Self::Conv { kernel, weights, bias, .. } => {
                let to = kernel.image_out(image, bias.len());
                let taps = kernel.side * kernel.side * image.channels;
                let mut columns = vec![0.0; to.positions() * taps];
                let (a, b) = (View::dense(to.positions(), to.channels), View::dense(taps, to.channels).t());
                matmul(&mut columns, View::dense(to.positions(), taps), values, a, weights, b, false);
                roll(*kernel, image, to, &columns, &mut out);
            }
            Self::Depthwise { kernel, weights, .. } => {
                depthwise::backward_input(&kernel.depthwise(image), weights, values, &mut out);
            }
            Self::Pointwise { weights, bias, .. } => {
                let n = image.positions();
                let (a, b) = (View::dense(n, bias.len()), View::dense(image.channels, bias.len()).t());
                matmul(&mut out, View::dense(n, image.channels), values, a, weights, b, false);
            }
            Self::Gate { .. } | Self::Mean => {}
        }
        out
    }

    /// Channels of the layer's input.
    fn c_in(&self) -> usize {
        match self {
            Self::Conv { kernel, weights, bias, .. } => weights.len() / (kernel.side * kernel.side * bias.len()).max(1),
            Self::Depthwise { bias, .. } => bias.len(),
            Self::Pointwise { weights, bias, .. } => weights.len() / bias.len().max(1),
            Self::Gate { excite_bias, .. } => excite_bias.len(),
            Self::Mean => 0,
        }
    }
}

impl LinearMap for Layer {
    type Weights = Self;

    fn changed(&self, weight: &dyn Fn(f32) -> f32, bias: &dyn Fn(f32) -> f32) -> Self {
        let mut changed = self.clone();
        if let Self::Conv { weights: w, bias: b, .. }
        | Self::Depthwise { weights: w, bias: b, .. }
        | Self::Pointwise { weights: w, bias: b, .. } = &mut changed
        {
            w.iter_mut().for_each(|w| *w = weight(*w));
            b.iter_mut().for_each(|b| *b = bias(*b));
        }
        changed
    }

    fn forward(&self, height: usize, width: usize, weights: &Self, input: &[f32]) -> Vec<f32> {
        let mut out = Vec::new();
        weights.sums(Image { height, width, channels: self.c_in() }, input, &mut out, &mut Vec::new());
        out
    }

    fn backward(&self, height: usize, width: usize, weights: &Self, values: &[f32]) -> Vec<f32> {
        weights.transposed(Image { height, width, channels: self.c_in() }, values)
    }
}

/// Adds what came back to each output's field of view.
fn roll(kernel: Kernel, image: Image, to: Image, columns: &[f32], out: &mut [f32]) {
    let taps = kernel.side * kernel.side * image.channels;
    for (i, seen) in columns.chunks_exact(taps).enumerate() {
        for (from, at) in super::forward::fields(kernel, image, to, i) {
            let values = &seen[from..from + image.channels];
            out[at..at + image.channels].iter_mut().zip(values).for_each(|(out, v)| *out += v);
        }
    }
}
