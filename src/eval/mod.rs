//! Metrics and tables.

pub mod events;
pub mod metrics;
