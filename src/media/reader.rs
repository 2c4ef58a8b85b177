//! A recording as a stream of samples, from a file or from a pipe.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::bytes::Bytes;
use super::faults::Faults;
use super::open;
use super::sniff::READABLE;
use super::steps::{Step, Steps, Trouble};
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// More channels than this no recording may have: the monitor's inputs are microphones, not mixing desks.
pub const MAX_CHANNELS: u16 = 8;

/// Longest silence that stands in for damaged packets, in seconds. Packets are far shorter; a damaged length field must not
/// fill the memory.
const MAX_GAP_SECS: u64 = 1;

/// Reads a recording packet by packet, for those that should not be held in memory.
pub struct RecordingReader {
    name: String,
    steps: Box<dyn Steps>,
    sample_rate: SampleRate,
    channels: u16,
    /// What `next_chunk` gives out.
    chunk: Vec<f32>,
    /// Whether `chunk` holds the first packet, which `open` decoded already.
    primed: bool,
    /// Damaged packets with no sound behind them yet. Only once some follows, silence stands in for them.
    owed: Damage,
    /// Those that became silence.
    damage: Damage,
    frames_read: u64,
    sound_packets: u64,
    promised_frames: Option<u64>,
    interrupted: bool,
    ended: bool,
}

/// Packets that could not be decoded, and how many channel frames they claim to last.
#[derive(Debug, Clone, Copy, Default)]
struct Damage {
    packets: u64,
    frames: u64,
}

/// The channels of a recording, if they are as many as can be heard.
fn some_channels(n: usize, name: &str) -> Result<u16> {
    u16::try_from(n).ok().filter(|n| (1..=MAX_CHANNELS).contains(n)).ok_or_else(|| {
        Error::input(format!("{name} has {n} channels; convert it to between 1 and {MAX_CHANNELS} first"))
    })
}

