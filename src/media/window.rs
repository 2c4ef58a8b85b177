//! Bytes as symphonia takes them: from where a recording begins to where it ends.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::bytes::Bytes;

/// The bytes from a recording's beginning on, with that as position 0.
pub(super) struct Window {
    bytes: Bytes,
    origin: u64,
    can_seek: bool,
}

impl Window {
    /// What follows in `bytes`.
    pub(super) const fn new(bytes: Bytes) -> Self {
        Self { origin: bytes.pos(), can_seek: bytes.is_file(), bytes }
    }

    /// The same, to be read front to end as if it came through a pipe.
    pub(super) const fn forwards(bytes: Bytes) -> Self {
        Self { origin: bytes.pos(), can_seek: false, bytes }
    }
}

impl Read for Window {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.bytes.read(buf)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let end = self.bytes.end().unwrap_or(u64::MAX);
        let at = match to {
            SeekFrom::Start(at) => self.origin.checked_add(at),
            SeekFrom::Current(by) => self.bytes.pos().checked_add_signed(by),
            SeekFrom::End(by) => end.checked_add_signed(by),
        };
        let at = at
            .filter(|at| *at >= self.origin)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a place before the beginning"))?;
        self.bytes.go_to(at)?;
        Ok(at - self.origin)
    }
}

impl MediaSource for Window {
    fn is_seekable(&self) -> bool {
        self.can_seek
    }

    fn byte_len(&self) -> Option<u64> {
        self.bytes.end().filter(|_| self.can_seek).map(|end| end - self.origin)
    }
}
