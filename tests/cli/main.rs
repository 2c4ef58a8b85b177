//! The commands that come to an end by themselves, run as a person would.

#[path = "../support/mod.rs"]
mod support;

mod basics;
mod config;
mod enroll;
mod evaluate_stream;
mod explain;
mod import_onnx;
mod learn;
mod levels;
mod model;
mod panic;
mod sequential;
mod train;
mod tune;