impl RecordingReader {
    /// Opens `path` and decodes its first packet: only that tells rate and channels for sure.
    ///
    /// # Errors
    /// As [`read_recording`].
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = open_file(path, &name)?;
        let bytes = Bytes::of_file(file)
            .map_err(|e| Error::input(format!("cannot read {name}: {e}; check the disk")).with_source(e))?;
        Self::start(name, bytes)
    }

    /// Reads a recording from a stream that cannot be wound back, such as a pipe; `name` is for messages. The formats that
    /// can be read so are those that begin with what they need: WAV, FLAC, Ogg, MP3 (see [`super::sniff::sniff`]).
    ///
    /// # Errors
    /// As [`read_recording`].
    pub fn from_stream(reader: impl Read + Send + 'static, name: impl Into<String>) -> Result<Self> {
        let (mut bytes, name) = (Bytes::of_pipe(reader), name.into());
        let first = bytes.peek(1).map_err(|e| Error::input(format!("cannot read {name}: {e}")).with_source(e))?;
        if first.is_empty() {
            return Err(Error::input(format!("{name} is empty: it ended before the first byte came")));
        }
        Self::start(name, bytes)
    }

    /// Recognises the format and decodes the first piece.
    fn start(name: String, bytes: Bytes) -> Result<Self> {
        let mut steps = open::open(bytes).map_err(|e| not_readable(&name, e))?;
        let mut chunk = Vec::new();
        let mut owed = Damage::default();
        let spec = loop {
            match steps.next(&mut chunk) {
                Step::Sound(spec) => break spec,
                Step::Damaged { frames } => owed.add(frames),
                Step::End(_) => return Err(no_sound(&name)),
                Step::Failed(e) => return Err(not_readable(&name, e)),
            }
        };
        let sample_rate = SampleRate::new(spec.rate_hz)
            .ok_or_else(|| Error::input(format!("{name} says its sample rate is 0 Hz; its header is damaged")))?;
        let channels = some_channels(spec.channels, &name)?;
        let mut reader = Self {
            name,
            steps,
            sample_rate,
            channels,
            chunk,
            primed: true,
            owed,
            damage: Damage::default(),
            frames_read: 0,
            sound_packets: 1,
            promised_frames: None,
            interrupted: false,
            ended: false,
        };
        reader.settle_owed();
        Ok(reader)
    }

    /// The recording's own rate.
    #[must_use]
    pub const fn sample_rate(&self) -> SampleRate {
        self.sample_rate
    }

    /// Channels, 1 to [`MAX_CHANNELS`].
    #[must_use]
    pub const fn channels(&self) -> u16 {
        self.channels
    }

    /// What is missing, as far as it is known: all of it once `next_chunk` has given `None`.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let secs = |frames| self.sample_rate.secs(frames);
        Faults {
            ends_early: self.interrupted,
            read_secs: secs(self.frames_read),
            promised_secs: self.promised_frames.map(secs),
            damaged_packets: self.damage.packets,
            damaged_secs: secs(self.damage.frames),
        }
    }

    /// The next packet, interleaved `[n_channel_frames, channels]`, in whole channel frames and not empty; `None` at the
    /// end, and from then on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where the rate or the channels change on the way.
    pub fn next_chunk(&mut self) -> Result<Option<&[f32]>> {
        if self.ended {
            return Ok(None);
        }
        if !std::mem::take(&mut self.primed) && !self.decode_next()? {
            self.ended = true;
            self.chunk = Vec::new();
            return Ok(None);
        }
        self.frames_read += (self.chunk.len() / usize::from(self.channels)) as u64;
        Ok(Some(&self.chunk))
    }

    /// Fills `chunk`; false at the end.
    fn decode_next(&mut self) -> Result<bool> {
        loop {
            match self.steps.next(&mut self.chunk) {
                Step::Sound(spec) => {
                    if spec.rate_hz != self.sample_rate.hz() || spec.channels != usize::from(self.channels) {
                        return Err(Error::input(format!(
                            "{} changes its sample rate or channels on the way; split it there",
                            self.name
                        )));
                    }
                    self.sound_packets += 1;
                    self.settle_owed();
                    return Ok(true);
                }
                Step::Damaged { frames } => self.owed.add(frames),
                // What cannot be demuxed any further is where the file breaks off.
                Step::Failed(_) => {
                    self.interrupted = true;
                    return Ok(false);
                }
                Step::End(ending) => {
                    self.promised_frames = ending.promised_frames;
                    // Nothing but damage follows the last sound.
                    self.interrupted |= ending.is_cut || self.owed.frames > 0;
                    self.interrupted |= ending.promised_frames.is_some_and(|n| self.frames_read < n);
                    return Ok(false);
                }
            }
        }
    }

    /// Puts the silence that is owed for damaged packets before the samples in `chunk`.
    fn settle_owed(&mut self) {
        let owed = std::mem::take(&mut self.owed);
        let frames = owed.frames.min(MAX_GAP_SECS * u64::from(self.sample_rate.hz()));
        self.damage.packets += owed.packets;
        self.damage.frames += frames;
        if frames > 0 {
            let n = frames as usize * usize::from(self.channels);
            self.chunk.splice(0..0, std::iter::repeat_n(0.0, n));
        }
    }

    /// An error where more pieces were damaged than could be decoded.
    pub(super) fn must_be_mostly_sound(&self) -> Result<()> {
        let damaged = self.damage.packets + self.owed.packets;
        if damaged > self.sound_packets { Err(no_sound(&self.name)) } else { Ok(()) }
    }
}

impl Damage {
    fn add(&mut self, frames: u64) {
        self.packets += 1;
        self.frames = self.frames.saturating_add(frames);
    }
}

fn open_file(path: &Path, name: &str) -> Result<File> {
    let unopened = |e: std::io::Error| {
        Error::input(format!("cannot open the recording {name}: {e}; check its name and permissions")).with_source(e)
    };
    let meta = std::fs::metadata(path).map_err(unopened)?;
    if meta.is_dir() {
        return Err(Error::input(format!("{name} is a folder; give the name of a recording in it")));
    }
    if !meta.is_file() {
        return Err(Error::input(format!("{name} is not a regular file; pipe raw samples in with stdin: instead")));
    }
    // Decoded piece by piece, so it may be as long as it likes.
    let file = checked_file::open(path, Links::Follow, u64::MAX).map_err(unopened)?;
    if meta.len() == 0 {
        return Err(Error::input(format!("the recording {name} is empty (0 bytes)")));
    }
    Ok(file)
}

fn no_sound(name: &str) -> Error {
    Error::input(format!("{name} holds no sound that can be decoded; it is empty or damaged"))
}

fn not_readable(name: &str, trouble: Trouble) -> Error {
    Error::input(format!(
        "{name} is not a recording that can be read ({trouble}); convert it to one of these: {READABLE}"
    ))
    .with_source(trouble)
}
