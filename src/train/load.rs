//! Brings recordings to the model's rate and length, in parallel.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::clip_meta::{AUDIO_EXTENSIONS, ClipMeta};
use crate::error::{Error, Result};
use crate::eval::sound::{AtRate, Limit, read_at};
use crate::eval::workers::for_each;
use crate::units::SampleRate;

/// Longest recording of noise, in seconds.
const MAX_SECS: f64 = 24.0 * 3600.0;

/// Decodes `clips`, in order: the channels' mean, at `sample_rate`, cut or padded with zeros at the end to
/// `clip_samples`. Full scale stays ±1; no clip is scaled by its own maximum. `progress` is told how many are done and
/// how many there are.
///
/// # Errors
/// Of kind `Input`, naming the first recording that cannot be read.
pub fn load_clips(
    clips: &[ClipMeta],
    sample_rate: SampleRate,
    clip_samples: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<f32>>> {
    try_load_clips(clips, sample_rate, clip_samples, progress)?.into_iter().collect()
}

/// As [`load_clips`], with the error in the place of each recording that cannot be read.
///
/// # Errors
/// A defect; what is wrong with a recording stands in its place.
pub fn try_load_clips(
    clips: &[ClipMeta],
    sample_rate: SampleRate,
    clip_samples: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Result<Vec<f32>>>> {
    let one = |i: usize| {
        let mut samples = load_mono(&clips[i].path, sample_rate, Limit::Cut(sample_rate.secs(clip_samples as u64)))?;
        samples.resize(clip_samples, 0.0);
        samples.shrink_to_fit();
        Ok(samples)
    };
    for_each(clips.len(), |i| Ok(one(i)), progress)
}

/// Decodes every recording that lies in `dir` itself, ordered by name, at `sample_rate` and in full length.
///
/// # Errors
/// Of kind `Input`: the folder cannot be read, holds no recording, or one of them cannot be read.
pub fn load_noise(dir: &Path, sample_rate: SampleRate) -> Result<Vec<Vec<f32>>> {
    load_recordings(&recordings_in(dir)?, sample_rate)
}

/// The recordings that lie in `dir` itself, ordered by name.
///
/// # Errors
/// Of kind `Input`: the folder cannot be read, or holds no recording.
pub fn recordings_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).map_err(|e| {
        Error::input(format!("cannot read the folder {}: {e}; name a folder of recordings", dir.display()))
            .with_source(e)
    })?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| is_audio(p)).collect();
    if paths.is_empty() {
        return Err(Error::input(format!(
            "the folder {} holds no recording ({}); name another folder",
            dir.display(),
            AUDIO_EXTENSIONS.join(", ")
        )));
    }
    paths.sort();
    Ok(paths)
}

/// Decodes recordings, in order, at `sample_rate` and in full length.
///
/// # Errors
/// Of kind `Input`, naming the first one that cannot be read.
pub fn load_recordings(paths: &[PathBuf], sample_rate: SampleRate) -> Result<Vec<Vec<f32>>> {
    let loaded: Vec<Result<Vec<f32>>> =
        paths.par_iter().map(|path| load_mono(path, sample_rate, Limit::Refuse(MAX_SECS))).collect();
    loaded.into_iter().collect()
}

/// Whether the name is that of a recording.
pub(super) fn is_audio(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    AUDIO_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)) && path.is_file()
}

/// One recording: the channels' mean at `sample_rate`.
fn load_mono(path: &Path, sample_rate: SampleRate, limit: Limit) -> Result<Vec<f32>> {
    let AtRate { samples, told } = read_at(path, sample_rate, limit, |_| {})?;
    // A label on what is no sound teaches nonsense.
    if told.invalid > 0 {
        return Err(Error::input(format!(
            "{} holds samples that are no numbers; leave it out or write it again",
            path.display()
        )));
    }
    Ok(samples)
}
