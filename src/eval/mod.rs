//! Metrics and tables.

pub mod against;
pub mod backgrounds;
pub mod calibration;
pub mod classifier_figures;
pub mod coloured_noise;
pub mod compare;
pub mod compare_report;
pub mod compare_result;
pub mod corrupt;
pub mod decisions;
pub mod domain;
pub mod evaluate;
mod evaluate_result;
pub mod event_f1;
pub mod events;
pub mod faithfulness;
pub mod foreign;
pub mod intersections;
pub mod mask_metrics;
mod mean;
mod mel_mask;
pub mod metrics;
pub mod mixtures;
pub mod own_decisions;
pub mod probe;
pub mod psds;
pub mod report;
pub mod score_track;
pub mod sound;
pub mod stream;
pub mod stream_figures;
pub mod stream_files;
pub mod stream_score;
#[cfg(test)]
mod two_bands;
pub mod workers;
