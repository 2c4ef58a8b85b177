//! The signal processing: against other libraries' numbers, and in pieces of any length.

mod golden;
mod resample;
mod streaming;
