//! Reads the samples, chunk after chunk and recording after recording.

use super::super::bytes::Bytes;
use super::super::sniff::Kind;
use super::super::steps::{Ending, Spec, Step, Steps, Trouble};
use super::adpcm::Adpcm;
use super::format::{Coding, Format};
use super::head::{Head, Length};
use super::pcm::Pcm;
use super::tail::{Behind, behind};
use super::{aiff, caf};

/// Most channel frames of one step.
const MAX_FRAMES: usize = 4096;

/// Plain samples being read.
pub(in super::super) struct Wave {
    bytes: Bytes,
    head: Head,
    decoder: Decoder,
    /// Bytes of samples to come; `None`: to the end.
    left: Option<u64>,
    /// Bytes of samples that this chunk's header names; `None` where it names none, or they were found to be too few.
    named_bytes: Option<u64>,
    /// Channel frames of this chunk so far.
    frames_here: u64,
    /// What the headers so far promised, all together; `None` once one makes no promise.
    promised: Option<u64>,
    is_cut: bool,
}

enum Decoder {
    Pcm(Pcm),
    Adpcm(Box<Adpcm>),
}

/// What stands behind a header.
pub(in super::super) enum Content {
    /// Samples.
    Samples(Box<Wave>),
    /// Frames of MPEG audio, from where the bytes stand.
    Mpeg(Bytes),
    /// Something coded in another way, in a container that begins where the bytes stand.
    Other(Bytes),
}

impl Wave {
    /// Reads the header that `bytes` stand at: that of a WAV, an AIFF or a CAF.
    pub(in super::super) fn open(kind: Kind, mut bytes: Bytes) -> Result<Content, Trouble> {
        let head = match kind {
            Kind::Aiff => aiff::read(&mut bytes)?,
            Kind::Caf => match caf::read(&mut bytes)? {
                Some(head) => head,
                None => return Ok(Content::Other(bytes)),
            },
            _ => Head::read(&mut bytes)?,
        };
        let Some(decoder) = decoder(head.format)? else { return Ok(Content::Mpeg(bytes)) };
        let mut wave = Self {
            bytes,
            head,
            decoder,
            left: None,
            named_bytes: None,
            frames_here: 0,
            promised: Some(0),
            is_cut: false,
        };
        wave.begin(head.length);
        Ok(Content::Samples(Box::new(wave)))
    }

    /// Samples of so many bytes begin.
    fn begin(&mut self, length: Length) {
        self.frames_here = 0;
        self.named_bytes = match length {
            Length::Known(len) => Some(len),
            Length::Open | Length::Unfilled => None,
        };
        self.left = self.named_bytes;
        self.is_cut |= length == Length::Unfilled;
        let promise = self.named_bytes.map(|len| self.frames_in(len));
        self.promised = self.promised.zip(promise).map(|(before, here)| before.saturating_add(here));
    }

    /// Channel frames in `len` bytes of samples.
    fn frames_in(&self, len: u64) -> u64 {
        let block_bytes = self.head.format.block_bytes as u64;
        let (whole, rest) = (len / block_bytes, len % block_bytes);
        let n_frames = match &self.decoder {
            Decoder::Pcm(_) => whole,
            Decoder::Adpcm(adpcm) => {
                whole.saturating_mul(self.block_frames()).saturating_add(adpcm.n_frames(rest as usize))
            }
        };
        // Blocks are all full; how many frames of the last one are meant is said besides.
        match self.head.n_frames {
            Some(n) if n < n_frames && n_frames - n < self.block_frames() => n,
            _ => n_frames,
        }
    }

    /// Channel frames of one block.
    fn block_frames(&self) -> u64 {
        match &self.decoder {
            Decoder::Pcm(_) => 1,
            Decoder::Adpcm(adpcm) => adpcm.n_frames(self.head.format.block_bytes),
        }
    }

