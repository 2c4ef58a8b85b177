//! Max pooling as a candle operation. candle's own backward scales the gradient by ¼ and scrambles it on odd sizes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{values, with_values};
use crate::model::kernels::pool::{PoolShape, backward, forward};

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

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, height, width, channels) = layout.shape().dims4()?;
        let shape = PoolShape { height, width, channels, rows: self.rows };
        let mut out = vec![0.0; batch * shape.len_out()];
        forward(shape, values(storage, layout, self.name())?, &mut out);
        Ok((CpuStorage::F32(out), Shape::from((batch, height / self.rows, width / 2, channels))))
    }

    fn bwd(&self, x: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, height, width, channels) = x.dims4()?;
        let shape = PoolShape { height, width, channels, rows: self.rows };
        let name = self.name();
        let out = with_values(x, name, |x| {
            with_values(res, name, |res| {
                with_values(grad, name, |grad| {
                    let mut out = vec![0.0; x.len()];
                    backward(shape, x, res, grad, &mut out);
                    Ok(out)
                })
            })
        })?;
        Ok(Some(Tensor::from_vec(out, x.shape(), x.device())?))
    }
}
