//! Light networks on the CPU: a list of steps over one image in NHWC, `[time, freq, channels]`, on slices.
//!
//! Pointwise convolutions are one matrix product over all positions, depthwise ones have a kernel of their own; bias and
//! activation are one pass behind each. A network says what its steps are; here is what a step does.

mod backward;
mod forward;
mod linear;
mod relevance;
mod reversible;

pub use forward::{Scratch, forward};
pub use reversible::StepNet;

/// Size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Time frames.
    pub height: usize,
    /// Frequency bands.
    pub width: usize,
    /// Channels of each position.
    pub channels: usize,
}

impl Image {
    /// Number of positions.
    #[must_use]
    pub const fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.positions() * self.channels
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What becomes of a layer's sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// max(x, 0).
    Relu,
    /// x · min(max(x + 3, 0), 6) / 6.
    HardSwish,
}

/// A square kernel, its stride and its zeros around the image, the same over time and frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Side.
    pub side: usize,
    /// Distance between outputs.
    pub stride: usize,
}

impl Kernel {
    /// Zeros before the first row and column, as many as keep an image's size at stride 1.
    #[must_use]
    pub const fn padding(&self) -> usize {
        (self.side - 1) / 2
    }

    /// Outputs along `n` positions.
    #[must_use]
    pub const fn n_out(&self, n: usize) -> usize {
        (n + 2 * self.padding()).saturating_sub(self.side) / self.stride + 1
    }
}

/// A layer with its weights. Every bias has one value an output channel.
#[derive(Debug, Clone)]
pub enum Layer {
    /// A convolution: weights `[side · side · c_in, c_out]`, time first, channels of a tap beside each other.
    Conv {
        /// Shape of the kernel.
        kernel: Kernel,
        /// `[side · side · c_in, c_out]`.
        weights: Vec<f32>,
        /// `[c_out]`.
        bias: Vec<f32>,
        /// What follows.
        activation: Activation,
    },
    /// A kernel for each channel: weights `[side, side, channels]`, time first.
    Depthwise {
        /// Shape of the kernel.
        kernel: Kernel,
        /// `[side, side, channels]`.
        weights: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
        /// What follows.
        activation: Activation,
    },
    /// A dense layer at each position: weights `[c_in, c_out]`.
    Pointwise {
        /// `[c_in, c_out]`.
        weights: Vec<f32>,
        /// `[c_out]`.
        bias: Vec<f32>,
        /// What follows.
        activation: Activation,
    },
    /// Squeeze and excitation: each channel times σ(W₂ ReLU(W₁ m + b₁) + b₂) of the channels' means m.
    Gate {
        /// `[channels, squeezed]`.
        squeeze: Vec<f32>,
        /// `[squeezed]`.
        squeeze_bias: Vec<f32>,
        /// `[squeezed, channels]`.
        excite: Vec<f32>,
        /// `[channels]`.
        excite_bias: Vec<f32>,
    },
    /// Mean over all positions: an image of one position.
    Mean,
}

/// A step of a network.
#[derive(Debug, Clone)]
pub enum Step {
    /// Applies a layer.
    Layer(Layer),
    /// Remembers the image that is there.
    Keep,
    /// Adds the image that was last remembered.
    Add,
}
