//! Loops on slices that the tensor operations of [`crate::model::ops`] are made of. They know no tensors.

pub mod conv;
pub mod gemm;
