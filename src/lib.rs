//! earwitness: a real-time sound-event monitor that lets people hear the evidence.
//!
//! The rooms, their duties and what each may use are mapped in `ARCHITECTURE.md`; `tests/layering` enforces it.

pub mod archive;
pub mod audio;
pub mod checked_file;
pub mod cli;
pub mod config;
pub mod dsp;
pub mod engine;
pub mod error;
pub mod eval;
#[cfg(feature = "net")]
mod http;
pub mod interpret;
pub mod local_zone;
pub mod media;
pub mod model;
mod page_parts;
pub mod plot;
pub mod prelude;
pub mod record;
pub mod review;
pub mod sinks;
mod toml_text;
pub mod train;
pub mod tune;
#[cfg(feature = "tui")]
pub mod ui;
pub mod units;
pub mod web;

pub use error::{Error, ErrorKind, Result};
