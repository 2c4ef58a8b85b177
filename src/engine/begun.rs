//! Events that have begun and are not over.

use std::collections::HashMap;

use super::event_ids::EventIds;
use super::report::OnsetReport;
use crate::units::ClassId;

/// What is known of events before they are reported.
pub(super) struct Begun {
    /// Where the next event gets its id.
    pub(super) ids: EventIds,
    /// Ids of the events that have begun, by class and first frame.
    pub(super) open: HashMap<(ClassId, u64), String>,
    /// Those that nobody has asked for yet.
    pub(super) onsets: Vec<OnsetReport>,
}

impl Begun {
    /// Nothing has begun.
    pub(super) fn new(ids: EventIds) -> Self {
        Self { ids, open: HashMap::new(), onsets: Vec::new() }
    }
}
