//! The bytes of a recording, file or pipe alike: looked at, taken, skipped, always forwards.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::sync::Mutex;

/// How much is read at once.
const BLOCK_BYTES: usize = 64 << 10;

enum Inner {
    File(File),
    // Nobody ever waits for the lock: there is one owner. It only lets a reader be shared that cannot be by itself.
    Pipe(Mutex<Box<dyn Read + Send>>),
}

/// Bytes from a position on. What was looked at stays until it is taken or skipped.
pub(super) struct Bytes {
    inner: Inner,
    /// Bytes that were read ahead; those before `taken` are gone.
    ahead: Vec<u8>,
    taken: usize,
    pos: u64,
    /// Behind the last byte, where that is known.
    end: Option<u64>,
}

impl Bytes {
    /// The bytes of a regular file, from its beginning.
    pub(super) fn of_file(mut file: File) -> Result<Self> {
        let end = Some(file.seek(SeekFrom::End(0))?);
        file.rewind()?;
        Ok(Self { inner: Inner::File(file), ahead: Vec::new(), taken: 0, pos: 0, end })
    }

    /// What comes out of a pipe.
    pub(super) fn of_pipe(reader: impl Read + Send + 'static) -> Self {
        let inner = Inner::Pipe(Mutex::new(Box::new(reader)));
        Self { inner, ahead: Vec::new(), taken: 0, pos: 0, end: None }
    }

    /// Whether every place can be reached, as in a file.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self.inner, Inner::File(_))
    }

    /// How many bytes were taken or skipped since the beginning.
    pub(super) const fn pos(&self) -> u64 {
        self.pos
    }

    /// Where the bytes end, if that is known: always for a file, never for a pipe.
    pub(super) const fn end(&self) -> Option<u64> {
        self.end
    }

    /// Makes the bytes of a file end earlier than the file does.
    pub(super) fn end_at(&mut self, end: u64) {
        self.end = self.end.map(|known| known.min(end).max(self.pos));
    }

    /// Looks at the next `n` bytes; fewer only where the bytes end.
    pub(super) fn peek(&mut self, n: usize) -> Result<&[u8]> {
        self.fill(n)?;
        let known = self.known();
        Ok(&known[..n.min(known.len())])
    }

    /// Looks at what can be had without waiting, but `at_least` so many bytes, except where they end; `at_most` so many.
    pub(super) fn peek_some(&mut self, at_least: usize, at_most: usize) -> Result<&[u8]> {
        self.fill(at_least)?;
        let known = self.known();
        Ok(&known[..at_most.min(known.len())])
    }

    /// Goes on `n` bytes, or to the end where that comes first.
    pub(super) fn skip(&mut self, n: u64) -> Result<()> {
        let from_ahead = self.known().len().min(usize::try_from(n).unwrap_or(usize::MAX));
        self.take(from_ahead);
        let mut rest = n - from_ahead as u64;
        if let (Inner::File(file), Some(end)) = (&mut self.inner, self.end) {
            self.pos = self.pos.saturating_add(rest).min(end);
            file.seek(SeekFrom::Start(self.pos))?;
            (self.taken, rest) = (0, 0);
            self.ahead.clear();
        }
        while rest > 0 {
            let n = self.peek_some(1, usize::try_from(rest).unwrap_or(usize::MAX))?.len();
            if n == 0 {
                break;
            }
            self.take(n);
            rest -= n as u64;
        }
        Ok(())
    }

    /// Reads a file's bytes from `at`, whatever was taken so far; fewer than `buf` holds only where the bytes end. Of a
    /// pipe nothing can be read this way.
    pub(super) fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<usize> {
        let (Inner::File(file), Some(end)) = (&mut self.inner, self.end) else { return Ok(0) };
        let most = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(buf.len());
        file.seek(SeekFrom::Start(at))?;
        let mut n = 0;
        let outcome = loop {
            match file.read(&mut buf[n..most]) {
                Ok(0) => break Ok(n),
                Ok(more) => n += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        file.seek(SeekFrom::Start(self.pos + self.ahead.len() as u64 - self.taken as u64))?;
        outcome
    }

    /// Goes to `at`, in a file.
    pub(super) fn go_to(&mut self, at: u64) -> Result<()> {
        let Inner::File(file) = &mut self.inner else {
            return Err(Error::new(ErrorKind::Unsupported, "a pipe can only be read forwards"));
        };
        file.seek(SeekFrom::Start(at))?;
        self.ahead.clear();
        (self.taken, self.pos) = (0, at);
        Ok(())
    }

    fn known(&self) -> &[u8] {
        self.ahead.get(self.taken..).unwrap_or_default()
    }

    fn take(&mut self, n: usize) {
        self.taken += n;
        self.pos += n as u64;
    }

    /// Reads until `n` bytes are known, or to the end.
    fn fill(&mut self, n: usize) -> Result<()> {
        if self.known().len() >= n {
            return Ok(());
        }
        self.ahead.drain(..self.taken);
        self.taken = 0;
        while self.ahead.len() < n {
            let had = self.ahead.len();
            let wanted = (n - had).max(BLOCK_BYTES);
            let until_end = self.end.map_or(u64::MAX, |end| end.saturating_sub(self.pos + had as u64));
            self.ahead.resize(had + wanted.min(usize::try_from(until_end).unwrap_or(usize::MAX)), 0);
            let read = match &mut self.inner {
                Inner::File(file) => file.read(&mut self.ahead[had..]),
                Inner::Pipe(pipe) => match pipe.get_mut() {
                    Ok(pipe) => pipe.read(&mut self.ahead[had..]),
                    Err(_) => Err(Error::other("the reader failed before")),
                },
            };
            self.ahead.truncate(had + read.as_ref().map_or(0, |&n| n));
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl Read for Bytes {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let some = self.peek_some(1.min(buf.len()), buf.len())?;
        let n = some.len();
        buf[..n].copy_from_slice(some);
        self.take(n);
        Ok(n)
    }
}
