//! Weights as PyTorch writes them: `.pt` files of `torch.save`, which are zip archives with a pickle inside.
//!
//! Such a file may have been written by anyone, and a pickle is a program. Here it is none: of what a pickle may say, the few
//! words that name tensors are understood, nothing is called, and everything is bounded.

mod pickle;
mod zip;

use std::path::Path;

use self::pickle::{Dtype, Tensor};
use super::tensors::Arrays;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// Largest file that is taken for meant: a network of 250 million weights.
const MAX_BYTES: u64 = 1 << 30;

/// Reads the weights of the `.pt` file at `path`: a dictionary of tensors by name, or one that holds such a dictionary under
/// `state_dict`, `model_state_dict` or `model`. Integers (`num_batches_tracked`) are left out.
///
/// # Errors
/// [`crate::ErrorKind::Input`], naming the file: it cannot be read, is too large, or is none that [`parse`] reads.
pub fn read(path: &Path) -> Result<Arrays> {
    let name = path.display().to_string();
    let bytes = checked_file::read(path, Links::Follow, MAX_BYTES).map_err(|e| {
        Error::input(format!("cannot read {name} ({e}); name a .pt file of at most {} MiB", MAX_BYTES >> 20))
            .with_source(e)
    })?;
    parse(&bytes, &name)
}

/// Reads weights from a file's bytes; `name` is what errors call the file.
///
/// # Errors
/// [`crate::ErrorKind::Input`]: no file of `torch.save`, damage, a tensor that leaves its storage, overlaps itself or has
/// another type than f16, bf16, f32 or f64, or a value that is not finite.
pub fn parse(bytes: &[u8], name: &str) -> Result<Arrays> {
    let bad = |what: String| {
        Error::input(format!("{name} {what}; save the weights again with torch.save(model.state_dict(), FILE)"))
    };
    let archive = zip::Archive::open(bytes).map_err(bad)?;
    let (folder, program) =
        archive.find("data.pkl").ok_or_else(|| bad("is no file of torch.save: it holds no data.pkl".into()))?;
    let tensors = pickle::tensors(program).map_err(bad)?;
    let mut arrays = Arrays::default();
    // What shapes claim is bounded by the file: storages are counted once for each tensor that reads them.
    let mut budget = bytes.len();
    for (tensor_name, tensor) in tensors {
        if tensor.dtype == Dtype::Integer {
            continue;
        }
        let values = archive
            .get(&format!("{folder}data/{}", tensor.storage))
            .ok_or_else(|| format!("lacks the storage of tensor {}", printable(&tensor_name)))
            .and_then(|storage| floats(&tensor, storage, &mut budget))
            .map_err(|what| bad(format!("holds a tensor {} that cannot be read: {what}", printable(&tensor_name))))?;
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(bad(format!("holds {} at index {i} of tensor {}", values[i], printable(&tensor_name))));
        }
        arrays.insert(tensor_name, tensor.shape, values);
    }
    if arrays.0.is_empty() {
        return Err(bad("holds no tensors by name".into()));
    }
    Ok(arrays)
}

/// The values of a tensor, row by row.
fn floats(tensor: &Tensor, storage: &[u8], budget: &mut usize) -> Result<Vec<f32>, String> {
    let size = tensor.dtype.size();
    let n = tensor.shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side)).unwrap_or(usize::MAX);
    let n_bytes = n.checked_mul(size).filter(|n| *n <= *budget);
    *budget -= n_bytes.ok_or_else(|| format!("its shape {:?} is larger than the file", tensor.shape))?;
    let mut contiguous = 1;
    for (side, stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
        if *side != 1 && *stride != contiguous {
            return Err(format!("its strides {:?} are not those of shape {:?}", tensor.strides, tensor.shape));
        }
        contiguous *= side;
    }
    let data = tensor
        .offset
        .checked_mul(size)
        .and_then(|from| storage.get(from..from.checked_add(n * size)?))
        .ok_or_else(|| format!("its shape {:?} leaves its storage", tensor.shape))?;
    Ok(match tensor.dtype {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|b| super::half::from_f16(u16::from_le_bytes(*b))).collect(),
        Dtype::Bf16 => data.as_chunks().0.iter().map(|b| super::half::from_bf16(u16::from_le_bytes(*b))).collect(),
        Dtype::Integer => Vec::new(),
    })
}

/// A name from the file, fit for a sentence.
fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests;
