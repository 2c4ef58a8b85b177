//! A network's steps, one after the other.

use super::{Activation, Image, Kernel, Layer, Step};
use crate::model::kernels::depthwise::{self, DepthwiseShape};
use crate::model::kernels::gemm::{View, matmul};
use crate::model::kernels::simd;

/// Buffers of a pass, to be used again.
#[derive(Debug, Default)]
pub struct Scratch {
    x: Vec<f32>,
    next: Vec<f32>,
    kept: Vec<f32>,
    columns: Vec<f32>,
}

/// Runs `steps` on `input` on the calling thread and gives the last image's values. `after(i, image, values)` sees what there
/// is behind step `i`.
///
/// # Panics
/// If the image does not fit the first layer: whoever builds the steps checks their shapes.
pub fn forward<'a>(
    steps: &[Step],
    image: Image,
    input: &[f32],
    scratch: &'a mut Scratch,
    mut after: impl FnMut(usize, Image, &[f32]),
) -> &'a [f32] {
    let Scratch { x, next, kept, columns } = scratch;
    let mut image = image;
    x.clear();
    x.extend_from_slice(&input[..image.len()]);
    for (i, step) in steps.iter().enumerate() {
        match step {
            Step::Layer(layer) => {
                image = layer.apply(image, x, next, columns);
                std::mem::swap(x, next);
            }
            Step::Keep => kept.clone_from(x),
            Step::Add => x.iter_mut().zip(kept.iter()).for_each(|(x, kept)| *x += kept),
        }
        after(i, image, x);
    }
    x
}

impl Layer {
    /// Applies the layer to one image; `out` is made as long as what comes out.
    pub(super) fn apply(&self, image: Image, x: &[f32], out: &mut Vec<f32>, columns: &mut Vec<f32>) -> Image {
        self.run(image, x, out, columns, true)
    }

    /// The same before the activation.
    pub(super) fn sums(&self, image: Image, x: &[f32], out: &mut Vec<f32>, columns: &mut Vec<f32>) -> Image {
        self.run(image, x, out, columns, false)
    }

    fn run(&self, image: Image, x: &[f32], out: &mut Vec<f32>, columns: &mut Vec<f32>, activated: bool) -> Image {
        let finish = |out: &mut [f32], bias: &[f32], activation: &Activation| {
            finish(out, bias, if activated { *activation } else { Activation::Identity });
        };
        match self {
            Self::Conv { kernel, weights, bias, activation } => {
                let to = kernel.image_out(image, bias.len());
                let taps = kernel.side * kernel.side * image.channels;
                unroll(*kernel, image, to, x, columns);
                out.resize(to.len(), 0.0);
                let product = View::dense(to.positions(), to.channels);
                let (a, b) = (View::dense(to.positions(), taps), View::dense(taps, to.channels));
                matmul(out, product, columns, a, weights, b, false);
                finish(out, bias, activation);
                to
            }
            Self::Depthwise { kernel, weights, bias, activation } => {
                let shape = kernel.depthwise(image);
                out.resize(shape.len_out(), 0.0);
                depthwise::forward(&shape, x, weights, out);
                finish(out, bias, activation);
                kernel.image_out(image, image.channels)
            }
            Self::Pointwise { weights, bias, activation } => {
                let to = Image { channels: bias.len(), ..image };
                out.resize(to.len(), 0.0);
                let product = View::dense(to.positions(), to.channels);
                let (a, b) = (View::dense(image.positions(), image.channels), View::dense(image.channels, to.channels));
                matmul(out, product, x, a, weights, b, false);
                finish(out, bias, activation);
                to
            }
            Self::Gate { squeeze, squeeze_bias, excite, excite_bias } => {
                let gate = gate(image, x, [squeeze, squeeze_bias, excite, excite_bias]);
                out.resize(x.len(), 0.0);
                for (out, x) in out.chunks_exact_mut(image.channels).zip(x.chunks_exact(image.channels)) {
                    out.iter_mut().zip(x).zip(&gate).for_each(|((out, x), gate)| *out = x * gate);
                }
                image
            }
            Self::Mean => {
                out.clear();
                out.extend(channel_means(image, x));
                Image { height: 1, width: 1, ..image }
            }
        }
    }
}

