//! Convolution, batch norm and ReLU of a training batch as one candle operation: one tensor in the graph instead of
//! three, because candle's backward pays a zero-filled tensor and an addition for each.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::norm::BatchStats;
use super::{conv, norm, values, with_values};
use crate::model::kernels::conv::Epilogue;

/// `relu(batch_norm(conv2d(x, w)))`: `x[batch, height, width, c_in]`, packed weights `w[kh, kw, c_in, c_out]`, `affine[2,
/// c_out]` = gamma, beta of the batch norm. Returns the result and the batch's statistics, for the running ones.
///
/// # Errors
/// If shapes do not fit, or a tensor is not f32 on the CPU.
pub fn conv_norm_relu(x: &Tensor, w: &Tensor, affine: &Tensor, eps: f32) -> Result<(Tensor, BatchStats)> {
    let saved = Arc::new(Mutex::new(Saved::default()));
    let y = x.apply_op3(w, affine, ConvNormRelu { eps, saved: Arc::clone(&saved) })?;
    let stats = saved.lock().unwrap_or_else(PoisonError::into_inner).stats.clone();
    Ok((y, stats))
}

/// What the backward pass needs of the forward pass.
#[derive(Default)]
struct Saved {
    convolved: Vec<f32>,
    stats: BatchStats,
}

struct ConvNormRelu {
    eps: f32,
    saved: Arc<Mutex<Saved>>,
}

impl CustomOp3 for ConvNormRelu {
    fn name(&self) -> &'static str {
        "conv-norm-relu"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let name = self.name();
        let (batch, s) = conv::shapes(l1.shape(), l2.shape())?;
        let (x, w, affine) = (values(s1, l1, name)?, values(s2, l2, name)?, values(s3, l3, name)?);
        if l3.shape().dims() != [2, s.c_out] || x.is_empty() {
            bail!("{name}: {:?} is no batch norm of {} channels", l3.shape(), s.c_out);
        }
        let (gamma, beta) = affine.split_at(s.c_out);
        let convolved = conv::forward_batch(batch, &s, x, w, Epilogue { bias: None, relu: false });
        let (y, stats) = norm::forward(&convolved, gamma, beta, self.eps);
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Saved { convolved, stats };
        Ok((CpuStorage::F32(y), Shape::from((batch, s.height, s.width, s.c_out))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        affine: &Tensor,
        res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let name = self.name();
        let (batch, s) = conv::shapes(x.shape(), w.shape())?;
        let saved = std::mem::take(&mut *self.saved.lock().unwrap_or_else(PoisonError::into_inner));
        if saved.convolved.is_empty() {
            bail!("{name}: the backward pass can run once only");
        }
        let gamma = affine.flatten_all()?.to_vec1::<f32>()?;
        let (grad_u, grad_gamma, grad_beta) = with_values(res, name, |res| {
            with_values(grad, name, |grad| {
                Ok(norm::backward(&saved.stats, &gamma[..s.c_out], &saved.convolved, res, grad, self.eps))
            })
        })?;
        drop(saved);
        let (grad_x, grad_w) = with_values(x, name, |x_values| {
            with_values(w, name, |w| Ok(conv::backward_batch(batch, &s, x_values, w, &grad_u, x.track_op())))
        })?;
        let grad_x = grad_x.map(|g| Tensor::from_vec(g, x.shape(), x.device())).transpose()?;
        let grad_w = Tensor::from_vec(grad_w, w.shape(), w.device())?;
        let grad_affine = Tensor::from_vec([grad_gamma, grad_beta].concat(), affine.shape(), affine.device())?;
        Ok((grad_x, Some(grad_w), Some(grad_affine)))
    }
}
