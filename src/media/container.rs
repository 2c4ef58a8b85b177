//! The seam to symphonia: demuxes and decodes one track, one packet a step, and tells damage from the end.

use std::io::ErrorKind;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, Result};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;
use symphonia::default::formats::{AdtsReader, CafReader, IsoMp4Reader, MkvReader, OggReader};

use super::bytes::Bytes;
use super::mp4;
use super::opus::{self, OpusDecoder};
use super::sniff::Kind;
use super::steps::{Ending, Spec, Step, Steps, Trouble};
use super::window::Window;

/// How much of a file's end is searched for an ogg page; a page has at most 65 307 bytes.
const LAST_PAGE_SEARCH_BYTES: u64 = 65_536;

/// Encoders add some milliseconds before the sound. What is skipped beyond that was cut on purpose, and is heard.
const MAX_SKIP_SECS: f64 = 0.5;

/// One track being decoded.
pub(super) struct Container {
    format: Box<dyn FormatReader>,
    decoder: Decoder,
    track: Track,
    /// Channel frames before the sound that an encoder added, as far as they are still to come.
    skip_frames: usize,
    frames_read: u64,
    /// Whether the file was seen to break off.
    is_cut: bool,
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
        let is_cut = match kind {
            Kind::Ogg => bytes.is_file() && !ogg_has_last_page(&mut bytes)?,
            Kind::Mp4 => mp4::breaks_off_behind_index(&mut bytes)?,
            _ => false,
        };
        let start_secs = if kind == Kind::Mp4 { mp4::start_secs(&mut bytes)? } else { 0.0 };
        // Where every place can be reached, files are refused that speak of places that are missing.
        let forwards = kind == Kind::Matroska || (kind == Kind::Mp4 && is_cut);
        let window = if forwards { Window::forwards(bytes) } else { Window::new(bytes) };
        let stream = MediaSourceStream::new(Box::new(window), Default::default());
        let options = FormatOptions::default();
        let format: Box<dyn FormatReader> = match kind {
            Kind::Ogg => Box::new(OggReader::try_new(stream, options)?),
            Kind::Caf => Box::new(CafReader::try_new(stream, options)?),
            Kind::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
            Kind::Matroska => Box::new(MkvReader::try_new(stream, options)?),
            Kind::Adts => Box::new(AdtsReader::try_new(stream, options)?),
            other => return Err(Trouble::new(format!("it is {}", other.name()))),
        };
        let (mut track, decoder) = main_track(format.as_ref())?;
        // Opus says itself what comes before the sound.
        let skips = start_secs <= MAX_SKIP_SECS && !matches!(decoder, Decoder::Opus(_));
        let skip_secs = if skips { start_secs } else { 0.0 };
        let skip_frames = (skip_secs * f64::from(track.rate_hz)).round() as usize;
        track.n_frames = track.n_frames.map(|n| n.saturating_sub(skip_frames as u64));
        Ok(Self { format, decoder, track, skip_frames, frames_read: 0, is_cut })
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
                Ok(spec) => {
                    let n_frames = out.len() / spec.channels.max(1);
                    let skip = self.skip_frames.min(n_frames);
                    self.skip_frames -= skip;
                    self.frames_read += (n_frames - skip) as u64;
                    out.drain(..skip * spec.channels);
                    if !out.is_empty() {
                        return Ok(Step::Sound(spec));
                    }
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
        // Containers count time and not samples, or what an encoder puts around the sound, too.
        let unsure = if self.is_cut { 0 } else { u64::from(self.track.rate_hz) / 4 };
        let promised_frames = self.track.n_frames.filter(|n| *n > self.frames_read + unsure);
        Ending { promised_frames, is_cut: self.is_cut }
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
    // Of several tracks, one may well be shorter than the whole.
    let whole = format.media_info();
    let secs = whole.time_base.zip(whole.duration).and_then(|(base, duration)| base.calc_duration(duration));
    let of_whole = secs.filter(|_| format.tracks().len() == 1).map(|secs| secs.as_secs_f64() * f64::from(rate_hz));
    let n_frames = track.num_frames.or(of_whole.map(|n| n as u64));
    Ok((Track { id: track.id, n_frames, rate_hz }, decoder))
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
