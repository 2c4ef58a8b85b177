//! A set with several labels a clip, made of one with one: mixtures of clips of different labels.

use std::fmt::Write as _;
use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::augment::{active_level, add, scale, uniform};
use super::clip_meta::ClipMeta;
use super::dataset::DataSet;
use super::load::load_clips;
use super::set_folder::SetFolder;
use crate::dsp::from_db;
use crate::error::{Error, Result};
use crate::eval::workers::for_each;
use crate::media::wav::write_wav;
use crate::units::SampleRate;

/// The table of clips.
const TABLE: &str = "mixtures.csv";
/// Sounds in a mixture, each number as likely.
const SOUNDS: std::ops::RangeInclusive<usize> = 1..=3;
/// Level of each sound where it sounds, relative to the others', in dB.
const LEVEL_DB: (f32, f32) = (-5.0, 5.0);
/// Largest magnitude of a mixture.
const PEAK: f32 = 0.5;

/// What is mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureParams {
    /// Folds to take clips from; a mixture belongs to the fold of its clips. Empty: all.
    pub folds: Vec<u32>,
    /// Mixtures of each fold.
    pub per_fold: usize,
    /// Rate of the mixtures.
    pub rate: SampleRate,
    /// Samples of a mixture; longer clips are cut, shorter ones have silence behind.
    pub n_samples: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// Writes mixtures of the clips of `set` into `dir`: `audio/FOLD-NUMBER.wav`, and `meta/mixtures.csv` with one 0/1 column a
