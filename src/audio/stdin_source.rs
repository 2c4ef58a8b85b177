//! Raw samples from a pipe. Reads end anywhere, so a channel frame may come in two parts.

use std::io::{ErrorKind, Read};

use super::sample::ToF32;
use super::spec::SampleFormat;
use super::thread_source::Feed;
use crate::error::{Error, Result};

/// As much as a pipe holds.
const READ_BYTES: usize = 65_536;

/// Feeds what `reader` gives.
pub(super) struct RawFeed<R> {
    reader: R,
    format: SampleFormat,
    /// Bytes of one channel frame.
    frame_bytes: usize,
    bytes: Vec<u8>,
    /// How many of `bytes` are the beginning of a channel frame whose rest has not come yet.
    have: usize,
    chunk: Vec<f32>,
}

impl<R: Read + Send + 'static> RawFeed<R> {
    pub(super) fn new(reader: R, channels: u16, format: SampleFormat) -> Self {
        let frame_bytes = format.n_bytes() * usize::from(channels.max(1));
        Self { reader, format, frame_bytes, bytes: vec![0; READ_BYTES], have: 0, chunk: Vec::new() }
    }
}

impl<R: Read + Send + 'static> Feed for RawFeed<R> {
    /// What is left of a channel frame when the pipe closes is no sample and is let go.
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        loop {
            let n = match self.reader.read(&mut self.bytes[self.have..]) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => {
                    return Err(
                        Error::input(format!("cannot read standard input: {e}; check what is piped in")).with_source(e)
                    );
                }
            };
            self.have += n;
            let whole = self.have - self.have % self.frame_bytes;
            if whole == 0 {
                continue;
            }
            self.chunk.clear();
            let bytes = &self.bytes[..whole];
            match self.format {
                SampleFormat::S16Le => {
                    let words = bytes.as_chunks::<2>().0;
                    self.chunk.extend(words.iter().map(|&b| i16::from_le_bytes(b).to_f32()));
                }
                SampleFormat::F32Le => {
                    let words = bytes.as_chunks::<4>().0;
                    self.chunk.extend(words.iter().map(|&b| f32::from_le_bytes(b)));
                }
            }
            self.bytes.copy_within(whole..self.have, 0);
            self.have -= whole;
            return Ok(Some(&self.chunk));
        }
    }
}
