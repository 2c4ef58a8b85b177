//! Tensor operations of our own, each with its backward: NHWC, f32, on the CPU. They exist because candle's own are slow
//! or give wrong gradients there; where a device other than the CPU runs a model, plain candle does.

mod conv;
mod layer;
mod norm;
mod pool;

pub use conv::conv2d;
pub use layer::conv_norm_relu;
pub use norm::BatchStats;
pub use pool::max_pool;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The contiguous f32 values behind a layout.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout, op: &str) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(v), Some((start, end))) => Ok(&v[start..end]),
        (CpuStorage::F32(_), None) => bail!("{op} needs contiguous tensors"),
        _ => bail!("{op} needs f32 tensors"),
    }
}

/// Runs `f` on the values of a tensor, made contiguous if it is not.
fn with_values<T>(t: &Tensor, op: &str, f: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let t = t.contiguous()?;
    let (storage, layout) = t.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(values(cpu, layout, op)?),
        _ => bail!("{op} runs on the CPU only"),
    }
}

/// How many parts a batch is cut into for sums over it. Fixed, so that results do not depend on the number of threads.
const PARTS: usize = 8;

/// The items of part `part` when `n` items are cut into [`PARTS`].
fn part_range(n: usize, part: usize) -> std::ops::Range<usize> {
    (n * part / PARTS)..(n * (part + 1) / PARTS)
}
