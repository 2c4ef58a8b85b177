//! What a worker has outside itself: where its reports go, and how often it looks.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crossbeam::channel::Sender;

use super::report::Report;
use super::snapshot_slot::SnapshotSlot;

/// How long to wait where nothing has come.
pub(super) const NAP: Duration = Duration::from_millis(3);

/// Time between two snapshots.
pub(super) const SNAPSHOT_EVERY: Duration = Duration::from_millis(33);

/// Where a worker's reports go.
pub(super) struct Outside<'a> {
    pub(super) reports: &'a Sender<Report>,
    pub(super) slot: &'a SnapshotSlot,
    /// Whether somebody wants the worker to stop.
    pub(super) stop: &'a AtomicBool,
}
