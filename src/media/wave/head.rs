//! A WAV header: everything before the first sample.

use super::super::bytes::Bytes;
use super::super::sniff::{W64_RIFF, W64_WAVE};
use super::super::steps::Trouble;
use super::format::Format;

/// More chunks than this before the samples no honest file has.
pub(super) const MAX_CHUNKS: usize = 64;

/// Longest format chunk that is looked at; the rest of a longer one is skipped.
const MAX_FORMAT_BYTES: u64 = 256;

/// How far behind the format chunk the samples are searched where the chunks between are damaged.
const SEARCHED_BYTES: usize = 1 << 20;

/// What every chunk's name in a W64 file ends with.
const W64_TAIL: [u8; 12] = *b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a";

/// How chunks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RIFF, RF64 and BW64: names of 4 bytes, lengths of 32 bits.
    Riff { big_endian: bool },
    /// W64: names of 16 bytes, lengths of 64 bits that count themselves.
    W64,
    /// Core Audio Format: names of 4 bytes, lengths of 64 bits.
    Caf,
}

/// A chunk's name and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) id: [u8; 4],
    /// Bytes behind the header.
    pub(super) len: u64,
}

impl Dialect {
    /// Bytes of a chunk's header.
    pub(super) const fn header_bytes(self) -> usize {
        match self {
            Self::Riff { .. } => 8,
            Self::W64 => 24,
            Self::Caf => 12,
        }
    }

    /// The chunk that `bytes` begin with; `None` where they cannot begin one.
    pub(super) fn chunk(self, bytes: &[u8]) -> Option<Chunk> {
        let id = *bytes.first_chunk::<4>()?;
        if !id.iter().all(|byte| (b' '..=b'~').contains(byte)) || id == *b"    " {
            return None;
        }
        let len = match self {
            Self::Riff { big_endian } => {
                let len = *bytes.get(4..)?.first_chunk::<4>()?;
                u64::from(if big_endian { u32::from_be_bytes(len) } else { u32::from_le_bytes(len) })
            }
            Self::W64 => {
                let len = u64::from_le_bytes(*bytes.get(16..)?.first_chunk::<8>()?);
                (bytes.get(4..16)? == W64_TAIL).then_some(len)?.checked_sub(24)?
            }
            Self::Caf => u64::from_be_bytes(*bytes.get(4..)?.first_chunk::<8>()?),
        };
        Some(Chunk { id, len })
    }

    /// The bytes that fill a chunk of `len` bytes up.
    pub(super) const fn padding(self, len: u64) -> u64 {
        match self {
            Self::Riff { .. } => len & 1,
            Self::W64 => len.wrapping_neg() & 7,
            Self::Caf => 0,
        }
    }
}

/// How many bytes of samples follow, as far as the header can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Known(u64),
    /// The writer could not know, as one that writes into a pipe: to the end.
    Open,
    /// The length was never filled in: a recorder that crashed.
    Unfilled,
}

impl Length {
    /// A length as a chunk names it, unless it is one that writers put who do not know it: all ones, or the round numbers
    /// of sox, arecord and others. `behind` is how many bytes follow, where that is known.
    pub(super) fn of(len: u64, behind: Option<u64>) -> Self {
        let stands_for_unknown =
            matches!(len, 0xffff_ff00..=0xffff_ffff | 0x7fff_f000..=0x8000_0000 | 0x7fff_ffff_ffff_0000..=u64::MAX);
        if stands_for_unknown && behind.is_none_or(|behind| behind < len) { Self::Open } else { Self::Known(len) }
    }
}

/// What stands before the first sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) dialect: Dialect,
    pub(super) format: Format,
    pub(super) length: Length,
    /// How many channel frames there are, where that is said besides.
    pub(super) n_frames: Option<u64>,
}

impl Head {
    /// Reads a header; `bytes` stand at its beginning, and at the first sample afterwards.
    pub(super) fn read(bytes: &mut Bytes) -> Result<Self, Trouble> {
        let (dialect, riff_len) = opening(bytes)?;
        let (mut format, mut n_frames, mut data_bytes_64) = (None, None, None);
        for _ in 0..MAX_CHUNKS {
            let header = bytes.peek(dialect.header_bytes())?;
            let ends = header.len() < dialect.header_bytes();
            let found = dialect.chunk(header).filter(|chunk| fits(bytes, dialect, *chunk));
            let (Some(chunk), false) = (found, ends) else {
                // What lies between is damaged; the samples may still be found.
                let behind_format = format.map(|(_, end)| end);
                let len = search(bytes, dialect, behind_format)?;
                return Self::at_data(bytes, dialect, format, n_frames, (len, riff_len, data_bytes_64));
            };
            bytes.skip(dialect.header_bytes() as u64)?;
            if &chunk.id == b"data" {
                return Self::at_data(bytes, dialect, format, n_frames, (chunk.len, riff_len, data_bytes_64));
            }
            let known = bytes.peek(chunk.len.min(MAX_FORMAT_BYTES) as usize)?;
            let number = |at: usize, n: usize| number(known.get(at..at + n)?, dialect);
            match &chunk.id {
                b"fmt " => {
                    let big_endian = dialect == Dialect::Riff { big_endian: true };
                    format = Some((Format::parse(known, big_endian)?, bytes.pos() + chunk.len));
                }
                b"fact" => n_frames = number(0, if dialect == Dialect::W64 { 8 } else { 4 }),
                b"ds64" => data_bytes_64 = number(8, 8),
                _ => {}
            }
            bytes.skip(chunk.len)?;
            skip_padding(bytes, dialect, chunk.len)?;
        }
        Err(Trouble::new(format!("its first {MAX_CHUNKS} chunks hold no samples")))
    }

