//! Others who are told of reports, beside folders and lines.

use std::path::Path;

pub use super::states::SinkState;

use super::states::RecordingState;
use crate::engine::report::Report;

/// What the recorder knows of a report besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aside<'a> {
    /// The folder that will hold an event's evidence, if it is as good as sure that it will: it appears, whole, a moment later.
    pub dir: Option<&'a Path>,
    /// Id of the event that an event goes on from.
    pub continues: Option<&'a str>,
    /// With a status: how recording goes, where events are recorded.
    pub recording: Option<&'a RecordingState>,
}

/// Passes reports on. Called on the recorder's thread before anything is written: nobody waits for a disk or a reader.
pub trait Relay: Send {
    /// Takes `report`. Must not block: whoever is slow has a queue of its own, and drops.
    fn pass(&mut self, report: &Report, aside: &Aside<'_>);

    /// Whom it tells, and how that goes, for status lines.
    fn states(&self) -> Vec<SinkState> {
        Vec::new()
    }
}
