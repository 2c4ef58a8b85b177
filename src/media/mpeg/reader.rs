//! Finds the frames, decodes them, and cuts off what an encoder put around the sound.

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::MpaDecoder;

use super::super::bytes::Bytes;
use super::super::steps::{Ending, Spec, Step, Steps, Trouble};
use super::super::tags;
use super::header::Header;
use super::info::Info;

/// How much is looked through at once for the next frame.
const SEARCHED_BYTES: usize = 4096;

/// A first frame may count one frame more or less than there are, as encoders differ about counting itself.
const UNSURE_FRAMES: u64 = 4 * 1152;

/// MPEG audio being read.
pub(in super::super) struct Mpeg {
    bytes: Bytes,
    decoder: Option<MpaDecoder>,
    /// What the frames of this recording look like.
    like: Option<Header>,
    /// Whether the bytes stand where a frame ended.
    in_step: bool,
    /// Bytes of this recording that were no frames, since the last frame.
    lost_bytes: u64,
    edges: Edges,
    frames_read: u64,
    /// What the first frames promised, all together; `None` where one makes no promise.
    promised: Option<u64>,
}

/// What is to be cut off around the sound of one recording, in channel frames.
#[derive(Debug, Clone, Copy, Default)]
struct Edges {
    delay: u64,
    /// Sound until the padding begins; `None` where that is unknown, or behind the end.
    sound: Option<u64>,
    padding: u64,
}

impl Mpeg {
    /// Reads the frames that follow in `bytes`.
    pub(in super::super) fn new(bytes: Bytes) -> Self {
        Self {
            bytes,
            decoder: None,
            like: None,
            in_step: false,
            lost_bytes: 0,
            edges: Edges::default(),
            frames_read: 0,
            promised: Some(0),
        }
    }

    fn step(&mut self, out: &mut Vec<f32>) -> Result<Step, Trouble> {
        while let Some(header) = self.next_frame()? {
            let lost = self.lost_frames(&header);
            if lost > 0 {
                return Ok(Step::Damaged { frames: lost });
            }
            let frame: Box<[u8]> = self.bytes.peek(header.n_bytes)?.into();
            self.bytes.skip(header.n_bytes as u64)?;
            if let Some(info) = Info::parse(&frame, &header) {
                self.begin(&header, info);
                continue;
            }
            if self.decoder.is_none() {
                // No first frame said anything.
                self.promised = None;
                self.decoder = Some(decoder(&header)?);
            }
            let Some(decoder) = &mut self.decoder else { continue };
            let packet = Packet::new(0, Timestamp::ZERO, Duration::from(header.n_frames()), frame);
            let is_sound = match decoder.decode(&packet) {
                Ok(sound) => {
                    sound.copy_to_vec_interleaved(out);
                    true
                }
                Err(_) => false,
            };
            let kept = self.edges.keep(header.n_frames());
            self.frames_read += kept.end - kept.start;
            if kept.is_empty() {
                continue;
            }
            if !is_sound {
                return Ok(Step::Damaged { frames: kept.end - kept.start });
            }
            let channels = usize::from(header.channels);
            out.truncate(kept.end as usize * channels);
            out.drain(..(kept.start as usize * channels).min(out.len()));
            if !out.is_empty() {
                return Ok(Step::Sound(Spec { rate_hz: header.rate_hz, channels }));
            }
        }
        let promised_frames = self.promised.filter(|n| n.abs_diff(self.frames_read) > UNSURE_FRAMES);
        Ok(Step::End(Ending { promised_frames, is_cut: false }))
    }

    /// Channel frames that were lost before the frame of `header`, as the bytes tell that belonged to none.
    fn lost_frames(&mut self, header: &Header) -> u64 {
        let n = header.n_bytes as u64;
        let lost = (std::mem::take(&mut self.lost_bytes) + n / 2) / n * header.n_frames();
        // What lies between two recordings is none of either.
        if self.edges.sound == Some(0) || lost == 0 {
            return 0;
        }
        let kept = self.edges.keep(lost);
        self.frames_read += kept.end - kept.start;
        kept.end - kept.start
    }

