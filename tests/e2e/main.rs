//! The built program from end to end: the monitor with everything that it hears and tells, and the review.

#[path = "../support/mod.rs"]
mod support;

mod detect;
mod faults;
#[cfg(unix)]
mod hostile;
#[cfg(unix)]
mod inputs;
mod jack;
mod monitor;
mod recordings;
mod review;
mod service;
mod sources;
#[cfg(unix)]
mod streams;
mod tui;
mod web;
