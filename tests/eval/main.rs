//! What is measured of models and methods, and how.

#[path = "../support/mod.rs"]
mod support;

mod evaluate;
mod l2i;
mod metrics_events;
mod metrics_sklearn;
mod probes;
mod stream;
mod stream_figures;
mod stream_metrics;
