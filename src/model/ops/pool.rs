//! Max pooling over two bands, and over one or two frames. candle's own backward scales the gradient by ¼ and scrambles it on odd sizes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{values, with_values};
use crate::model::kernels::simd;

/// Max over `rows`×2 pixels (`rows` is 1 or 2), stride as large, of `x[batch, height, width, channels]`; an odd last row or
/// column is dropped, as in PyTorch.
///
/// # Errors
/// If the tensor is not four-dimensional f32 on the CPU, or `rows` is neither 1 nor 2.
pub fn max_pool(x: &Tensor, rows: usize) -> Result<Tensor> {
    if !(1..=2).contains(&rows) {
        bail!("max_pool: {rows} rows; only 1 and 2 are possible");
    }
    x.apply_op1(MaxPool { rows })
}

struct MaxPool {
    rows: usize,
}

#[derive(Clone, Copy)]
struct Size {
    width: usize,
    channels: usize,
    /// Rows that are pooled into one.
    rows: usize,
}

#[inline(always)]
fn pool_image(Size { width: w, channels: c, rows }: Size, x: &[f32], out: &mut [f32]) {
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
fn unpool_image(Size { width: w, channels: c, rows }: Size, x: &[f32], res: &[f32], grad: &[f32], out: &mut [f32]) {
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

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, h, w, c) = layout.shape().dims4()?;
        let x = values(storage, layout, self.name())?;
        let size = Size { width: w, channels: c, rows: self.rows };
        let small = (h / self.rows) * (w / 2) * c;
        let mut out = vec![0.0; batch * small];
        if small > 0 {
            let images = out.par_chunks_exact_mut(small).zip(x.par_chunks_exact(h * w * c));
            images.for_each(|(out, x)| simd(|| pool_image(size, x, out)));
        }
        Ok((CpuStorage::F32(out), Shape::from((batch, h / self.rows, w / 2, c))))
    }

    fn bwd(&self, x: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, h, w, c) = x.dims4()?;
        let name = self.name();
        let out = with_values(x, name, |x| {
            with_values(res, name, |res| {
                with_values(grad, name, |grad| {
                    let mut out = vec![0.0; x.len()];
                    let size = Size { width: w, channels: c, rows: self.rows };
                    let small = (h / self.rows) * (w / 2) * c;
                    if small > 0 {
                        let images = out.par_chunks_exact_mut(h * w * c).zip(x.par_chunks_exact(h * w * c));
                        let images = images.zip(res.par_chunks_exact(small)).zip(grad.par_chunks_exact(small));
                        images.for_each(|(((out, x), res), grad)| simd(|| unpool_image(size, x, res, grad, out)));
                    }
                    Ok(out)
                })
            })
        })?;
        Ok(Some(Tensor::from_vec(out, x.shape(), x.device())?))
    }
}
