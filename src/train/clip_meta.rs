//! What a data set says of one recording.

use std::path::{Path, PathBuf};

/// Extensions tried, in this order, where the recording's own name is not found.
pub(crate) const AUDIO_EXTENSIONS: [&str; 4] = ["wav", "flac", "ogg", "mp3"];

/// The class of sounds that have none of the labels: it is no label, and its recordings have no target.
pub const OTHER: &str = "other";

/// One recording of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipMeta {
    /// Where the recording lies.
    pub path: PathBuf,
    /// The cross-validation fold it belongs to; 1 in sets without folds.
    pub fold: u32,
    /// Its classes as indices into the data set's labels, ascending; empty where nothing is heard.
    pub targets: Vec<usize>,
    /// Whether it is of [`OTHER`].
    pub foreign: bool,
}

/// What a set says of its recordings that has a label file of its own kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tagged {
    /// Names of the classes, in order.
    pub(super) labels: Vec<String>,
    /// The recordings that are there.
    pub(super) clips: Vec<ClipMeta>,
    /// Recordings that are listed but not there.
    pub(super) missing: usize,
}

impl Tagged {
    /// Adds a recording, or counts it where it is missing.
    pub(super) fn add(&mut self, recording: Option<PathBuf>, fold: u32, mut targets: Vec<usize>) {
        targets.sort_unstable();
        match recording {
            Some(path) => self.clips.push(ClipMeta { path, fold, targets, foreign: false }),
            None => self.missing += 1,
        }
    }
}

/// The recording at `listed`, under that name or the same with another extension.
pub(super) fn with_any_extension(listed: &Path) -> Option<PathBuf> {
    if listed.is_file() {
        return Some(listed.to_path_buf());
    }
    AUDIO_EXTENSIONS.iter().map(|e| listed.with_extension(e)).find(|p| p.is_file())
}
