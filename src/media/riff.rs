//! WAV headers as crashed recorders leave them: lengths that were never filled in.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

/// A recorder writes the lengths when it closes the file; these bytes stand where it never came to that.
const UNKNOWN: [u8; 4] = [0xff; 4];

/// More chunks than this before the samples no honest file has.
const MAX_CHUNKS: usize = 64;

/// Decoders look for a WAV's beginning in so many bytes, behind whatever lies there.
const SEARCHED_BYTES: u64 = 1 << 20;

/// Chunks looked at outside those bytes, over all beginnings that lie in them.
const MAX_READS: usize = 4096;

/// A file whose RIFF lengths read as "unknown" where they contradict the file, so that a decoder goes on to the end.
/// Any other file passes through as it is.
pub(super) struct MendedFile {
    file: File,
    len: u64,
    pos: u64,
    /// Where four bytes read as [`UNKNOWN`].
    patches: Vec<u64>,
    interrupted: bool,
    channels: Option<u16>,
}

impl MendedFile {
    /// Looks at the header; the position is the beginning afterwards.
    pub(super) fn new(mut file: File) -> Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut mended = Self { file, len, pos: 0, patches: Vec::new(), interrupted: false, channels: None };
        let mut head = [0; 12];
        if mended.read_at(0, &mut head)? && &head[..4] == b"RIFF" && &head[8..] == b"WAVE" {
            mended.inspect(u64::from(word(&head[4..8])))?;
        }
        mended.channels = mended.most_channels()?;
        mended.seek(SeekFrom::Start(0))?;
        Ok(mended)
    }

    /// Whether the file is a WAV that is shorter than its header says, or whose header was never completed.
    pub(super) const fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// How many channels the header of a WAV speaks of, the most of all headers that a decoder may find. To be looked at
    /// before a decoder believes it: it may reckon with a bit for each.
    pub(super) const fn channels(&self) -> Option<u16> {
        self.channels
    }

    fn inspect(&mut self, riff_len: u64) -> Result<()> {
        let mut at = 12;
        let mut header = [0; 8];
        for _ in 0..MAX_CHUNKS {
            if !self.read_at(at, &mut header)? {
                return Ok(());
            }
            let chunk_len = word(&header[4..]);
            let start = at + 8;
            if &header[..4] != b"data" {
                at = start + u64::from(chunk_len) + u64::from(chunk_len & 1);
                continue;
            }
            let streamed = chunk_len == u32::MAX;
            let end = start + u64::from(chunk_len);
            // 0 is what most recorders write first; with bytes behind it and a total that knows nothing of them, it
            // was never replaced.
            let unfilled = chunk_len == 0 && self.len > start && riff_len + 8 < self.len;
            self.interrupted = !streamed && (end > self.len || unfilled);
            if unfilled {
                self.patches.push(at + 4);
            }
            if unfilled || (riff_len != u64::from(u32::MAX) && riff_len + 8 < end) {
                self.patches.push(4);
            }
            return Ok(());
        }
        Ok(())
    }

    /// The most channels that any WAV header in the searched bytes speaks of.
    fn most_channels(&mut self) -> Result<Option<u16>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.by_ref().take(SEARCHED_BYTES).read_to_end(&mut bytes)?;
        let is_head = |head: &[u8]| head.starts_with(b"RIFF") && head.ends_with(b"WAVE");
        let heads: Vec<usize> = bytes.windows(12).enumerate().filter(|(_, w)| is_head(w)).map(|(at, _)| at).collect();
        let (mut most, mut reads) = (None, MAX_READS);
        for at in heads {
            most = most.max(self.channels_behind(at as u64 + 12, &bytes, &mut reads)?);
        }
        Ok(most)
    }

    /// The channels of the format chunk among the chunks from `at` on; `bytes` is the file's beginning, and so many times
    /// it is read behind that.
    fn channels_behind(&mut self, mut at: u64, bytes: &[u8], reads: &mut usize) -> Result<Option<u16>> {
        let mut chunk = [0; 12];
        for _ in 0..MAX_CHUNKS {
            let inside = usize::try_from(at).ok().and_then(|at| bytes.get(at..at.checked_add(chunk.len())?));
            match inside {
                Some(known) => chunk.copy_from_slice(known),
                None if *reads > 0 && self.read_at(at, &mut chunk)? => *reads -= 1,
                None => break,
            }
            if &chunk[..4] == b"data" {
                break;
            }
            if &chunk[..4] == b"fmt " {
                return Ok(Some(u16::from_le_bytes([chunk[10], chunk[11]])));
            }
            let len = word(&chunk[4..8]);
            at += 8 + u64::from(len) + u64::from(len & 1);
        }
        Ok(None)
    }

    /// Fills `buf` from `at`; false where the file ends before.
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<bool> {
        if at.saturating_add(buf.len() as u64) > self.len {
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(buf)?;
        Ok(true)
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

impl Read for MendedFile {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = self.file.read(buf)?;
        for &patch in &self.patches {
            for (byte, at) in UNKNOWN.iter().zip(patch..) {
                if (self.pos..self.pos + n as u64).contains(&at) {
                    buf[(at - self.pos) as usize] = *byte;
                }
            }
        }
        self.pos += n as u64;
        Ok(n)
    }
}

impl Seek for MendedFile {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.pos = self.file.seek(to)?;
        Ok(self.pos)
    }
}

impl MediaSource for MendedFile {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
