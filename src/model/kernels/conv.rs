//! Stride-1 "same" convolution of one image in NHWC, forward and backward, on slices.
//!
//! In NHWC a padded image is one long row of pixels. The `kw` neighbours of all pixels, for one kernel row, are then a
//! matrix whose rows overlap: row p starts at pixel p and is `kw · c_in` long. So a convolution is `kh` matrix products
//! on views of the padded image; nothing is unrolled (no im2col), and the backward passes are products of the same
//! views.

use super::gemm::{View, matmul};

/// Shape of a convolution: odd kernel, stride 1, zero padding that keeps height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Image height (time frames).
    pub height: usize,
    /// Image width (frequency bands).
    pub width: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Kernel height, odd.
    pub kh: usize,
    /// Kernel width, odd.
    pub kw: usize,
}

/// What happens to the products before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// Added to each pixel, one value a channel.
    pub bias: Option<&'a [f32]>,
    /// Whether negative results become 0.
    pub relu: bool,
}

/// Memory that [`forward`] and the backward passes reuse from call to call.
#[derive(Debug, Default)]
pub struct Scratch {
    padded: Vec<f32>,
    block: Vec<f32>,
}

/// Pixels that one block of products covers: its output stays in the second-level cache.
const BLOCK_PIXELS: usize = 2048;

impl ConvShape {
    fn padded_width(&self) -> usize {
        self.width + self.kw - 1
    }

    /// The shape of the convolution that carries a gradient back to the input.
    #[must_use]
    pub const fn backward(&self) -> Self {
        Self { c_in: self.c_out, c_out: self.c_in, ..*self }
    }

    /// Length of the packed weights, `[kh, kw, c_in, c_out]`.
    #[must_use]
    pub const fn n_weights(&self) -> usize {
        self.kh * self.kw * self.c_in * self.c_out
    }
}

/// `out[height, width, c_out] = conv(x[height, width, c_in], w[kh, kw, c_in, c_out])`, then the epilogue.
pub fn forward(s: &ConvShape, x: &[f32], w: &[f32], epilogue: Epilogue<'_>, out: &mut [f32], scratch: &mut Scratch) {
    let pitch = s.padded_width();
    let Scratch { padded, block } = scratch;
    pad(s, s.c_in, x, padded);
    let rows_per_block = (BLOCK_PIXELS / pitch).max(1);
    for row in (0..s.height).step_by(rows_per_block) {
        let n_rows = rows_per_block.min(s.height - row);
        // The last kw − 1 pixels of the last row would read past the image, and nobody wants them.
        let pixels = n_rows * pitch - (s.kw - 1);
        block.resize(pixels * s.c_out, 0.0);
        for ky in 0..s.kh {
            let a = View {
                offset: (row + ky) * pitch * s.c_in,
                rows: pixels,
                cols: s.kw * s.c_in,
                row_stride: s.c_in,
                col_stride: 1,
            };
            let b = View::dense(s.kw * s.c_in, s.c_out).at(ky * s.kw * s.c_in * s.c_out);
            matmul(block, View::dense(pixels, s.c_out), padded, a, w, b, ky > 0);
        }
        for r in 0..n_rows {
            let from = &block[r * pitch * s.c_out..][..s.width * s.c_out];
            let to = &mut out[(row + r) * s.width * s.c_out..][..s.width * s.c_out];
            store(from, to, epilogue, s.c_out);
        }
    }
}

fn store(from: &[f32], to: &mut [f32], epilogue: Epilogue<'_>, channels: usize) {
    match (epilogue.bias, epilogue.relu) {
        (None, false) => to.copy_from_slice(from),
        (None, true) => to.iter_mut().zip(from).for_each(|(t, f)| *t = f.max(0.0)),
        (Some(bias), relu) => {
            let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
            for (t, f) in to.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
                t.iter_mut().zip(f).zip(bias).for_each(|((t, f), b)| *t = (f + b).max(floor));
            }
        }
    }
}

/// Adds to `grad_w[kh, kw, c_in, c_out]` what one image contributes.
pub fn backward_weights(s: &ConvShape, x: &[f32], grad_out: &[f32], grad_w: &mut [f32], scratch: &mut Scratch) {
    let pitch = s.padded_width();
    let Scratch { padded, block } = scratch;
    pad(s, s.c_in, x, padded);
    // The gradient at the padded image's pitch, 0 where there is no pixel.
    let pixels = s.height * pitch - (s.kw - 1);
    block.clear();
    block.resize(s.height * pitch * s.c_out, 0.0);
    for r in 0..s.height {
        block[r * pitch * s.c_out..][..s.width * s.c_out]
            .copy_from_slice(&grad_out[r * s.width * s.c_out..][..s.width * s.c_out]);
    }
    for ky in 0..s.kh {
        let a =
            View { offset: ky * pitch * s.c_in, rows: pixels, cols: s.kw * s.c_in, row_stride: s.c_in, col_stride: 1 };
        let to = View::dense(s.kw * s.c_in, s.c_out).at(ky * s.kw * s.c_in * s.c_out);
        matmul(grad_w, to, padded, a.t(), block, View::dense(pixels, s.c_out), true);
    }
}

/// Packed weights of the convolution that carries a gradient back: flipped, input and output swapped.
pub fn flip_weights(s: &ConvShape, w: &[f32]) -> Vec<f32> {
    let taps = s.kh * s.kw;
    let mut out = vec![0.0; w.len()];
    for tap in 0..taps {
        let from = &w[(taps - 1 - tap) * s.c_in * s.c_out..][..s.c_in * s.c_out];
        let to = &mut out[tap * s.c_in * s.c_out..][..s.c_in * s.c_out];
        for i in 0..s.c_in {
            for o in 0..s.c_out {
                to[o * s.c_in + i] = from[i * s.c_out + o];
            }
        }
    }
    out
}

/// PyTorch's `[c_out, c_in, kh, kw]` to packed `[kh, kw, c_in, c_out]`.
#[must_use]
pub fn pack_weights(c_out: usize, c_in: usize, taps: usize, w: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; w.len()];
    for o in 0..c_out {
        for i in 0..c_in {
            for t in 0..taps {
                out[(t * c_in + i) * c_out + o] = w[(o * c_in + i) * taps + t];
            }
        }
    }
    out
}

/// Packed `[kh, kw, c_in, c_out]` to PyTorch's `[c_out, c_in, kh, kw]`.
#[must_use]
pub fn unpack_weights(c_out: usize, c_in: usize, taps: usize, w: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; w.len()];
    for o in 0..c_out {
        for i in 0..c_in {
            for t in 0..taps {
                out[(o * c_in + i) * taps + t] = w[(t * c_in + i) * c_out + o];
            }
        }
    }
    out
}

/// Copies an image into one with zero borders.
fn pad(s: &ConvShape, channels: usize, x: &[f32], padded: &mut Vec<f32>) {
    let (pitch, top, left) = (s.padded_width(), s.kh / 2, s.kw / 2);
    padded.clear();
    padded.resize((s.height + s.kh - 1) * pitch * channels, 0.0);
    for r in 0..s.height {
        padded[((r + top) * pitch + left) * channels..][..s.width * channels]
            .copy_from_slice(&x[r * s.width * channels..][..s.width * channels]);
    }
}
