//! The format chunk: how the samples are coded.

use super::super::steps::Trouble;
use super::pcm::{Law, Pcm};

/// What the first bytes of a sub-format's GUID are followed by, where they are the same code as in a plain header:
/// Microsoft's GUIDs, and those of Ambisonics.
const GUID_TAILS: [[u8; 14]; 2] =
    [*b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", *b"\0\0\x21\x07\xd3\x11\x86\x44\xc8\xc1\xca\0\0\0"];

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Coding {
    Pcm(Pcm),
    /// Microsoft's ADPCM.
    MsAdpcm,
    /// IMA ADPCM.
    ImaAdpcm,
    /// Frames of MPEG audio.
    Mpeg,
}

/// What the format chunk says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Format {
    pub(super) coding: Coding,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    /// Bytes of the smallest piece that can be decoded by itself: a channel frame, or a block of ADPCM.
    pub(super) block_bytes: usize,
}

impl Format {
    /// Reads the chunk's bytes. Fields behind those that are needed may be of any length, or missing.
    pub(super) fn parse(chunk: &[u8], big_endian: bool) -> Result<Self, Trouble> {
        let half = |at: usize| -> Option<u16> {
            let bytes = *chunk.get(at..)?.first_chunk::<2>()?;
            Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let word = |at: usize| -> Option<u32> {
            let bytes = *chunk.get(at..)?.first_chunk::<4>()?;
            Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
        };
        let needed = (half(0), half(2), word(4), half(12));
        let (Some(plain_tag), Some(channels), Some(rate_hz), Some(align)) = needed else {
            return Err(Trouble::new("its format chunk is too short"));
        };
        // Some chunks end before the bits.
        let mut bits = half(14).unwrap_or((align / channels.max(1)).saturating_mul(8));
        let mut tag = plain_tag;
        if let (0xfffe, Some(valid_bits), Some(sub)) = (tag, half(18), chunk.get(24..40)) {
            let same_codes = GUID_TAILS.iter().any(|tail| sub.ends_with(tail));
            tag = half(24).filter(|_| same_codes).unwrap_or(tag);
            // For formats without bits that field holds something else.
            if (1..=bits).contains(&valid_bits) && tag == 1 {
                bits = valid_bits;
            }
        }
        let container = container_bytes(align, channels, half(14).unwrap_or(bits));
        let pcm = |pcm: Option<Pcm>| pcm.map(Coding::Pcm);
        let coding = match tag {
            // Without a known sub-format, bits and alignment say enough of plain samples.
            1 | 0xfffe => pcm(Pcm::integers(container, bits, big_endian)),
            3 => pcm(Pcm::floats(container, big_endian)),
            6 => pcm(Some(Pcm::law(Law::A))),
            7 => pcm(Some(Pcm::law(Law::Mu))),
            2 => Some(Coding::MsAdpcm),
            0x11 => Some(Coding::ImaAdpcm),
            0x50 | 0x55 => Some(Coding::Mpeg),
            _ => return Err(Trouble::new(format!("its samples are coded by method {tag:#06x}, which is not known"))),
        };
        let coding = coding.ok_or_else(|| Trouble::new(format!("samples of {bits} bits are not known")))?;
        let block_bytes = match coding {
            Coding::Pcm(pcm) => pcm.n_bytes() * usize::from(channels),
            _ => usize::from(align),
        };
        Ok(Self { coding, rate_hz, channels, block_bytes: block_bytes.max(1) })
    }
}

/// How many bytes a sample takes. The alignment says it where it can be true; samples of 24 bits may stand in 4 bytes.
fn container_bytes(align: u16, channels: u16, bits: u16) -> usize {
    let needed = usize::from(bits.div_ceil(8));
    let (align, channels) = (usize::from(align), usize::from(channels));
    match align.checked_div(channels) {
        Some(each) if align == each * channels && (needed..=8).contains(&each) => each,
        _ => needed,
    }
}
