//! Loops on slices that the tensor operations of [`crate::model::ops`] are made of. They know no tensors.

pub mod conv;
pub mod gemm;

/// Runs a loop compiled for the best vector instructions that this processor has (found at run time).
#[inline]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
