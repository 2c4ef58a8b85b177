//! Reads what scenes are mixed from.

use std::collections::BTreeSet;
use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Background, Material, Sound, random_room};
use crate::Result;
use crate::eval::backgrounds::Contents;
use crate::train::dataset::{ClipMeta, DataSet};
use crate::train::load::{load_recordings, recordings_in, try_load_clips};
use crate::units::SampleRate;

/// Rooms that scenes are set in.
const N_ROOMS: usize = 96;
/// Longest part of a recording, in seconds.
const MAX_SECS: f64 = 10.0;

/// Material with its labels.
pub struct Loaded {
    /// The labels, in class order.
    pub labels: Vec<String>,
    /// Where each label comes from.
    pub origins: Vec<LabelOrigin>,
    /// What scenes are mixed from.
    pub material: Material,
}

/// Where a label comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelOrigin {
    /// Its group, where `meta/labels.csv` names one.
    pub group: Option<String>,
    /// Distinct sources of its recordings.
    pub n_sources: usize,
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
    let labels = set.labels.clone();
    let mut material = Material { by_class: vec![Vec::new(); labels.len()], ..Material::default() };
    let origins = origins(set, &labels, clips);
    let longest = usize::try_from(rate.samples(MAX_SECS)).unwrap_or(usize::MAX);
    let loaded = try_load_clips(clips, rate, longest, progress)?;
    for (clip, samples) in clips.iter().zip(loaded) {
        let class = clip.targets.first().copied();
        let Some(sound) = Sound::new(without_padding(samples?), class, rate) else { continue };
        match class {
            Some(class) => material.by_class[class].push(sound),
            None => material.other.push(sound),
        }
    }
    if let Some(dir) = noise {
        let contents = Contents::if_known(dir)?;
        let paths = recordings_in(dir)?;
        for (path, samples) in paths.iter().zip(load_recordings(&paths, rate)?) {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let held = contents.iter().flat_map(|contents| contents.held_by(&name));
            let contains = held.filter_map(|held| labels.iter().position(|l| l == held)).collect();
            material.backgrounds.push(Background { samples, contains });
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0060_0d40);
    material.rooms = (0..N_ROOMS).map(|_| random_room(&mut rng, rate)).collect();
    Ok(Loaded { labels, origins, material })
}

/// Group and number of sources of each label.
fn origins(set: &DataSet, labels: &[String], clips: &[ClipMeta]) -> Vec<LabelOrigin> {
    let one = |label: &String| {
        let of = |clip: &&ClipMeta| clip.targets.iter().any(|t| set.labels.get(*t) == Some(label));
        let sources: BTreeSet<&str> = clips.iter().filter(of).map(|clip| source(&clip.path)).collect();
        LabelOrigin { group: set.groups.get(label).cloned(), n_sources: sources.len() }
    };
    labels.iter().map(one).collect()
}

/// The second part of a name like `1-900004-B-25.ogg`; the whole name where it has another form.
fn source(path: &Path) -> &str {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    name.split('-').nth(1).unwrap_or(name)
}

/// Without the zeros that fill a clip up.
fn without_padding(mut samples: Vec<f32>) -> Vec<f32> {
    let end = samples.iter().rposition(|x| *x != 0.0).map_or(0, |i| i + 1);
    samples.truncate(end);
    samples.shrink_to_fit();
    samples
}
