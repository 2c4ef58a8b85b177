//! Model packages, classifiers, dictionaries.

pub mod backward;
pub mod causal;
pub mod classifier;
pub mod device;
pub mod dictionary;
pub mod kernels;
pub mod l2i;
pub mod lmac;
pub mod manifest;
pub mod npy;
pub mod ops;
pub mod package;
pub mod taps;
pub mod tensors;
pub mod vgg;
