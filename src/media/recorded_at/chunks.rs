//! Times that recorders leave in the chunks of a WAV file, whatever its flavour: RIFF, RF64, BW64 or W64.
//!
//! Everything here was written by someone else: lengths are checked, and little is read.

use std::io::{Read, Result, Seek, SeekFrom};
use std::time::SystemTime;

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::plausible::{plausible, wall};

/// Most chunks that are looked at.
const MAX_CHUNKS: usize = 256;

/// Most of a GUANO chunk that is read, in bytes. They have some hundreds.
const MAX_GUANO_BYTES: u64 = 1 << 16;

/// What a `bext` chunk has up to and with its time reference, in bytes.
const BEXT_BYTES: u64 = 346;
const BEXT_DATE: std::ops::Range<usize> = 320..330;
const BEXT_TIME: std::ops::Range<usize> = 330..338;
const BEXT_REFERENCE: std::ops::Range<usize> = 338..346;

/// A W64 file begins with this identifier; its chunks' identifiers begin with the four letters that RIFF has.
const W64_RIFF: [u8; 16] =
    [0x72, 0x69, 0x66, 0x66, 0x2e, 0x91, 0xcf, 0x11, 0xa5, 0xd6, 0x28, 0xdb, 0x04, 0xc1, 0x00, 0x00];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    bext: Option<Vec<u8>>,
    guano: Option<String>,
    pub(super) format: Option<Format>,
    /// Where the samples begin, and how many bytes of them there are: as many as the chunks say where they add up to the
    /// file, and all bytes to its end where they do not.
    pub(super) data: Option<(u64, u64)>,
}

/// What is needed of the format chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    pub(super) rate_hz: u32,
    pub(super) bytes_per_sec: u64,
}

/// The chunks of a WAV file; none of anything else.
pub(super) fn read(file: &mut (impl Read + Seek)) -> Result<Chunks> {
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    let mut head = [0; 40];
    let n = file.by_ref().take(40).read(&mut head)?;
    let mut chunks = Chunks::default();
    let layout = match head.get(..n) {
        Some(head) if head.len() == 40 && head[..16] == W64_RIFF && head[24..28] == *b"wave" => Layout::W64,
        Some(head) if head.len() >= 12 && head[8..12] == *b"WAVE" => match &head[..4] {
            b"RIFF" => Layout::Riff,
            b"RF64" | b"BW64" => Layout::Rf64,
            _ => return Ok(chunks),
        },
        _ => return Ok(chunks),
    };
    let mut at = if layout == Layout::W64 { 40 } else { 12 };
    // What `ds64` says of the length of the samples.
    let mut long_data = None;
    for _ in 0..MAX_CHUNKS {
        let Some((name, start, size)) = layout.chunk(file, at, len)? else { break };
        let size = if &name == b"data" && size == u64::from(u32::MAX) { long_data.unwrap_or(size) } else { size };
        match &name {
            b"bext" => chunks.bext = Some(bytes(file, start, size.min(BEXT_BYTES))?),
            b"guan" => {
                let bytes = bytes(file, start, size.min(MAX_GUANO_BYTES))?;
                chunks.guano = Some(String::from_utf8_lossy(&bytes).into_owned());
            }
            b"fmt " => chunks.format = Format::parse(&bytes(file, start, size.min(16))?),
            b"ds64" if layout == Layout::Rf64 => {
                let sizes = bytes(file, start, size.min(16))?;
                long_data = sizes.get(8..16).map(number);
            }
            b"data" => {
                let (first, before) = chunks.data.unwrap_or((start, 0));
                chunks.data = Some((first, u64::saturating_add(before, size)));
            }
            _ => {}
        }
        let Some(next) = layout.next(start, size) else { break };
        at = next;
    }
    // Some leave out the byte that makes a length even.
    if let Some((start, size)) = &mut chunks.data
        && at != len
        && at != len + 1
    {
        *size = len.saturating_sub(*start);
    }
    Ok(chunks)
}

/// How the chunks of a file follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Riff,
    Rf64,
    W64,
}

