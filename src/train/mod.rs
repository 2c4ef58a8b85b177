//! Data sets, losses and training loops.

pub mod adam;
pub mod augment;
pub mod checkpoint;
pub mod classifier;
mod csv;
pub mod dataset;
pub mod dictionary;
pub mod l2i;
pub mod lmac;
pub mod load;
pub mod loss;
pub mod nmf;
mod nmf_steps;
pub mod pairs;
pub mod roar;
pub mod roar_run;
mod synthetic_noise;
