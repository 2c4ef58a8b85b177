//! A dense layer over rows, with its gradient.

use rand::{Rng, RngExt};

use crate::Result;
use crate::model::kernels::gemm::{View, matmul};
use crate::model::tensors::Arrays;
use crate::model::vgg::Param;

/// A dense layer `[c_in, c_out]` with a bias.
pub(super) struct Dense {
    name: &'static str,
    pub(super) c_in: usize,
    pub(super) c_out: usize,
    pub(super) weight: Param,
    pub(super) bias: Param,
}

/// Gradients of one dense layer.
pub(super) struct DenseGrad {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Dense {
    pub(super) fn new(name: &'static str, c_in: usize, c_out: usize, bias: f32, rng: &mut impl Rng) -> Self {
        let bound = 1.0 / (c_in as f32).sqrt();
        let weight = (0..c_in * c_out).map(|_| rng.random_range(-bound..bound)).collect();
        Self {
            name,
            c_in,
            c_out,
            weight: Param::new(format!("{name}.weight"), weight, true),
            bias: Param::new(format!("{name}.bias"), vec![bias; c_out], false),
        }
    }

    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.c_in;
        let mut out: Vec<f32> = self.bias.values.iter().copied().cycle().take(rows * self.c_out).collect();
        let (xv, wv) = (View::dense(rows, self.c_in), View::dense(self.c_in, self.c_out));
        matmul(&mut out, View::dense(rows, self.c_out), x, xv, &self.weight.values, wv, true);
        out
    }

    /// Adds to the gradient of `x`.
    pub(super) fn backward(&self, x: &[f32], grad: &[f32], grad_x: &mut [f32]) -> DenseGrad {
        let rows = x.len() / self.c_in;
        let (xv, gv) = (View::dense(rows, self.c_in), View::dense(rows, self.c_out));
        let wv = View::dense(self.c_in, self.c_out);
        let mut weight = vec![0.0; self.weight.values.len()];
        matmul(&mut weight, wv, x, xv.t(), grad, gv, false);
        let mut bias = vec![0.0; self.c_out];
        grad.chunks_exact(self.c_out).for_each(|g| bias.iter_mut().zip(g).for_each(|(b, g)| *b += g));
        matmul(grad_x, xv, grad, gv, &self.weight.values, wv.t(), true);
        DenseGrad { weight, bias }
    }

    /// PyTorch's layout, `[c_out, c_in]`.
    pub(super) fn to_arrays(&self, arrays: &mut Arrays) {
        let (n, m) = (self.c_in, self.c_out);
        let transposed = (0..n * m).map(|i| self.weight.values[i % n * m + i / n]).collect();
        arrays.insert(self.weight.name.clone(), [m, n], transposed);
        arrays.insert(self.bias.name.clone(), [m], self.bias.values.clone());
    }

    pub(super) fn load(&mut self, arrays: &Arrays) -> Result<()> {
        let (n, m) = (self.c_in, self.c_out);
        let weight = arrays.get(&format!("{}.weight", self.name), &[m, n])?;
        self.weight.values = (0..n * m).map(|i| weight[i % m * n + i / m]).collect();
        self.bias.values = arrays.get(&format!("{}.bias", self.name), &[m])?.to_vec();
        Ok(())
    }
}
