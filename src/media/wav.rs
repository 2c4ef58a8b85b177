//! Writes WAV files that play everywhere: mono, 16 bit.

use std::io::Cursor;
use std::path::Path;

use crate::error::{Error, Result};
use crate::units::SampleRate;

/// Writes `samples` (mono, full scale ±1) as 16-bit PCM, replacing what was at `path`.
///
/// Samples are rounded to the nearest step and clamped to full scale; one that is not a number becomes 0.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where the file cannot be written.
pub fn write_wav(path: &Path, sample_rate: SampleRate, samples: &[f32]) -> Result<()> {
    let failed = |e: hound::Error| {
        Error::output(format!("cannot write {}: {e}; check the folder and the free space", path.display()))
            .with_source(e)
    };
    let mut writer = hound::WavWriter::create(path, spec(sample_rate)).map_err(failed)?;
    for &sample in samples {
        writer.write_sample(pcm16(sample)).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

/// The bytes of the file that [`write_wav`] writes.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where there are more samples than such a file can hold.
pub fn wav_bytes(sample_rate: SampleRate, samples: &[f32]) -> Result<Vec<u8>> {
    let failed = |e: hound::Error| Error::output(format!("the sound is too long for a WAV file ({e})")).with_source(e);
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec(sample_rate)).map_err(failed)?;
    for &sample in samples {
        writer.write_sample(pcm16(sample)).map_err(failed)?;
    }
    writer.finalize().map_err(failed)?;
    Ok(bytes.into_inner())
}

const fn spec(sample_rate: SampleRate) -> hound::WavSpec {
    hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    }
}

/// Full scale 1.0 is 32 768 steps, as every decoder divides by: what was read as 16 bit is written back bit for bit.
fn pcm16(sample: f32) -> i16 {
    // A cast saturates, and makes 0 of what is not a number.
    (sample * 32_768.0).round() as i16
}
