//! A recording that comes through a pipe: read once, front to end.

use std::io::{Chain, Cursor, Error, Read, Result, Seek, SeekFrom};
use std::sync::Mutex;

use symphonia::core::io::MediaSource;

/// Bytes that were looked at, and those behind them.
type Joined = Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// Any reader, with the bytes that were looked at put back in front.
pub(super) struct Stream {
    // The lock is never waited for: there is one owner. It only makes a reader shareable that is not by itself.
    reader: Mutex<Joined>,
}

impl Stream {
    /// `first_bytes` were read from `rest` before.
    pub(super) fn new(first_bytes: Vec<u8>, rest: Box<dyn Read + Send>) -> Self {
        Self { reader: Mutex::new(Cursor::new(first_bytes).chain(rest)) }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.reader.get_mut().map_err(|_| Error::other("the reader has failed before"))?.read(buf)
    }
}

impl Seek for Stream {
    fn seek(&mut self, _: SeekFrom) -> Result<u64> {
        Err(Error::other("a pipe can only be read forwards"))
    }
}

impl MediaSource for Stream {
    fn is_seekable(&self) -> bool {
        false
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}
