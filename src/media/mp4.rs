//! What symphonia leaves out of MP4: how many samples before the sound an encoder added, and whether the file breaks off.

use std::io::Result;

use super::bytes::Bytes;

/// More boxes than this in one box no honest file has.
const MAX_BOXES: usize = 1024;

/// Longest edit list that is looked at.
const MAX_LIST_BYTES: u64 = 4096;

/// A part of the file.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

/// Where the sound of the first audio track begins, in seconds behind its first sample; 0 where nothing is said of it.
pub(super) fn start_secs(bytes: &mut Bytes) -> Result<f64> {
    let (start, Some(end)) = (bytes.pos(), bytes.end()) else { return Ok(0.0) };
    let Some(index) = find(bytes, Span { start, end }, b"moov", 0)? else { return Ok(0.0) };
    for nth in 0..MAX_BOXES {
        let Some(track) = find(bytes, index, b"trak", nth)? else { break };
        if let Some(secs) = start_of_audio(bytes, track)? {
            return Ok(secs);
        }
    }
    Ok(0.0)
}

/// Whether the index is there and the file breaks off in something behind it.
pub(super) fn breaks_off_behind_index(bytes: &mut Bytes) -> Result<bool> {
    let (mut at, Some(end)) = (bytes.pos(), bytes.end()) else { return Ok(false) };
    let mut has_index = false;
    while let Some(found) = next(bytes, at, end)? {
        has_index |= &found.name == b"moov" && found.end <= end;
        if found.end >= end {
            return Ok(has_index && found.end > end);
        }
        at = found.end;
    }
    // A box's header is cut in two.
    Ok(has_index && at < end)
}

/// Where the sound of one track begins, in seconds; `None` where it is no track of sound.
fn start_of_audio(bytes: &mut Bytes, track: Span) -> Result<Option<f64>> {
    let Some(media) = find(bytes, track, b"mdia", 0)? else { return Ok(None) };
    let handler = find(bytes, media, b"hdlr", 0)?;
    let handler = field(bytes, handler, 8, 4)?;
    if handler != Some(u64::from(u32::from_be_bytes(*b"soun"))) {
        return Ok(None);
    }
    let header = find(bytes, media, b"mdhd", 0)?;
    let wide = field(bytes, header, 0, 1)? == Some(1);
    let scale = field(bytes, header, if wide { 20 } else { 12 }, 4)?.unwrap_or(0);
    let Some(edits) = find(bytes, track, b"edts", 0)? else { return Ok(Some(0.0)) };
    let list = find(bytes, edits, b"elst", 0)?.filter(|list| list.end - list.start <= MAX_LIST_BYTES);
    let wide = field(bytes, list, 0, 1)? == Some(1);
    let (entry_bytes, time_at, time_bytes) = if wide { (20, 8, 8) } else { (12, 4, 4) };
    let n = field(bytes, list, 4, 4)?.unwrap_or(0);
    for i in 0..n.min(MAX_LIST_BYTES) {
        let Some(time) = field(bytes, list, 8 + i * entry_bytes + time_at, time_bytes)? else { break };
        // All ones stand for a pause before the sound, of which nothing is decoded.
        let pause = u64::MAX >> (64 - 8 * time_bytes);
        if time != pause && scale > 0 {
            return Ok(Some(time as f64 / scale as f64));
        }
    }
    Ok(Some(0.0))
}

/// What the `nth` box called `name` in `within` holds.
fn find(bytes: &mut Bytes, within: Span, name: &[u8; 4], nth: usize) -> Result<Option<Span>> {
    let (mut at, mut seen) = (within.start, 0);
    for _ in 0..MAX_BOXES {
        let Some(found) = next(bytes, at, within.end)? else { break };
        if &found.name == name {
            if seen == nth {
                let end = found.end.min(within.end);
                return Ok(Some(Span { start: found.content.min(end), end }));
            }
            seen += 1;
        }
        at = found.end;
    }
    Ok(None)
}

/// A box: its name, where its content begins, and where it ends.
struct Found {
    name: [u8; 4],
    content: u64,
    end: u64,
}

/// The box at `at`, in one that ends at `end`.
fn next(bytes: &mut Bytes, at: u64, end: u64) -> Result<Option<Found>> {
    let mut header = [0; 16];
    if at.saturating_add(8) > end || bytes.read_at(at, &mut header)? < 8 {
        return Ok(None);
    }
    let [a, b, c, d, name @ ..] = header.first_chunk::<8>().copied().unwrap_or_default();
    let (len, header_bytes) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (end - at, 8),
        1 => (header[8..].iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 16),
        len => (len.into(), 8),
    };
    let found = Found { name, content: at + header_bytes, end: at.saturating_add(len) };
    Ok(Some(found).filter(|_| len >= header_bytes))
}

/// A number of `n` bytes, `at` so many bytes into `span`.
fn field(bytes: &mut Bytes, span: Option<Span>, at: u64, n: u64) -> Result<Option<u64>> {
    let Some(span) = span else { return Ok(None) };
    let mut number = [0; 8];
    let (start, n) = (span.start + at, n as usize);
    if start + n as u64 > span.end || bytes.read_at(start, &mut number[8 - n..])? < n {
        return Ok(None);
    }
    Ok(Some(u64::from_be_bytes(number)))
}
