//! Model packages, classifiers, dictionaries.

pub mod kernels;
pub mod ops;
pub mod tensors;
pub mod vgg;
