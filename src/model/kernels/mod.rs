//! Loops on slices that the tensor operations of [`crate::model::ops`] are made of. They know no tensors.

pub mod batch;
pub mod batch_norm;
pub mod conv;
pub mod dense;
pub mod depthwise;
pub mod gemm;
pub mod norm;
pub mod pool;
pub mod strided;

/// Runs a loop compiled for the best vector instructions that this processor has (found at run time).
#[inline]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// How many parts a batch is cut into for sums over it. Fixed, so that results do not depend on the number of threads.
const PARTS: usize = 4;

/// The items of part `part` when `n` items are cut into [`PARTS`].
fn part_range(n: usize, part: usize) -> std::ops::Range<usize> {
    (n * part / PARTS)..(n * (part + 1) / PARTS)
}