    fn step(&mut self, out: &mut Vec<f32>) -> Result<Step, Trouble> {
        loop {
            let block_bytes = self.head.format.block_bytes;
            let most = match &self.decoder {
                Decoder::Pcm(_) => block_bytes * MAX_FRAMES,
                Decoder::Adpcm(_) => block_bytes,
            };
            let most = self.left.map_or(most, |left| most.min(usize::try_from(left).unwrap_or(most)));
            let known = self.bytes.peek_some(block_bytes.min(most), most)?;
            let n = match &self.decoder {
                // The last block may be shorter than the others.
                Decoder::Adpcm(adpcm) if adpcm.n_frames(known.len()) > 0 => known.len(),
                _ => known.len() - known.len() % block_bytes,
            };
            if n == 0 {
                if self.go_on()? {
                    continue;
                }
                return Ok(Step::End(Ending { promised_frames: self.promised, is_cut: self.is_cut }));
            }
            let (outcome, n_frames) = match &mut self.decoder {
                Decoder::Pcm(pcm) => {
                    out.clear();
                    pcm.decode(&known[..n], out);
                    (Ok(()), (n / block_bytes) as u64)
                }
                Decoder::Adpcm(adpcm) => (adpcm.decode(&known[..n], out), adpcm.n_frames(n)),
            };
            self.bytes.skip(n as u64)?;
            self.left = self.left.map(|left| left - n as u64);
            self.frames_here += n_frames;
            if outcome.is_err() {
                return Ok(Step::Damaged { frames: n_frames });
            }
            self.trim(out);
            if !out.is_empty() {
                return Ok(Step::Sound(self.spec()));
            }
        }
    }

    /// Drops from the end of `out` what only fills the last block of a chunk.
    fn trim(&self, out: &mut Vec<f32>) {
        if let Some(named) = self.named_bytes.filter(|_| self.left == Some(0)) {
            let too_many = self.frames_here.saturating_sub(self.frames_in(named));
            let samples = too_many as usize * usize::from(self.head.format.channels);
            out.truncate(out.len().saturating_sub(samples));
        }
    }

    /// No whole block follows in this chunk: goes to the next samples, if there are any.
    fn go_on(&mut self) -> Result<bool, Trouble> {
        let Some(left) = self.left.filter(|left| *left < self.head.format.block_bytes as u64) else {
            // The file ends before the samples do, or says nothing of their end.
            return Ok(false);
        };
        if self.bytes.peek(left as usize)?.len() < left as usize {
            return Ok(false);
        }
        match behind(&mut self.bytes, &self.head, self.named_bytes.unwrap_or(0), left)? {
            Behind::Nothing => return Ok(false),
            Behind::Data { skip, length } => {
                self.bytes.skip(skip)?;
                self.begin(length);
            }
            Behind::Recording { skip } => {
                self.bytes.skip(skip)?;
                self.head = Head::read(&mut self.bytes)?;
                let other = || Trouble::new("a recording of MPEG audio follows in it; split it there");
                self.decoder = decoder(self.head.format)?.ok_or_else(other)?;
                self.begin(self.head.length);
            }
            // What is left of a block is the beginning of the next one.
            Behind::Sound { len } => (self.left, self.named_bytes) = (len, None),
        }
        Ok(true)
    }

    fn spec(&self) -> Spec {
        Spec { rate_hz: self.head.format.rate_hz, channels: self.head.format.channels.into() }
    }
}

impl Steps for Wave {
    fn next(&mut self, out: &mut Vec<f32>) -> Step {
        self.step(out).unwrap_or_else(Step::Failed)
    }
}

fn decoder(format: Format) -> Result<Option<Decoder>, Trouble> {
    Ok(match format.coding {
        Coding::Pcm(pcm) => Some(Decoder::Pcm(pcm)),
        Coding::MsAdpcm | Coding::ImaAdpcm => Some(Decoder::Adpcm(Box::new(Adpcm::new(format)?))),
        Coding::Mpeg => None,
    })
}
