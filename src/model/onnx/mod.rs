//! Networks of others: any ONNX graph that hears a waveform or our spectrogram and gives scores.
//!
//! The manifest keeps what the graph's file does not say ([`OnnxSpec`]): what each axis of the input is, which output has the
//! scores, and what its numbers are. The front end makes the columns that the graph hears, so everything else (segments,
//! detector, masks, sound) is as for a network of our own. Nothing inside the graph can be read: methods that need hidden
//! layers or gradients do not exist here.
//!
//! The engine is `rten`: pure Rust, no C++ and no download at build time, on our Rust version, with the operators for spectra
//! that audio graphs compute themselves (STFT, DFT). ONNX Runtime is faster on large networks and knows every operator, but is a
//! C++ library that each user would have to install.

mod discover;
mod graph;
mod net;
mod scores;
mod spec;
mod wire;

pub use discover::{Wishes, discover};
pub use graph::{Graph, GraphValue, MAX_BYTES, is_contained};
pub use net::OnnxNet;
pub use spec::{Axis, FramePooling, OnnxSpec, ScoreKind};
