//! Plain chains: convolutions with ReLU, max pooling, then dense layers, one behind the other. The networks of the thesis on
//! disentangled concepts and of AudioMNIST are such chains and differ in nothing but their list of layers.
//!
//! Weights have PyTorch's names and layouts: `conv1`, `conv2`, … and `fc1`, `fc2`, …, each with `weight` and `bias`; images
//! are `[channel, frame, band]` there, also where they are flattened.

mod described;
mod network;
mod spec;
mod trainable;

pub use network::SequentialNet;
pub(crate) use spec::{DenseShape, Stage};
pub use spec::{LayerSpec, SequentialConfig};
pub use trainable::TrainableSequential;
pub(crate) use trainable::waveform_scale;
