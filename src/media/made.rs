//! For tests: recordings made byte by byte, and read from a file as well as from a pipe.

use std::io::{Cursor, Read};

use super::decode::{Recording, RecordingReader, read_recording};
use super::ogg_opus::{Place, page};
use crate::error::Result;

/// Samples that are all different.
pub(super) fn ramp(n: usize) -> Vec<i16> {
    (0..n).map(|i| (i * 37 % 65_521) as u16 as i16).collect()
}

/// What a decoder makes of them.
pub(super) fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().map(|&s| f32::from(s) / 32_768.0).collect()
}

pub(super) fn le16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// A chunk of RIFF, filled up to an even length.
pub(super) fn chunk(id: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = [&id[..], &(body.len() as u32).to_le_bytes(), body].concat();
    bytes.resize(bytes.len() + body.len() % 2, 0);
    bytes
}

/// A RIFF file of such chunks.
pub(super) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WAVE".to_vec(), chunks.concat()].concat();
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

/// The body of a plain format chunk.
pub(super) fn format(tag: u16, channels: u16, rate_hz: u32, align: u16, bits: u16) -> Vec<u8> {
    let mut body = [tag.to_le_bytes(), channels.to_le_bytes()].concat();
    body.extend((rate_hz).to_le_bytes());
    body.extend((rate_hz * u32::from(align)).to_le_bytes());
    body.extend([align.to_le_bytes(), bits.to_le_bytes()].concat());
    body
}

/// A WAV of 16 bits, one channel, 8000 Hz.
pub(super) fn wav(samples: &[i16]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &format(1, 1, 8000, 2, 16)), chunk(b"data", &le16(samples))])
}

/// Reads `bytes` as a file.
pub(super) fn read_file(bytes: &[u8]) -> Result<Recording> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    read_recording(file.path())
}

/// Gives what it has in pieces of odd lengths.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 31 % 4093 + 1;
        let n = self.1.min(buf.len());
        self.0.read(&mut buf[..n])
    }
}

/// Reads `bytes` as they come out of a pipe.
pub(super) fn read_pipe(bytes: &[u8]) -> Result<Recording> {
    let mut reader = RecordingReader::from_stream(Pieces(Cursor::new(bytes.to_vec()), 7), "a pipe")?;
    let (mut samples, channels) = (Vec::new(), usize::from(reader.channels()));
    while let Some(chunk) = reader.next_chunk()? {
        assert!(chunk.len().is_multiple_of(channels) && !chunk.is_empty(), "whole channel frames");
        samples.extend_from_slice(chunk);
    }
    Ok(Recording { sample_rate: reader.sample_rate(), channels: reader.channels(), samples, faults: reader.faults() })
}

/// Reads `bytes` both ways, which must come to the same.
pub(super) fn read(bytes: &[u8]) -> Recording {
    let (file, pipe) = (read_file(bytes).unwrap(), read_pipe(bytes).unwrap());
    let what = |r: &Recording| format!("{} Hz, {} channels, {:?}", r.sample_rate.hz(), r.channels, r.faults);
    assert_eq!(what(&file), what(&pipe), "a file and a pipe of the same bytes");
    assert!(file.samples == pipe.samples, "a file and a pipe of the same bytes");
    file
}

/// A recording of the fixtures.
pub(super) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio").join(name)).unwrap()
}

/// A tag at the front of an mp3 that holds `content`.
pub(super) fn id3v2(content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let size = [n >> 21 & 127, n >> 14 & 127, n >> 7 & 127, n & 127].map(|byte| byte as u8);
    [&b"ID3\x04\0\0"[..], &size, content].concat()
}

/// A tag at the end of a recording.
pub(super) fn id3v1() -> Vec<u8> {
    let mut tag = b"TAG a title".to_vec();
    tag.resize(128, 0);
    tag
}

/// A tag of the APE kind, with header and footer.
pub(super) fn ape(content: &[u8]) -> Vec<u8> {
    let edge = |flags: u32| {
        let size = content.len() as u32 + 32;
        let words = [2000, size, 1, flags].map(u32::to_le_bytes).concat();
        [&b"APETAGEX"[..], &words, &[0; 8]].concat()
    };
    [edge(0xa000_0000), content.to_vec(), edge(0x8000_0000)].concat()
}

/// Ogg pages, each with one packet and the number of the last sample in it. The last page is marked as such.
pub(super) fn ogg(serial: u32, packets: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let place = |i: usize| match i {
        0 => Place::First,
        i if i + 1 == packets.len() => Place::Last,
        _ => Place::Within,
    };
    let pages = packets.iter().enumerate();
    let one = |(i, (packet, granule)): (usize, &(Vec<u8>, u64))| {
        page(std::slice::from_ref(packet), *granule, (serial, i as u32), place(i))
    };
    pages.flat_map(one).collect()
}

/// How many samples of Opus' beginning are to be skipped in what [`opus`] makes.
pub(super) const OPUS_PRE_SKIP: u16 = 312;

/// Opus in Ogg: the samples of `channels` channels at 48 kHz, in packets of 20 ms.
pub(super) fn opus(channels: u8, samples: &[i16]) -> Vec<u8> {
    let n = usize::from(channels);
    let family = u8::from(channels > 2);
    let audio = ropus::OPUS_APPLICATION_AUDIO;
    let (mut encoder, streams, coupled, mapping) =
        ropus::OpusMSEncoder::new_surround(48_000, channels.into(), family.into(), audio).unwrap();
    let mut head = [&b"OpusHead\x01"[..], &[channels], &OPUS_PRE_SKIP.to_le_bytes()].concat();
    head.extend([&48_000_u32.to_le_bytes()[..], &[0, 0, family]].concat());
    if family == 1 {
        head.extend([&[streams as u8, coupled as u8][..], &mapping].concat());
    }
    let mut packets = vec![(head, 0), (b"OpusTags\x04\0\0\0made\0\0\0\0".to_vec(), 0)];
    let (mut samples, n_frames) = (samples.to_vec(), samples.len() / n);
    // What the decoder lags behind must be encoded, too.
    samples.resize((n_frames + usize::from(OPUS_PRE_SKIP)).next_multiple_of(960) * n, 0);
    for (i, block) in samples.chunks_exact(960 * n).enumerate() {
        let mut packet = vec![0; 4000 * n];
        let room = packet.len() as i32;
        let len = encoder.encode(block, 960, &mut packet, room).unwrap();
        packet.truncate(len as usize);
        let last = (n_frames + usize::from(OPUS_PRE_SKIP)).min(960 * (i + 1));
        packets.push((packet, last as u64));
    }
    ogg(u32::from(channels) + 7, &packets)
}
