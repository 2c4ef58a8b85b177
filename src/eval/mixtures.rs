//! Evaluation sets made from clips: in-domain and out-of-domain as in section 3.2 of the L-MAC paper, and the corruptions of
//! the L2I papers. Both sources of every mixture stay known.
//!
//! A mixture is `a · s ÷ ‖s‖ + b · n ÷ ‖n‖`, `s` the clip and `n` what is added. The published programs then divide by the
//! maximum, because their front end knows no level; here the mixture gets the clip's own peak, so that levels stay those of
//! recordings. Every mixture is drawn by a generator of its own: which others are asked for, and on how many threads, does
//! not matter.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::{Error, Result};

/// Mixtures of each clip with others, as published.
const PAIRS_PER_CLIP: usize = 2;

/// What is made of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetKind {
    /// Clips as the classifier knows them: with background noise at 0 dB, or alone where there is no noise.
    InDomain,
    /// Each clip with two of other classes, 0.8 to 0.2 (12 dB).
    OutOfDomain,
    /// With white noise, 1 to 0.5 (6 dB).
    WhiteNoise,
    /// With speech, 0.8 to 0.2.
    Speech,
    /// Corruption of the L2I papers: white noise at 0 dB.
    CorruptNoise,
    /// Corruption of the L2I papers: a clip of another class, at 0 dB.
    CorruptOverlap,
}

impl SetKind {
    /// The sets of the tables, by the names of the command line.
    pub const TABLES: [Self; 4] = [Self::InDomain, Self::OutOfDomain, Self::WhiteNoise, Self::Speech];

    /// Its name in commands, JSON and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InDomain => "in-domain",
            Self::OutOfDomain => "out-of-domain",
            Self::WhiteNoise => "white-noise",
            Self::Speech => "speech",
            Self::CorruptNoise => "corrupt-noise",
            Self::CorruptOverlap => "corrupt-overlap",
        }
    }

    /// Weights of the clip and of what is added, each of norm 1.
    const fn weights(self) -> (f32, f32) {
        match self {
            Self::OutOfDomain | Self::Speech => (0.8, 0.2),
            Self::WhiteNoise => (1.0, 0.5),
            Self::InDomain | Self::CorruptNoise | Self::CorruptOverlap => (1.0, 1.0),
        }
    }

    /// Whether a clip of another class is added.
    const fn adds_a_clip(self) -> bool {
        matches!(self, Self::OutOfDomain | Self::CorruptOverlap)
    }

    /// Whether the clip's class must be beyond doubt, because it is the one that is explained.
    const fn wants_one_target(self) -> bool {
        matches!(self, Self::CorruptNoise | Self::CorruptOverlap)
    }
}

/// What sets are made of. All samples are mono at one rate, all clips equally long.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The clips.
    pub clips: &'a [Vec<f32>],
    /// The classes of each.
    pub targets: &'a [Vec<usize>],
    /// Recordings of background, of any length; may be none.
    pub noise: &'a [Vec<f32>],
    /// Recordings of speech, of any length; needed by [`SetKind::Speech`].
    pub speech: &'a [Vec<f32>],
}

/// One sound of a set and its two sources: `samples` is their sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// What is heard.
    pub samples: Vec<f32>,
    /// The clip's part of it.
    pub target: Vec<f32>,
    /// What was added.
    pub other: Vec<f32>,
    /// Which clip it is.
    pub clip: usize,
}

/// A set, whose mixtures are made when they are asked for.
#[derive(Debug, Clone)]
pub struct MixtureSet<'a> {
    kind: SetKind,
    material: Material<'a>,
    /// Clip, and how often it was there before.
    takes: Vec<(usize, usize)>,
    seed: u64,
}

impl<'a> MixtureSet<'a> {
    /// The set of `kind`, of at most `limit` clips, drawn at random where there are more.
    ///
    /// # Errors
    /// Of kind `Usage`: no clips; no speech where it is needed; a clip without one of another class where one is needed.
    pub fn new(kind: SetKind, material: Material<'a>, limit: Option<usize>, seed: u64) -> Result<Self> {
        if material.clips.len() != material.targets.len() {
            return Err(Error::bug("the targets given to an evaluation set do not fit its clips"));
        }
        let fits = |clip: &usize| !kind.wants_one_target() || material.targets[*clip].len() == 1;
        let mut clips: Vec<usize> = (0..material.clips.len()).filter(fits).collect();
        if clips.is_empty() {
            return Err(Error::usage(format!(
                "there are no clips for the {} set; choose folds that hold some",
                kind.name()
            )));
        }
        if kind == SetKind::Speech && material.speech.iter().all(Vec::is_empty) {
            return Err(Error::usage("the speech set needs recordings of speech; name their folder with --speech"));
        }
        if let Some(limit) = limit.filter(|limit| *limit < clips.len()) {
            let (chosen, _) = clips.partial_shuffle(&mut ChaCha8Rng::seed_from_u64(seed), limit);
            clips = chosen.to_vec();
            clips.sort_unstable();
        }
        let set = Self { kind, material, takes: Vec::new(), seed };
        if kind.adds_a_clip() && clips.iter().any(|clip| set.partners(*clip).is_empty()) {
            return Err(Error::usage(format!(
                "the {} set mixes clips of different classes, and these clips have one class only; choose folds with more",
                kind.name()
            )));
        }
        let repeats = if kind == SetKind::OutOfDomain { PAIRS_PER_CLIP } else { 1 };
        let takes = clips.into_iter().flat_map(|clip| (0..repeats).map(move |take| (clip, take))).collect();
        Ok(Self { takes, ..set })
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> SetKind {
        self.kind
    }

    /// Number of mixtures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.takes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.takes.is_empty()
    }

