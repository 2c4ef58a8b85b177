//! Data sets, losses and training loops.

pub mod augment;
mod csv;
pub mod dataset;
mod load;
mod synthetic_noise;
