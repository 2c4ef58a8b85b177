//! Convolution of a whole batch, in parallel, with results that do not depend on the number of threads.

use std::cell::RefCell;

use rayon::prelude::*;

use super::conv::{self, ConvShape, Epilogue, Scratch, flip_weights};
use super::{PARTS, part_range};

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// All images of a batch: `x[batch, height, width, c_in]` to `out[batch, height, width, c_out]`. One image stays on the
/// calling thread.
pub fn forward(s: &ConvShape, x: &[f32], w: &[f32], epilogue: Epilogue<'_>, out: &mut [f32]) {
    let (x_len, out_len) = (s.height * s.width * s.c_in, s.height * s.width * s.c_out);
    let one = |(x, out): (&[f32], &mut [f32])| {
        SCRATCH.with_borrow_mut(|scratch| conv::forward(s, x, w, epilogue, out, scratch));
    };
    if out.len() == out_len {
        one((x, out));
    } else if out_len > 0 {
        x.par_chunks_exact(x_len).zip(out.par_chunks_exact_mut(out_len)).for_each(one);
    }
}

/// Writes the gradient of the input.
pub fn backward_input(s: &ConvShape, w: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    forward(&s.backward(), grad_out, &flip_weights(s, w), Epilogue { bias: None, relu: false }, grad_in);
}

/// Writes the gradient of the packed weights, summed over the batch in a fixed order.
pub fn backward_weights(s: &ConvShape, x: &[f32], grad_out: &[f32], grad_w: &mut [f32]) {
    let (x_len, grad_len) = (s.height * s.width * s.c_in, s.height * s.width * s.c_out);
    let batch = x.len() / x_len.max(1);
    let sum_part = |part: usize, sum: &mut [f32]| {
        sum.fill(0.0);
        for i in part_range(batch, part) {
            let (x, grad) = (&x[i * x_len..][..x_len], &grad_out[i * grad_len..][..grad_len]);
            SCRATCH.with_borrow_mut(|scratch| conv::backward_weights(s, x, grad, sum, scratch));
        }
    };
    let parts: Vec<Vec<f32>> = (1..PARTS)
        .into_par_iter()
        .map(|part| {
            let mut sum = vec![0.0; s.n_weights()];
            sum_part(part, &mut sum);
            sum
        })
        .collect();
    sum_part(0, grad_w);
    for part in parts {
        grad_w.iter_mut().zip(&part).for_each(|(t, p)| *t += p);
    }
}
