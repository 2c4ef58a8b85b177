//! A recording as an input: decoded while it plays, never held whole.

use super::thread_source::Feed;
use crate::error::Result;
use crate::media::decode::RecordingReader;

/// Feeds a recording's packets.
pub(super) struct FileFeed(pub(super) RecordingReader);

impl Feed for FileFeed {
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        self.0.next_chunk()
    }
}
