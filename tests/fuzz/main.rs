//! Broken input, made by damaging good input at random: no panic, no hang, bounded memory, and an error that says what is wrong.
//!
//! Each target first reads what broke it before (`tests/fuzz/found/TARGET/`), then a few hundred seeded cases. For longer,
//! with other cases each time, until the first finding:
//!
//! ```sh
//! EARWITNESS_FUZZ_SECS=600 EARWITNESS_FUZZ_SEED=1 cargo test --release --test fuzz config -- --nocapture
//! ```
//!
//! A case that panics or hangs is left in `tests/fuzz/found/TARGET/`, so that it stays a test from then on.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod audio;
mod config;
mod event;
mod harness;
mod manifest;
mod mutate;
mod onnx;
mod stdin;
