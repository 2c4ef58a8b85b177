//! What the recorder tells a front end.

use std::path::PathBuf;

use crossbeam::channel::{Sender, TrySendError};

/// Notices that wait for a reader; more are dropped, for nobody may hold up the recorder.
pub(super) const NOTICES: usize = 256;

/// What the recorder tells a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An event's evidence is on disk.
    Recorded {
        /// The event's id.
        id: String,
        /// Its folder.
        dir: PathBuf,
    },
    /// Event folders fail from here on, or fail for another reason; the sentence says why. Monitoring goes on.
    FoldersFailing(String),
    /// Event folders are written again.
    FoldersWorking,
    /// JSON lines fail from here on; the sentence says why.
    LinesFailing(String),
    /// What is wrong with the sinks from here on, as a sentence; none when all is well again.
    Sinks(Option<String>),
}

/// Tells, if somebody listens.
pub(super) fn notify(notices: &Sender<Notice>, notice: Notice) {
    match notices.try_send(notice) {
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(notice)) => tracing::debug!(?notice, "nobody reads the recorder's notices"),
    }
}
