//! Depthwise convolution of images in NHWC, forward and backward, on slices: every channel has a kernel of its own.
//!
//! Padding is what the shape says on the top (time) and left (frequency) side, and zeros wherever a kernel reaches past
//! the other sides, so a causal kernel is one with `top = (kh − 1) · dilation` and an output as long as its input. Channels
//! are worked on in blocks of up to 64, whose sums stay in vector registers while a kernel's taps are added: four registers
//! of AVX-512, so that no addition waits for the one before.

use std::ops::Range;

use super::simd;

/// Calls `row::<N>(shape, place, c, …)` for all channels, in blocks of `N` from `c` on that are as wide as the rest allows.
macro_rules! channel_blocks {
    ($row:ident($shape:expr, $place:expr; $($slice:expr),*)) => {{
        let mut c = 0;
        while c < $shape.channels {
            c += match $shape.channels - c {
                64.. => $row::<64>($shape, $place, c, $($slice),*),
                32.. => $row::<32>($shape, $place, c, $($slice),*),
                16.. => $row::<16>($shape, $place, c, $($slice),*),
                8.. => $row::<8>($shape, $place, c, $($slice),*),
                _ => $row::<1>($shape, $place, c, $($slice),*),
            };
        }
    }};
}

/// Shape of a depthwise convolution of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthwiseShape {
    /// Image height (time frames).
    pub height: usize,
    /// Image width (frequency bands).
    pub width: usize,
    /// Channels, of input and output.
    pub channels: usize,
    /// Kernel height.
    pub kh: usize,
    /// Kernel width.
    pub kw: usize,
    /// Distance between outputs over the height.
    pub stride_h: usize,
    /// Distance between outputs over the width.
    pub stride_w: usize,
    /// Distance between a kernel's rows.
    pub dilation_h: usize,
    /// Rows of zeros before the first row.
    pub top: usize,
    /// Columns of zeros before the first column.
    pub left: usize,
    /// Output height.
    pub out_height: usize,
    /// Output width.
    pub out_width: usize,
}

