//! The worker: turns samples into frames, scores, interpretations, events and snapshots.

pub mod clips;
pub mod controls;
pub mod detector;
mod event_ids;
mod evidence;
mod gauge;
mod hand_over;
pub mod health;
pub mod history;
pub mod inference;
mod input;
mod level_scale;
pub mod listen;
pub mod masking;
pub mod offline;
pub mod pipeline;
pub mod quiet;
mod reasons;
mod repetition;
pub mod report;
pub mod rows;
pub mod shedding;
pub mod snapshot;
pub mod stride_level;
mod view;
pub mod wall;
pub mod worker;
