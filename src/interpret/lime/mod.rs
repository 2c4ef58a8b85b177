//! LIME for sound: which parts of it make the score of a model of which nothing is known but its scores (Ribeiro et al. 2016).
//! Parts are taken out at random, the model scores what is left, and a linear model of what was kept says what each part is
//! worth. SLIME (Mishra et al. 2017) takes boxes of the spectrogram as parts, audioLIME (Haunschmid et al. 2020) separated
//! sources cut into stretches of time.
//!
//! [`occlusion`] takes out one part at a time instead.
//!
//! [`explain`] needs a function from sounds to scores and no more ([`Scorer`]); [`method`] makes methods of it for packages.

pub mod method;
pub mod occlusion;
pub mod parts;
pub mod regression;
pub mod sources;

use rand::Rng;
use rayon::prelude::*;

use crate::dsp::{Complex32, MaskScale, Spectrogram, StftParams, apply_mask, istft};
use crate::{Error, Result};
use parts::Parts;
use regression::{Fit, fit, neighbourhood};

/// Perturbed sounds that the model scores at once.
const BATCH: usize = 16;

/// A model of which nothing is known but its scores. A function is one, too.
pub trait Scorer: Sync {
    /// Scores of each of `sounds` (mono, all as long as the one that is explained), in order, the same number for each: any
    /// numbers that are larger where the model is surer.
    ///
    /// # Errors
    /// Whatever the model fails with.
    fn scores(&self, sounds: &[Vec<f32>]) -> Result<Vec<Vec<f32>>>;
}

impl<F: Fn(&[Vec<f32>]) -> Result<Vec<Vec<f32>>> + Sync> Scorer for F {
    fn scores(&self, sounds: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        self(sounds)
    }
}

/// A sound that is explained.
#[derive(Debug, Clone, Copy)]
pub struct Whole<'a> {
    /// How it was transformed.
    pub stft: &'a StftParams,
    /// Its complex STFT, `[n_frames, n_bins]`.
    pub frames: &'a [Complex32],
    /// Its samples.
    pub n_samples: usize,
}

/// What each part of a sound is worth to each of a model's scores: one [`Fit`] a score, its coefficients in the order of
/// `parts`. The model is asked at most `most` times. `goes_on` gets the share of that which is done (0…1), before
/// every few sounds; `None` if it returns false.
///
/// # Errors
/// Whatever the model fails with; an input error where it does not score each sound, or not alike; a bug where the parts are
/// not this sound's.
pub fn explain(
    sound: &Whole<'_>,
    parts: &Parts,
    model: &dyn Scorer,
    most: usize,
    rng: &mut impl Rng,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Vec<Fit>>> {
    let kept = neighbourhood(parts.as_slice().len(), most.max(1), rng);
    let scores = scores_without(sound, parts, &kept, model, goes_on)?;
    Ok(scores.map(|scores| fit(&kept, &scores)))
}

/// The scores of the sound with these parts alone, a row of `kept` each. `None` where `goes_on` returns false.
fn scores_without(
    sound: &Whole<'_>,
    parts: &Parts,
    kept: &[Vec<bool>],
    model: &dyn Scorer,
    goes_on: &dyn Fn(f32) -> bool,
) -> Result<Option<Vec<Vec<f32>>>> {
    if sound.frames.len() != parts.n_frames() * parts.n_bins() {
        return Err(Error::bug(format!(
            "parts of {} frames were taken out of a spectrogram of {} values",
            parts.n_frames(),
            sound.frames.len()
        )));
    }
    let mut scores: Vec<Vec<f32>> = Vec::with_capacity(kept.len());
    for batch in kept.chunks(BATCH) {
        if !goes_on(scores.len() as f32 / kept.len() as f32) {
            return Ok(None);
        }
        let sounds: Vec<Vec<f32>> = batch.par_iter().map(|kept| sound.without(parts, kept)).collect::<Result<_>>()?;
        let scored = model.scores(&sounds)?;
        let n_scores = scores.first().or(scored.first()).map_or(0, Vec::len);
        if scored.len() != batch.len() || scored.iter().any(|scores| scores.len() != n_scores) {
            return Err(Error::input(format!(
                "the model gave {} answers for {} sounds, or not {n_scores} scores in each; give it one that scores every sound alike",
                scored.len(),
                batch.len()
            )));
        }
        scores.extend(scored);
    }
    Ok(Some(scores))
}

impl Whole<'_> {
    /// What is left of the sound with these parts alone. Silence stands for the others.
    fn without(&self, parts: &Parts, kept: &[bool]) -> Result<Vec<f32>> {
        let mut mask = vec![0.0; self.frames.len()];
        parts.mask((0..kept.len()).filter(|i| kept[*i]), 0..parts.n_frames(), &mut mask);
        let mut frames = vec![Complex32::default(); self.frames.len()];
        apply_mask(self.frames, &mask, MaskScale::Log, &mut frames);
        istft(self.stft, &Spectrogram { n_bins: parts.n_bins(), frames }, self.n_samples)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
