//! A recording as an input: decoded while it plays, never held whole.

use super::thread_source::Feed;
use crate::error::Result;
use crate::media::decode::RecordingReader;

/// Feeds a recording's packets.
pub(super) struct FileFeed {
    pub(super) reader: RecordingReader,
    /// As in events, for what there is to say of it.
    pub(super) name: String,
}

impl Feed for FileFeed {
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        self.reader.next_chunk()
    }

    fn ended(&self) {
        if self.reader.truncated() {
            tracing::warn!("{} ends too early; what is there has been heard", self.name);
        }
    }
}
