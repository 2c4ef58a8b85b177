//! Recordings of every format, as files and as they come out of a pipe.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use earwitness::Error;

use earwitness::media::decode::RecordingReader;
use earwitness::media::wav::write_wav;
use earwitness::units::SampleRate;

use crate::harness::fuzz;

const EXTENSIONS: [&str; 4] = ["wav", "flac", "ogg", "mp3"];

const FIXTURES: [&str; 8] =
    ["tone.flac", "tone.ogg", "tone.mp3", "tone.mp2", "tone.m4a", "tone-alac.caf", "tone.webm", "tone.opus"];

/// A recording of at most so many samples comes out of 128 KiB: more would be sound that nobody recorded.
const MOST_SAMPLES: usize = 200_000_000;

#[test]
fn recordings() {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    let mut seeds: Vec<Vec<u8>> = FIXTURES.iter().map(|name| fs::read(fixtures.join(name)).unwrap()).collect();
    seeds.extend(made());
    let wav = dir.path().join("seed.wav");
    let samples: Vec<f32> = (0..2000).map(|i| (i as f32 / 7.0).sin()).collect();
    write_wav(&wav, SampleRate::new(22_050).unwrap(), &samples).unwrap();
    seeds.push(fs::read(&wav).unwrap());
    for (bits_per_sample, sample_format, channels) in
        [(8, hound::SampleFormat::Int, 2), (24, hound::SampleFormat::Int, 1), (32, hound::SampleFormat::Float, 8)]
    {
        let spec = hound::WavSpec { channels, sample_rate: 48_000, bits_per_sample, sample_format };
        let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
        for i in 0..800 {
            match sample_format {
                hound::SampleFormat::Int => writer.write_sample(i % 100).unwrap(),
                hound::SampleFormat::Float => writer.write_sample(i as f32 / 800.0).unwrap(),
            }
        }
        writer.finalize().unwrap();
        seeds.push(fs::read(&wav).unwrap());
    }
    let words = [
        "RIFF",
        "WAVE",
        "fmt ",
        "data",
        "LIST",
        "fact",
        "RF64",
        "ds64",
        "RIFX",
        "FORM",
        "AIFC",
        "COMM",
        "SSND",
        "sowt",
        "caff",
        "desc",
        "lpcm",
        "pakt",
        "fLaC",
        "OggS",
        "\u{1}vorbis",
        "OpusHead",
        "OpusTags",
        "ID3",
        "TAG",
        "APETAGEX",
        "LYRICSBEGIN",
        "Info",
        "LAME",
        "ftyp",
        "moov",
        "mdat",
        "elst",
        "moof",
    ];
    fuzz("audio", &seeds, &words, |case| {
        // The name's ending must not decide what a file is.
        let ending = EXTENSIONS[case.len() % EXTENSIONS.len()];
        let path = dir.path().join(format!("case.{ending}"));
        fs::write(&path, case).unwrap();
        let file = drain(RecordingReader::open(&path), case.len());
        let pipe = drain(RecordingReader::from_stream(Pieces(Cursor::new(case.to_vec()), 7), "a pipe"), case.len());
        file.and(pipe)
    });
}

/// Reads to the end.
fn drain(reader: Result<RecordingReader, Error>, n_bytes: usize) -> Result<(), Error> {
    let mut reader = reader?;
    let (channels, mut n) = (usize::from(reader.channels()), 0);
    while let Some(chunk) = reader.next_chunk()? {
        assert!(!chunk.is_empty() && chunk.len().is_multiple_of(channels), "whole channel frames");
        n += chunk.len();
        assert!(n < MOST_SAMPLES, "{n} samples out of {n_bytes} bytes");
    }
    let faults = reader.faults();
    assert_eq!(faults.is_none(), faults.sentence("it").is_none(), "{faults:?}");
    Ok(())
}

/// Gives what it has in pieces of odd lengths.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 * 31 % 4093 + 1;
        let n = self.1.min(into.len());
        self.0.read(&mut into[..n])
    }
}

/// Formats that are made by hand: RF64, W64, AIFF, CAF, ADPCM, and two recordings in one file.
fn made() -> Vec<Vec<u8>> {
    let sound: Vec<u8> = (0..3000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let le = |n: u32| n.to_le_bytes();
    let part = |id: &[u8], body: &[u8]| [id, &(body.len() as u32).to_le_bytes(), body].concat();
    let format = [&[1, 0, 2, 0][..], &le(8000), &le(32_000), &[4, 0, 16, 0]].concat();
    let ds64 = part(b"ds64", &[&[0; 8][..], &3000_u64.to_le_bytes(), &[0; 12]].concat());
    let head = [b"RF64\xff\xff\xff\xffWAVE".to_vec(), ds64, part(b"fmt ", &format)].concat();
    let rf64 = [&head[..], b"data\xff\xff\xff\xff", &sound, &part(b"LIST", b"adtl")].concat();
    let tail = b"\xf3\xac\xd3\x11\x8c\xd1\0\xc0\x4f\x8e\xdb\x8a";
    let long = |id: &[u8], body: &[u8]| [id, tail, &(body.len() as u64 + 24).to_le_bytes(), body].concat();
    let head =
        [b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0", &3104_u64.to_le_bytes()[..], b"wave", tail].concat();
    let w64 = [head, long(b"fmt ", &format), long(b"data", &sound)].concat();
    let adpcm = [&[0x11, 0, 1, 0][..], &le(8000), &le(4000), &[0, 1, 4, 0, 2, 0, 0xf9, 1]].concat();
    let chunks = [part(b"fmt ", &adpcm), part(b"fact", &le(5000)), part(b"data", &sound)].concat();
    let adpcm = part(b"RIFF", &[&b"WAVE"[..], &chunks].concat());
    let plain = part(b"RIFF", &[&b"WAVE"[..], &part(b"fmt ", &format), &part(b"data", &sound)].concat());
    let joined = [&plain[..], &plain].concat();
    let be = |id: &[u8], body: &[u8]| [id, &(body.len() as u32).to_be_bytes(), body].concat();
    let common = [&[0, 2, 0, 0, 2, 0xee, 0, 16, 0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0][..], b"sowt\0\0"].concat();
    let parts = [be(b"COMM", &common), be(b"SSND", &[&[0; 8], &sound[..]].concat())].concat();
    let aiff = be(b"FORM", &[&b"AIFC"[..], &parts].concat());
    let desc = [&8000_f64.to_be_bytes()[..], b"lpcm", &[2, 4, 1, 2, 16].map(u32::to_be_bytes).concat()].concat();
    let wide = |id: &[u8], body: &[u8]| [id, &(body.len() as u64).to_be_bytes(), body].concat();
    let caf = [b"caff\0\x01\0\0".to_vec(), wide(b"desc", &desc), wide(b"data", &sound)].concat();
    vec![rf64, w64, adpcm, joined, aiff, caf]
}
