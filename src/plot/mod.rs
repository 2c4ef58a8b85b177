//! Pictures as PNG, of plain numbers: a canvas, a small font, colour maps, and the few charts that the program draws.
//!
//! A library for plots would bring fonts and a rasteriser of its own; what is wanted here is some hundred lines.

pub(crate) mod canvas;
mod chart;
pub(crate) mod colour;
pub(crate) mod font;
pub mod heat;
pub(crate) mod ink;
pub mod lines;
pub mod scatter;

pub use canvas::Image;
