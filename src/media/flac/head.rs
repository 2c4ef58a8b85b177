//! What stands before the first frame.

use std::io::Result;

use super::super::bytes::Bytes;

/// Bytes of the block that describes the stream.
pub(super) const STREAMINFO_BYTES: usize = 34;

/// Bytes before the first block that may be left out.
pub(super) const LEAST_BYTES: u64 = 4 + 4 + STREAMINFO_BYTES as u64;

/// More blocks than this no honest file has.
const MAX_BLOCKS: usize = 1024;

/// What the header says of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamInfo {
    bytes: [u8; STREAMINFO_BYTES],
    pub(super) rate_hz: u32,
    pub(super) channels: u8,
    pub(super) bits: u8,
    /// Channel frames in all, where that is known.
    pub(super) n_frames: Option<u64>,
}

impl StreamInfo {
    fn parse(bytes: [u8; STREAMINFO_BYTES]) -> Self {
        // 20 bits of rate, 3 of channels, 5 of bits, 36 of length.
        let packed = bytes[10..18].iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
        let n_frames = packed & 0xf_ffff_ffff;
        Self {
            bytes,
            rate_hz: (packed >> 44) as u32,
            channels: (packed >> 41 & 7) as u8 + 1,
            bits: (packed >> 36 & 31) as u8 + 1,
            n_frames: (n_frames > 0).then_some(n_frames),
        }
    }

    /// The block as a decoder accepts it: block lengths as wide as they can be, frame lengths unknown.
    pub(super) fn for_decoder(&self) -> Box<[u8]> {
        let mut bytes = self.bytes;
        bytes[..10].copy_from_slice(&[0, 16, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
        bytes.into()
    }
}

/// Whether `bytes` begin a FLAC stream.
pub(super) fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [b'f', b'L', b'a', b'C', 0 | 0x80, 0, 0, 34, ..])
}

/// Reads the header that `bytes` stand at; they stand at the first frame afterwards. `None` where none is there.
pub(super) fn read(bytes: &mut Bytes) -> Result<Option<StreamInfo>> {
    if !begins(bytes.peek(8)?) {
        return Ok(None);
    }
    bytes.skip(4)?;
    let mut info = None;
    for _ in 0..MAX_BLOCKS {
        let Some(&[kind, a, b, c]) = bytes.peek(4)?.first_chunk::<4>() else { break };
        // Where blocks end in something else, the first frame is searched.
        if kind & 0x7f == 0x7f {
            break;
        }
        bytes.skip(4)?;
        if info.is_none() {
            let Some(block) = bytes.peek(STREAMINFO_BYTES)?.first_chunk::<STREAMINFO_BYTES>() else { break };
            info = Some(StreamInfo::parse(*block));
        }
        bytes.skip(u64::from(u32::from_be_bytes([0, a, b, c])))?;
        if kind & 0x80 != 0 {
            break;
        }
    }
    Ok(info)
}
