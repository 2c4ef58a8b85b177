//! Headers of MPEG audio frames.

/// Kilobits a second by [MPEG 1 or not][layer 1, 2, 3][index]; 0 is "free", which nobody writes.
const KBITS: [[[u16; 15]; 3]; 2] = [
    [
        [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    ],
    [
        [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ],
];

/// What the first four bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Header {
    /// 1, 2 or 3.
    pub(super) layer: u8,
    /// MPEG 1, rather than 2 or 2.5.
    pub(super) is_mpeg1: bool,
    pub(super) rate_hz: u32,
    pub(super) channels: u16,
    /// Whether 16 bits of a checksum follow.
    pub(super) has_crc: bool,
    /// The frame's length, these four bytes included.
    pub(in super::super) n_bytes: usize,
}

impl Header {
    /// Reads the header that `bytes` begin with, if they begin with one.
    pub(in super::super) fn parse(bytes: &[u8]) -> Option<Self> {
        let [sync, kind, rates, mode] = *bytes.first_chunk::<4>()?;
        if sync != 0xff || kind & 0xe0 != 0xe0 || mode & 3 == 2 {
            return None;
        }
        // 0 is MPEG 2.5, 2 is MPEG 2, 3 is MPEG 1.
        let (version, layer) = (kind >> 3 & 3, 4 - (kind >> 1 & 3));
        if version == 1 || layer == 4 {
            return None;
        }
        let is_mpeg1 = version == 3;
        let rate_mpeg1 = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
        let rate_hz = rate_mpeg1 >> [2, 0, 1, 0][usize::from(version)];
        let table = &KBITS[usize::from(!is_mpeg1)][usize::from(layer - 1)];
        let bits = u32::from(*table.get(usize::from(rates >> 4))?) * 1000;
        if bits == 0 {
            return None;
        }
        let padding = u32::from(rates >> 1 & 1);
        let n_bytes = match layer {
            1 => (12 * bits / rate_hz + padding) * 4,
            3 if !is_mpeg1 => 72 * bits / rate_hz + padding,
            _ => 144 * bits / rate_hz + padding,
        };
        let channels = if mode >> 6 == 3 { 1 } else { 2 };
        Some(Self { layer, is_mpeg1, rate_hz, channels, has_crc: kind & 1 == 0, n_bytes: n_bytes as usize })
    }

    /// Channel frames that one such frame holds.
    pub(super) const fn n_frames(&self) -> u64 {
        match self.layer {
            1 => 384,
            3 if !self.is_mpeg1 => 576,
            _ => 1152,
        }
    }

    /// Whether `other` can be a frame of the same recording.
    pub(in super::super) fn is_same(&self, other: &Self) -> bool {
        let essence = |h: &Self| (h.layer, h.is_mpeg1, h.rate_hz, h.channels);
        essence(self) == essence(other)
    }
}
