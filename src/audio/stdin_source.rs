//! Raw samples from a pipe. Reads end anywhere, so a channel frame may come in two parts.

use std::io::{ErrorKind, Read};

use super::sample_format::SampleFormat;
use super::thread_source::Feed;
use crate::error::{Error, Result};
use crate::media::sniff::{Kind, sniff};

/// As much as a pipe holds.
const READ_BYTES: usize = 65_536;

/// So many bytes tell whether a container's header comes before the samples.
const HEAD_BYTES: usize = 40;

/// Feeds what `reader` gives.
pub(super) struct RawFeed<R> {
    reader: R,
    format: SampleFormat,
    /// Bytes of one channel frame.
    frame_bytes: usize,
    bytes: Vec<u8>,
    /// How many of `bytes` have been read and not been handed on.
    have: usize,
    /// Whether the first bytes have been looked at.
    checked: bool,
    /// Why nothing more can be read; what was read before is handed on first.
    broken: Option<Error>,
    chunk: Vec<f32>,
}

impl<R: Read + Send + 'static> RawFeed<R> {
    pub(super) fn new(reader: R, channels: u16, format: SampleFormat) -> Self {
        let frame_bytes = format.n_bytes() * usize::from(channels.max(1));
        let bytes = vec![0; READ_BYTES.max(frame_bytes)];
        Self { reader, format, frame_bytes, bytes, have: 0, checked: false, broken: None, chunk: Vec::new() }
    }

    /// Reads once, behind what is there; false at the end, or where nothing more can be read.
    fn read(&mut self) -> bool {
        loop {
            match self.reader.read(&mut self.bytes[self.have..]) {
                Ok(0) => return false,
                Ok(n) => {
                    self.have += n;
                    return true;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    let sentence = format!("cannot read standard input: {e}; check what is piped in");
                    self.broken = Some(Error::input(sentence).with_source(e));
                    return false;
                }
            }
        }
    }
}

impl<R: Read + Send + 'static> Feed for RawFeed<R> {
    /// What is left of a channel frame when the pipe closes is no sample and is let go.
    fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        loop {
            let goes_on = self.broken.is_none() && self.read();
            if !self.checked && (self.have >= HEAD_BYTES || !goes_on) {
                check_head(&self.bytes[..self.have])?;
                self.checked = true;
            }
            let whole = if self.checked { self.have - self.have % self.frame_bytes } else { 0 };
            if whole > 0 {
                self.chunk.clear();
                self.format.decode(&self.bytes[..whole], &mut self.chunk);
                self.bytes.copy_within(whole..self.have, 0);
                self.have -= whole;
                return Ok(Some(&self.chunk));
            }
            if let Some(e) = self.broken.take() {
                return Err(e);
            }
            if !goes_on {
                return Ok(None);
            }
        }
    }
}

/// Raw samples have no header. Heard as samples, a header gives noise, and every sample behind it may be read off by a byte.
///
/// Only marks that samples do not begin with by chance count; frames of MP3 alone are none.
fn check_head(bytes: &[u8]) -> Result<()> {
    let Some(kind) = sniff(bytes) else { return Ok(()) };
    let marked = [Kind::Wave, Kind::Flac, Kind::Ogg, Kind::Tag, Kind::Aiff, Kind::Caf, Kind::Mp4, Kind::Matroska];
    if !marked.contains(&kind) {
        return Ok(());
    }
    Err(Error::input(format!(
        "standard input begins with the header of a recording ({}) and not with raw samples; use --input stdin:auto, which reads \
         the header, or pipe samples without one",
        kind.name()
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Gives one byte at a time.
    struct Dribble(Cursor<Vec<u8>>);

    impl Read for Dribble {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let n = into.len().min(1);
            self.0.read(&mut into[..n])
        }
    }

    fn all(bytes: &[u8], channels: u16, format: SampleFormat) -> Result<Vec<f32>> {
        let mut whole = RawFeed::new(Cursor::new(bytes.to_vec()), channels, format);
        let mut bitwise = RawFeed::new(Dribble(Cursor::new(bytes.to_vec())), channels, format);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        while let Some(chunk) = whole.next_chunk()? {
            a.extend_from_slice(chunk);
        }
        while let Some(chunk) = bitwise.next_chunk()? {
            b.extend_from_slice(chunk);
        }
        assert_eq!(a, b, "the pieces that a pipe gives make no difference");
        Ok(a)
    }

    fn header(head: &[u8]) -> Vec<u8> {
        [head, &[0; 100]].concat()
    }

    #[test]
    fn a_header_where_samples_were_promised_is_refused_in_every_format() {
        let heads: [&[u8]; 6] = [
            b"RIFF\x24\x08\x00\x00WAVEfmt ",
            b"RF64\xff\xff\xff\xffWAVEds64",
            b"fLaC\x00\x00\x00\x22",
            b"OggS\x00\x02\x00\x00",
            b"ID3\x04\x00\x00\x00\x00\x02\x01",
            b"FORM\x00\x00\x10\x00AIFFCOMM",
        ];
        for head in heads {
            for format in SampleFormat::ALL {
                let error = all(&header(head), 1, format).unwrap_err();
                assert!(error.to_string().contains("stdin:auto"), "{error}");
                assert_eq!(error.kind(), crate::ErrorKind::Input);
            }
        }
    }

    #[test]
    fn samples_that_only_look_a_little_like_a_header_are_heard() {
        let heads: [&[u8]; 6] = [
            b"RIFFRIFFRIFFRIFF",
            b"OggSOggS",
            b"ID3\xff\x00\x00\x00\x00\x02\x01",
            // The sync of an MP3 frame, as a loud sample may be.
            b"\xff\xfb\x90\x00\xff\xfb\x90\x00",
            b"RI",
            b"",
        ];
        for head in heads {
            assert_eq!(all(&header(head), 2, SampleFormat::U8).unwrap().len(), (head.len() + 100) / 2 * 2);
            // Also where the pipe ends before there are enough bytes to tell.
            assert_eq!(all(head, 1, SampleFormat::U8).unwrap().len(), head.len());
        }
    }

    #[test]
    fn a_channel_frame_may_be_longer_than_what_a_pipe_holds() {
        let bytes = vec![0; 2 * 8 * 9000];
        assert_eq!(all(&bytes, 9000, SampleFormat::F64Le).unwrap().len(), 2 * 9000);
    }
}
