//! Safetensors bytes ↔ named f32 arrays.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};
use crate::model::half::{from_bf16, from_f16};
use crate::model::tensors::{Array, Arrays};

/// Reads a safetensors file's bytes; `name` is what errors call the file.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Arrays> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| {
        Error::model(format!("{name} is not a safetensors file ({e}); copy or convert the weights again"))
            .with_source(e)
    })?;
    let mut arrays = Arrays::default();
    for (tensor, view) in file.iter() {
        let Some(values) = floats(&view) else {
            if is_integer(view.dtype()) {
                continue;
            }
            return Err(Error::model(format!(
                "tensor {tensor} of {name} has type {:?}, which is not read here; convert it to F32",
                view.dtype()
            )));
        };
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::model(format!(
                "tensor {tensor} of {name} holds {} at index {i}; train or convert the weights again",
                values[i]
            )));
        }
        arrays.insert(tensor, view.shape(), values);
    }
    Ok(arrays)
}

/// A safetensors file's bytes; the same arrays always give the same bytes. `name` is what errors call the file.
pub(super) fn encode(name: &str, arrays: &Arrays) -> Result<Vec<u8>> {
    let bytes = |array: &Array| array.values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let raw: Vec<_> = arrays.0.iter().map(|(tensor, array)| (tensor, &array.shape, bytes(array))).collect();
    let fault = |e| Error::bug(format!("{name} cannot be written as safetensors ({e}); please report this"));
    let mut views = Vec::with_capacity(raw.len());
    for (tensor, shape, bytes) in &raw {
        views.push((tensor.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(fault)?));
    }
    safetensors::serialize(views, None).map_err(fault)
}

fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|b| from_f16(u16::from_le_bytes(*b))).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|b| from_bf16(u16::from_le_bytes(*b))).collect(),
        _ => return None,
    })
}

const fn is_integer(dtype: Dtype) -> bool {
    matches!(
        dtype,
        Dtype::BOOL
            | Dtype::U8
            | Dtype::I8
            | Dtype::U16
            | Dtype::I16
            | Dtype::U32
            | Dtype::I32
            | Dtype::U64
            | Dtype::I64
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(dtype: Dtype, bytes: &[u8], n: usize) -> Vec<u8> {
        safetensors::serialize([("x", TensorView::new(dtype, vec![n], bytes).unwrap())], None).unwrap()
    }

    #[test]
    fn every_float_type_becomes_f32() {
        // 1.0, -2.5, 2^-24 (the smallest half) and 65504 (the largest).
        let f16: Vec<u8> = [0x3c00u16, 0xc100, 0x0001, 0x7bff].iter().flat_map(|h| h.to_le_bytes()).collect();
        let got = decode("f", &one(Dtype::F16, &f16, 4)).unwrap();
        assert_eq!(got.get("x", &[4]).unwrap(), [1.0, -2.5, 2f32.powi(-24), 65504.0]);
        let bf16: Vec<u8> = [0x3f80u16, 0xc020].iter().flat_map(|h| h.to_le_bytes()).collect();
        assert_eq!(decode("f", &one(Dtype::BF16, &bf16, 2)).unwrap().get("x", &[2]).unwrap(), [1.0, -2.5]);
        let f64: Vec<u8> = [1.0f64, -2.5].iter().flat_map(|h| h.to_le_bytes()).collect();
        assert_eq!(decode("f", &one(Dtype::F64, &f64, 2)).unwrap().get("x", &[2]).unwrap(), [1.0, -2.5]);
    }

    #[test]
    fn integers_are_left_out_and_other_types_refused() {
        assert!(decode("f", &one(Dtype::I64, &7i64.to_le_bytes(), 1)).unwrap().0.is_empty());
        let e = decode("f", &one(Dtype::F8_E4M3, &[0], 1)).unwrap_err().to_string();
        assert_eq!(e, "tensor x of f has type F8_E4M3, which is not read here; convert it to F32");
    }

    #[test]
    fn a_weight_that_is_not_finite_is_refused() {
        let bytes: Vec<u8> = [1.0, f32::NAN].iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
        let e = decode("f", &one(Dtype::F32, &bytes, 2)).unwrap_err().to_string();
        assert_eq!(e, "tensor x of f holds NaN at index 1; train or convert the weights again");
    }

    #[test]
    fn bytes_that_are_no_safetensors_are_refused() {
        let e = decode("f", b"nonsense").unwrap_err().to_string();
        assert!(e.starts_with("f is not a safetensors file ("), "{e}");
    }

    #[test]
    fn what_is_encoded_reads_back_the_same_from_the_same_bytes() {
        let mut arrays = Arrays::default();
        for i in 0..20 {
            arrays.insert(format!("t{i}"), [2, 2], vec![i as f32, 1.5, -0.25, 1e-30]);
        }
        let bytes = encode("f", &arrays).unwrap();
        assert_eq!(decode("f", &bytes).unwrap(), arrays);
        assert_eq!(encode("f", &arrays.clone()).unwrap(), bytes);
    }
}
