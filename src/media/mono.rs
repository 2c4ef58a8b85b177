//! Recordings as one channel of samples that can be sound, piece by piece: what analysis takes, whatever a file holds.

use std::ops::ControlFlow;
use std::path::Path;

use super::faults::Faults;
use super::reader::RecordingReader;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// No converter delivers 60 dB over full scale; a wrong sample format does, and its square would overflow further on.
pub const MAX_MAGNITUDE: f32 = 1000.0;

/// The sample itself, or `None` where it cannot be sound: not finite, or beyond [`MAX_MAGNITUDE`].
#[inline]
#[must_use]
pub fn valid(sample: f32) -> Option<f32> {
    // A comparison with what is not a number is false.
    (sample.abs() <= MAX_MAGNITUDE).then_some(sample)
}

/// A piece of a recording.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The recording's own rate.
    pub sample_rate: SampleRate,
    /// Its channels.
    pub channels: u16,
    /// Samples as they came, `[n_channel_frames, channels]`.
    pub interleaved: &'a [f32],
    /// The channels' mean, `[n_channel_frames]`; a sample that cannot be sound counts as 0.
    pub mono: &'a [f32],
}

/// What there is to say of a recording that was read.
#[derive(Debug, Clone)]
pub struct Told {
    /// What is missing.
    pub faults: Faults,
    /// Samples, of any channel, that cannot be sound (see [`valid`]).
    pub invalid: u64,
}

/// Reads the recording at `path`, of at most `max_secs` seconds, and hands it over in pieces until `on_piece` has enough; no
/// more than one piece is held in memory.
///
/// # Errors
/// As [`read_recording`](super::decode::read_recording), and where the recording is longer; else what `on_piece` fails with.
pub fn read_mono(
    path: &Path,
    max_secs: f64,
    mut on_piece: impl FnMut(&Piece<'_>) -> Result<ControlFlow<()>>,
) -> Result<Told> {
    let mut reader = RecordingReader::open(path)?;
    let (sample_rate, channels) = (reader.sample_rate(), reader.channels());
    let most = f64::from(sample_rate.hz()) * max_secs;
    let (mut n_frames, mut invalid, mut mono) = (0, 0, Vec::new());
    while let Some(interleaved) = reader.next_chunk()? {
        invalid += mix(interleaved, channels, &mut mono);
        n_frames += mono.len() as u64;
        if n_frames as f64 > most {
            return Err(Error::input(format!(
                "{} is longer than the {max_secs} s that can be taken at once; cut it into pieces",
                path.display()
            )));
        }
        if on_piece(&Piece { sample_rate, channels, interleaved, mono: &mono })?.is_break() {
            return Ok(Told { faults: reader.faults(), invalid });
        }
    }
    reader.must_be_mostly_sound()?;
    Ok(Told { faults: reader.faults(), invalid })
}

/// Puts the mean of each channel frame into `mono`; how many samples cannot be sound.
fn mix(interleaved: &[f32], channels: u16, mono: &mut Vec<f32>) -> u64 {
    let n = usize::from(channels.max(1));
    let mut invalid = 0;
    let mut cleaned = |sample: &f32| {
        valid(*sample).unwrap_or_else(|| {
            invalid += 1;
            0.0
        })
    };
    mono.clear();
    if n == 1 {
        mono.extend(interleaved.iter().map(cleaned));
    } else {
        // In f64, so that equal channels give exactly themselves.
        let mut mean = |frame: &[f32]| (frame.iter().map(|x| f64::from(cleaned(x))).sum::<f64>() / n as f64) as f32;
        mono.extend(interleaved.chunks_exact(n).map(&mut mean));
    }
    invalid
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::media::decode::read_recording;

    fn write(path: &Path, channels: u16, samples: &[f32]) {
        let spec = hound::WavSpec {
            channels,
            sample_rate: 8000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut wav = hound::WavWriter::create(path, spec).unwrap();
        samples.iter().for_each(|x| wav.write_sample(*x).unwrap());
        wav.finalize().unwrap();
    }

    #[test]
    fn pieces_are_the_recordings_mono_and_what_is_no_sound_is_silence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        for channels in [1, 2, 3] {
            let mut samples: Vec<f32> = (0..60_000_u64).map(|i| ((i * i) as f32 * 1e-4).sin()).collect();
            write(&path, channels, &samples);
            let mut mono = Vec::new();
            let told = read_mono(&path, 100.0, |piece| {
                assert_eq!(piece.interleaved.len(), piece.mono.len() * usize::from(channels));
                mono.extend_from_slice(piece.mono);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(told.unwrap().invalid, 0);
            assert_eq!(mono, read_recording(&path).unwrap().mono());
            let bad = [(0, f32::NAN), (7, f32::INFINITY), (59_999, -1e30), (100, 1e38)];
            bad.iter().for_each(|(i, x)| samples[*i] = *x);
            write(&path, channels, &samples);
            let mut clean = Vec::new();
            let told = read_mono(&path, 100.0, |piece| {
                clean.extend_from_slice(piece.mono);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(told.unwrap().invalid, 4);
            let n = usize::from(channels);
            for (i, (clean, mono)) in clean.iter().zip(&mono).enumerate() {
                let touched = bad.iter().any(|(at, _)| at / n == i);
                assert!(clean.abs() <= 1.0 && (touched || clean == mono), "{i}");
            }
            let too_long = read_mono(&path, 1.0, |_| Ok(ControlFlow::Continue(()))).unwrap_err();
            assert!(too_long.to_string().contains("longer than the 1 s"), "{too_long}");
        }
    }
}
