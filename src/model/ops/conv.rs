//! Convolution as a candle operation.

use std::cell::RefCell;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{PARTS, part_range, values, with_values};
use crate::model::kernels::conv::{ConvShape, Epilogue, Scratch, backward_weights, flip_weights, forward};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Convolution with stride 1 and padding that keeps height and width: `x[batch, height, width, c_in]` with packed weights
/// `w[kh, kw, c_in, c_out]` gives `[batch, height, width, c_out]`. With `bias` (`[c_out]`) or `relu` it is the whole
/// layer of a network whose batch norm is folded, and has no gradient.
///
/// # Errors
/// If shapes do not fit, a kernel side is even, or a tensor is not f32 on the CPU.
pub fn conv2d(x: &Tensor, w: &Tensor, bias: Option<&[f32]>, relu: bool) -> Result<Tensor> {
    let op = Conv2d { bias: bias.map(<[f32]>::to_vec), relu };
    if bias.is_none() && !relu { x.apply_op2(w, op) } else { x.apply_op2_no_bwd(w, &op) }
}

struct Conv2d {
    bias: Option<Vec<f32>>,
    relu: bool,
}

/// Batch size and shape, or why they do not fit.
pub(super) fn shapes(x: &Shape, w: &Shape) -> Result<(usize, ConvShape)> {
    let (batch, height, width, c_in) = x.dims4()?;
    let (kh, kw, w_in, c_out) = w.dims4()?;
    if w_in != c_in || kh % 2 == 0 || kw % 2 == 0 {
        bail!("conv2d: weights {w:?} do not fit an input {x:?}");
    }
    Ok((batch, ConvShape { height, width, c_in, c_out, kh, kw }))
}

/// All images of a batch, in parallel; one image stays on the calling thread.
pub(super) fn forward_batch(batch: usize, s: &ConvShape, x: &[f32], w: &[f32], epilogue: Epilogue<'_>) -> Vec<f32> {
    let mut out = vec![0.0; batch * s.height * s.width * s.c_out];
    if out.is_empty() {
        return out;
    }
    let one = |(x, out): (&[f32], &mut [f32])| {
        SCRATCH.with_borrow_mut(|scratch| forward(s, x, w, epilogue, out, scratch));
    };
    let (x_len, out_len) = (s.height * s.width * s.c_in, s.height * s.width * s.c_out);
    if batch == 1 {
        one((x, &mut out));
    } else {
        x.par_chunks_exact(x_len).zip(out.par_chunks_exact_mut(out_len)).for_each(one);
    }
    out
}

/// Gradients of the input (unless it is data) and of the weights.
pub(super) fn backward_batch(
    batch: usize,
    s: &ConvShape,
    x: &[f32],
    w: &[f32],
    grad: &[f32],
    wants_input: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    let grad_w = weight_gradient(batch, s, x, grad);
    let grad_x = wants_input
        .then(|| forward_batch(batch, &s.backward(), grad, &flip_weights(s, w), Epilogue { bias: None, relu: false }));
    (grad_x, grad_w)
}

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d-nhwc"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, s) = shapes(l1.shape(), l2.shape())?;
        let epilogue = Epilogue { bias: self.bias.as_deref(), relu: self.relu };
        let out = forward_batch(batch, &s, values(s1, l1, self.name())?, values(s2, l2, self.name())?, epilogue);
        Ok((CpuStorage::F32(out), Shape::from((batch, s.height, s.width, s.c_out))))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (batch, s) = shapes(x.shape(), w.shape())?;
        let name = self.name();
        let (grad_x, grad_w) = with_values(x, name, |x_values| {
            with_values(w, name, |w| {
                with_values(grad, name, |grad| Ok(backward_batch(batch, &s, x_values, w, grad, x.track_op())))
            })
        })?;
        let grad_x = grad_x.map(|g| Tensor::from_vec(g, x.shape(), x.device())).transpose()?;
        Ok((grad_x, Some(Tensor::from_vec(grad_w, w.shape(), w.device())?)))
    }
}

/// Sum over the batch, in a fixed order.
fn weight_gradient(batch: usize, s: &ConvShape, x: &[f32], grad: &[f32]) -> Vec<f32> {
    let (x_len, grad_len) = (s.height * s.width * s.c_in, s.height * s.width * s.c_out);
    let parts: Vec<Vec<f32>> = (0..PARTS)
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![0.0; s.n_weights()];
            for i in part_range(batch, part) {
                let (x, grad) = (&x[i * x_len..][..x_len], &grad[i * grad_len..][..grad_len]);
                SCRATCH.with_borrow_mut(|scratch| backward_weights(s, x, grad, &mut sum, scratch));
            }
            sum
        })
        .collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        total.iter_mut().zip(&part).for_each(|(t, p)| *t += p);
    }
    total
}
