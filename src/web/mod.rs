//! The live page: what a terminal shows, in a browser, with the sound of events and of the input.
//!
//! The page and its JSON are served by a thread of its own at the address of `--web`. Nothing is made for it while nobody looks.
//! A viewer that is too slow gets the newest state and misses what lies between; it holds up neither the worker nor other
//! viewers.

#[cfg(feature = "net")]
mod access;
#[cfg(feature = "net")]
mod answers;
#[cfg(feature = "net")]
mod assets;
#[cfg(feature = "net")]
mod columns;
#[cfg(feature = "net")]
mod events;
#[cfg(feature = "net")]
mod labels;
#[cfg(feature = "net")]
mod levels;
mod options;
#[cfg(feature = "net")]
mod query;
#[cfg(feature = "net")]
mod routes;
#[cfg(feature = "net")]
mod served;
#[cfg(feature = "net")]
mod sound;
mod start;
#[cfg(feature = "net")]
mod state_lines;
#[cfg(feature = "net")]
mod ticking;
#[cfg(feature = "net")]
mod viewer;

pub use options::{About, Monitored, WebOptions};
pub use start::start;
