//! The worker: turns samples into frames, scores, interpretations, events and snapshots.

pub mod report;
pub mod snapshot;
