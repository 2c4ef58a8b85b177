//! The monitor as a service, on the built program: who is told of events, the figures for Prometheus, the service manager.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../e2e_common/mod.rs"]
mod e2e_common;

mod install;
mod metrics;
mod mqtt;
mod notify;
mod programs;
mod support;
mod webhooks;
