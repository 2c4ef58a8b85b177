//! The seam to symphonia: demuxes and decodes one track, one packet a step, and tells damage from the end.

use std::io::{Read, Seek, SeekFrom};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, Result};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;

use super::riff::MendedFile;
use super::stream::Stream;

/// How much of a file's end is searched for an ogg page; a page has at most 65 307 bytes.
const LAST_PAGE_SEARCH_BYTES: u64 = 65_536;

/// What one packet said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
}

/// What the next packet is.
pub(super) enum Step {
    /// Samples are in the buffer.
    Sound(Spec),
    /// It could not be decoded; it claims to last `frames` channel frames.
    Damaged { frames: u64 },
    /// No packet follows. `expected_frames` is what the header promised, where it makes a promise of its own.
    End { expected_frames: Option<u64> },
    /// The container cannot be read any further.
    Failed(Error),
}

/// One track being decoded.
pub(super) struct Packets {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    expected_frames: Option<u64>,
    lacks_last_page: bool,
}

impl Packets {
    /// Recognises the format by its content and makes a decoder for its main track.
    pub(super) fn open(mut source: MendedFile) -> Result<Self> {
        let has_last_page = ogg_has_last_page(&mut source)?;
        Self::probe(Box::new(source), has_last_page)
    }

    /// As [`Self::open`], for a stream that is read front to end.
    pub(super) fn of_stream(source: Stream) -> Result<Self> {
        Self::probe(Box::new(source), true)
    }

    fn probe(source: Box<dyn MediaSource>, has_last_page: bool) -> Result<Self> {
        let stream = MediaSourceStream::new(source, Default::default());
        let format = symphonia::default::get_probe().probe(
            &Hint::new(),
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )?;
        let (track_id, decoder, n_frames) = main_track(format.as_ref())?;
        let name = format.format_info().short_name;
        Ok(Self {
            // Of ogg and mp3 the length is derived from the bytes that are there: it cannot tell that some are missing.
            expected_frames: n_frames.filter(|_| matches!(name, "wave" | "flac")),
            lacks_last_page: name == "ogg" && !has_last_page,
            format,
            decoder,
            track_id,
        })
    }

    /// Whether this is an ogg file that does not end with a page marked as the last.
    pub(super) const fn lacks_last_page(&self) -> bool {
        self.lacks_last_page
    }

    /// Decodes the next packet of the track into `out` (interleaved; what was there is replaced).
    pub(super) fn next(&mut self, out: &mut Vec<f32>) -> Step {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track_id => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Step::End { expected_frames: self.expected_frames },
                Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Step::End { expected_frames: self.expected_frames };
                }
                // A chained stream: another recording follows in the same file.
                Err(Error::ResetRequired) => match main_track(self.format.as_ref()) {
                    Ok((track_id, decoder, _)) => {
                        (self.track_id, self.decoder) = (track_id, decoder);
                        continue;
                    }
                    Err(e) => return Step::Failed(e),
                },
                Err(e) => return Step::Failed(e),
            };
            match self.decoder.decode(&packet) {
                Ok(buffer) if buffer.samples_interleaved() == 0 => {}
                Ok(buffer) => {
                    let spec = Spec { rate_hz: buffer.spec().rate(), channels: buffer.num_planes() };
                    buffer.copy_to_vec_interleaved(out);
                    return Step::Sound(spec);
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) => return Step::Damaged { frames: packet.dur.get() },
                Err(e) => return Step::Failed(e),
            }
        }
    }
}

/// The track to listen to, a fresh decoder for it, and its length in channel frames where that is known.
fn main_track(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>, Option<u64>)> {
    let track = format.default_track(TrackType::Audio).ok_or(Error::Unsupported("it has no audio track"))?;
    let params = track.codec_params.as_ref().and_then(|p| p.audio());
    let params = params.ok_or(Error::Unsupported("it does not say how its audio is coded"))?;
    let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default())?;
    Ok((track.id, decoder, track.num_frames))
}

/// Whether the last ogg page in the file is complete and carries the end-of-stream mark.
fn ogg_has_last_page(source: &mut MendedFile) -> Result<bool> {
    let len = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(len.saturating_sub(LAST_PAGE_SEARCH_BYTES)))?;
    let mut tail = Vec::new();
    source.by_ref().take(LAST_PAGE_SEARCH_BYTES).read_to_end(&mut tail)?;
    source.seek(SeekFrom::Start(0))?;
    // Header of 27 bytes: mark, version, flags, …, number of segments; then one length byte a segment, then the segments.
    let found = tail.windows(4).rposition(|w| w == b"OggS").and_then(|at| {
        let page = &tail[at..];
        let lengths = page.get(27..27 + usize::from(*page.get(26)?))?;
        let size = 27 + lengths.len() + lengths.iter().map(|&n| usize::from(n)).sum::<usize>();
        Some(page[5] & 4 != 0 && page.len() >= size)
    });
    Ok(found.unwrap_or(false))
}
