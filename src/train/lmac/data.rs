//! Batches for L-MAC: clips with background (in-domain), and pairs of clips of different classes (out-of-domain), with
//! what of each belongs to which class.

use candle_core::{Device, Tensor};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::super::augment::{AugmentParams, add, gain_at_snr, scale, uniform};
use super::super::classifier::{Clips, example_rng};
use super::super::l2i::spectra;
use super::settings::LmacTraining;
use crate::dsp::{FrontEnd, from_db};
use crate::{Error, Result};

/// One sound and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Example {
    /// Everything at once.
    pub(super) samples: Vec<f32>,
    /// Each clip in it, without background: its classes and its sound as it is in the mixture.
    pub(super) parts: Vec<(Vec<usize>, Vec<f32>)>,
}

impl Example {
    /// The classes of the clips in it.
    pub(super) fn classes(&self) -> Vec<usize> {
        self.parts.iter().flat_map(|(classes, _)| classes.iter().copied()).collect()
    }

    /// The clip of a class alone; all clips without background where none has the class.
    pub(super) fn clean(&self, class: usize) -> Vec<f32> {
        if let Some((_, samples)) = self.parts.iter().find(|(classes, _)| classes.contains(&class)) {
            return samples.clone();
        }
        let mut sum = vec![0.0; self.samples.len()];
        self.parts.iter().for_each(|(_, samples)| add(&mut sum, samples, 1.0));
        sum
    }
}

/// As [`AugmentParams::example`], but always of a clip, never mixed with one of the same class, and with its parts.
pub(super) fn example(
    augment: &AugmentParams,
    rng: &mut ChaCha8Rng,
    clips: &Clips,
    noise: &[Vec<f32>],
    index: usize,
) -> Example {
    let part = |rng: &mut ChaCha8Rng, i: usize| (clips.targets[i].clone(), augment.part(rng, &clips.samples[i]));
    let first = part(rng, index);
    let mut samples = first.1.clone();
    let mut parts = vec![first];
    if rng.random_bool(augment.mix_prob)
        && let Some(other) = of_another_class(rng, &clips.targets, index)
    {
        let (classes, mut second) = part(rng, other);
        let snr_db = uniform(rng, augment.mix_snr_db);
        if let Some(gain) = gain_at_snr(&samples, &second, snr_db) {
            scale(&mut second, gain);
            add(&mut samples, &second, 1.0);
            parts.push((classes, second));
        }
    }
    if rng.random_bool(augment.noise_prob) {
        let background = augment.background(rng, noise, samples.len());
        let snr_db = uniform(rng, augment.noise_snr_db);
        let gain = gain_at_snr(&samples, &background, snr_db).unwrap_or(0.0);
        add(&mut samples, &background, gain);
    }
    let gain = from_db(uniform(rng, augment.gain_db));
    scale(&mut samples, gain);
    parts.iter_mut().for_each(|(_, samples)| scale(samples, gain));
    Example { samples, parts }
}

/// A clip that shares no class with clip `index`, each such clip as likely; none where there is none. Mixed with it, it makes the
/// out-of-domain sounds of section 3.2 of the paper.
fn of_another_class(rng: &mut impl Rng, targets: &[Vec<usize>], index: usize) -> Option<usize> {
    let own = targets.get(index)?;
    let others: Vec<usize> =
        (0..targets.len()).filter(|i| *i != index && targets[*i].iter().all(|class| !own.contains(class))).collect();
    (!others.is_empty()).then(|| others[rng.random_range(0..others.len())])
}

/// A batch as the networks take it.
pub(super) struct Batch {
    pub(super) examples: Vec<Example>,
    /// `[batch, n_frames, n_mels]`.
    pub(super) features: Tensor,
    /// ln(1 + |X|), `[batch, n_frames, n_bins]`.
    pub(super) log_magnitude: Tensor,
}

/// The batch of some clips in an epoch, as windows of a live stream or as whole clips.
pub(super) fn make_batch(
    how: &LmacTraining,
    clips: &Clips,
    noise: &[Vec<f32>],
    epoch: usize,
    indices: &[usize],
    as_windows: bool,
) -> Result<Batch> {
    let (augment, n_frames) = if as_windows {
        let n_window = how.window_frames.saturating_sub(1) * how.front_end.stft.hop + 1;
        (how.augment.for_windows(n_window), how.window_frames)
    } else {
        (how.augment.clone(), how.clip_frames)
    };
    let made = |&index: &usize| example(&augment, &mut example_rng(how.seed, epoch, index), clips, noise, index);
    let examples: Vec<Example> = indices.par_iter().map(made).collect();
    let sounds: Vec<&[f32]> = examples.iter().map(|e| e.samples.as_slice()).collect();
    let (features, log_magnitude) = hear(how, &sounds, n_frames)?;
    Ok(Batch { examples, features, log_magnitude })
}

/// The classifier's input and ln(1 + |X|) of sounds, cut or filled with silence to `n_frames`.
pub(super) fn hear(how: &LmacTraining, sounds: &[&[f32]], n_frames: usize) -> Result<(Tensor, Tensor)> {
    let one = |front_end: &mut Result<FrontEnd>, samples: &&[f32]| {
        let front_end = front_end.as_mut().map_err(|e| Error::new(e.kind(), e.to_string()))?;
        spectra(front_end, samples, n_frames)
    };
    let heard: Vec<Result<(Vec<f32>, Vec<f32>)>> =
        sounds.par_iter().map_init(|| FrontEnd::new(&how.front_end), one).collect();
    let (mut features, mut log_magnitude) = (Vec::new(), Vec::new());
    for segment in heard {
        let (f, l) = segment?;
        features.extend(f);
        log_magnitude.extend(l);
    }
    let n = sounds.len();
    Ok((
        Tensor::from_vec(features, (n, n_frames, how.front_end.mel.n_mels), &Device::Cpu)?,
        Tensor::from_vec(log_magnitude, (n, n_frames, how.front_end.stft.n_bins()), &Device::Cpu)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn clips() -> Clips {
        let clip = |i: usize| (0..4096).map(|t| 0.3 * (t as f32 * (0.2 + 0.1 * i as f32)).sin()).collect();
        Clips {
            samples: (0..8).map(clip).collect(),
            targets: (0..8).map(|i| if i == 0 { vec![0, 1] } else { vec![i % 4] }).collect(),
        }
    }

    #[test]
    fn partners_share_no_class() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let targets = clips().targets;
        for i in (0..200).map(|i| i % targets.len()) {
            let other = of_another_class(&mut rng, &targets, i);
            assert!(other.is_some_and(|o| targets[i].iter().all(|class| !targets[o].contains(class))), "{i}");
        }
        assert_eq!(of_another_class(&mut rng, &[vec![0], vec![0, 1]], 0), None);
    }

    #[test]
    fn an_example_is_the_sum_of_its_parts_and_knows_whose_they_are() {
        let augment = AugmentParams { mix_prob: 1.0, noise_prob: 0.0, ..AugmentParams::default() };
        let clips = clips();
        for index in 0..clips.samples.len() {
            let made = example(&augment, &mut example_rng(1, 0, index), &clips, &[], index);
            assert_eq!(made.parts.len(), 2);
            assert_eq!(made.parts[0].0, clips.targets[index]);
            for (t, sample) in made.samples.iter().enumerate() {
                assert!((sample - made.parts[0].1[t] - made.parts[1].1[t]).abs() < 1e-5);
            }
            assert_eq!(made.clean(made.parts[1].0[0]), made.parts[1].1);
            assert_eq!(made.clean(99).len(), made.samples.len());
        }
    }
}
