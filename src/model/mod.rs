//! Model packages, classifiers, dictionaries.

pub mod classifier;
pub mod kernels;
pub mod l2i;
pub mod manifest;
pub mod ops;
pub mod package;
pub mod tensors;
pub mod vgg;
