//! Metrics and tables.
