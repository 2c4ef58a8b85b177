//! The worker: turns samples into frames, scores, interpretations, events and snapshots.

pub mod clips;
pub mod controls;
pub mod detector;
mod event_ids;
mod evidence;
mod gauge;
pub mod health;
pub mod history;
pub mod inference;
mod input;
mod level_scale;
pub mod listen;
pub mod masking;
pub mod offline;
pub mod pipeline;
pub mod progress;
mod repetition;
pub mod report;
pub mod rows;
pub mod shedding;
pub mod snapshot;
mod view;
pub mod wall;
pub mod worker;
