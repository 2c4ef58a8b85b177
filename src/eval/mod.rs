//! Metrics and tables.

pub mod evaluate;
mod evaluate_result;
pub mod events;
pub mod faithfulness;
pub mod metrics;
pub mod probe;
pub mod report;
pub mod stream;
pub mod stream_files;
pub mod stream_score;
