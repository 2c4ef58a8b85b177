//! Finds the frames, decodes them, and says where some are missing.

use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::FlacDecoder;

use super::super::bytes::Bytes;
use super::super::steps::{Ending, Spec, Step, Steps, Trouble};
use super::super::tags;
use super::frame::{Crc16, Frame, MAX_HEADER_BYTES};
use super::head::{self, StreamInfo};

/// How much is looked through at once for the next frame.
const SEARCHED_BYTES: usize = 4096;

/// FLAC being read.
pub(in super::super) struct Flac {
    bytes: Bytes,
    info: StreamInfo,
    decoder: FlacDecoder,
    /// Channel frames of a block, where frames are numbered and not samples.
    block: Option<u32>,
    /// Number of the sample that comes next.
    next_sample: Option<u64>,
    /// A frame that was decoded, kept back behind silence for others that are missing before it.
    waiting: Option<Vec<f32>>,
    /// What the headers so far promised, all together; `None` where one makes no promise.
    promised: Option<u64>,
    is_cut: bool,
}

/// Where a frame ends.
enum End {
    /// So many bytes on, as its checksum proves.
    Proved(usize),
    /// It is damaged, or cut off; so many bytes on another may begin.
    Unknown(usize),
}

impl Flac {
    /// Reads the stream whose header `bytes` stand at.
    pub(in super::super) fn open(mut bytes: Bytes) -> Result<Self, Trouble> {
        let no_header = || Trouble::new("its FLAC header is damaged");
        let start = bytes.pos();
        let info = head::read(&mut bytes)?.ok_or_else(no_header)?;
        let at_frame = Frame::parse(bytes.peek(MAX_HEADER_BYTES)?, &info).is_some();
        if bytes.is_file() && !at_frame {
            // The blocks do not lead to the first frame: it is searched.
            bytes.go_to(start + head::LEAST_BYTES)?;
        }
        let decoder = decoder(&info)?;
        Ok(Self {
            bytes,
            info,
            decoder,
            block: None,
            next_sample: None,
            waiting: None,
            promised: info.n_frames,
            is_cut: false,
        })
    }

    fn step(&mut self, out: &mut Vec<f32>) -> Result<Step, Trouble> {
        if let Some(samples) = self.waiting.take() {
            *out = samples;
            return Ok(Step::Sound(self.spec()));
        }
        loop {
            if tags::skip(&mut self.bytes)? || self.begin_another()? {
                continue;
            }
            let start = self.bytes.peek(MAX_HEADER_BYTES)?;
            if start.is_empty() {
                return Ok(Step::End(Ending { promised_frames: self.promised, is_cut: self.is_cut }));
            }
            let Some(frame) = Frame::parse(start, &self.info) else {
                self.search()?;
                continue;
            };
            match self.end_of(&frame)? {
                End::Unknown(n) => {
                    self.is_cut = true;
                    self.bytes.skip(n as u64)?;
                }
                End::Proved(n) => {
                    self.is_cut = false;
                    if let Some(step) = self.decode(&frame, n, out)? {
                        return Ok(step);
                    }
                }
            }
        }
    }

    /// Decodes a frame of `n_bytes`; `None` where it holds nothing.
    fn decode(&mut self, frame: &Frame, n_bytes: usize, out: &mut Vec<f32>) -> Result<Option<Step>, Trouble> {
        let data: Box<[u8]> = self.bytes.peek(n_bytes)?.into();
        self.bytes.skip(n_bytes as u64)?;
        let block = *self.block.get_or_insert(frame.n_frames);
        let first_sample = if frame.counts_samples { frame.number } else { frame.number * u64::from(block) };
        let missing = self.next_sample.map_or(0, |next| first_sample.saturating_sub(next));
        let n_frames = u64::from(frame.n_frames);
        self.next_sample = Some(first_sample + n_frames);
        let packet = Packet::new(0, Timestamp::ZERO, Duration::from(n_frames), data);
        match self.decoder.decode(&packet) {
            Ok(sound) => sound.copy_to_vec_interleaved(out),
            Err(_) => return Ok(Some(Step::Damaged { frames: missing + n_frames })),
        }
        if missing > 0 {
            self.waiting = Some(std::mem::take(out));
            return Ok(Some(Step::Damaged { frames: missing }));
        }
        Ok((!out.is_empty()).then(|| Step::Sound(self.spec())))
    }