    /// A recording begins behind this frame.
    fn begin(&mut self, header: &Header, info: Info) {
        self.decoder = decoder(header).ok();
        let sound = info.n_frames.map(|n| (n * header.n_frames()).saturating_sub(info.delay + info.padding));
        self.edges = Edges { delay: info.delay, sound, padding: info.padding };
        self.promised = self.promised.zip(sound).map(|(before, here)| before + here);
    }

    /// Goes to the next whole frame and gives its header; `None` at the end.
    fn next_frame(&mut self) -> Result<Option<Header>, Trouble> {
        loop {
            if tags::skip(&mut self.bytes)? {
                continue;
            }
            let start = self.bytes.peek(4)?;
            if start.len() < 4 {
                return Ok(None);
            }
            match Header::parse(start) {
                Some(header) if self.belongs(&header)? => {
                    if self.bytes.peek(header.n_bytes)?.len() < header.n_bytes {
                        return Ok(None);
                    }
                    if self.like.is_some_and(|like| !like.is_same(&header)) {
                        // Another recording, whose decoder must not know of the one before.
                        (self.decoder, self.edges, self.lost_bytes) = (None, Edges::default(), 0);
                    }
                    (self.like, self.in_step) = (Some(header), true);
                    return Ok(Some(header));
                }
                _ => {
                    self.in_step = false;
                    self.search()?;
                }
            }
        }
    }

    /// Whether `header` begins a frame: in step with the frames before, or with others like it behind.
    fn belongs(&mut self, header: &Header) -> Result<bool, Trouble> {
        if self.in_step && self.like.is_some_and(|like| like.is_same(header)) {
            return Ok(true);
        }
        let next = self.bytes.peek(header.n_bytes + 10)?.get(header.n_bytes..).unwrap_or_default();
        let is_like = |next: Header| next.is_same(header);
        // At the end, a single frame counts only if it looks like the others.
        let ends = next.len() < 4 && self.like.is_none_or(|like| like.is_same(header));
        Ok(ends || tags::len(next).is_some() || Header::parse(next).is_some_and(is_like))
    }

    /// Goes on at least one byte, to where a frame or a tag may begin.
    fn search(&mut self) -> Result<(), Trouble> {
        let known = self.bytes.peek(SEARCHED_BYTES)?;
        let may_begin = |at: &usize| known[*at] == 0xff || known[*at..].starts_with(b"ID3");
        // A mark may be cut in two at the end.
        let last = if known.len() > 16 { known.len() - 3 } else { known.len() };
        let at = (1..last).find(may_begin).unwrap_or(last.max(1)) as u64;
        if self.like.is_some() {
            self.lost_bytes += at;
        }
        Ok(self.bytes.skip(at)?)
    }
}

impl Steps for Mpeg {
    fn next(&mut self, out: &mut Vec<f32>) -> Step {
        self.step(out).unwrap_or_else(Step::Failed)
    }
}

impl Edges {
    /// What is sound of the next `n` channel frames.
    fn keep(&mut self, n: u64) -> std::ops::Range<u64> {
        let start = self.delay.min(n);
        self.delay -= start;
        let Some(sound) = self.sound else { return start..n };
        let end = (start + sound).min(n);
        self.sound = Some(sound - (end - start));
        let cut = (n - end).min(self.padding);
        self.padding -= cut;
        if n - end > cut {
            // More follows than the first frame spoke of.
            self.sound = None;
            // Padding ends where a frame ends, so that here it is sound from its beginning.
            return if cut == 0 { start..n } else { start..end };
        }
        start..end
    }
}

fn decoder(header: &Header) -> Result<MpaDecoder, Trouble> {
    let codec = [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3][usize::from(header.layer.clamp(1, 3)) - 1];
    let mut params = AudioCodecParameters::new();
    params.for_codec(codec);
    Ok(MpaDecoder::try_new(&params, &AudioDecoderOptions::default())?)
}
