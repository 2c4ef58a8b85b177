//! Blocks of ADPCM, decoded one by one.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};
use symphonia::default::codecs::AdpcmDecoder;

use super::super::steps::Trouble;
use super::format::{Coding, Format};

/// A decoder for whole blocks, and for the shorter one that may end a recording.
pub(super) struct Adpcm {
    format: Format,
    whole: AdpcmDecoder,
}

impl Adpcm {
    /// A decoder for `format`, if that is ADPCM of a kind and block length that can be decoded.
    pub(super) fn new(format: Format) -> Result<Self, Trouble> {
        Ok(Self { whole: decoder(&format, format.block_bytes)?, format })
    }

    /// Channel frames in a block of `n_bytes`.
    pub(super) fn n_frames(&self, n_bytes: usize) -> u64 {
        frames_in(&self.format, n_bytes).unwrap_or(0)
    }

    /// Decodes one block in place of what `out` held.
    pub(super) fn decode(&mut self, block: &[u8], out: &mut Vec<f32>) -> Result<(), Trouble> {
        let packet = Packet::new(0, Timestamp::ZERO, Duration::from(self.n_frames(block.len())), block);
        let mut short;
        let decoder = if block.len() == self.format.block_bytes {
            &mut self.whole
        } else {
            short = decoder(&self.format, block.len())?;
            &mut short
        };
        decoder.decode(&packet)?.copy_to_vec_interleaved(out);
        Ok(())
    }
}

fn decoder(format: &Format, n_bytes: usize) -> Result<AdpcmDecoder, Trouble> {
    let codec = match format.coding {
        Coding::MsAdpcm => CODEC_ID_ADPCM_MS,
        _ => CODEC_ID_ADPCM_IMA_WAV,
    };
    let n_frames = frames_in(format, n_bytes).ok_or_else(|| Trouble::new("its ADPCM blocks are too short"))?;
    let mut params = AudioCodecParameters::new();
    params
        .for_codec(codec)
        .with_sample_rate(format.rate_hz)
        .with_channels(Channels::Discrete(format.channels))
        .with_max_frames_per_packet(n_frames)
        .with_frames_per_block(n_frames);
    Ok(AdpcmDecoder::try_new(&params, &AudioDecoderOptions::default())?)
}

/// Each channel begins its part of a block with a header that holds the first samples; half a byte each follow.
fn frames_in(format: &Format, n_bytes: usize) -> Option<u64> {
    let channels = usize::from(format.channels);
    let (header, first) = if format.coding == Coding::MsAdpcm { (7, 2) } else { (4, 1) };
    let halves = n_bytes.checked_sub(header * channels)?.checked_mul(2)?;
    Some((halves.checked_div(channels)? + first) as u64)
}
