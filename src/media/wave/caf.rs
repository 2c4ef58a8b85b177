//! Headers of Apple's Core Audio Format, where it holds plain samples.

use super::super::bytes::Bytes;
use super::super::steps::Trouble;
use super::format::{Coding, Format};
use super::head::{Dialect, Head, Length, MAX_CHUNKS};
use super::pcm::{Law, Pcm};

/// Bytes of the chunk that describes the samples.
const DESCRIPTION_BYTES: usize = 32;

/// Reads a header; `bytes` stand at its beginning, and at the first sample afterwards. `None`, with the bytes as they were,
/// where the sound is coded in a way that is not read here.
pub(super) fn read(bytes: &mut Bytes) -> Result<Option<Head>, Trouble> {
    let start = bytes.peek(8 + 12 + DESCRIPTION_BYTES)?;
    let description = start.get(20..).and_then(|rest| rest.first_chunk::<DESCRIPTION_BYTES>());
    let description = description.ok_or_else(|| Trouble::new("it ends too early"))?;
    if start.get(8..12) != Some(b"desc") {
        return Err(Trouble::new("it does not say how its samples are coded"));
    }
    let Some(format) = format(description) else { return Ok(None) };
    bytes.skip(8)?;
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = Dialect::Caf.chunk(bytes.peek(12)?) else { break };
        bytes.skip(12)?;
        if &chunk.id == b"data" {
            // Before the samples stands how often they were edited.
            bytes.skip(4)?;
            let behind = bytes.end().map(|end| end - bytes.pos());
            let length = match chunk.len.checked_sub(4) {
                Some(len) => Length::of(len, behind),
                None => Length::Open,
            };
            return Ok(Some(Head { dialect: Dialect::Caf, format, length, n_frames: None }));
        }
        bytes.skip(chunk.len)?;
    }
    Err(Trouble::new("it has no samples, or its header is damaged"))
}

fn format(description: &[u8; DESCRIPTION_BYTES]) -> Option<Format> {
    let word = |at: usize| -> u32 { description[at..at + 4].iter().fold(0, |all, &byte| all << 8 | u32::from(byte)) };
    let (rate, name, flags) = (u64::from(word(0)) << 32 | u64::from(word(4)), &description[8..12], word(12));
    let (packet_bytes, channels, bits) = (word(16), word(24), word(28));
    let (channels, bits) = (u16::try_from(channels).ok()?, u16::try_from(bits).ok()?);
    let bytes = packet_bytes.checked_div(channels.into())? as usize;
    let (is_float, is_little) = (flags & 1 != 0, flags & 2 != 0);
    let pcm = match name {
        b"lpcm" if is_float => Pcm::floats(bytes, !is_little)?,
        b"lpcm" => Pcm::signed(bytes, bits, !is_little)?,
        b"alaw" => Pcm::law(Law::A),
        b"ulaw" => Pcm::law(Law::Mu),
        _ => return None,
    };
    let block_bytes = (pcm.n_bytes() * usize::from(channels)).max(1);
    // A cast saturates, which the bounds for rates refuse.
    Some(Format { coding: Coding::Pcm(pcm), rate_hz: f64::from_bits(rate).round() as u32, channels, block_bytes })
}
