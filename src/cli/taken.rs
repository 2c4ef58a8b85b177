//! Sounds that a person took at the monitor's screen, to learn a label from: `LABELS/taken/20261130T123456.789Z.wav`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::engine::controls::TakenSound;
use crate::error::{Error, Result};
use crate::media::wav::write_wav;
use crate::model::labels_folder::unwritable;
use crate::train::scene::standing_out;
use crate::units::SamplePos;

/// Sounds that wait to be learned from.
const TAKEN: &str = "taken";
/// Sounds that labels were learned from, a folder a label.
const EXAMPLES: &str = "examples";

/// Keeps what stands out of the background in a sound, below the folder of the labels, and says what to do next.
///
/// # Errors
/// Of kind `Output`, where it cannot be written.
#[cfg_attr(not(feature = "tui"), allow(dead_code))]
pub(super) fn keep(labels: &Path, sound: &TakenSound) -> Result<String> {
    let dir = labels.join(TAKEN);
    fs::create_dir_all(&dir).map_err(|e| unwritable(&dir, e))?;
    let rate = sound.clock.sample_rate;
    let span = standing_out(&sound.samples, rate);
    let from = sound.clock.wall(SamplePos(sound.from.0 + span.start as u64));
    let name = jiff::Timestamp::try_from(from).unwrap_or_else(|_| jiff::Timestamp::now());
    let path = dir.join(format!("{}.wav", name.strftime("%Y%m%dT%H%M%S%.3fZ")));
    let secs = span.len() as f64 / f64::from(rate.hz());
    write_wav(&path, rate, &sound.samples[span])?;
    let n = waiting(labels)?.len();
    Ok(format!("{secs:.1} s taken ({n} in all); then run: earwitness enroll NAME --taken"))
}

/// The sounds that wait to be learned from, oldest first.
///
/// # Errors
/// Of kind `Input`, where the folder cannot be read.
pub(super) fn waiting(labels: &Path) -> Result<Vec<PathBuf>> {
    let dir = labels.join(TAKEN);
    let unreadable =
        |e: io::Error| Error::input(format!("{} cannot be read ({e}); check the folder", dir.display())).with_source(e);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "wav") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Moves the sounds that the label `name` is learned from to its examples. Returns their new places.
///
/// # Errors
/// Of kind `Output`, where one cannot be moved.
pub(super) fn make_examples(labels: &Path, name: &str, taken: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let dir = labels.join(EXAMPLES).join(name);
    fs::create_dir_all(&dir).map_err(|e| unwritable(&dir, e))?;
    taken
        .iter()
        .map(|path| {
            let new = dir.join(path.file_name().unwrap_or_default());
            fs::rename(path, &new).map_err(|e| unwritable(&new, e))?;
            Ok(new)
        })
        .collect()
}
