//! Data sets, losses and training loops.

pub mod adam;
pub mod augment;
pub mod by_design;
pub mod causal;
pub mod checkpoint;
pub mod classifier;
pub(crate) mod csv;
pub mod dataset;
pub mod dictionary;
pub mod digits;
pub mod drsa;
pub mod l2i;
pub mod linear;
pub mod lmac;
pub mod load;
pub mod loss;
pub mod net;
pub mod nmf;
pub mod nmf_baseline;
mod nmf_steps;
mod params;
pub mod roar;
pub mod roar_run;
pub mod scene;
pub mod sparse_code;
pub mod synthetic;
mod synthetic_noise;
