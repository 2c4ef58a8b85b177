//! AIFF and AIFF-C headers.

use super::super::bytes::Bytes;
use super::super::steps::Trouble;
use super::format::{Coding, Format};
use super::head::{Chunk, Dialect, Head, Length, MAX_CHUNKS};
use super::pcm::{Law, Pcm};

const DIALECT: Dialect = Dialect::Riff { big_endian: true };

/// Bytes of the chunk that describes the samples.
const COMMON_BYTES: usize = 18;

/// Reads a header; `bytes` stand at its beginning, and at the first sample afterwards.
pub(super) fn read(bytes: &mut Bytes) -> Result<Head, Trouble> {
    bytes.skip(12)?;
    let mut common = None;
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = DIALECT.chunk(bytes.peek(8)?) else { break };
        bytes.skip(8)?;
        if &chunk.id == b"SSND" {
            let format = common.ok_or_else(|| Trouble::new("it does not say how its samples are coded"))?;
            return at_samples(bytes, format, chunk);
        }
        if &chunk.id == b"COMM" {
            common = Some(format(bytes.peek(chunk.len.min(64) as usize)?)?);
        }
        bytes.skip(chunk.len + DIALECT.padding(chunk.len))?;
    }
    Err(Trouble::new("it has no samples, or its header is damaged"))
}

/// The samples' chunk begins with how far they are, and the length of blocks that nobody uses.
fn at_samples(bytes: &mut Bytes, format: Format, chunk: Chunk) -> Result<Head, Trouble> {
    let offset = bytes.peek(4)?.first_chunk::<4>().map_or(0, |offset| u32::from_be_bytes(*offset));
    let before = 8 + u64::from(offset);
    bytes.skip(before)?;
    let behind = bytes.end().map(|end| end - bytes.pos());
    let length = match chunk.len.checked_sub(before) {
        Some(len) => Length::of(len, behind),
        // The recorder wrote the length last, and never came to it.
        None if behind.is_some() => Length::Unfilled,
        None => Length::Open,
    };
    Ok(Head { dialect: DIALECT, format, length, n_frames: None })
}

fn format(chunk: &[u8]) -> Result<Format, Trouble> {
    let common = chunk.first_chunk::<COMMON_BYTES>().ok_or_else(|| Trouble::new("its format chunk is too short"))?;
    let half = |at: usize| u16::from_be_bytes([common[at], common[at + 1]]);
    let (channels, bits) = (half(0), half(6));
    let bytes = usize::from(bits.div_ceil(8));
    let name = chunk.get(COMMON_BYTES..).and_then(|rest| rest.first_chunk::<4>()).unwrap_or(b"NONE");
    let pcm = match name {
        b"NONE" | b"twos" => Pcm::signed(bytes, bits, true),
        b"in24" => Pcm::signed(3, 24, true),
        b"in32" => Pcm::signed(4, 32, true),
        b"sowt" => Pcm::signed(bytes, bits, false),
        b"42ni" => Pcm::signed(3, 24, false),
        b"23ni" => Pcm::signed(4, 32, false),
        b"raw " => Pcm::integers(1, 8, true),
        b"fl32" | b"FL32" => Pcm::floats(4, true),
        b"fl64" | b"FL64" => Pcm::floats(8, true),
        b"alaw" | b"ALAW" => Some(Pcm::law(Law::A)),
        b"ulaw" | b"ULAW" => Some(Pcm::law(Law::Mu)),
        name => {
            let name = name.escape_ascii();
            return Err(Trouble::new(format!("its samples are coded by method '{name}', which is not known")));
        }
    };
    let pcm = pcm.ok_or_else(|| Trouble::new(format!("samples of {bits} bits are not known")))?;
    let block_bytes = (pcm.n_bytes() * usize::from(channels)).max(1);
    Ok(Format { coding: Coding::Pcm(pcm), rate_hz: rate_hz(&common[8..18]), channels, block_bytes })
}

/// A number of 80 bits: sign and 15 bits of exponent, then 64 bits of which the first is the ones' place.
fn rate_hz(number: &[u8]) -> u32 {
    let exponent = i32::from(u16::from_be_bytes([number[0] & 0x7f, number[1]])) - 16_383;
    let mantissa = number[2..10].iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    // A cast saturates, which the bounds for rates refuse.
    (mantissa as f64 * f64::from(exponent - 63).exp2()).round() as u32
}