impl DepthwiseShape {
    /// Values of an input image.
    #[must_use]
    pub const fn len_in(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of an output image.
    #[must_use]
    pub const fn len_out(&self) -> usize {
        self.out_height * self.out_width * self.channels
    }

    /// Length of the weights, `[kh, kw, channels]`.
    #[must_use]
    pub const fn n_weights(&self) -> usize {
        self.kh * self.kw * self.channels
    }

    /// The kernel's rows that meet a row of the input at output row `y`.
    fn rows(&self, y: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { height, stride_h, dilation_h, top, kh, .. } = *self;
        (0..kh).filter_map(move |ky| {
            let row = (y * stride_h + ky * dilation_h).checked_sub(top)?;
            (row < height).then_some((ky, row))
        })
    }

    /// The kernel's columns that meet a column of the input at output column `x`, and the first of these.
    fn columns(&self, x: usize) -> (Range<usize>, usize) {
        let first = x * self.stride_w;
        let from = self.left.saturating_sub(first);
        let to = (self.width + self.left).saturating_sub(first).min(self.kw);
        (from..to.max(from), (first + from).saturating_sub(self.left))
    }
}

/// `out[out_height, out_width, channels]` of one image `x[height, width, channels]`, with weights `w[kh, kw, channels]`.
pub fn forward(s: &DepthwiseShape, x: &[f32], w: &[f32], out: &mut [f32]) {
    let (x, w, out) = (&x[..s.len_in()], &w[..s.n_weights()], &mut out[..s.len_out()]);
    simd(
        #[inline(always)]
        || {
            for y in 0..s.out_height {
                channel_blocks!(forward_row(s, y; x, w, out));
            }
        },
    );
}

/// One row of outputs for `N` channels from `c` on; returns `N`.
#[inline(always)]
fn forward_row<const N: usize>(s: &DepthwiseShape, y: usize, c: usize, x: &[f32], w: &[f32], out: &mut [f32]) -> usize {
    for column in 0..s.out_width {
        let (taps, first) = s.columns(column);
        let mut sum = [0.0_f32; N];
        for (ky, row) in s.rows(y) {
            let mut at = (row * s.width + first) * s.channels + c;
            let mut tap = (ky * s.kw + taps.start) * s.channels + c;
            for _ in taps.clone() {
                add_product(&mut sum, block(x, at), block(w, tap));
                at += s.channels;
                tap += s.channels;
            }
        }
        out[(y * s.out_width + column) * s.channels + c..][..N].copy_from_slice(&sum);
    }
    N
}

/// Adds the gradient of the input of one image to `grad_in`.
pub fn backward_input(s: &DepthwiseShape, w: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    let (w, grad_out, grad_in) = (&w[..s.n_weights()], &grad_out[..s.len_out()], &mut grad_in[..s.len_in()]);
    simd(
        #[inline(always)]
        || {
            for y in 0..s.out_height {
                channel_blocks!(input_row(s, y; w, grad_out, grad_in));
            }
        },
    );
}

/// What one row of outputs gives back to `N` channels from `c` on; returns `N`.
#[inline(always)]
fn input_row<const N: usize>(
    s: &DepthwiseShape,
    y: usize,
    c: usize,
    w: &[f32],
    grad: &[f32],
    grad_in: &mut [f32],
) -> usize {
    for column in 0..s.out_width {
        let (taps, first) = s.columns(column);
        let g = *block::<N>(grad, (y * s.out_width + column) * s.channels + c);
        for (ky, row) in s.rows(y) {
            let mut at = (row * s.width + first) * s.channels + c;
            let mut tap = (ky * s.kw + taps.start) * s.channels + c;
            for _ in taps.clone() {
                if let Some(to) = grad_in[at..].first_chunk_mut::<N>() {
                    add_product(to, &g, block(w, tap));
                }
                at += s.channels;
                tap += s.channels;
            }
        }
    }
    N
}

/// Adds to `grad_w[kh, kw, channels]` what one image contributes.
pub fn backward_weights(s: &DepthwiseShape, x: &[f32], grad_out: &[f32], grad_w: &mut [f32]) {
    let (x, grad_out, grad_w) = (&x[..s.len_in()], &grad_out[..s.len_out()], &mut grad_w[..s.n_weights()]);
    simd(
        #[inline(always)]
        || {
            for ky in 0..s.kh {
                for kx in 0..s.kw {
                    channel_blocks!(weights_tap(s, (ky, kx); x, grad_out, grad_w));
                }
            }
        },
    );
}

/// The gradient of one tap, over all outputs that it is part of, for `N` channels from `c` on; returns `N`.
#[inline(always)]
fn weights_tap<const N: usize>(
    s: &DepthwiseShape,
    (ky, kx): (usize, usize),
    c: usize,
    x: &[f32],
    grad: &[f32],
    grad_w: &mut [f32],
) -> usize {
    let mut sum = [0.0_f32; N];
    // The outputs whose kernel has this column inside the image.
    let first = s.left.saturating_sub(kx).div_ceil(s.stride_w);
    let end = (s.width + s.left).saturating_sub(kx).div_ceil(s.stride_w).min(s.out_width);
    for y in 0..s.out_height {
        let Some(row) = (y * s.stride_h + ky * s.dilation_h).checked_sub(s.top) else { continue };
        if row >= s.height || first >= end {
            continue;
        }
        let mut at = (row * s.width + first * s.stride_w + kx - s.left) * s.channels + c;
        let mut out = (y * s.out_width + first) * s.channels + c;
        for _ in first..end {
            add_product(&mut sum, block(x, at), block(grad, out));
            at += s.stride_w * s.channels;
            out += s.channels;
        }
    }
    for (to, sum) in grad_w[(ky * s.kw + kx) * s.channels + c..].iter_mut().zip(sum) {
        *to += sum;
    }
    N
}

/// The `N` values from `at` on; zeros where a caller's shape is wrong.
#[inline(always)]
fn block<const N: usize>(values: &[f32], at: usize) -> &[f32; N] {
    values[at..].first_chunk::<N>().unwrap_or(&[0.0; N])
}

#[inline(always)]
fn add_product<const N: usize>(sum: &mut [f32; N], a: &[f32; N], b: &[f32; N]) {
    for i in 0..N {
        sum[i] += a[i] * b[i];
    }
}

/// PyTorch's `[channels, 1, freq, time]` or `[channels, 1, time, freq]` to `[kh, kw, channels]` with time first:
/// `index(ky, kx)` is the place of tap (time, frequency) in one channel's kernel.
#[must_use]
pub fn pack_weights(
    channels: usize,
    kh: usize,
    kw: usize,
    w: &[f32],
    index: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let mut out = vec![0.0; w.len()];
    for ky in 0..kh {
        for kx in 0..kw {
            for c in 0..channels {
                out[(ky * kw + kx) * channels + c] = w[c * kh * kw + index(ky, kx)];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i + seed) * 7_919 % 1_009) as f32 - 504.0) / 504.0).collect()
    }

    fn shapes() -> Vec<DepthwiseShape> {
        let mut shapes = Vec::new();
        for channels in [1, 8, 16, 27, 40, 125] {
            for (kh, kw, stride_h, stride_w, dilation_h) in
                [(3, 3, 1, 1, 1), (3, 3, 2, 2, 1), (5, 3, 1, 2, 1), (5, 1, 1, 1, 2), (5, 5, 2, 1, 1)]
            {
                let (height, width) = (7, if kw == 1 { 1 } else { 6 });
                let s = DepthwiseShape {
                    height,
                    width,
                    channels,
                    kh,
                    kw,
                    stride_h,
                    stride_w,
                    dilation_h,
                    top: (kh - 1) * dilation_h,
                    left: kw / 2,
                    out_height: height.div_ceil(stride_h),
                    out_width: width.div_ceil(stride_w),
                };
                shapes.extend([s, DepthwiseShape { top: (kh - 1) * dilation_h / 2, ..s }]);
            }
        }
        shapes
    }

    /// Every tap of every output as (output, input, weight), by the definition.
    fn taps(s: &DepthwiseShape) -> Vec<(usize, usize, usize)> {
        let mut taps = Vec::new();
        for y in 0..s.out_height {
            for x in 0..s.out_width {
                for ky in 0..s.kh {
                    for kx in 0..s.kw {
                        let row = (y * s.stride_h + ky * s.dilation_h) as isize - s.top as isize;
                        let column = (x * s.stride_w + kx) as isize - s.left as isize;
                        if !(0..s.height as isize).contains(&row) || !(0..s.width as isize).contains(&column) {
                            continue;
                        }
                        for c in 0..s.channels {
                            let pixel = row as usize * s.width + column as usize;
                            taps.push((
                                (y * s.out_width + x) * s.channels + c,
                                pixel * s.channels + c,
                                (ky * s.kw + kx) * s.channels + c,
                            ));
                        }
                    }
                }
            }
        }
        taps
    }

    fn assert_close(got: &[f32], want: &[f32], s: &DepthwiseShape) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-4), "{s:?}\n{got:?}\n{want:?}");
    }

    #[test]
    fn all_three_directions_follow_the_definition() {
        for s in shapes() {
            let (x, w, grad) = (numbers(s.len_in(), 1), numbers(s.n_weights(), 5), numbers(s.len_out(), 9));
            let (mut want, mut want_in, mut want_w) =
                (vec![0.0; s.len_out()], vec![0.0; s.len_in()], vec![0.0; s.n_weights()]);
            for (o, i, t) in taps(&s) {
                want[o] += x[i] * w[t];
                want_in[i] += grad[o] * w[t];
                want_w[t] += grad[o] * x[i];
            }
            let mut out = vec![f32::NAN; s.len_out()];
            forward(&s, &x, &w, &mut out);
            assert_close(&out, &want, &s);
            let mut grad_in = vec![0.0; s.len_in()];
            backward_input(&s, &w, &grad, &mut grad_in);
            assert_close(&grad_in, &want_in, &s);
            let mut grad_w = vec![0.0; s.n_weights()];
            backward_weights(&s, &x, &grad, &mut grad_w);
            assert_close(&grad_w, &want_w, &s);
        }
    }
}
