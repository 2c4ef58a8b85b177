//! What `record` writes, as the contract for events says it: lines, folders, and what happens when the disk fails.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod disks;
mod explained;
mod folders;
mod lines;
mod recorder;
mod retention;
mod schemas;
mod store;
mod times;
