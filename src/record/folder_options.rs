//! How event folders are written.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::engine::report::{Event, RecordWhat};

/// How event folders are written.
#[derive(Debug, Clone)]
pub struct FolderOptions {
    /// Where the local offset in `event.json` comes from; `None`: the system's zone at that time. Folder names are in UTC
    /// whatever this is.
    pub time_zone: Option<TimeZone>,
    /// Whether audio and picture are kept; without them an event is its figures.
    pub clips: bool,
    /// Labels and groups whose audio and picture are never written.
    pub no_audio: BTreeSet<String>,
    /// Whether folders and files are for their owner alone (0700, 0600); otherwise the umask decides.
    pub private: bool,
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self { time_zone: None, clips: true, no_audio: BTreeSet::new(), private: true }
    }
}

impl FolderOptions {
    /// Whether audio and picture of `event` are kept.
    pub(super) fn keeps_audio(&self, event: &Event) -> bool {
        let named = std::iter::once(&event.label).chain(&event.handling.groups);
        self.clips && event.handling.record == RecordWhat::Full && !named.into_iter().any(|n| self.no_audio.contains(n))
    }
}
