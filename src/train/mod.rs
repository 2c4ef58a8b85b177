//! Data sets, losses and training loops.

pub mod augment;
mod csv;
pub mod dataset;
mod synthetic_noise;
