//! Max pooling over two bands, and over one or two frames, of a batch in NHWC.

use rayon::prelude::*;

use super::simd;

/// Shape of a pooling over `rows`×2 pixels with stride as large; an odd last row or column is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Image height (time frames).
    pub height: usize,
    /// Image width (frequency bands).
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows that are pooled into one: 1 or 2.
    pub rows: usize,
}

#[inline(always)]
fn pool_image(PoolShape { width: w, channels: c, rows, .. }: PoolShape, x: &[f32], out: &mut [f32]) {
    let pitch = w * c;
    for (r, out) in out.chunks_exact_mut((w / 2) * c).enumerate() {
        // With one row, it is its own neighbour.
        let (top, bottom) = (&x[rows * r * pitch..][..pitch], &x[(rows * (r + 1) - 1) * pitch..][..pitch]);
        for ((o, t), b) in out.chunks_exact_mut(c).zip(top.chunks_exact(2 * c)).zip(bottom.chunks_exact(2 * c)) {
            let ((t0, t1), (b0, b1)) = (t.split_at(c), b.split_at(c));
            let pixels = t0.iter().zip(t1).zip(b0.iter().zip(b1));
            o.iter_mut().zip(pixels).for_each(|(o, ((t0, t1), (b0, b1)))| *o = t0.max(*t1).max(b0.max(*b1)));
        }
    }
}

/// Gives each gradient to the first pixel that has the maximum.
#[inline(always)]
fn unpool_image(
    PoolShape { width: w, channels: c, rows, .. }: PoolShape,
    x: &[f32],
    res: &[f32],
    grad: &[f32],
    out: &mut [f32],
) {
    let row_len = (w / 2) * c;
    for (r, (res, grad)) in res.chunks_exact(row_len).zip(grad.chunks_exact(row_len)).enumerate() {
        for p in 0..w / 2 {
            let corner = (rows * r * w + 2 * p) * c;
            let at = [corner, corner + c, corner + w * c, corner + (w + 1) * c];
            for i in 0..c {
                let (max, mut left) = (res[p * c + i], grad[p * c + i]);
                for a in &at[..2 * rows] {
                    let take = if x[a + i] == max { left } else { 0.0 };
                    out[a + i] = take;
                    left -= take;
                }
            }
        }
    }
}

impl PoolShape {
    /// Values of one image.
    #[must_use]
    pub const fn len_in(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values of one pooled image.
    #[must_use]
    pub const fn len_out(&self) -> usize {
        (self.height / self.rows) * (self.width / 2) * self.channels
    }
}

/// Pools all images of a batch.
pub fn forward(s: PoolShape, x: &[f32], out: &mut [f32]) {
    if !out.is_empty() {
        let images = out.par_chunks_exact_mut(s.len_out()).zip(x.par_chunks_exact(s.len_in()));
        images.for_each(|(out, x)| simd(|| pool_image(s, x, out)));
    }
}

/// Writes the gradient of the input, from the forward pass's input and result.
pub fn backward(s: PoolShape, x: &[f32], res: &[f32], grad: &[f32], out: &mut [f32]) {
    if !s.height.is_multiple_of(s.rows) || !s.width.is_multiple_of(2) {
        out.fill(0.0);
    }
    if !res.is_empty() {
        let images = out.par_chunks_exact_mut(s.len_in()).zip(x.par_chunks_exact(s.len_in()));
        let images = images.zip(res.par_chunks_exact(s.len_out())).zip(grad.par_chunks_exact(s.len_out()));
        images.for_each(|(((out, x), res), grad)| simd(|| unpool_image(s, x, res, grad, out)));
    }
}
