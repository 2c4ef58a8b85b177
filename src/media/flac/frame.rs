//! A frame's header and checksums.

use super::head::StreamInfo;

/// Longest header, in bytes.
pub(super) const MAX_HEADER_BYTES: usize = 16;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Number of the first sample, or of the frame where all blocks are of one length.
    pub(super) number: u64,
    pub(super) counts_samples: bool,
    /// Channel frames in it.
    pub(super) n_frames: u32,
    /// Length of the header itself.
    pub(super) header_bytes: usize,
}

impl Frame {
    /// Reads the header that `bytes` begin with, if it is one of the stream that `info` describes.
    pub(super) fn parse(bytes: &[u8], info: &StreamInfo) -> Option<Self> {
        let [0xff, second, codes, layout, ..] = *bytes else { return None };
        if second & 0xfe != 0xf8 || layout & 1 != 0 {
            return None;
        }
        let channels = match layout >> 4 {
            n @ 0..=7 => n + 1,
            8..=10 => 2,
            _ => return None,
        };
        let bits = [info.bits, 8, 12, 0, 16, 20, 24, 32][usize::from(layout >> 1 & 7)];
        if channels != info.channels || bits != info.bits {
            return None;
        }
        let (number, mut at) = coded_number(bytes.get(4..)?)?;
        at += 4;
        let mut field = |n: usize| -> Option<u32> {
            let value = bytes.get(at..at + n)?.iter().fold(0, |all, &byte| all << 8 | u32::from(byte));
            at += n;
            Some(value)
        };
        let n_frames = match codes >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 144 << code,
            6 => field(1)? + 1,
            7 => field(2)? + 1,
            code => 1 << code,
        };
        let rate_hz = match codes & 15 {
            0 => info.rate_hz,
            12 => field(1)? * 1000,
            13 => field(2)?,
            14 => field(2)? * 10,
            15 => return None,
            code => [0, 88_200, 176_400, 192_000, 8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]
                [usize::from(code)],
        };
        let is_whole = crc8(bytes.get(..at)?) == *bytes.get(at)?;
        (is_whole && rate_hz == info.rate_hz && n_frames <= 65_535).then_some(Self {
            number,
            counts_samples: second & 1 == 1,
            n_frames,
            header_bytes: at + 1,
        })
    }

    /// The number that the frame behind it has.
    pub(super) fn next_number(&self) -> u64 {
        self.number + if self.counts_samples { u64::from(self.n_frames) } else { 1 }
    }

    /// More bytes than this no such frame has: an encoder writes samples as they are where it finds nothing shorter.
    pub(super) fn most_bytes(&self, info: &StreamInfo) -> usize {
        let sample_bits = usize::from(info.bits) + 1;
        let subframe = (self.n_frames as usize * sample_bits).div_ceil(8) + 16;
        MAX_HEADER_BYTES + subframe * usize::from(info.channels) + 2
    }
}

/// A number written as UTF-8 would write it, up to 36 bits, and its length.
fn coded_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = match first.leading_ones() {
        0 => return Some((first.into(), 1)),
        n @ 2..=7 => n as usize,
        _ => return None,
    };
    let mut number = u64::from(first) & (0x7f >> len);
    for byte in bytes.get(1..len)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = number << 6 | u64::from(byte & 0x3f);
    }
    Some((number, len))
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 != 0 { crc << 1 ^ 0x07 } else { crc << 1 })
    })
}

/// The checksum over a whole frame; 0 over one that ends with its own checksum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crc16(u16);

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x8005 } else { crc << 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

impl Crc16 {
    pub(super) fn add(&mut self, byte: u8) {
        self.0 = self.0 << 8 ^ CRC16[usize::from((self.0 >> 8) as u8 ^ byte)];
    }

    pub(super) const fn is_zero(self) -> bool {
        self.0 == 0
    }
}
