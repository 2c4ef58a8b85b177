//! Recordings in and out: goldens for every format, and everything that can be wrong with a file.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use earwitness::ErrorKind;
use earwitness::media::decode::{Recording, RecordingReader, read_recording};
use earwitness::media::wav::write_wav;
use earwitness::units::SampleRate;
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio").join(name)
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).unwrap()
}

/// A WAV file of 16-bit samples with `channels` channels; sample `i` has the value `i`.
fn wav16(path: &Path, hz: u32, channels: u16, n: usize) {
    let spec =
        hound::WavSpec { channels, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..n).for_each(|i| writer.write_sample(i as i16).unwrap());
    writer.finalize().unwrap();
}

fn error_of(path: &Path) -> String {
    let error = read_recording(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "names the file: {text}");
    text
}

/// The fixtures and the numbers were made by:
/// ```python
/// import numpy as np, soundfile as sf
/// rate = 22050
/// t = np.arange(rate // 2) / rate
/// x = 0.5 * np.sin(2*np.pi*440*t) + 0.25 * np.sin(2*np.pi*1870*t)
/// y = 0.5 * np.sin(2*np.pi*330*t)
/// for ext, sub in (("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III")):
///     sf.write(f"tone.{ext}", np.stack([x, y], 1), rate, subtype=sub)
///     z, r = sf.read(f"tone.{ext}", dtype="float32")
///     print(ext, r, z.shape, z[[0, 1000, 5000, 11000]].ravel().round(6), np.sqrt((z**2).mean()))
/// ```
fn check_golden(name: &str, numbers: [f32; 8], rms: f64, tolerance: f32) -> Recording {
    let recording = read_recording(&fixture(name)).unwrap();
    assert_eq!((recording.sample_rate, recording.channels), (rate(22_050), 2));
    assert_eq!(recording.samples.len(), 2 * 11_025, "{name}");
    assert!(!recording.faults.ends_early, "{name}");
    let frames = [0, 1000, 5000, 11_000].map(|f| [recording.samples[2 * f], recording.samples[2 * f + 1]]);
    for (got, want) in frames.as_flattened().iter().zip(numbers) {
        assert!((got - want).abs() <= tolerance, "{name}: {got} is not {want}");
    }
    let power: f64 = recording.samples.iter().map(|&x| f64::from(x).powi(2)).sum();
    let got = (power / recording.samples.len() as f64).sqrt();
    assert!((got - rms).abs() < 1e-4, "{name}: RMS {got} is not {rms}");
    recording
}

#[test]
fn flac_is_exact() {
    let want = [0.0, 0.0, -0.374542, -0.106049, -0.438171, -0.438263, -0.174896, -0.355438];
    let recording = check_golden("tone.flac", want, 0.374_999_97, 1e-6);
    let mono = recording.mono();
    assert_eq!(mono.len(), 11_025);
    assert!((mono[1000] - (-0.374542 - 0.106049) / 2.0).abs() < 1e-6);
}

#[test]
fn vorbis_agrees_with_libvorbis() {
    let want = [-0.001326, -0.006073, -0.370389, -0.110235, -0.444488, -0.440934, -0.180039, -0.344509];
    check_golden("tone.ogg", want, 0.374_969_87, 1e-5);
}

#[test]
fn mp3_agrees_with_mpg123_and_is_trimmed_to_the_sound() {
    let want = [0.004703, 0.000663, -0.374201, -0.100214, -0.434336, -0.436519, -0.174331, -0.355665];
    check_golden("tone.mp3", want, 0.374_614_21, 1e-4);
}

#[test]
fn the_content_counts_and_not_the_extension() {
    let dir = TempDir::new().unwrap();
    for (fixture_name, odd) in [("tone.flac", "a.wav"), ("tone.ogg", "b.mp3"), ("tone.mp3", "c.ogg"), ("tone.ogg", "d")]
    {
        let path = dir.path().join(odd);
        std::fs::copy(fixture(fixture_name), &path).unwrap();
        let (odd, plain) = (read_recording(&path).unwrap(), read_recording(&fixture(fixture_name)).unwrap());
        assert_eq!(odd, plain, "{fixture_name}");
    }
}

#[test]
fn wav_of_every_width_is_exact() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.wav");
    for bits in [8_u16, 16, 24, 32] {
        let full = 1_i64 << (bits - 1);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: bits,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        let values = [0, 1, -1, full / 3, -full, full - 1];
        values.iter().for_each(|&v| writer.write_sample(v as i32).unwrap());
        writer.finalize().unwrap();
        let want: Vec<f32> = values.iter().map(|&v| (v as f64 / full as f64) as f32).collect();
        assert_eq!(read_recording(&path).unwrap().samples, want, "{bits} bits");
    }
}

