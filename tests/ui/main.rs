//! The terminal UI, drawn on a test backend from hand-made snapshots. Needs no terminal.
#![cfg(feature = "tui")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod any_size;
mod live;
mod mouse;
mod sample;
mod screens;
mod state;
