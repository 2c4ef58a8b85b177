//! Decodes recordings packet by packet, recognised by their content: files, and streams from a pipe.

use std::path::Path;

use super::faults::Faults;
pub use super::reader::{MAX_CHANNELS, RecordingReader};
use crate::error::Result;
use crate::units::SampleRate;

/// A whole recording in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The recording's own rate.
    pub sample_rate: SampleRate,
    /// Channels, 1 to [`MAX_CHANNELS`].
    pub channels: u16,
    /// Interleaved samples, `[n_channel_frames, channels]`, full scale ±1. Always whole channel frames, never empty.
    /// A file of floats may hold values that are not finite; they are passed on as they are.
    pub samples: Vec<f32>,
    /// What is missing; `samples` hold what is there.
    pub faults: Faults,
}

impl Recording {
    /// The mean of the channels, `[n_channel_frames]`.
    #[must_use]
    pub fn mono(&self) -> Vec<f32> {
        if self.channels <= 1 {
            return self.samples.clone();
        }
        let n = usize::from(self.channels);
        // In f64, so that a mean of finite samples is finite and equal channels give exactly themselves.
        let mean = |frame: &[f32]| (frame.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64) as f32;
        self.samples.chunks_exact(n).map(mean).collect()
    }
}

/// Reads a whole recording.
///
/// A file that breaks off gives what can be read, and [`Recording::faults`] says what is missing. A damaged packet inside
/// a file becomes silence of its length, so that everything after it keeps its time.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where the file is missing, empty, of an unknown format, without any sample, more damaged
/// than sound, of 0 Hz or more than [`MAX_CHANNELS`] channels, or changes its rate or channels on the way.
pub fn read_recording(path: &Path) -> Result<Recording> {
    let mut reader = RecordingReader::open(path)?;
    let mut samples = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        samples.extend_from_slice(chunk);
    }
    reader.must_be_mostly_sound()?;
    Ok(Recording { sample_rate: reader.sample_rate(), channels: reader.channels(), samples, faults: reader.faults() })
}
