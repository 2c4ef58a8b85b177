//! Convolutions with a stride and without padding, and maxima of windows that overlap: the first layers of AlexNet. One image
//! in NHWC, forward and backward, on slices. Windows are unrolled, so that a convolution is one matrix product.

use super::gemm::{View, matmul};

/// Windows over an image: their sides and the distance between them, along height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Image height.
    pub height: usize,
    /// Image width.
    pub width: usize,
    /// Channels of the image.
    pub channels: usize,
    /// Sides, at least 1 and at most the image's.
    pub size: [usize; 2],
    /// Distances, at least 1.
    pub stride: [usize; 2],
}

impl Windows {
    /// Windows along height and width; what no whole window covers is left out.
    #[must_use]
    pub const fn counts(&self) -> [usize; 2] {
        [(self.height - self.size[0]) / self.stride[0] + 1, (self.width - self.size[1]) / self.stride[1] + 1]
    }

    /// Number of windows.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.counts()[0] * self.counts()[1]
    }

    /// Values of one window.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// Whether windows hold nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where each row of window `i` begins in the image.
    fn rows(&self, i: usize) -> impl Iterator<Item = usize> {
        let across = self.counts()[1];
        let (top, left) = (i / across * self.stride[0], i % across * self.stride[1]);
        let (width, channels) = (self.width, self.channels);
        (top..top + self.size[0]).map(move |row| (row * width + left) * channels)
    }

    /// The windows' values, a row each.
    fn unroll(&self, x: &[f32], columns: &mut Vec<f32>) {
        columns.clear();
        let run = self.size[1] * self.channels;
        for i in 0..self.n() {
            self.rows(i).for_each(|at| columns.extend_from_slice(&x[at..at + run]));
        }
    }
}

/// `out[windows, c_out] = windows(x) · w[window, c_out] + bias`, each with its sum made 0 or more if `relu`.
pub fn forward(s: &Windows, x: &[f32], w: &[f32], bias: &[f32], relu: bool, out: &mut [f32], columns: &mut Vec<f32>) {
    let c_out = bias.len();
    s.unroll(x, columns);
    out.chunks_exact_mut(c_out).for_each(|row| row.copy_from_slice(bias));
    let (a, b) = (View::dense(s.n(), s.len()), View::dense(s.len(), c_out));
    matmul(out, View::dense(s.n(), c_out), columns, a, w, b, true);
    if relu {
        out.iter_mut().for_each(|x| *x = x.max(0.0));
    }
}

/// Writes the gradient of the input.
pub fn backward_input(s: &Windows, w: &[f32], grad_out: &[f32], grad_in: &mut [f32]) {
    let c_out = w.len() / s.len().max(1);
    let mut columns = vec![0.0; s.n() * s.len()];
    let (a, b) = (View::dense(s.n(), c_out), View::dense(s.len(), c_out).t());
    matmul(&mut columns, View::dense(s.n(), s.len()), grad_out, a, w, b, false);
    grad_in.fill(0.0);
    let run = s.size[1] * s.channels;
    for (i, window) in columns.chunks_exact(s.len()).enumerate() {
        for (at, row) in s.rows(i).zip(window.chunks_exact(run)) {
            grad_in[at..at + run].iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
        }
    }
}

/// Adds to `grad_w[window, c_out]` what one image contributes.
pub fn backward_weights(s: &Windows, x: &[f32], grad_out: &[f32], grad_w: &mut [f32], columns: &mut Vec<f32>) {
    let c_out = grad_w.len() / s.len().max(1);
    s.unroll(x, columns);
    let (a, b) = (View::dense(s.n(), s.len()).t(), View::dense(s.n(), c_out));
    matmul(grad_w, View::dense(s.len(), c_out), columns, a, grad_out, b, true);
}

/// The largest value of each channel in every window: `[windows, channels]`.
pub fn max(s: &Windows, x: &[f32], out: &mut [f32]) {
    for (i, out) in out.chunks_exact_mut(s.channels).enumerate() {
        out.fill(f32::NEG_INFINITY);
        for at in s.rows(i) {
            for pixel in x[at..at + s.size[1] * s.channels].chunks_exact(s.channels) {
                out.iter_mut().zip(pixel).for_each(|(most, x)| *most = most.max(*x));
            }
        }
    }
}

/// Writes the gradient of the input of [`max`]: each goes to the first value that is the window's largest.
pub fn max_backward(s: &Windows, x: &[f32], res: &[f32], grad: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    for (i, (res, grad)) in res.chunks_exact(s.channels).zip(grad.chunks_exact(s.channels)).enumerate() {
        for c in 0..s.channels {
            let places = s.rows(i).flat_map(|at| (0..s.size[1]).map(move |p| at + p * s.channels + c));
            if let Some(place) = places.into_iter().find(|place| x[*place] == res[c]) {
                out[place] += grad[c];
            }
        }
    }
}
