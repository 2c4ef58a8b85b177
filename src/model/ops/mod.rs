//! Tensor operations of our own, each with its backward: NHWC, f32, on the CPU. They exist because candle's own are slow
//! or give wrong gradients there; where a device other than the CPU runs a model, plain candle does.

mod conv;
mod matmul;
mod plain;
mod pool;
mod upsample;

pub use conv::conv2d;
pub use matmul::matmul;
pub use plain::plain_conv2d;
pub use pool::max_pool;
pub use upsample::upsample;

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
