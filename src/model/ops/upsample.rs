//! Nearest upsampling as a candle operation: every pixel becomes a block of equal ones. candle's own lays channels first, and
//! has no gradient for blocks that are not square.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{values, with_values};

/// Repeats every pixel of `x[batch, height, width, channels]` over `rows` rows and two columns, and cuts or extends (by the
/// last column) the result to `width` columns, twice as many or one more: the way back from [`super::max_pool`], which
/// drops an odd last band.
///
/// # Errors
/// If the tensor is not four-dimensional f32 on the CPU, `rows` is 0, or `width` is neither twice the width nor one more.
pub fn upsample(x: &Tensor, rows: usize, width: usize) -> Result<Tensor> {
    let w = x.dims4()?.2;
    if rows == 0 || width / 2 != w {
        bail!("upsample: {w} columns do not become {width}, or {rows} rows of one are none");
    }
    x.apply_op1(Upsample { rows, width })
}

struct Upsample {
    rows: usize,
    width: usize,
}

impl CustomOp1 for Upsample {
    fn name(&self) -> &'static str {
        "upsample"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, height, width, channels) = layout.shape().dims4()?;
        let x = values(storage, layout, self.name())?;
        let mut out = Vec::with_capacity(batch * height * self.rows * self.width * channels);
        for row in x.chunks_exact((width * channels).max(1)) {
            let start = out.len();
            for pixel in row.chunks_exact(channels) {
                out.extend_from_slice(pixel);
                out.extend_from_slice(pixel);
            }
            if self.width > 2 * width {
                out.extend_from_slice(&row[(width - 1) * channels..]);
            }
            let end = out.len();
            for _ in 1..self.rows {
                out.extend_from_within(start..end);
            }
        }
        Ok((CpuStorage::F32(out), Shape::from((batch, height * self.rows, self.width, channels))))
    }

    fn bwd(&self, x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, width, channels) = x.dims4()?;
        let out = with_values(grad, self.name(), |grad| {
            let mut out = vec![0.0; x.elem_count()];
            let rows = grad.chunks_exact((self.width * channels).max(1));
            for (i, row) in rows.enumerate() {
                let out = &mut out[i / self.rows * width * channels..][..width * channels];
                for (p, pixel) in row.chunks_exact(channels).enumerate() {
                    let at = (p / 2).min(width - 1) * channels;
                    out[at..at + channels].iter_mut().zip(pixel).for_each(|(o, g)| *o += g);
                }
            }
            Ok(out)
        })?;
        Ok(Some(Tensor::from_vec(out, x.shape(), x.device())?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn pixels_become_blocks_and_gradients_sum_up_in_them() {
        let x: Vec<f32> = (0..12).map(|v| v as f32).collect();
        let x = Var::from_tensor(&Tensor::from_vec(x, (1, 2, 3, 2), &Device::Cpu).unwrap()).unwrap();
        for (rows, width) in [(1, 6), (2, 6), (2, 7), (3, 7)] {
            let y = upsample(&x, rows, width).unwrap();
            assert_eq!(y.dims(), [1, 2 * rows, width, 2]);
            let y = y.flatten_all().unwrap();
            let values = y.to_vec1::<f32>().unwrap();
            let at = |t: usize, f: usize, c: usize| ((t / rows) * 3 + (f / 2).min(2)) * 2 + c;
            let mut counts = [0.0_f32; 12];
            for (i, v) in values.iter().enumerate() {
                let (t, f, c) = (i / (2 * width), i / 2 % width, i % 2);
                assert_eq!(*v as usize, at(t, f, c));
                counts[at(t, f, c)] += i as f32;
            }
            // The gradient of Σ i·y_i.
            let weights: Vec<f32> = (0..values.len()).map(|i| i as f32).collect();
            let weights = Tensor::from_vec(weights, values.len(), &Device::Cpu).unwrap();
            let store = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
            let grad = store.get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(grad, counts, "{rows} rows, {width} columns");
        }
        assert!(upsample(&x, 2, 5).is_err() && upsample(&x, 2, 8).is_err() && upsample(&x, 0, 6).is_err());
    }
}