/// label. The same parameters give the same bytes. Calls `progress` with how many are done and how many there are in all.
///
/// # Errors
/// A usage error where nothing is to be made, a fold does not exist or has too few labels, or `dir` holds a data set; an input
/// error for a clip that cannot be read; an output error that names what cannot be written.
pub fn write_mixtures(
    dir: &Path,
    set: &DataSet,
    params: &MixtureParams,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<usize> {
    let folds = if params.folds.is_empty() { set.folds() } else { params.folds.clone() };
    if params.per_fold == 0 || params.n_samples == 0 {
        return Err(Error::usage("a set without clips cannot be made; give at least one a fold"));
    }
    let sources = folds.iter().map(|fold| sources(set, *fold)).collect::<Result<Vec<_>>>()?;
    let out = SetFolder::begin(dir, &["audio"])?;
    let n = folds.len() * params.per_fold;
    let one = |i: usize| -> Result<String> {
        let (fold, number) = (i / params.per_fold, i % params.per_fold);
        let rng = &mut ChaCha8Rng::seed_from_u64(params.seed);
        rng.set_stream(u64::from(folds[fold]) << 32 ^ number as u64);
        let chosen = draw(rng, &sources[fold]);
        let name = format!("{}-{:05}.wav", folds[fold], number + 1);
        let clips = load_clips(&chosen, params.rate, params.n_samples, &mut |_, _| ())?;
        write_wav(&out.recording("audio", &name), params.rate, &mixed(rng, &clips))?;
        let mut row = format!("{name},{}", folds[fold]);
        for label in 0..set.labels.len() {
            let heard = chosen.iter().any(|clip| clip.targets.contains(&label));
            // Writing to a String cannot fail.
            let _ = write!(row, ",{}", u8::from(heard));
        }
        Ok(row + "\n")
    };
    let rows = for_each(n, one, progress)?;
    let header = format!("filename,fold,{}\n", set.labels.join(","));
    out.finish(&[(TABLE, rows.into_iter().fold(header, |table, row| table + &row))])?;
    Ok(n)
}

/// The clips of a fold that have a label.
fn sources(set: &DataSet, fold: u32) -> Result<Vec<ClipMeta>> {
    let (clips, _) = set.split(&[fold])?;
    let clips: Vec<ClipMeta> = clips.into_iter().filter(|clip| !clip.targets.is_empty()).collect();
    let labels = |clip: &ClipMeta| clip.targets.clone();
    let mut kinds: Vec<Vec<usize>> = clips.iter().map(labels).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < *SOUNDS.end() {
        return Err(Error::usage(format!(
            "fold {fold} has {} kinds of labels, too few to mix {}; choose another fold",
            kinds.len(),
            SOUNDS.end()
        )));
    }
    Ok(clips)
}

/// One to three clips that share no label.
fn draw(rng: &mut ChaCha8Rng, clips: &[ClipMeta]) -> Vec<ClipMeta> {
    let mut chosen: Vec<ClipMeta> = Vec::new();
    for _ in 0..rng.random_range(SOUNDS) {
        let strange = |clip: &&ClipMeta| !chosen.iter().any(|c| c.targets.iter().any(|t| clip.targets.contains(t)));
        let left: Vec<&ClipMeta> = clips.iter().filter(strange).collect();
        chosen.extend(left.choose(rng).map(|clip| (*clip).clone()));
    }
    chosen
}

/// The sum of clips, each at its level, brought to one peak.
fn mixed(rng: &mut ChaCha8Rng, clips: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0; clips.first().map_or(0, Vec::len)];
    for clip in clips {
        let gain = from_db(uniform(rng, LEVEL_DB));
        let level = active_level(clip);
        if level > 0.0 {
            add(&mut sum, clip, gain / level);
        }
    }
    let peak = sum.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
    if peak > 0.0 {
        scale(&mut sum, PEAK / peak);
    }
    sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Four tones of a second in each of two folds, and one recording of no label.
    fn tones() -> (tempfile::TempDir, SampleRate) {
        let (dir, rate) = (tempfile::tempdir().unwrap(), SampleRate::new(8000).unwrap());
        let out = SetFolder::begin(dir.path(), &["audio"]).unwrap();
        let mut table = "filename,fold,target,category\n".to_owned();
        for (i, label) in ["a", "b", "c", "d", "other"].iter().enumerate() {
            for fold in 1..=2 {
                let name = format!("{fold}-{label}.wav");
                let tone: Vec<f32> = (0..8000).map(|t| 0.1 * (t as f32 * 0.1 * (i + 1) as f32).sin()).collect();
                write_wav(&out.recording("audio", &name), rate, &tone).unwrap();
                table += &format!("{name},{fold},{i},{label}\n");
            }
        }
        out.finish(&[("esc50.csv", table)]).unwrap();
        (dir, rate)
    }

    #[test]
    fn mixtures_have_the_labels_of_their_clips_and_repeat() {
        let (from, rate) = tones();
        let set = DataSet::open(from.path()).unwrap();
        let params = MixtureParams { folds: vec![2], per_fold: 12, rate, n_samples: 8000, seed: 3 };
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for dir in &dirs {
            assert_eq!(write_mixtures(dir.path(), &set, &params, &mut |_, _| ()).unwrap(), 12);
        }
        let made = DataSet::open(dirs[0].path()).unwrap();
        assert_eq!((made.labels.as_slice(), made.folds()), (set.labels.as_slice(), vec![2]));
        let counts: Vec<usize> = made.clips.iter().map(|clip| clip.targets.len()).collect();
        assert!(counts.iter().all(|n| SOUNDS.contains(n)) && counts.contains(&1) && counts.contains(&3), "{counts:?}");
        for clip in &made.clips {
            let samples = load_clips(std::slice::from_ref(clip), rate, 8000, &mut |_, _| ()).unwrap().remove(0);
            // A mixture holds its own tones and no other: how strongly each sounds, by its Fourier coefficient.
            let strength = |class: usize| {
                let step = 0.1 * (class + 1) as f32;
                let parts = samples.iter().enumerate().map(|(t, s)| (t as f32 * step, *s));
                let (re, im) = parts.fold((0.0, 0.0), |(re, im), (p, s)| (re + s * p.cos(), im + s * p.sin()));
                re.hypot(im) / 4000.0
            };
            let heard: Vec<usize> = (0..4).filter(|class| strength(*class) > 0.03).collect();
            assert_eq!(heard, clip.targets);
        }
        let bytes = |dir: &tempfile::TempDir| std::fs::read(dir.path().join("audio/2-00007.wav")).unwrap();
        assert_eq!(bytes(&dirs[0]), bytes(&dirs[1]));
        let again = write_mixtures(dirs[0].path(), &set, &params, &mut |_, _| ());
        assert!(again.unwrap_err().to_string().contains("holds a data set"));
        let unknown = MixtureParams { folds: vec![7], ..params };
        let nowhere = tempfile::tempdir().unwrap();
        assert!(write_mixtures(nowhere.path(), &set, &unknown, &mut |_, _| ()).is_err());
    }
}
