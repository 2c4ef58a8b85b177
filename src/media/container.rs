//! The seam to symphonia: demuxes and decodes one track, one packet a step, and tells damage from the end.

use std::io::ErrorKind;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, Result};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::default::formats::{AdtsReader, AiffReader, CafReader, IsoMp4Reader, MkvReader, OggReader};

use super::bytes::Bytes;
use super::opus::{self, OpusDecoder};
use super::sniff::Kind;
use super::steps::{Ending, Spec, Step, Steps, Trouble};
use super::window::Window;

/// How much of a file's end is searched for an ogg page; a page has at most 65 307 bytes.
const LAST_PAGE_SEARCH_BYTES: u64 = 65_536;

/// One track being decoded.
pub(super) struct Container {
    format: Box<dyn FormatReader>,
    decoder: Decoder,
    track: Track,
    frames_read: u64,
    /// Whether what the header says of the length is exact.
    is_exact: bool,
    lacks_last_page: bool,
}

/// What is listened to.
struct Track {
    id: u32,
    n_frames: Option<u64>,
    rate_hz: u32,
}

enum Decoder {
    Opus(Box<OpusDecoder>),
    Other(Box<dyn AudioDecoder>),
}

impl Container {
    /// Reads the header that `bytes` stand at, and makes a decoder for the main track.
    pub(super) fn open(kind: Kind, mut bytes: Bytes) -> std::result::Result<Self, Trouble> {
        let lacks_last_page = kind == Kind::Ogg && bytes.is_file() && !ogg_has_last_page(&mut bytes)?;
        let stream = MediaSourceStream::new(Box::new(Window::new(bytes)), Default::default());
        let options = FormatOptions::default();
        let format: Box<dyn FormatReader> = match kind {
            Kind::Ogg => Box::new(OggReader::try_new(stream, options)?),
            Kind::Aiff => Box::new(AiffReader::try_new(stream, options)?),
            Kind::Caf => Box::new(CafReader::try_new(stream, options)?),
            Kind::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
            Kind::Matroska => Box::new(MkvReader::try_new(stream, options)?),
            Kind::Adts => Box::new(AdtsReader::try_new(stream, options)?),
            other => return Err(Trouble::new(format!("it is {}", other.name()))),
        };
        let (track, decoder) = main_track(format.as_ref())?;
        let is_exact = matches!(kind, Kind::Aiff | Kind::Caf);
        Ok(Self { format, decoder, track, frames_read: 0, is_exact, lacks_last_page })
    }

    fn step(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track.id => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(Step::End(self.ending())),
                Err(Error::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(Step::End(self.ending()));
                }
                // A chained stream: another recording follows in the same file.
                Err(Error::ResetRequired) => {
                    (self.track, self.decoder) = main_track(self.format.as_ref())?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            match self.decoder.decode(&packet, out) {
                Ok(_) if out.is_empty() => {}
                Ok(spec) => {
                    self.frames_read += (out.len() / spec.channels.max(1)) as u64;
                    return Ok(Step::Sound(spec));
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) => {
                    self.frames_read += packet.dur.get();
                    return Ok(Step::Damaged { frames: packet.dur.get() });
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn ending(&self) -> Ending {
        // Most containers count time and not samples, or what an encoder puts around the sound, too.
        let unsure = if self.is_exact { 0 } else { u64::from(self.track.rate_hz) / 4 };
        let promised_frames = self.track.n_frames.filter(|n| *n > self.frames_read + unsure);
        Ending { promised_frames, is_cut: self.lacks_last_page }
    }
}

impl Steps for Container {
    fn next(&mut self, out: &mut Vec<f32>) -> Step {
        self.step(out).unwrap_or_else(|e| Step::Failed(e.into()))
    }
}

impl Decoder {
    /// Decodes `packet` into `out`, interleaved, in place of what was there.
    fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<Spec> {
        match self {
            Self::Opus(decoder) => {
                decoder.decode(packet, out)?;
                Ok(Spec { rate_hz: opus::RATE_HZ, channels: decoder.channels() })
            }
            Self::Other(decoder) => {
                let sound = decoder.decode(packet)?;
                sound.copy_to_vec_interleaved(out);
                Ok(Spec { rate_hz: sound.spec().rate(), channels: sound.num_planes() })
            }
        }
    }
}

/// The track to listen to, and a fresh decoder for it.
fn main_track(format: &dyn FormatReader) -> Result<(Track, Decoder)> {
    let track = format.default_track(TrackType::Audio).ok_or(Error::Unsupported("it has no audio track"))?;
    let params = track.codec_params.as_ref().and_then(|p| p.audio());
    let params = params.ok_or(Error::Unsupported("it does not say how its audio is coded"))?;
    let decoder = if params.codec == CODEC_ID_OPUS {
        Decoder::Opus(Box::new(OpusDecoder::new(params)?))
    } else {
        let options = AudioDecoderOptions::default();
        Decoder::Other(symphonia::default::get_codecs().make_audio_decoder(params, &options)?)
    };
    let rate_hz = params.sample_rate.unwrap_or(0);
    Ok((Track { id: track.id, n_frames: track.num_frames, rate_hz }, decoder))
}

/// Whether the last ogg page in the file is complete and carries the end-of-stream mark.
fn ogg_has_last_page(bytes: &mut Bytes) -> std::io::Result<bool> {
    let end = bytes.end().unwrap_or(0);
    let mut tail = vec![0; LAST_PAGE_SEARCH_BYTES.min(end) as usize];
    bytes.read_at(end - tail.len() as u64, &mut tail)?;
    // Header of 27 bytes: mark, version, flags, …, number of segments; then one length byte a segment, then the segments.
    let found = tail.windows(4).rposition(|w| w == b"OggS").and_then(|at| {
        let page = &tail[at..];
        let lengths = page.get(27..27 + usize::from(*page.get(26)?))?;
        let size = 27 + lengths.len() + lengths.iter().map(|&n| usize::from(n)).sum::<usize>();
        Some(page[5] & 4 != 0 && page.len() >= size)
    });
    Ok(found.unwrap_or(false))
}
