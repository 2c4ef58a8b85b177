//! Model packages, classifiers, dictionaries.

pub mod audioset;
pub mod backward;
mod batch_bytes;
pub mod causal;
pub mod classifier;
pub mod device;
pub mod dictionary;
pub mod efficientat;
mod folding;
pub mod frame_probs;
mod half;
pub mod kernels;
pub mod l2i;
pub mod lmac;
pub mod manifest;
pub mod mobilenet;
pub mod npy;
pub mod ops;
pub mod own_label;
pub mod package;
pub mod sequential;
pub mod subspaces;
pub mod tap_shapes;
pub mod taps;
pub mod tensors;
pub mod torch_file;
pub mod vgg;
