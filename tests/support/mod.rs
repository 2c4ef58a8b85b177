//! What the test programs share.
// Every program compiles all of it and uses a part: what one leaves out is no dead code.
#![allow(clippy::unwrap_used, dead_code)]

pub(crate) mod e2e;
pub(crate) mod engine;
pub(crate) mod golden;
pub(crate) mod l2i;
pub(crate) mod process;
pub(crate) mod record;
#[cfg(unix)]
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod service;
