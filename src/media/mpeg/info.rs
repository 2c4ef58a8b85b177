//! The first frame of most mp3 recordings: silent, it says how long they are and what to cut off.

use super::header::Header;

/// Frames that a decoder gives before the first sound.
const DECODER_DELAY: u64 = 529;

/// What such a frame says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Frames of MPEG audio that follow.
    pub(super) n_frames: Option<u64>,
    /// Channel frames to cut off at the beginning and at the end.
    pub(super) delay: u64,
    pub(super) padding: u64,
}

impl Info {
    /// What `frame` says, if it is of this kind.
    pub(super) fn parse(frame: &[u8], header: &Header) -> Option<Self> {
        if header.layer != 3 {
            return None;
        }
        let side_bytes = match (header.is_mpeg1, header.channels) {
            (true, 1) | (false, 2) => 17,
            (true, _) => 32,
            (false, _) => 9,
        };
        let word = |at: usize| Some(u64::from(u32::from_be_bytes(*frame.get(at..)?.first_chunk::<4>()?)));
        let mark = |at: usize, is: &[&[u8; 4]]| {
            let first = 4 + if header.has_crc { 2 } else { 0 };
            let found = frame.get(at..).is_some_and(|rest| is.iter().any(|mark| rest.starts_with(*mark)));
            // There is no sound in such a frame.
            found && frame.get(first..at).is_some_and(|side| side.iter().all(|&byte| byte == 0))
        };
        let vbri = 4 + 32;
        if mark(vbri, &[b"VBRI"]) {
            return Some(Self { n_frames: word(vbri + 14), ..Self::default() });
        }
        let xing = 4 + side_bytes;
        if !mark(xing, &[b"Xing", b"Info"]) {
            return None;
        }
        let flags = word(xing + 4)?;
        let has = |bit: u64| flags & bit != 0;
        let n_frames = if has(1) { word(xing + 8) } else { None };
        // Behind the flags: frames, bytes, table of contents and quality, as far as they are there.
        let lengths = [(1, 4), (2, 4), (4, 100), (8, 4)];
        let encoder = xing + 8 + lengths.iter().filter(|(bit, _)| has(*bit)).map(|(_, len)| len).sum::<usize>();
        let knows = frame.get(encoder..).is_some_and(|e| [b"LAME", b"Lavf", b"Lavc"].iter().any(|n| e.starts_with(*n)));
        let cut = word(encoder + 20).filter(|_| knows).map(|word| word & 0xff_ffff);
        Some(Self {
            n_frames: n_frames.filter(|n| *n > 0),
            delay: cut.map_or(0, |cut| DECODER_DELAY + (cut >> 12)),
            padding: cut.map_or(0, |cut| (cut & 0xfff).saturating_sub(DECODER_DELAY)),
        })
    }
}