impl Layout {
    /// Name, beginning and size of the chunk at `at`; `None` where the file ends.
    fn chunk(self, file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Option<([u8; 4], u64, u64)>> {
        let head_len = if self == Self::W64 { 24 } else { 8 };
        if at.saturating_add(head_len) > len {
            return Ok(None);
        }
        let head = bytes(file, at, head_len)?;
        let (Some(name), true) = (head.first_chunk::<4>(), head.len() as u64 == head_len) else { return Ok(None) };
        let start = at + head_len;
        if self == Self::W64 {
            // The size is that of the head, too.
            return Ok(number(&head[16..]).checked_sub(head_len).map(|size| (*name, start, size)));
        }
        Ok(Some((*name, start, number(&head[4..]))))
    }

    /// Where the next chunk is.
    fn next(self, start: u64, size: u64) -> Option<u64> {
        let end = start.checked_add(size)?;
        if self == Self::W64 { end.checked_next_multiple_of(8) } else { end.checked_add(size & 1) }
    }
}

fn bytes(file: &mut (impl Read + Seek), at: u64, n: u64) -> Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.by_ref().take(n).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Format {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let field = |at: usize, n: usize| bytes.get(at..at + n).map(number);
        let (tag, rate_hz, bytes_per_sec, block) = (field(0, 2)?, field(4, 4)?, field(8, 4)?, field(12, 2)?);
        // Of plain samples the frames tell the truth even where the field beside them does not.
        let is_plain = [1, 3, 0xfffe].contains(&tag) && block > 0;
        Some(Self { rate_hz: rate_hz as u32, bytes_per_sec: if is_plain { rate_hz * block } else { bytes_per_sec } })
    }
}

impl Chunks {
    /// When the `bext` chunk says the recording began, to the sample where its time reference (samples since midnight) says the
    /// same. Its times are local.
    pub(super) fn bext_time(&self, zone: &TimeZone) -> Option<SystemTime> {
        let bext = self.bext.as_ref()?;
        let [year, month, day] = three(bext.get(BEXT_DATE)?, 4)?;
        let date = civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let midnight = date.to_datetime(civil::Time::midnight());
        let reference = bext.get(BEXT_REFERENCE).map(number).filter(|samples| *samples > 0);
        let secs = reference.zip(self.format.filter(|f| f.rate_hz > 0)).map(|(n, f)| n as f64 / f64::from(f.rate_hz));
        let since_midnight = |secs: f64| midnight.checked_add(jiff::SignedDuration::try_from_secs_f64(secs).ok()?).ok();
        let time = match three(bext.get(BEXT_TIME)?, 2) {
            Some([hour, minute, second]) => {
                let part = |n: i16| i8::try_from(n).ok();
                let told = date.to_datetime(civil::Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?);
                let exact = secs.and_then(since_midnight);
                // The second is the same, or the one before or behind.
                exact.filter(|exact| told.duration_until(*exact).abs().as_secs() <= 1).unwrap_or(told)
            }
            // Without a time the reference is one if it lies in the day.
            None => secs.filter(|secs| *secs < 86_400.0).and_then(since_midnight)?,
        };
        wall(time, zone)
    }

    /// When the GUANO chunk says the recording began. A time without an offset is local.
    pub(super) fn guano_time(&self, zone: &TimeZone) -> Option<SystemTime> {
        let text = self.guano.as_ref()?;
        let value = text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim_matches(|c: char| c.is_whitespace() || c == '\0') == "Timestamp").then(|| value.trim())
        })?;
        let value = value.trim_end_matches('\0').trim();
        if let Ok(time) = value.parse::<jiff::Timestamp>() {
            return plausible(Offset::UTC.to_datetime(time)).map(|_| time.into());
        }
        wall(value.parse().ok()?, zone)
    }
}

/// Three numbers with single signs between them, as in `2026-07-02` or `06:44:04`; the first has `n_first` digits.
fn three(bytes: &[u8], n_first: usize) -> Option<[i16; 3]> {
    let digits = |at: usize, n: usize| {
        let digits = bytes.get(at..at + n).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let signs = [bytes.get(n_first)?, bytes.get(n_first + 3)?];
    if signs.iter().any(|sign| sign.is_ascii_alphanumeric()) {
        return None;
    }
    Some([digits(0, n_first)?, digits(n_first + 1, 2)?, digits(n_first + 4, 2)?])
}
