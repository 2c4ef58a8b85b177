//! Tags: titles, pictures and whole files that programs put before and behind recordings. None of it is sound.

use std::io::Result;

use super::bytes::Bytes;

/// How long ID3v1 is.
const ID3V1_BYTES: u64 = 128;

/// The end of a Lyrics3 tag is searched in so many bytes behind its beginning.
const LYRICS_BYTES: usize = 8192;

/// Tags one behind the other that are skipped.
const MAX_TAGS: usize = 16;

/// Skips the tag that `bytes` stand at; false where they stand at none.
pub(super) fn skip(bytes: &mut Bytes) -> Result<bool> {
    let Some(mut len) = len(bytes.peek(32)?) else { return Ok(false) };
    if len == 0 {
        // Lyrics3: only its end says that it ended.
        let known = bytes.peek(LYRICS_BYTES)?;
        let end = known.windows(9).position(|w| matches!(w, b"LYRICS200" | b"LYRICSEND"));
        len = end.map_or(11, |at| at as u64 + 9);
    }
    bytes.skip(len)?;
    Ok(true)
}

/// Skips every tag that follows one the other from where `bytes` stand.
pub(super) fn skip_all(bytes: &mut Bytes) -> Result<()> {
    for _ in 0..MAX_TAGS {
        if !skip(bytes)? {
            break;
        }
    }
    Ok(())
}

/// How long the tag is that begins `bytes`, of which 32 are needed; 0 where that is not said.
pub(super) fn len(bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(b"TAG+") {
        return Some(227);
    }
    if bytes.starts_with(b"TAG") {
        return Some(ID3V1_BYTES);
    }
    if bytes.starts_with(b"LYRICSBEGIN") {
        return Some(0);
    }
    if bytes.starts_with(b"APETAGEX") {
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk::<4>()?));
        // The length counts what follows this header; before a footer nothing follows.
        let is_header = word(20)? & 1 << 29 != 0;
        return Some(32 + if is_header { u64::from(word(12)?) } else { 0 });
    }
    id3v2_len(bytes)
}

/// How long the ID3v2 tag is that begins `bytes`, with its header and footer.
pub(super) fn id3v2_len(bytes: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', major, revision, flags, size @ ..] = bytes.first_chunk::<10>()? else { return None };
    if *major == 0xff || *revision == 0xff || size.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let len = size.iter().fold(0, |len, &byte| len << 7 | u64::from(byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + len + footer)
}

/// Where a file ends if the tags behind it are left out.
pub(super) fn end_before(bytes: &mut Bytes) -> Result<Option<u64>> {
    let Some(mut end) = bytes.end() else { return Ok(None) };
    for _ in 0..MAX_TAGS {
        let mut tail = [0; ID3V1_BYTES as usize];
        let Some(at) = end.checked_sub(ID3V1_BYTES) else { break };
        bytes.read_at(at, &mut tail)?;
        let footer = &tail[96..];
        let len = if tail.starts_with(b"TAG") {
            ID3V1_BYTES
        } else if footer.starts_with(b"APETAGEX") {
            let word = |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
            let has_header = word(20) >> 31 == 1;
            u64::from(word(12)) + if has_header { 32 } else { 0 }
        } else {
            break;
        };
        let Some(before) = end.checked_sub(len).filter(|_| len > 0) else { break };
        end = before;
    }
    Ok(Some(end))
}