#[test]
fn one_to_eight_channels_keep_their_order() {
    let dir = TempDir::new().unwrap();
    for channels in 1..=8 {
        let path = dir.path().join(format!("{channels}.wav"));
        wav16(&path, 48_000, channels, usize::from(channels) * 1500);
        let recording = read_recording(&path).unwrap();
        assert_eq!(recording.channels, channels);
        let back: Vec<i32> = recording.samples.iter().map(|x| (x * 32_768.0) as i32).collect();
        assert_eq!(back, (0..i32::from(channels) * 1500).collect::<Vec<_>>());
        assert_eq!(recording.mono().len(), 1500);
    }
}

#[test]
fn streaming_gives_the_same_samples() {
    for name in ["tone.flac", "tone.ogg", "tone.mp3"] {
        let whole = read_recording(&fixture(name)).unwrap();
        let mut reader = RecordingReader::open(&fixture(name)).unwrap();
        let mut samples = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            assert!(!chunk.is_empty() && chunk.len() % 2 == 0, "whole channel frames");
            samples.extend_from_slice(chunk);
        }
        assert!(reader.next_chunk().unwrap().is_none(), "the end stays the end");
        assert_eq!(samples, whole.samples);
        assert_eq!((reader.channels(), reader.sample_rate()), (whole.channels, whole.sample_rate));
    }
}

#[test]
fn a_truncated_wav_gives_every_whole_frame_that_is_there() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cut.wav");
    wav16(&path, 16_000, 2, 2 * 10_000);
    let bytes = std::fs::read(&path).unwrap();
    let header = bytes.len() - 4 * 10_000;
    // In the middle of a channel frame, after 7000 whole ones.
    std::fs::write(&path, &bytes[..header + 4 * 7000 + 3]).unwrap();
    let recording = read_recording(&path).unwrap();
    assert!(recording.faults.ends_early);
    assert_eq!(recording.samples.len(), 2 * 7000);
    assert_eq!(recording.samples[13_999], 13_999.0 / 32_768.0);
}

/// `noise.ogg` has several pages:
/// `sf.write("noise.ogg", np.random.default_rng(1).normal(0, 0.1, 3 * 16000), 16000, subtype="VORBIS")`
#[test]
fn truncated_flac_ogg_and_mp3_give_a_true_beginning() {
    let dir = TempDir::new().unwrap();
    for name in ["tone.flac", "noise.ogg", "tone.mp3"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let path = dir.path().join(name);
        let whole = read_recording(&fixture(name)).unwrap();
        let mut some = 0;
        for tenths in 1..10 {
            std::fs::write(&path, &bytes[..bytes.len() * tenths / 10]).unwrap();
            let Ok(part) = read_recording(&path) else { continue };
            assert!(part.samples.len() <= whole.samples.len());
            assert_eq!(part.samples.len() % usize::from(whole.channels), 0);
            if name != "tone.mp3" {
                assert!(part.faults.ends_early, "{name} at {tenths}0 %");
                assert_eq!(part.samples, whole.samples[..part.samples.len()], "{name} at {tenths}0 %");
            }
            some = part.samples.len();
        }
        assert!(some > whole.samples.len() / 2, "{name}: {some} samples of a file cut at 90 %");
    }
}

#[test]
fn a_wav_whose_recorder_crashed_is_read_to_its_end() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("crashed.wav");
    wav16(&path, 16_000, 1, 5000);
    let mut bytes = std::fs::read(&path).unwrap();
    let data_len_at = bytes.len() - 2 * 5000 - 4;
    // As a recorder leaves it that fills the lengths in when it closes the file.
    bytes[4..8].copy_from_slice(&0_u32.to_le_bytes());
    bytes[data_len_at..data_len_at + 4].copy_from_slice(&0_u32.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let recording = read_recording(&path).unwrap();
    assert!(recording.faults.ends_early);
    assert_eq!(recording.samples.len(), 5000);
    // As a program writes it that streams into a pipe: complete, its length unknown.
    bytes[4..8].fill(0xff);
    bytes[data_len_at..data_len_at + 4].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    let recording = read_recording(&path).unwrap();
    assert!(!recording.faults.ends_early);
    assert_eq!(recording.samples.len(), 5000);
}

