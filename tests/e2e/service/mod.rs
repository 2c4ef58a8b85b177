//! The monitor as a service, on the built program: who is told of events, the figures for Prometheus, the service manager.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod install;
mod metrics;
mod mqtt;
mod notify;
mod programs;
mod webhooks;
