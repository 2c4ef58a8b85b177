//! The engine from samples to reports, with a tiny classifier of random weights and a method whose answers are known.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod detector;
mod explainer;
mod faults;
mod gating;
mod lanes;
mod listen;
mod masks;
mod offline;
mod pipeline;
mod wanted;
mod worker;
