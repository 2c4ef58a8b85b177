//! The worker: turns samples into frames, scores, interpretations, events and snapshots.

pub mod clips;
pub mod detector;
mod event_ids;
mod evidence;
mod gauge;
pub mod history;
mod level_scale;
pub mod listen;
pub mod masking;
pub mod offline;
pub mod pipeline;
pub mod report;
pub mod rows;
pub mod snapshot;
mod view;
pub mod worker;
