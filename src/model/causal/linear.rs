//! What the layers compute before batch norm, forward and backward, on slices of images `[frames, bands, channels]` one
//! behind the other.

use super::spec::{Kind, LayerSpec};
use crate::model::kernels::depthwise::{self, DepthwiseShape};
use crate::model::kernels::gemm::{View, matmul};

impl LayerSpec {
    /// The shape of a depthwise layer on images of `frames` frames with `top` frames of zeros before the first.
    pub(crate) const fn depthwise(&self, frames: usize, top: usize) -> DepthwiseShape {
        DepthwiseShape {
            height: frames,
            width: self.bands[0],
            channels: self.c_out,
            kh: self.kernel[0],
            kw: self.kernel[1],
            stride_h: self.stride[0],
            stride_w: self.stride[1],
            dilation_h: self.dilation,
            top,
            left: self.kernel[1] / 2,
            out_height: (frames + top + self.stride[0] - self.reach()) / self.stride[0],
            out_width: self.bands[1],
        }
    }
}

/// Writes the layer's sums for images of `frames` frames each. `top` zeros stand before each image's first frame.
pub(crate) fn forward(
    spec: &LayerSpec,
    frames: usize,
    top: usize,
    w: &[f32],
    x: &[f32],
    columns: &mut Vec<f32>,
    out: &mut [f32],
) {
    if spec.kind == Kind::Depthwise {
        let shape = spec.depthwise(frames, top);
        for (x, out) in x.chunks_exact(shape.len_in()).zip(out.chunks_exact_mut(shape.len_out())) {
            depthwise::forward(&shape, x, w, out);
        }
        return;
    }
    let rows = if spec.kind == Kind::Full {
        unroll(spec, frames, top, x, columns);
        columns.as_slice()
    } else {
        x
    };
    let (m, depth) = (out.len() / spec.c_out, spec.fan_in());
    matmul(out, View::dense(m, spec.c_out), rows, View::dense(m, depth), w, View::dense(depth, spec.c_out), false);
}

/// Adds to the gradient of the weights what the gradient of the sums says.
pub(crate) fn backward_weights(
    spec: &LayerSpec,
    frames: usize,
    x: &[f32],
    grad: &[f32],
    columns: &mut Vec<f32>,
    grad_w: &mut [f32],
) {
    let (m, depth) = (grad.len() / spec.c_out, spec.fan_in());
    let (gv, wv) = (View::dense(m, spec.c_out), View::dense(depth, spec.c_out));
    match spec.kind {
        Kind::Depthwise => {
            let shape = spec.depthwise(frames, spec.top());
            for (x, grad) in x.chunks_exact(shape.len_in()).zip(grad.chunks_exact(shape.len_out())) {
                depthwise::backward_weights(&shape, x, grad, grad_w);
            }
        }
        Kind::Pointwise | Kind::Join => matmul(grad_w, wv, x, View::dense(m, depth).t(), grad, gv, true),
        Kind::Full => {
            unroll(spec, frames, spec.top(), x, columns);
            matmul(grad_w, wv, columns, View::dense(m, depth).t(), grad, gv, true);
        }
    }
}

/// Adds to the gradient of the input what the gradient of the sums says.
pub(crate) fn backward_input(
    spec: &LayerSpec,
    frames: usize,
    w: &[f32],
    grad: &[f32],
    columns: &mut Vec<f32>,
    grad_x: &mut [f32],
) {
    let (m, depth) = (grad.len() / spec.c_out, spec.fan_in());
    let (gv, wv) = (View::dense(m, spec.c_out), View::dense(depth, spec.c_out));
    match spec.kind {
        Kind::Depthwise => {
            let shape = spec.depthwise(frames, spec.top());
            for (to, grad) in grad_x.chunks_exact_mut(shape.len_in()).zip(grad.chunks_exact(shape.len_out())) {
                depthwise::backward_input(&shape, w, grad, to);
            }
        }
        Kind::Pointwise | Kind::Join => matmul(grad_x, View::dense(m, depth), grad, gv, w, wv.t(), true),
        Kind::Full => {
            columns.clear();
            columns.resize(m * depth, 0.0);
            matmul(columns, View::dense(m, depth), grad, gv, w, wv.t(), false);
            roll(spec, frames, spec.top(), columns, grad_x);
        }
    }
}

/// Calls `f(index into the columns, index into the images)` for every run of `c_in` values that a kernel's tap meets.
fn each_tap(spec: &LayerSpec, frames: usize, top: usize, n_images: usize, mut f: impl FnMut(usize, usize)) {
    let [bands, bands_out] = spec.bands;
    let [kt, kf] = spec.kernel;
    let out_frames = spec.depthwise(frames, top).out_height;
    let depth = kt * kf * spec.c_in;
    for image in 0..n_images {
        for t in 0..out_frames {
            for b in 0..bands_out {
                let at = ((image * out_frames + t) * bands_out + b) * depth;
                for i in 0..kt {
                    let Some(frame) = (t * spec.stride[0] + i * spec.dilation).checked_sub(top) else { continue };
                    for j in 0..kf {
                        let Some(band) = (b * spec.stride[1] + j).checked_sub(kf / 2) else { continue };
                        if frame < frames && band < bands {
                            let from = ((image * frames + frame) * bands + band) * spec.c_in;
                            f(at + (i * kf + j) * spec.c_in, from);
                        }
                    }
                }
            }
        }
    }
}

/// Writes for each output the inputs that its kernel meets: `[outputs, kernel, c_in]`.
fn unroll(spec: &LayerSpec, frames: usize, top: usize, x: &[f32], columns: &mut Vec<f32>) {
    let n_images = x.len() / (frames * spec.bands[0] * spec.c_in).max(1);
    let rows = n_images * spec.depthwise(frames, top).out_height * spec.bands[1];
    columns.clear();
    columns.resize(rows * spec.kernel[0] * spec.kernel[1] * spec.c_in, 0.0);
    each_tap(spec, frames, top, n_images, |to, from| {
        columns[to..to + spec.c_in].copy_from_slice(&x[from..from + spec.c_in]);
    });
}

/// Adds what was unrolled back to where it came from.
fn roll(spec: &LayerSpec, frames: usize, top: usize, columns: &[f32], x: &mut [f32]) {
    let n_images = x.len() / (frames * spec.bands[0] * spec.c_in).max(1);
    each_tap(spec, frames, top, n_images, |from, to| {
        x[to..to + spec.c_in].iter_mut().zip(&columns[from..]).for_each(|(x, c)| *x += c);
    });
}
