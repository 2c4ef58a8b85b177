//! Learns the dictionary `W` of spectral components in which an interpretation is spoken.
//!
//! The data are log-magnitude spectra, averaged in groups of frames (the papers' choice of five: a fifth of the work,
//! and steadier spectra), without the silent ones. Two recipes: one factorisation of everything, as for ESC-50; or, as
//! for SONYC-UST, first a few components of background alone, then some for each class with those held fixed, so that
//! what all classes have behind them is not learnt over and over.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::nmf::{NmfParams, fit_frames};
use super::nmf_steps::Frames;
use crate::dsp::{StftParams, log1p_magnitude, stft};
use crate::error::{Error, Result};

/// Which components are learnt from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipe {
    /// All clips and all background together.
    Whole {
        /// Components to learn.
        n_components: usize,
    },
    /// Background first, then each class with the background's components fixed.
    PerClass {
        /// Components to learn for each class.
        per_class: usize,
        /// Components of background to learn from the background recordings and the clips without any class; 0 for
        /// none.
        noise: usize,
        /// Whether the background's components come into the dictionary, after those of the classes. (In the paper they
        /// do not: they only keep background out of the others.)
        keep_noise: bool,
        /// At most so many clips of a class, drawn at random.
        max_clips: usize,
    },
}

/// How to learn a dictionary.
#[derive(Debug, Clone, PartialEq)]
pub struct DictionaryParams {
    /// The transform; its bins are the dictionary's.
    pub stft: StftParams,
    /// What is learnt from what.
    pub recipe: Recipe,
    /// Frames averaged into one, at least 1.
    pub group_frames: usize,
    /// An averaged frame whose mean of `ln(1 + |X|)` over the bins is below this is left out as silent.
    pub silence_floor: f32,
    /// As [`NmfParams::sparsity`].
    pub sparsity: f32,
    /// As [`NmfParams::max_iters`].
    pub max_iters: usize,
    /// As [`NmfParams::tolerance`].
    pub tolerance: f64,
    /// Seed of all that is drawn.
    pub seed: u64,
}

impl DictionaryParams {
    /// The papers' values for the given transform: groups of five frames, sparsity 0.8.
    #[must_use]
    pub fn new(stft: StftParams, recipe: Recipe) -> Self {
        let NmfParams { sparsity, max_iters, tolerance, seed, .. } = NmfParams::default();
        // About −70 dB below full scale for noise through a Hann window of 1024: what is left of a gated recording.
        Self { stft, recipe, group_frames: 5, silence_floor: 0.005, sparsity, max_iters, tolerance, seed }
    }

    /// The factorisation's parameters for `n_components`.
    fn nmf(&self, n_components: usize, part: usize) -> NmfParams {
        NmfParams {
            n_components,
            sparsity: self.sparsity,
            max_iters: self.max_iters,
            tolerance: self.tolerance,
            // Each part has its own, or all classes would draw their first guesses alike.
            seed: self.seed.wrapping_add(part as u64),
        }
    }
}

/// What to learn from; all waveforms at the model's rate.
#[derive(Debug, Clone, Copy)]
pub struct DictionaryData<'a> {
    /// The clips.
    pub clips: &'a [Vec<f32>],
    /// The classes of each clip, as indices into `labels`.
    pub targets: &'a [Vec<usize>],
    /// The classes' names.
    pub labels: &'a [String],
    /// Recordings of background in which no class is heard, of any length; may be empty.
    pub background: &'a [Vec<f32>],
}

/// How far the learning is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DictionaryProgress<'a> {
    /// What is being learnt: a class, `noise`, or `component` for the whole set.
    pub part: &'a str,
    /// Which of the parts this is, from 0.
    pub part_index: usize,
    /// How many parts there are.
    pub n_parts: usize,
    /// The iteration within the part, from 1.
    pub iteration: usize,
    /// Most iterations of the part.
    pub max_iters: usize,
    /// The part's objective.
    pub objective: f64,
}