    /// Looks for the end of `frame`, which the bytes stand at: where its checksum comes out and another frame, or nothing
    /// more of the stream, follows.
    fn end_of(&mut self, frame: &Frame) -> Result<End, Trouble> {
        let most = frame.most_bytes(&self.info);
        let (mut at, mut crc) = (0, Crc16::default());
        let (mut last_sum, mut next_header) = (None, None);
        let mut n_known = 0;
        loop {
            // The frame behind is wanted, too, as far as it is there.
            let known = self.bytes.peek_some(n_known + 1, usize::MAX)?;
            let ends = known.len() == n_known;
            n_known = known.len();
            let stop = if ends { n_known } else { n_known.saturating_sub(MAX_HEADER_BYTES) };
            while at < stop.min(most) {
                crc.add(known[at]);
                at += 1;
                let (sum, behind) = (crc.is_zero() && at >= frame.header_bytes + 2, &known[at..]);
                let follows = if behind.first() == Some(&0xff) { Frame::parse(behind, &self.info) } else { None };
                let other = || behind.is_empty() || tags::len(behind).is_some() || head::begins(behind);
                if sum && (follows.is_some() || other()) {
                    return Ok(End::Proved(at));
                }
                if sum && next_header.is_none() {
                    last_sum = Some(at);
                }
                match follows {
                    // This frame ends here, and its checksum is wrong.
                    Some(next) if next.number == frame.next_number() => return Ok(End::Unknown(at)),
                    Some(next) if next.number > frame.number => next_header = next_header.or(Some(at)),
                    _ => {}
                }
            }
            if ends || at >= most {
                // What follows the frame is damaged, or no part of the stream; or the frame itself is damaged.
                let proved = last_sum.map(End::Proved);
                return Ok(proved.unwrap_or_else(|| End::Unknown(next_header.unwrap_or(at.max(1)))));
            }
        }
    }

    /// Another stream may follow in the same file; true where it does.
    fn begin_another(&mut self) -> Result<bool, Trouble> {
        let Some(info) = head::read(&mut self.bytes)? else { return Ok(false) };
        self.decoder = decoder(&info)?;
        (self.info, self.block, self.next_sample) = (info, None, None);
        self.promised = self.promised.zip(info.n_frames).map(|(before, here)| before + here);
        Ok(true)
    }

    /// Goes on at least one byte, to where a frame, a tag or a stream may begin.
    fn search(&mut self) -> Result<(), Trouble> {
        let known = self.bytes.peek(SEARCHED_BYTES)?;
        let may_begin =
            |at: &usize| known[*at] == 0xff || head::begins(&known[*at..]) || known[*at..].starts_with(b"ID3");
        // A mark may be cut in two at the end.
        let last = if known.len() > 16 { known.len() - 7 } else { known.len() };
        let at = (1..last).find(may_begin).unwrap_or(last.max(1));
        Ok(self.bytes.skip(at as u64)?)
    }

    fn spec(&self) -> Spec {
        Spec { rate_hz: self.info.rate_hz, channels: self.info.channels.into() }
    }
}

impl Steps for Flac {
    fn next(&mut self, out: &mut Vec<f32>) -> Step {
        self.step(out).unwrap_or_else(Step::Failed)
    }
}

fn decoder(info: &StreamInfo) -> Result<FlacDecoder, Trouble> {
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_FLAC).with_extra_data(info.for_decoder());
    Ok(FlacDecoder::try_new(&params, &AudioDecoderOptions::default())?)
}
