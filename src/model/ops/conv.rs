//! Convolution as a candle operation.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::{values, with_values};
use crate::model::kernels::batch::{backward_input, backward_weights, forward};
use crate::model::kernels::conv::{ConvShape, Epilogue};

/// Convolution with stride 1 and padding that keeps height and width: `x[batch, height, width, c_in]` with packed weights
/// `w[kh, kw, c_in, c_out]` gives `[batch, height, width, c_out]`. With `bias` (`[c_out]`, a constant) or `relu` it is the
/// whole layer of a network whose batch norm is folded. Gradients flow to `x` and `w`, and are computed only for what is a
/// variable or depends on one: a frozen network costs nothing for its weights.
///
/// # Errors
/// If shapes do not fit, a kernel side is even, or a tensor is not f32 on the CPU.
pub fn conv2d(x: &Tensor, w: &Tensor, bias: Option<&[f32]>, relu: bool) -> Result<Tensor> {
    x.apply_op2(w, Conv2d { bias: bias.map(<[f32]>::to_vec), relu })
}

struct Conv2d {
    bias: Option<Vec<f32>>,
    relu: bool,
}

/// Batch size and shape, or why they do not fit.
fn shapes(x: &Shape, w: &Shape) -> Result<(usize, ConvShape)> {
    let (batch, height, width, c_in) = x.dims4()?;
    let (kh, kw, w_in, c_out) = w.dims4()?;
    if w_in != c_in || kh % 2 == 0 || kw % 2 == 0 {
        bail!("conv2d: weights {w:?} do not fit an input {x:?}");
    }
    Ok((batch, ConvShape { height, width, c_in, c_out, kh, kw }))
}

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d-nhwc"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, s) = shapes(l1.shape(), l2.shape())?;
        if let Some(bias) = &self.bias
            && bias.len() != s.c_out
        {
            bail!("conv2d: a bias of {} does not fit {} output channels", bias.len(), s.c_out);
        }
        let epilogue = Epilogue { bias: self.bias.as_deref(), relu: self.relu };
        let mut out = vec![0.0; batch * s.height * s.width * s.c_out];
        forward(&s, values(s1, l1, self.name())?, values(s2, l2, self.name())?, epilogue, &mut out);
        Ok((CpuStorage::F32(out), Shape::from((batch, s.height, s.width, s.c_out))))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, s) = shapes(x.shape(), w.shape())?;
        let name = self.name();
        let grad = with_values(grad, name, |grad| {
            if !self.relu {
                return Ok(grad.to_vec());
            }
            with_values(res, name, |res| {
                Ok(grad.iter().zip(res).map(|(g, r)| if *r > 0.0 { *g } else { 0.0 }).collect())
            })
        })?;
        // Where the input is data or the network frozen, nobody asks for a gradient.
        let grad_x = x.track_op().then(|| {
            let mut grad_x = vec![0.0; x.elem_count()];
            with_values(w, name, |w| {
                backward_input(&s, w, &grad, &mut grad_x);
                Ok(())
            })?;
            Tensor::from_vec(grad_x, x.shape(), x.device())
        });
        let grad_w = w.track_op().then(|| {
            let mut grad_w = vec![0.0; s.n_weights()];
            with_values(x, name, |x| {
                backward_weights(&s, x, &grad, &mut grad_w);
                Ok(())
            })?;
            Tensor::from_vec(grad_w, w.shape(), w.device())
        });
        Ok((grad_x.transpose()?, grad_w.transpose()?))
    }
}
