//! Reads what scenes are mixed from.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Background, Material, Sound, random_room};
use crate::checked_file::{self, Links};
use crate::train::dataset::{ClipMeta, DataSet};
use crate::train::load::{load_named_noise, try_load_clips};
use crate::units::SampleRate;
use crate::{Error, Result};

/// The category of sounds that have none of the labels.
pub const OTHER: &str = "other";
/// Rooms that scenes are set in.
const N_ROOMS: usize = 96;
/// Longest part of a recording, in seconds.
const MAX_SECS: f64 = 10.0;
/// Longest table of attributions, in bytes.
const MAX_TABLE: u64 = 16 << 20;

/// Material with its labels.
pub struct Loaded {
    /// The labels, in class order, without [`OTHER`].
    pub labels: Vec<String>,
    /// What scenes are mixed from.
    pub material: Material,
}

/// Reads `clips` of `set`, and the backgrounds in `noise`. A table `ATTRIBUTION.tsv` beside the folder of backgrounds may say
/// in brackets which labels each of them holds: `[contains: rain, wind]`.
///
/// # Errors
/// Of kind `Input`, naming the recording that cannot be read.
pub fn load(
    set: &DataSet,
    clips: &[ClipMeta],
    noise: Option<&Path>,
    rate: SampleRate,
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Loaded> {
    let labels: Vec<String> = set.labels.iter().filter(|l| *l != OTHER).cloned().collect();
    let mut material = Material { by_class: vec![Vec::new(); labels.len()], ..Material::default() };
    let longest = usize::try_from(rate.samples(MAX_SECS)).unwrap_or(usize::MAX);
    let loaded = try_load_clips(clips, rate, longest, progress)?;
    for (clip, samples) in clips.iter().zip(loaded) {
        let name = clip.targets.first().and_then(|t| set.labels.get(*t));
        let class = name.and_then(|name| labels.iter().position(|l| l == name));
        let Some(sound) = Sound::new(without_padding(samples?), class, rate) else { continue };
        match class {
            Some(class) => material.by_class[class].push(sound),
            None => material.other.push(sound),
        }
    }
    if let Some(dir) = noise {
        let table = contents(dir)?;
        for (name, samples) in load_named_noise(dir, rate)? {
            let contains = table.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, held)| held);
            let contains = contains.iter().filter_map(|c| labels.iter().position(|l| l == c)).collect();
            material.backgrounds.push(Background { samples, contains });
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0060_0d40);
    material.rooms = (0..N_ROOMS).map(|_| random_room(&mut rng, rate)).collect();
    Ok(Loaded { labels, material })
}

/// Without the zeros that fill a clip up.
fn without_padding(mut samples: Vec<f32>) -> Vec<f32> {
    let end = samples.iter().rposition(|x| *x != 0.0).map_or(0, |i| i + 1);
    samples.truncate(end);
    samples.shrink_to_fit();
    samples
}

/// File names of backgrounds with the labels that each holds, by the table beside the folder or in it.
fn contents(dir: &Path) -> Result<Vec<(String, Vec<String>)>> {
    let beside = dir.parent().map(|parent| parent.join("ATTRIBUTION.tsv"));
    let Some(path) = beside.into_iter().chain([dir.join("ATTRIBUTION.tsv")]).find(|path| path.is_file()) else {
        return Ok(Vec::new());
    };
    let text = checked_file::read_text(&path, Links::Follow, MAX_TABLE)
        .map_err(|e| Error::input(format!("cannot read {}: {e}", path.display())).with_source(e))?;
    Ok(text.lines().filter_map(held).collect())
}

/// The file and the labels of one line of the table.
fn held(line: &str) -> Option<(String, Vec<String>)> {
    let file = line.split('\t').next()?;
    let name = file.rsplit('/').next()?;
    let (_, list) = line.split_once("[contains: ")?;
    let (list, _) = list.split_once(']')?;
    Some((name.to_string(), list.split(',').map(|l| l.trim().to_string()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_a_background_holds() {
        let line = "ambience/boat.ogg\tboat [contains: insects, sea_waves]\tsomeone\tCC0 1.0\tsomewhere";
        assert_eq!(held(line), Some(("boat.ogg".into(), vec!["insects".into(), "sea_waves".into()])));
        assert_eq!(held("1-2-A-0.ogg\tdog.wav\tsomeone\tCC0 1.0\tESC-50"), None);
    }
}
