//! Masks on complex frames: the one place where a method's mask changes a spectrum.

use super::Complex32;

/// Multiplies a frame's magnitude by a mask (0…1 each) in the domain of ln(1 + |X|), where the methods make their masks
/// (L2I, Algorithm 1: |X'| = exp(mask · ln(1 + |X|)) − 1), and keeps the phase. Stops at the shortest slice.
pub fn apply_mask(frame: &[Complex32], mask: &[f32], out: &mut [Complex32]) {
    for ((out, x), mask) in out.iter_mut().zip(frame).zip(mask) {
        let magnitude = x.norm_sqr().sqrt();
        *out = if *mask >= 1.0 {
            *x
        } else if *mask <= 0.0 || magnitude <= 0.0 {
            Complex32::default()
        } else {
            x * ((mask * magnitude.ln_1p()).exp_m1() / magnitude)
        };
    }
}