    /// The samples begin here, and their chunk says that there are `len` bytes of them.
    fn at_data(
        bytes: &Bytes,
        dialect: Dialect,
        format: Option<(Format, u64)>,
        n_frames: Option<u64>,
        (len, riff_len, data_bytes_64): (u64, u64, Option<u64>),
    ) -> Result<Self, Trouble> {
        let (format, _) = format.ok_or_else(|| Trouble::new("it does not say how its samples are coded"))?;
        let behind = bytes.end().map(|end| end - bytes.pos());
        let is_short_form = len == u64::from(u32::MAX);
        let length = match data_bytes_64 {
            // The short length is to be ignored there, whatever it says.
            Some(long) if long > 0 && (is_short_form || long & 0xffff_ffff == len) => Length::of(long, behind),
            long if (long == Some(0) && is_short_form) || (len == 0 && is_unfilled(behind, riff_len, bytes.end())) => {
                if behind.is_some() {
                    Length::Unfilled
                } else {
                    Length::Open
                }
            }
            _ => Length::of(len, behind),
        };
        Ok(Self { dialect, format, length, n_frames })
    }
}

/// The first bytes: what dialect follows, and what they say of the whole length.
fn opening(bytes: &mut Bytes) -> Result<(Dialect, u64), Trouble> {
    let head = bytes.peek(40)?;
    let (dialect, riff_len, n_bytes) = match head {
        [b'R', b'I', b'F', b'X', a, b, c, d, ..] => {
            (Dialect::Riff { big_endian: true }, u64::from(u32::from_be_bytes([*a, *b, *c, *d])), 12)
        }
        _ if head.starts_with(&W64_RIFF) && head.ends_with(&W64_WAVE) => (Dialect::W64, 0, 40),
        [_, _, _, _, a, b, c, d, ..] => {
            (Dialect::Riff { big_endian: false }, u64::from(u32::from_le_bytes([*a, *b, *c, *d])), 12)
        }
        _ => return Err(Trouble::new("it ends too early")),
    };
    bytes.skip(n_bytes)?;
    Ok((dialect, riff_len))
}

/// Whether a chunk can be what it says: only samples may reach behind the end.
fn fits(bytes: &Bytes, dialect: Dialect, chunk: Chunk) -> bool {
    let start = bytes.pos() + dialect.header_bytes() as u64;
    &chunk.id == b"data" || bytes.end().is_none_or(|end| start.saturating_add(chunk.len) <= end)
}

/// Skips what fills a chunk up, which some writers forget.
fn skip_padding(bytes: &mut Bytes, dialect: Dialect, len: u64) -> Result<(), Trouble> {
    let padding = dialect.padding(len);
    if padding > 0 {
        let next = bytes.peek(dialect.header_bytes())?;
        if next.first() == Some(&0) || dialect.chunk(next).is_none() {
            bytes.skip(padding)?;
        }
    }
    Ok(())
}

/// Searches the samples' chunk among damaged ones, skips its header and gives the length that it claims.
fn search(bytes: &mut Bytes, dialect: Dialect, behind_format: Option<u64>) -> Result<u64, Trouble> {
    if let Some(at) = behind_format.filter(|_| bytes.is_file()) {
        bytes.go_to(at)?;
    }
    let known = bytes.peek(SEARCHED_BYTES)?;
    let found = (0..known.len()).find_map(|at| {
        let chunk = dialect.chunk(&known[at..])?;
        (&chunk.id == b"data").then_some((at, chunk.len))
    });
    let (at, len) = found.ok_or_else(|| Trouble::new("it has no samples, or its header is damaged"))?;
    bytes.skip((at + dialect.header_bytes()) as u64)?;
    Ok(len)
}

/// Whether a length of 0 is one that was never filled in: 0 is what most recorders write first. With bytes behind it and
/// a total that knows nothing of them, it was never replaced.
fn is_unfilled(behind: Option<u64>, riff_len: u64, end: Option<u64>) -> bool {
    match (behind, end) {
        (Some(behind), Some(end)) => behind > 0 && riff_len.saturating_add(8) < end,
        _ => true,
    }
}

fn number(bytes: &[u8], dialect: Dialect) -> Option<u64> {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    Some(match dialect {
        Dialect::Riff { big_endian: true } => bytes.iter().fold(0, add),
        _ => bytes.iter().rev().fold(0, add),
    })
}
