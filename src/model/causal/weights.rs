//! Between the package's arrays, in PyTorch's layout, and what the kernels read.

use super::spec::{Kind, LayerSpec};

/// PyTorch's `[c_out, c_in, time, frequency]` to the kernels' `[time, frequency, c_in, c_out]` (of a depthwise layer
/// `[time, frequency, c_out]`).
pub(crate) fn pack(spec: &LayerSpec, w: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; w.len()];
    each(spec, |torch, own| out[own] = w[torch]);
    out
}

/// The way back.
pub(crate) fn unpack(spec: &LayerSpec, w: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; w.len()];
    each(spec, |torch, own| out[torch] = w[own]);
    out
}

/// Calls `f(index in PyTorch's layout, index in ours)` for each weight.
fn each(spec: &LayerSpec, mut f: impl FnMut(usize, usize)) {
    let [c_out, c_in, time, frequency] = spec.shape();
    let taps = time * frequency;
    for o in 0..c_out {
        for i in 0..c_in {
            for tap in 0..taps {
                let own = match spec.kind {
                    Kind::Depthwise => tap * c_out + o,
                    Kind::Pointwise | Kind::Full | Kind::Join => (tap * c_in + i) * c_out + o,
                };
                f((o * c_in + i) * taps + tap, own);
            }
        }
    }
}
