//! Opus: symphonia knows its containers, but not how to decode it.

use ropus::OpusMSDecoder;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::{Error, Result};
use symphonia::core::packet::Packet;

/// Opus is always decoded at this rate, whatever was recorded.
pub(super) const RATE_HZ: u32 = 48_000;

/// Longest packet, 120 ms, in channel frames.
const MAX_FRAMES: usize = 5760;

/// Opus counts channels as Vorbis does, and everything else as WAV does: for each number of them, which of Opus' channels
/// comes first, second and so on.
const ORDERS: [&[usize]; 9] = [
    &[],
    &[],
    &[],
    &[0, 2, 1],
    &[],
    &[0, 2, 1, 3, 4],
    &[0, 2, 1, 5, 3, 4],
    &[0, 2, 1, 6, 5, 3, 4],
    &[0, 2, 1, 7, 5, 6, 3, 4],
];

/// A decoder for one stream.
pub(super) struct OpusDecoder {
    decoder: OpusMSDecoder,
    channels: usize,
    /// Channel frames at the beginning that are no sound, as far as they are still to come.
    pre_skip: usize,
    samples: Vec<i16>,
}

/// What a stream's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    channels: u8,
    pre_skip: u16,
    gain: i16,
    streams: u8,
    coupled: u8,
    mapping: Vec<u8>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let fields = bytes.strip_prefix(b"OpusHead")?;
        // In MP4, where the version is 0, numbers are written the other way round.
        let swaps = *fields.first()? == 0;
        let half = |at: usize| {
            let bytes = *fields.get(at..)?.first_chunk::<2>()?;
            Some(if swaps { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let channels = *fields.get(1)?;
        let (streams, coupled, mapping) = match *fields.get(10)? {
            0 if channels <= 2 => (1, channels.saturating_sub(1), (0..channels).collect()),
            0 => return None,
            _ => {
                let mapping = fields.get(13..13 + usize::from(channels))?;
                let order = ORDERS.get(usize::from(channels)).filter(|order| !order.is_empty());
                let reordered = |order: &&[usize]| order.iter().filter_map(|&at| mapping.get(at).copied()).collect();
                (*fields.get(11)?, *fields.get(12)?, order.map_or_else(|| mapping.to_vec(), reordered))
            }
        };
        Some(Self { channels, pre_skip: half(2)?, gain: half(8)?.cast_signed(), streams, coupled, mapping })
    }
}

impl OpusDecoder {
    /// A decoder for the stream whose header is in `params`.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Self> {
        let head = params.extra_data.as_deref().and_then(Head::parse);
        let head = head.ok_or(Error::DecodeError("its Opus header is damaged"))?;
        let mut decoder = OpusMSDecoder::new(
            RATE_HZ as i32,
            head.channels.into(),
            head.streams.into(),
            head.coupled.into(),
            &head.mapping,
        )
        .map_err(|_| Error::DecodeError("its Opus header describes streams that cannot be"))?;
        decoder.set_gain(head.gain.into());
        let channels = usize::from(head.channels);
        Ok(Self { decoder, channels, pre_skip: head.pre_skip.into(), samples: vec![0; MAX_FRAMES * channels] })
    }

    /// Channels of the stream.
    pub(super) const fn channels(&self) -> usize {
        self.channels
    }

    /// Decodes `packet` into `out`, interleaved, in place of what was there. Nothing may be left of it.
    pub(super) fn decode(&mut self, packet: &Packet, out: &mut Vec<f32>) -> Result<()> {
        let len = i32::try_from(packet.data.len()).map_err(|_| Error::DecodeError("an Opus packet is too long"))?;
        // An empty packet stands for a lost one.
        let data = Some(&*packet.data).filter(|data| !data.is_empty());
        let n = self
            .decoder
            .decode(data, len, &mut self.samples, MAX_FRAMES as i32, false)
            .map_err(|_| Error::DecodeError("an Opus packet is damaged"))?;
        let n = usize::try_from(n).unwrap_or(0).min(MAX_FRAMES);
        let skip = self.pre_skip.min(n);
        self.pre_skip -= skip;
        let trim = |frames: u64| usize::try_from(frames).unwrap_or(n).min(n);
        let (start, end) = (skip.max(trim(packet.trim_start.get())), n - trim(packet.trim_end.get()));
        let samples = self.samples.get(start * self.channels..end * self.channels).unwrap_or_default();
        out.clear();
        out.extend(samples.iter().map(|&sample| f32::from(sample) / 32_768.0));
        Ok(())
    }
}
