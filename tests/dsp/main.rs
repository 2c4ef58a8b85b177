//! The signal processing: against other libraries' numbers, and in pieces of any length.

mod golden;
mod highpass;
mod resample;
mod streaming;