    /// The classes of mixture `i`'s clip.
    ///
    /// # Panics
    /// If there is no such mixture.
    #[must_use]
    pub fn targets(&self, i: usize) -> &'a [usize] {
        &self.material.targets[self.takes[i].0]
    }

    /// Makes mixture `i`; always the same for the same seed.
    ///
    /// # Panics
    /// If there is no such mixture.
    #[must_use]
    pub fn mixture(&self, i: usize) -> Mixture {
        let (clip, take) = self.takes[i];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(((self.kind as u64) << 32) | (clip * PAIRS_PER_CLIP + take) as u64);
        let samples = &self.material.clips[clip];
        let n = samples.len();
        let other = match self.kind {
            SetKind::InDomain => excerpt(self.material.noise, n, &mut rng),
            SetKind::Speech => speech(self.material.speech, n, &mut rng),
            SetKind::WhiteNoise | SetKind::CorruptNoise => (0..n).map(|_| rng.random_range(-1.0..1.0)).collect(),
            SetKind::OutOfDomain | SetKind::CorruptOverlap => {
                let mut partners = self.partners(clip);
                // The takes of a clip draw without replacement: the same order, one further each time.
                let mut order = ChaCha8Rng::seed_from_u64(self.seed);
                order.set_stream(((self.kind as u64) << 32) | (1 << 31) | clip as u64);
                partners.shuffle(&mut order);
                self.material.clips[partners[take % partners.len()]].clone()
            }
        };
        let (target, other) = mix(samples, &other, self.kind.weights());
        Mixture { samples: target.iter().zip(&other).map(|(s, n)| s + n).collect(), target, other, clip }
    }

    /// The clips that share no class with `clip` and have one.
    fn partners(&self, clip: usize) -> Vec<usize> {
        let targets = self.material.targets;
        let apart = |other: &usize| {
            !targets[*other].is_empty() && !targets[*other].iter().any(|class| targets[clip].contains(class))
        };
        (0..targets.len()).filter(apart).collect()
    }
}

/// `n` samples of one of the recordings, from anywhere in it; it begins anew where it is too short. Nothing of none.
fn excerpt(recordings: &[Vec<f32>], n: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let full: Vec<&Vec<f32>> = recordings.iter().filter(|r| !r.is_empty()).collect();
    if full.is_empty() {
        return vec![0.0; n];
    }
    let recording = full[rng.random_range(0..full.len())];
    let start = rng.random_range(0..=recording.len().saturating_sub(n));
    recording.iter().copied().cycle().skip(start).take(n).collect()
}

/// `n` samples of recordings drawn at random, one after the other.
fn speech(recordings: &[Vec<f32>], n: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let full: Vec<&Vec<f32>> = recordings.iter().filter(|r| !r.is_empty()).collect();
    let mut samples = Vec::with_capacity(n);
    while samples.len() < n && !full.is_empty() {
        samples.extend(full[rng.random_range(0..full.len())]);
    }
    samples.resize(n, 0.0);
    samples
}