#[test]
fn chunks_before_and_after_the_samples_are_no_sound() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("chunks.wav");
    wav16(&path, 16_000, 1, 100);
    let plain = std::fs::read(&path).unwrap();
    let data_at = plain.len() - 2 * 100 - 8;
    let mut bytes = plain[..data_at].to_vec();
    bytes.extend_from_slice(b"junk\x05\0\0\0abcde\0");
    bytes.extend_from_slice(&plain[data_at..]);
    bytes.extend_from_slice(b"LIST\x04\0\0\0adtl");
    let riff_len = (bytes.len() - 8) as u32;
    bytes[4..8].copy_from_slice(&riff_len.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let recording = read_recording(&path).unwrap();
    assert_eq!((recording.samples.len(), recording.faults.ends_early), (100, false));
}

#[test]
fn values_that_are_not_numbers_survive_decoding_for_the_ring_to_count() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("nan.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    [0.5, f32::NAN, f32::INFINITY, -0.5].iter().for_each(|&x| writer.write_sample(x).unwrap());
    writer.finalize().unwrap();
    let samples = read_recording(&path).unwrap().samples;
    assert_eq!((samples[0], samples[3], samples.len()), (0.5, -0.5, 4));
    assert!(samples[1].is_nan() && samples[2] == f32::INFINITY);
}

#[test]
fn what_cannot_be_read_is_said_in_one_sentence() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert!(error_of(&at("missing.wav")).contains("cannot open"));
    assert!(error_of(dir.path()).contains("folder"));
    std::fs::write(at("empty.wav"), b"").unwrap();
    assert!(error_of(&at("empty.wav")).contains("empty"));
    std::fs::write(at("text.wav"), "not a sound, ".repeat(9000)).unwrap();
    assert!(error_of(&at("text.wav")).contains("not a recording"));
    wav16(&at("silent.wav"), 8000, 1, 0);
    assert!(error_of(&at("silent.wav")).contains("no sound"));
    wav16(&at("short.wav"), 8000, 1, 100);
    let bytes = std::fs::read(at("short.wav")).unwrap();
    std::fs::write(at("header.wav"), &bytes[..20]).unwrap();
    error_of(&at("header.wav"));
    wav16(&at("nine.wav"), 8000, 9, 90);
    let text = error_of(&at("nine.wav"));
    assert!(text.contains("9 channels"), "{text}");
    let mut bytes = bytes;
    bytes[24..28].fill(0);
    std::fs::write(at("zero.wav"), &bytes).unwrap();
    let text = error_of(&at("zero.wav"));
    assert!(text.contains("0 Hz"), "{text}");
}

#[test]
fn damaged_bytes_never_end_the_program() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("damaged");
    wav16(&path, 8000, 2, 2000);
    let wav = std::fs::read(&path).unwrap();
    let files = ["tone.flac", "tone.ogg", "tone.mp3"].map(|n| std::fs::read(fixture(n)).unwrap());
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut read = 0;
    for bytes in files.iter().chain([&wav]) {
        for _ in 0..60 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + random() % 8 {
                // Half of the hits go to the headers.
                let span = if random() % 2 == 0 { 200.min(bytes.len()) } else { bytes.len() };
                bytes[random() % span] = random() as u8;
            }
            std::fs::write(&path, &bytes).unwrap();
            match read_recording(&path) {
                Ok(recording) => {
                    read += 1;
                    assert_eq!(recording.samples.len() % usize::from(recording.channels), 0);
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Input, "{error}"),
            }
        }
    }
    assert!(read > 0, "not every damage is fatal");
}

#[test]
fn written_wav_is_16_bit_rounded_and_clamped() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("out.wav");
    let step = 1.0 / 32_768.0;
    let samples = [0.0, 0.4 * step, 0.6 * step, -0.6 * step, 1.0, -1.0, 2.0, -2.0, f32::NAN, f32::INFINITY];
    write_wav(&path, rate(44_100), &samples).unwrap();
    let mut reader = hound::WavReader::open(&path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (1, 44_100, 16));
    let back: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    assert_eq!(back, [0, 0, 1, -1, 32_767, -32_768, 32_767, -32_768, 0, 32_767]);
    let failed = write_wav(&dir.path().join("no/such/folder.wav"), rate(8000), &samples).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Output);
}

#[test]
fn what_was_read_is_written_back_bit_for_bit() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("round.wav");
    let all: Vec<f32> = (i16::MIN..=i16::MAX).map(|v| f32::from(v) / 32_768.0).collect();
    write_wav(&path, rate(8000), &all).unwrap();
    assert_eq!(read_recording(&path).unwrap().samples, all);
}
