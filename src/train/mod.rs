//! Data sets, losses and training loops.

pub mod augment;
mod csv;
pub mod dataset;
pub mod dictionary;
mod load;
pub mod nmf;
mod nmf_steps;
mod synthetic_noise;
