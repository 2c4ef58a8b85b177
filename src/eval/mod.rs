//! Metrics and tables.

pub mod compare;
pub mod compare_report;
pub mod compare_result;
pub mod corrupt;
pub mod decisions;
pub mod domain;
pub mod evaluate;
mod evaluate_result;
pub mod events;
pub mod faithfulness;
pub mod mask_metrics;
pub mod metrics;
pub mod mixtures;
pub mod probe;
pub mod report;
pub mod sound;
pub mod stream;
pub mod stream_files;
pub mod stream_score;
#[cfg(test)]
mod two_bands;
pub mod workers;