/// A dictionary of spectral components.
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    /// Bins of a component: `n_fft / 2 + 1`.
    pub n_bins: usize,
    /// The components' names, such as `dog 1`, `noise 3`, or `component 7` where all were learnt together.
    pub names: Vec<String>,
    /// `[n_bins, names.len()]` row by row, ≥ 0, each column of length 1.
    pub w: Vec<f32>,
}

/// Learns a dictionary.
///
/// # Errors
/// Of kind `Usage`: a parameter is out of range, or the recipe wants background and there is none; of kind `Input`: no
/// sound at all in what a part is to be learnt from.
pub fn learn_dictionary(
    data: &DictionaryData<'_>,
    params: &DictionaryParams,
    progress: &mut dyn FnMut(DictionaryProgress<'_>),
) -> Result<Dictionary> {
    params.stft.validate()?;
    if params.group_frames == 0 {
        return Err(Error::usage("group_frames is 0; average at least 1 frame"));
    }
    match params.recipe {
        Recipe::Whole { n_components } => whole(data, params, n_components, progress),
        Recipe::PerClass { .. } => per_class(data, params, progress),
    }
}

/// One factorisation of everything.
fn whole(
    data: &DictionaryData<'_>,
    params: &DictionaryParams,
    n_components: usize,
    progress: &mut dyn FnMut(DictionaryProgress<'_>),
) -> Result<Dictionary> {
    let recordings: Vec<&[f32]> = data.clips.iter().chain(data.background).map(Vec::as_slice).collect();
    let mut learner = Learner { params, n_parts: 1, part_index: 0, progress };
    let w = learner.learn("component", &recordings, &[], n_components)?;
    let mut dictionary = Dictionary { n_bins: n_bins(&params.stft), names: Vec::new(), w: Vec::new() };
    // Numbered as in the events' indices and file names, from 0.
    dictionary.append("component", 0, &w, n_components);
    Ok(dictionary)
}

/// Background, then each class with the background's components fixed.
fn per_class(
    data: &DictionaryData<'_>,
    params: &DictionaryParams,
    progress: &mut dyn FnMut(DictionaryProgress<'_>),
) -> Result<Dictionary> {
    let Recipe::PerClass { per_class, noise, keep_noise, max_clips } = params.recipe else {
        return Err(Error::bug("the recipe by class was called for another; please report this"));
    };
    let n_parts = data.labels.len() + usize::from(noise > 0);
    let mut learner = Learner { params, n_parts, part_index: 0, progress };
    let noise_w = if noise > 0 {
        let silent = data.clips.iter().zip(data.targets).filter(|(_, t)| t.is_empty()).map(|(c, _)| c);
        let recordings: Vec<&[f32]> = data.background.iter().chain(silent).map(Vec::as_slice).collect();
        if recordings.is_empty() {
            return Err(Error::usage(
                "the recipe learns components of noise, but there is no recording without a class; name a folder of noise or ask for 0 noise components",
            ));
        }
        learner.learn("noise", &recordings, &[], noise)?
    } else {
        Vec::new()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let mut dictionary = Dictionary { n_bins: n_bins(&params.stft), names: Vec::new(), w: Vec::new() };
    for (class, label) in data.labels.iter().enumerate() {
        let mut recordings: Vec<&[f32]> = data
            .clips
            .iter()
            .zip(data.targets)
            .filter(|(_, targets)| targets.contains(&class))
            .map(|(clip, _)| clip.as_slice())
            .collect();
        recordings.shuffle(&mut rng);
        recordings.truncate(max_clips);
        let w = learner.learn(label, &recordings, &noise_w, per_class)?;
        dictionary.append(label, 1, &w, per_class);
    }
    if keep_noise && noise > 0 {
        dictionary.append("noise", 1, &noise_w, noise);
    }
    Ok(dictionary)
}

/// Runs one factorisation after another and tells how far they are.
struct Learner<'a, 'p> {
    params: &'a DictionaryParams,
    n_parts: usize,
    part_index: usize,
    progress: &'p mut dyn FnMut(DictionaryProgress<'_>),
}

impl Learner<'_, '_> {
    /// Learns `n_components` from `recordings` beside the `fixed` ones: the new columns, `[n_bins, n_components]`.
    fn learn(&mut self, part: &str, recordings: &[&[f32]], fixed: &[f32], n_components: usize) -> Result<Vec<f32>> {
        let n_bins = n_bins(&self.params.stft);
        let spectra = averaged_spectra(recordings, self.params)?;
        if spectra.is_empty() {
            return Err(Error::input(format!(
                "nothing sounds in the {} recordings for \"{part}\"; check them or lower the silence floor",
                recordings.len()
            )));
        }
        let frames = Frames::new(spectra, n_bins)?;
        let nmf = self.params.nmf(n_components, self.part_index);
        let (n_parts, part_index, max_iters) = (self.n_parts, self.part_index, nmf.max_iters);
        let progress = &mut *self.progress;
        let mut tell = |iteration, objective| {
            progress(DictionaryProgress { part, part_index, n_parts, iteration, max_iters, objective });
        };
        let (fitted, n_total) = fit_frames(&frames, &nmf, fixed, &mut tell)?;
        self.part_index += 1;
        Ok(fitted.w.chunks_exact(n_total).flat_map(|row| &row[n_total - n_components..]).copied().collect())
    }
}

impl Dictionary {
    /// Puts `n` more columns (`w`: `[n_bins, n]`) to the right, called `stem first`, `stem first + 1` and so on.
    fn append(&mut self, stem: &str, first: usize, w: &[f32], n: usize) {
        let old = self.names.len();
        let mut joined = Vec::with_capacity(self.n_bins * (old + n));
        for bin in 0..self.n_bins {
            joined.extend_from_slice(&self.w[bin * old..][..old]);
            joined.extend_from_slice(&w[bin * n..][..n]);
        }
        self.w = joined;
        self.names.extend((first..first + n).map(|i| format!("{stem} {i}")));
    }
}

/// Bins of a transform.
const fn n_bins(stft: &StftParams) -> usize {
    stft.n_fft / 2 + 1
}

/// The averaged log-magnitude frames of all `recordings` that are not silent, `[n, n_bins]`, in order.
fn averaged_spectra(recordings: &[&[f32]], params: &DictionaryParams) -> Result<Vec<f32>> {
    let each: Vec<Result<Vec<f32>>> = recordings.par_iter().map(|samples| spectra_of(samples, params)).collect();
    let mut all = Vec::new();
    for spectra in each {
        all.append(&mut spectra?);
    }
    Ok(all)
}

/// As [`averaged_spectra`], of one recording.
fn spectra_of(samples: &[f32], params: &DictionaryParams) -> Result<Vec<f32>> {
    let n_bins = n_bins(&params.stft);
    let spectrogram = stft(&params.stft, samples)?;
    let (mut spectra, mut sum, mut frame) = (Vec::new(), vec![0.0; n_bins], vec![0.0; n_bins]);
    for group in spectrogram.frames.chunks(n_bins * params.group_frames) {
        sum.fill(0.0);
        for spectrum in group.chunks_exact(n_bins) {
            log1p_magnitude(spectrum, &mut frame);
            sum.iter_mut().zip(&frame).for_each(|(s, f)| *s += f);
        }
        let n = (group.len() / n_bins) as f32;
        let mean = sum.iter().sum::<f32>() / (n * n_bins as f32);
        if mean >= params.silence_floor && mean > 0.0 {
            spectra.extend(sum.iter().map(|s| s / n));
        }
    }
    Ok(spectra)
}

#[cfg(test)]
#[path = "dictionary_tests.rs"]
mod tests;