/// Both sources as they are in the mixture. A silent source adds nothing.
fn mix(clip: &[f32], other: &[f32], (a, b): (f32, f32)) -> (Vec<f32>, Vec<f32>) {
    let norm = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scaled = |x: &[f32], weight: f32| -> Vec<f32> {
        let norm = norm(x);
        let gain = if norm > 0.0 { f64::from(weight) / norm } else { 0.0 };
        x.iter().map(|x| (f64::from(*x) * gain) as f32).collect()
    };
    let (mut target, mut other) = (scaled(clip, a), scaled(other, b));
    let peak = |x: &mut dyn Iterator<Item = f32>| x.fold(0.0_f32, |peak, x| peak.max(x.abs()));
    let (wanted, found) = (peak(&mut clip.iter().copied()), peak(&mut target.iter().zip(&other).map(|(s, n)| s + n)));
    if found > 0.0 {
        target.iter_mut().chain(&mut other).for_each(|x| *x *= wanted / found);
    }
    (target, other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const N: usize = 400;

    /// Tones whose frequency and level tell the clip.
    fn clips() -> Vec<Vec<f32>> {
        (1..=6).map(|k| (0..N).map(|i| 0.1 * k as f32 * (0.05 * (k * i) as f32).sin()).collect()).collect()
    }

    fn targets() -> Vec<Vec<usize>> {
        vec![vec![0], vec![0], vec![1], vec![1, 2], vec![2], vec![]]
    }

    fn db(a: &[f32], b: &[f32]) -> f32 {
        let energy = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>();
        10.0 * (energy(a) / energy(b)).log10()
    }

    #[test]
    fn mixtures_have_the_published_ratios_and_the_clips_peak() {
        let (clips, targets) = (clips(), targets());
        let noise = vec![(0..N / 3).map(|i| (i % 7) as f32 - 3.0).collect(), Vec::new()];
        let material = Material { clips: &clips, targets: &targets, noise: &noise, speech: &noise };
        let ratios = [
            (SetKind::InDomain, 0.0),
            (SetKind::OutOfDomain, 12.04),
            (SetKind::WhiteNoise, 6.02),
            (SetKind::Speech, 12.04),
            (SetKind::CorruptNoise, 0.0),
            (SetKind::CorruptOverlap, 0.0),
        ];
        for (kind, ratio) in ratios {
            let set = MixtureSet::new(kind, material, None, 1).unwrap();
            for i in 0..set.len() {
                let made = set.mixture(i);
                assert!((db(&made.target, &made.other) - ratio).abs() < 0.01, "{kind:?}");
                let peak = |x: &[f32]| x.iter().fold(0.0_f32, |p, x| p.max(x.abs()));
                assert!((peak(&made.samples) - peak(&clips[made.clip])).abs() < 1e-5, "{kind:?}");
                // The target is the clip at another level.
                assert!(crate::eval::mask_metrics::si_sdr_db(&made.target, &clips[made.clip]).unwrap() > 100.0);
            }
        }
    }

    #[test]
    fn pairs_have_different_classes_and_a_clip_meets_two_others() {
        let (clips, targets) = (clips(), targets());
        let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
        let set = MixtureSet::new(SetKind::OutOfDomain, material, None, 3).unwrap();
        assert_eq!(set.len(), 12);
        let partner = |i: usize| {
            let made = set.mixture(i);
            let sdr = |clip: &Vec<f32>| crate::eval::mask_metrics::si_sdr_db(&made.other, clip).unwrap();
            let best = (0..6).max_by(|a, b| sdr(&clips[*a]).total_cmp(&sdr(&clips[*b]))).unwrap();
            assert!(best < 5 && !targets[best].iter().any(|class| targets[made.clip].contains(class)), "{i}: {best}");
            best
        };
        for clip in 0..6 {
            assert_ne!(partner(2 * clip), partner(2 * clip + 1), "clip {clip}");
        }
        // Corruptions explain the clip's class, so it must be one.
        let overlap = MixtureSet::new(SetKind::CorruptOverlap, material, None, 3).unwrap();
        assert_eq!((0..overlap.len()).map(|i| overlap.mixture(i).clip).collect::<Vec<_>>(), [0, 1, 2, 4]);
    }

    #[test]
    fn a_mixture_depends_on_seed_and_clip_alone() {
        let (clips, targets) = (clips(), targets());
        let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
        let whole = MixtureSet::new(SetKind::CorruptNoise, material, None, 7).unwrap();
        let few = MixtureSet::new(SetKind::CorruptNoise, material, Some(2), 7).unwrap();
        assert_eq!(few.len(), 2);
        for i in 0..few.len() {
            let made = few.mixture(i);
            let same = (0..whole.len()).map(|k| whole.mixture(k)).find(|m| m.clip == made.clip).unwrap();
            assert_eq!(made, same);
        }
        let other = MixtureSet::new(SetKind::CorruptNoise, material, None, 8).unwrap();
        assert_ne!(whole.mixture(0).samples, other.mixture(0).samples);
    }

    #[test]
    fn without_noise_the_clip_is_alone_and_silence_stays_silent() {
        let clips = vec![vec![0.0, 0.25, -0.5, 0.0], vec![0.0; 4]];
        let targets = vec![vec![0], vec![1]];
        let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
        let set = MixtureSet::new(SetKind::InDomain, material, None, 1).unwrap();
        assert_eq!(set.mixture(0).samples, clips[0]);
        assert_eq!(set.mixture(1).samples, clips[1]);
    }

    #[test]
    fn what_is_missing_is_said() {
        let clips = vec![vec![1.0; 4]; 2];
        let targets = vec![vec![0]; 2];
        let material = Material { clips: &clips, targets: &targets, noise: &[], speech: &[] };
        let refused = |kind, part: &str| {
            let error = MixtureSet::new(kind, material, None, 1).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        refused(SetKind::OutOfDomain, "different classes");
        refused(SetKind::Speech, "--speech");
        let none = Material { clips: &[], targets: &[], noise: &[], speech: &[] };
        assert!(MixtureSet::new(SetKind::InDomain, none, None, 1).is_err());
    }
}