impl Kernel {
    /// The image that comes out of one.
    pub(super) const fn image_out(&self, image: Image, channels: usize) -> Image {
        Image { height: self.n_out(image.height), width: self.n_out(image.width), channels }
    }

    /// Its shape as a depthwise convolution of an image.
    pub(super) const fn depthwise(&self, image: Image) -> DepthwiseShape {
        let out = self.image_out(image, image.channels);
        DepthwiseShape {
            height: image.height,
            width: image.width,
            channels: image.channels,
            kh: self.side,
            kw: self.side,
            stride_h: self.stride,
            stride_w: self.stride,
            dilation_h: 1,
            top: self.padding(),
            left: self.padding(),
            out_height: out.height,
            out_width: out.width,
        }
    }
}

/// What a kernel sees at each output: `[positions, side · side · c_in]`.
fn unroll(kernel: Kernel, image: Image, to: Image, x: &[f32], columns: &mut Vec<f32>) {
    let c_in = image.channels;
    let taps = kernel.side * kernel.side * c_in;
    columns.clear();
    columns.resize(to.positions() * taps, 0.0);
    for (i, seen) in columns.chunks_exact_mut(taps).enumerate() {
        for (tap, at) in fields(kernel, image, to, i) {
            seen[tap..tap + c_in].copy_from_slice(&x[at..at + c_in]);
        }
    }
}

/// Of each tap that lies inside the image at output `i`: where its channels begin among what the kernel sees, and in the image.
pub(super) fn fields(kernel: Kernel, image: Image, to: Image, i: usize) -> impl Iterator<Item = (usize, usize)> {
    let (y, x) = (i / to.width * kernel.stride, i % to.width * kernel.stride);
    (0..kernel.side * kernel.side).filter_map(move |tap| {
        let row = (y + tap / kernel.side).checked_sub(kernel.padding()).filter(|row| *row < image.height)?;
        let column = (x + tap % kernel.side).checked_sub(kernel.padding()).filter(|column| *column < image.width)?;
        Some((tap * image.channels, (row * image.width + column) * image.channels))
    })
}

/// Adds the bias and applies the activation, in one pass.
fn finish(out: &mut [f32], bias: &[f32], activation: Activation) {
    fn each(out: &mut [f32], bias: &[f32], f: impl Fn(f32) -> f32) {
        simd(
            #[inline(always)]
            || {
                for row in out.chunks_exact_mut(bias.len()) {
                    row.iter_mut().zip(bias).for_each(|(x, b)| *x = f(*x + b));
                }
            },
        );
    }
    match activation {
        Activation::Identity => each(out, bias, |x| x),
        Activation::Relu => each(out, bias, |x| x.max(0.0)),
        Activation::HardSwish => each(out, bias, |x| x * ((x + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0))),
    }
}

/// The factor of each channel.
fn gate(image: Image, x: &[f32], [squeeze, squeeze_bias, excite, excite_bias]: [&[f32]; 4]) -> Vec<f32> {
    let mut squeezed = dense(&channel_means(image, x), squeeze, squeeze_bias);
    squeezed.iter_mut().for_each(|x| *x = x.max(0.0));
    let mut gate = dense(&squeezed, excite, excite_bias);
    gate.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
    gate
}

/// Mean of each channel over all positions.
pub(super) fn channel_means(image: Image, x: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f32; image.channels];
    for row in x.chunks_exact(image.channels) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let n = image.positions() as f32;
    sums.iter_mut().for_each(|sum| *sum /= n);
    sums
}

/// `x · weights + bias`, weights `[x.len(), bias.len()]`.
pub(super) fn dense(x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let mut out = bias.to_vec();
    for (x, row) in x.iter().zip(weights.chunks_exact(bias.len())) {
        out.iter_mut().zip(row).for_each(|(out, w)| *out += x * w);
    }
    out
}
