//! Writing WAV files.

use std::path::Path;

use crate::{
    error::{Error, Result},
    units::SampleRate,
};

/// Writes `samples` (full scale ±1, cut beyond it) to `path` as 16-bit mono PCM.
///
/// # Errors
/// `Output` when the file cannot be written.
pub fn write_wav(path: &Path, sample_rate: SampleRate, samples: &[f32]) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = || -> Result<(), hound::Error> {
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * 32767.0).round() as i16)?;
        }
        writer.finalize()
    };
    write().map_err(|e| {
        Error::output(format!("{} cannot be written ({e}); check the folder and its disk", path.display()))
            .with_source(e)
    })
}
