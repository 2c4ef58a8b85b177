//! Dense layers of a whole batch, in parallel, with results that do not depend on the number of threads.

use rayon::prelude::*;

use super::gemm::{View, matmul};

/// Rows of the batch, and of the weights' gradient, that one thread takes at a time.
const ROWS: usize = 16;

/// `out[batch, c_out] = x[batch, c_in] · w[c_in, c_out] + bias`.
pub fn forward(c_in: usize, x: &[f32], w: &[f32], bias: &[f32], out: &mut [f32]) {
    let c_out = bias.len();
    out.par_chunks_mut(ROWS * c_out).zip(x.par_chunks(ROWS * c_in)).for_each(|(out, x)| {
        let rows = out.len() / c_out;
        out.chunks_exact_mut(c_out).for_each(|row| row.copy_from_slice(bias));
        matmul(out, View::dense(rows, c_out), x, View::dense(rows, c_in), w, View::dense(c_in, c_out), true);
    });
}

/// Writes the gradient of the input.
pub fn backward_input(c_out: usize, w: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    let c_in = w.len() / c_out;
    grad_in.par_chunks_mut(ROWS * c_in).zip(grad_out.par_chunks(ROWS * c_out)).for_each(|(grad_in, grad_out)| {
        let rows = grad_in.len() / c_in;
        let transposed = View::dense(c_in, c_out).t();
        matmul(grad_in, View::dense(rows, c_in), grad_out, View::dense(rows, c_out), w, transposed, false);
    });
}

/// Writes the gradients of weights and bias, summed over the batch.
pub fn backward_weights(x: &[f32], grad_out: &[f32], grad_w: &mut [f32], grad_bias: &mut [f32]) {
    let c_out = grad_bias.len();
    let (batch, c_in) = (grad_out.len() / c_out, grad_w.len() / c_out);
    // Every part goes over the whole batch for its own inputs: as wide as is worth a product.
    let width = (ROWS * 16).min(c_in.max(1));
    grad_w.par_chunks_mut(width * c_out).enumerate().for_each(|(part, grad_w)| {
        let n = grad_w.len() / c_out;
        let inputs = View { offset: part * width, rows: n, cols: batch, row_stride: 1, col_stride: c_in };
        matmul(grad_w, View::dense(n, c_out), x, inputs, grad_out, View::dense(batch, c_out), false);
    });
    grad_bias.fill(0.0);
    for row in grad_out.chunks_exact(c_out) {
        grad_bias.iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
    }
}
