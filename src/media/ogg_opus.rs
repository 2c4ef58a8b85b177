//! Opus in Ogg, written: a tenth of a WAV's length, and browsers play it.

use ropus::{Application, Bitrate, Channels, Encoder};

use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The rate of the samples that are encoded.
pub const RATE: SampleRate = match SampleRate::new(RATE_HZ) {
    Some(rate) => rate,
    None => unreachable!(),
};
const RATE_HZ: u32 = 48_000;

/// What a second takes on average: enough for one channel of what models hear, which ends at 8 to 11 kHz.
const BITS_PER_SEC: u32 = 48_000;
/// How hard the encoder tries, of 10: above this it takes twice as long for what is hardly heard.
const COMPLEXITY: u8 = 5;
/// Samples of a packet: 20 ms.
const PACKET_SAMPLES: usize = 960;
/// No packet of one stream is longer, in bytes.
const MAX_PACKET_BYTES: usize = 1275;
/// The stream's number; a file has one stream.
const SERIAL: u32 = 1;
/// Packets that share a page, which holds at most 255 pieces of 255 bytes.
const PACKETS_A_PAGE: usize = 40;

/// Encodes one channel of `samples` (full scale ±1) at [`RATE`]. What is decoded has as many samples, and none is moved.
///
/// # Errors
/// [`crate::ErrorKind::Bug`] where the encoder refuses what it should take.
pub fn encode(samples: &[f32]) -> Result<Vec<u8>> {
    let mut encoder = Encoder::builder(RATE_HZ, Channels::Mono, Application::Audio)
        .bitrate(Bitrate::Bits(BITS_PER_SEC))
        .complexity(COMPLEXITY)
        .build()
        .map_err(|e| broken(&e))?;
    // The decoder lags behind by so much, and is told to leave it out.
    let pre_skip = encoder.lookahead() as usize;
    let end = samples.len() + pre_skip;
    let mut padded = samples.to_vec();
    padded.resize(end.next_multiple_of(PACKET_SAMPLES), 0.0);
    let mut packets = Vec::with_capacity(padded.len() / PACKET_SAMPLES);
    let mut room = vec![0; MAX_PACKET_BYTES];
    for block in padded.chunks_exact(PACKET_SAMPLES) {
        let n_bytes = encoder.encode_float(block, &mut room).map_err(|e| broken(&e))?;
        packets.push(room[..n_bytes].to_vec());
    }
    let mut file = page(&[head(pre_skip as u16)], 0, (SERIAL, 0), Place::First);
    file.extend(page(&[TAGS.to_vec()], 0, (SERIAL, 1), Place::Within));
    let n_pages = packets.len().div_ceil(PACKETS_A_PAGE);
    for (i, packets) in packets.chunks(PACKETS_A_PAGE).enumerate() {
        let is_last = i + 1 == n_pages;
        let place = if is_last { Place::Last } else { Place::Within };
        let heard = (PACKET_SAMPLES * (PACKETS_A_PAGE * i + packets.len())).min(end);
        file.extend(page(packets, heard as u64, (SERIAL, i as u32 + 2), place));
    }
    Ok(file)
}

fn broken(e: &dyn std::fmt::Display) -> Error {
    Error::bug(format!("a sound cannot be encoded as Opus ({e}); please report this"))
}

/// What a stream begins with (RFC 7845, section 5.1): version 1, one channel, no gain.
fn head(pre_skip: u16) -> Vec<u8> {
    [&b"OpusHead\x01\x01"[..], &pre_skip.to_le_bytes(), &RATE_HZ.to_le_bytes(), &[0, 0, 0]].concat()
}

/// The second packet (section 5.2): who wrote it, and no comments.
const TAGS: &[u8] = b"OpusTags\x0a\0\0\0earwitness\0\0\0\0";

/// Where a page stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    First,
    Within,
    Last,
}

/// An Ogg page of whole packets (RFC 3533, section 6); `granule` counts the samples up to its end, `numbers` are the stream's and
/// the page's. The packets have at most 255 pieces of 255 bytes together.
pub(super) fn page(packets: &[Vec<u8>], granule: u64, numbers: (u32, u32), place: Place) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(match place {
        Place::First => 2,
        Place::Within => 0,
        Place::Last => 4,
    });
    page.extend(granule.to_le_bytes());
    // The last of them is the checksum's place.
    page.extend([numbers.0, numbers.1, 0].map(u32::to_le_bytes).concat());
    let pieces: usize = packets.iter().map(|packet| packet.len() / 255 + 1).sum();
    debug_assert!(pieces <= 255, "{pieces} pieces do not fit a page");
    page.push(pieces as u8);
    for packet in packets {
        page.extend(std::iter::repeat_n(255, packet.len() / 255));
        page.push((packet.len() % 255) as u8);
    }
    page.extend(packets.concat());
    let crc = checksum(&page);
    page[22..26].copy_from_slice(&crc.to_le_bytes());
    page
}

/// CRC-32 as Ogg wants it: not reflected, from 0.
fn checksum(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 };
    bytes.iter().fold(0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| bit(crc)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::media::decode::RecordingReader;

    fn decoded(file: &[u8]) -> Vec<f32> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sound.opus");
        std::fs::write(&path, file).unwrap();
        let mut reader = RecordingReader::open(&path).unwrap();
        assert_eq!((reader.sample_rate(), reader.channels()), (RATE, 1));
        let mut samples = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            samples.extend_from_slice(chunk);
        }
        samples
    }

    /// A chirp in noise: what moves by a sample, or is left out, shows.
    fn sound(n_samples: usize) -> Vec<f32> {
        let mut random = 1_u32;
        (0..n_samples)
            .map(|i| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (random >> 8) as f32 / (1 << 24) as f32 - 0.5;
                let secs = i as f32 / RATE_HZ as f32;
                0.3 * (std::f32::consts::TAU * (400.0 + 900.0 * secs) * secs).sin() + 0.01 * noise
            })
            .collect()
    }

    #[test]
    fn a_sound_comes_back_as_long_as_it_was_and_not_moved() {
        for n_samples in [1, 700, 960, 48_000, 100_001] {
            let sound = sound(n_samples);
            let back = decoded(&encode(&sound).unwrap());
            assert_eq!(back.len(), n_samples);
            if n_samples > 10_000 {
                let power: f32 = sound.iter().map(|x| x * x).sum();
                let error: f32 = sound.iter().zip(&back).map(|(a, b)| (a - b).powi(2)).sum();
                let snr_db = 10.0 * (power / error).log10();
                assert!(snr_db > 15.0, "{n_samples} samples: {snr_db} dB");
            }
        }
    }

    #[test]
    fn a_second_takes_about_what_was_asked_for_and_silence_next_to_nothing() {
        let n_bytes = encode(&sound(480_000)).unwrap().len();
        assert!((40_000..80_000).contains(&n_bytes), "{n_bytes} bytes of 10 s");
        let n_bytes = encode(&vec![0.0; 480_000]).unwrap().len();
        assert!(n_bytes < 5000, "{n_bytes} bytes of 10 s of silence");
    }
}
