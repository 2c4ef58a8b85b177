//! What lies behind the samples that a header names: more chunks, another recording, or sound that the header forgot.
//!
//! A header's length is 32 bits wide. A recorder that goes on behind 4 GiB, or that never comes to write the last length,
//! leaves a header that speaks of less than is there. So the rule is: bytes behind the named end are chunks only where
//! they read as a chain of chunks to the end of the file. Zeros and tags of other formats are no sound; nor is less than a
//! tenth of a second. Everything else is heard.

use std::io::Result;

use super::super::bytes::Bytes;
use super::super::sniff::{Kind, sniff};
use super::head::{Dialect, Head, Length};

/// More chunks than this behind the samples no honest file has.
const MAX_CHUNKS: usize = 4096;

/// What a length of 32 bits loses each time it runs over.
const WRAP: u64 = 1 << 32;

/// Chunks that programs write behind the samples: those of WAV, AIFF and CAF.
const NAMES: &[&[u8; 4]] = &[
    b"LIST", b"list", b"bext", b"cue ", b"fact", b"smpl", b"inst", b"id3 ", b"ID3 ", b"iXML", b"axml", b"chna",
    b"guan", b"_PMX", b"JUNK", b"junk", b"PEAK", b"plst", b"afsp", b"wamd", b"NAME", b"AUTH", b"(c) ", b"ANNO",
    b"COMT", b"MARK", b"INST", b"MIDI", b"AESD", b"APPL", b"info", b"ovvw", b"free", b"mark", b"regn", b"strg",
    b"umid", b"uuid", b"midi", b"edct", b"peak",
];

/// What follows the named end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// No sound.
    Nothing,
    /// Samples of another chunk, so many bytes on, and how many they are.
    Data { skip: u64, length: Length },
    /// Another recording with a header of its own, so many bytes on.
    Recording { skip: u64 },
    /// Sound that the header does not know of, from here for so many bytes, or to the end.
    Sound { len: Option<u64> },
}

/// What follows the samples of `head` in `bytes`. `data_bytes` were named, and of those `rest` are still to come, which make
/// no whole channel frame.
pub(super) fn behind(bytes: &mut Bytes, head: &Head, data_bytes: u64, rest: u64) -> Result<Behind> {
    let padding = head.dialect.padding(data_bytes);
    let Some(end) = bytes.end() else { return behind_in_pipe(bytes, head.dialect, padding, rest) };
    let at = bytes.pos() + rest;
    // Some writers forget to fill up.
    for padding in [padding, 0] {
        if let Some(found) = chain(bytes, head.dialect, at + padding, end)? {
            return Ok(found);
        }
    }
    if let Some(wrapped) = wrapped_end(bytes, head.dialect, at, end)? {
        return Ok(Behind::Sound { len: Some(wrapped - bytes.pos()) });
    }
    let least = u64::from(head.format.rate_hz) / 10 * head.format.block_bytes as u64;
    let no_sound = end.saturating_sub(at) < least || all_zeros(bytes, at, end)?;
    Ok(if no_sound { Behind::Nothing } else { Behind::Sound { len: None } })
}

/// Follows the chunks from `start` to the end of the file; `None` where they do not lead there.
fn chain(bytes: &mut Bytes, dialect: Dialect, start: u64, end: u64) -> Result<Option<Behind>> {
    let header_bytes = dialect.header_bytes() as u64;
    let from = bytes.pos();
    let mut at = start;
    for _ in 0..MAX_CHUNKS {
        if at + header_bytes > end {
            return Ok(Some(Behind::Nothing));
        }
        let mut next = [0; 40];
        let n = bytes.read_at(at, &mut next)?;
        let next = &next[..n];
        match sniff(next) {
            Some(Kind::Wave) => return Ok(Some(Behind::Recording { skip: at - from })),
            Some(Kind::Tag) => return Ok(Some(Behind::Nothing)),
            _ if is_tag(next) => return Ok(Some(Behind::Nothing)),
            _ => {}
        }
        let Some(chunk) = dialect.chunk(next) else {
            return Ok((at > start && all_zeros(bytes, at, end)?).then_some(Behind::Nothing));
        };
        if &chunk.id == b"data" {
            let data = at + header_bytes;
            let length = Length::of(chunk.len, Some(end.saturating_sub(data)));
            return Ok(Some(Behind::Data { skip: data - from, length }));
        }
        let stop = at.saturating_add(header_bytes).saturating_add(chunk.len);
        if stop > end {
            return Ok(None);
        }
        at = stop + dialect.padding(chunk.len);
    }
    Ok(None)
}

/// The end of samples whose length ran over: a whole number of times 4 GiB behind the named one, and chunks or nothing
/// behind that.
fn wrapped_end(bytes: &mut Bytes, dialect: Dialect, at: u64, end: u64) -> Result<Option<u64>> {
    if !matches!(dialect, Dialect::Riff { .. }) {
        return Ok(None);
    }
    let mut candidate = at + WRAP;
    while candidate <= end {
        if candidate == end || chain(bytes, dialect, candidate, end)?.is_some() {
            return Ok(Some(candidate));
        }
        candidate += WRAP;
    }
    Ok(None)
}

/// In a pipe only the next chunk can be seen; it counts as one if its name is one that audio programs write.
fn behind_in_pipe(bytes: &mut Bytes, dialect: Dialect, padding: u64, rest: u64) -> Result<Behind> {
    let header_bytes = dialect.header_bytes();
    let mut before = (rest + padding) as usize;
    for _ in 0..MAX_CHUNKS {
        let next = bytes.peek(before + 40)?;
        let next = next.get(before..).unwrap_or_default();
        if next.len() < header_bytes || is_tag(next) {
            return Ok(Behind::Nothing);
        }
        if sniff(next) == Some(Kind::Wave) {
            return Ok(Behind::Recording { skip: before as u64 });
        }
        match dialect.chunk(next) {
            Some(chunk) if &chunk.id == b"data" => {
                let skip = (before + header_bytes) as u64;
                return Ok(Behind::Data { skip, length: Length::of(chunk.len, None) });
            }
            Some(chunk) if NAMES.contains(&&chunk.id) => {
                bytes.skip((before + header_bytes) as u64)?;
                bytes.skip(chunk.len.saturating_add(dialect.padding(chunk.len)))?;
                before = 0;
            }
            _ => return Ok(Behind::Sound { len: None }),
        }
    }
    Ok(Behind::Nothing)
}

/// Tags that programs put behind recordings of any kind.
fn is_tag(bytes: &[u8]) -> bool {
    [&b"TAG"[..], b"APETAGEX", b"LYRICSBEGIN"].iter().any(|mark| bytes.starts_with(mark))
}

fn all_zeros(bytes: &mut Bytes, mut at: u64, end: u64) -> Result<bool> {
    let mut block = [0; 16 << 10];
    while at < end {
        let n = bytes.read_at(at, &mut block)?;
        if n == 0 {
            break;
        }
        if block[..n].iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        at += n as u64;
    }
    Ok(true)
}
