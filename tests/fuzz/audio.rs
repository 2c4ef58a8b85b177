//! Recordings: WAV, FLAC, Ogg Vorbis, MP3.

use std::fs;
use std::path::Path;

use earwitness::media::decode::RecordingReader;
use earwitness::media::wav::write_wav;
use earwitness::units::SampleRate;

use crate::harness::fuzz;

const EXTENSIONS: [&str; 4] = ["wav", "flac", "ogg", "mp3"];

/// A recording of at most so many samples comes out of 128 KiB: more would be sound that nobody recorded.
const MOST_SAMPLES: usize = 200_000_000;

#[test]
fn recordings() {
    let dir = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
    let mut seeds: Vec<Vec<u8>> =
        ["tone.flac", "tone.ogg", "tone.mp3"].iter().map(|name| fs::read(fixtures.join(name)).unwrap()).collect();
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
    let words = ["RIFF", "WAVE", "fmt ", "data", "LIST", "fLaC", "OggS", "\u{1}vorbis", "ID3", "RF64", "ds64"];
    fuzz("audio", &seeds, &words, |case| {
        // The name's ending must not decide what a file is.
        let ending = EXTENSIONS[case.len() % EXTENSIONS.len()];
        let path = dir.path().join(format!("case.{ending}"));
        fs::write(&path, case).unwrap();
        let mut reader = RecordingReader::open(&path)?;
        let (channels, mut n) = (usize::from(reader.channels()), 0);
        while let Some(chunk) = reader.next_chunk()? {
            assert!(!chunk.is_empty() && chunk.len().is_multiple_of(channels), "whole channel frames");
            n += chunk.len();
            assert!(n < MOST_SAMPLES, "{n} samples out of {} bytes", case.len());
        }
        Ok(())
    });
}
