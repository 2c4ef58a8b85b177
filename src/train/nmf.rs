//! Sparse non-negative matrix factorisation: `X ≈ W·H`, everything ≥ 0, by multiplicative updates.
//!
//! Minimises `‖X − WH‖² + sparsity · Σ H` with every column of `W` at length 1 (extended L2I paper, Eq. 6, with the
//! Euclidean distance). Without that constraint the penalty would be void: `H` could shrink and `W` grow. The update of
//! `W` is that of the problem in which `W` is *defined* as a normalised matrix (Le Roux, Weninger, Hershey, "Sparse NMF –
//! half-baked or well done?", 2015), so that normalising after it does not undo the step, as it would with the plain
//! update.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) use super::nmf_steps::check_values;
use super::nmf_steps::{Activations, Frames, improve_dictionary, normalise_columns};
use crate::error::{Error, Result};

/// How to factorise.
#[derive(Debug, Clone, PartialEq)]
pub struct NmfParams {
    /// Components to learn, at least 1; fixed ones come on top.
    pub n_components: usize,
    /// Weight of the sum of the activations, ≥ 0, in units of the data (the papers use 0.8 on log-magnitude spectra).
    pub sparsity: f32,
    /// Most iterations.
    pub max_iters: usize,
    /// Stop when an iteration lowers the objective by no more than this share of it; 0 makes all iterations.
    pub tolerance: f64,
    /// Seed of the first guess.
    pub seed: u64,
}

impl Default for NmfParams {
    fn default() -> Self {
        Self { n_components: 100, sparsity: 0.8, max_iters: 200, tolerance: 1e-5, seed: 0 }
    }
}

/// A factorisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Nmf {
    /// The dictionary, `[n_bins, n_total]` row by row: the fixed columns first, then those learnt, each of length 1
    /// (a fixed column keeps the length it came with).
    pub w: Vec<f32>,
    /// The activations, `[n_total, n_cols]` row by row.
    pub h: Vec<f32>,
    /// Number of columns of `w`: fixed and learnt.
    pub n_total: usize,
    /// The objective before the first iteration and after each.
    pub objective: Vec<f64>,
}

/// Where a factorisation begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// `[n_bins, n_total]` row by row, ≥ 0.
    pub w: Vec<f32>,
    /// `[n_total, n_cols]` row by row, ≥ 0. A zero in `w` or `h` stays zero for ever.
    pub h: Vec<f32>,
    /// How many of the first columns of `w` stay as they are.
    pub n_fixed: usize,
}

/// Factorises `x`, `[n_bins, n_cols]` row by row, all ≥ 0. `fixed`, `[n_bins, n_fixed]` row by row (empty for none), are
/// columns that take part but stay as they are. `progress` is told each iteration (from 1) and its objective.
///
/// The first guess of each component is a random column of `x`, so the same seed gives the same result, on any number
/// of threads.
///
/// # Errors
/// Of kind `Usage`: no bins, columns or components, lengths that do not fit, or a negative sparsity; of kind `Input`: a
/// value that is negative or no number.
pub fn fit(
    x: &[f32],
    n_bins: usize,
    params: &NmfParams,
    fixed: &[f32],
    progress: &mut dyn FnMut(usize, f64),
) -> Result<Nmf> {
    let frames = Frames::from_bins(x, n_bins)?;
    let (w, n_total) = fit_frames(&frames, params, fixed, progress)?;
    Ok(finished(w, n_total, frames.n_frames()))
}

/// What the iterations give, activations as `[n_cols, n_total]`.
pub(crate) struct Fitted {
    pub(crate) w: Vec<f32>,
    pub(crate) activations: Activations,
    pub(crate) objective: Vec<f64>,
}

/// As [`fit`], for data that is already laid out by frames; the number returned is that of all components.
pub(crate) fn fit_frames(
    frames: &Frames,
    params: &NmfParams,
    fixed: &[f32],
    progress: &mut dyn FnMut(usize, f64),
) -> Result<(Fitted, usize)> {
    let n_bins = frames.n_bins();
    if params.n_components == 0 {
        return Err(Error::usage("the number of components is 0; learn at least 1"));
    }
    if !fixed.len().is_multiple_of(n_bins) {
        return Err(Error::usage(format!(
            "the fixed components have {} values, which is no multiple of {n_bins} bins; take them from a dictionary of the same front end",
            fixed.len()
        )));
    }
    check_values(fixed, "the fixed components")?;
    let n_fixed = fixed.len() / n_bins;
    let n_total = n_fixed + params.n_components;
    let w = first_guess(frames, params, fixed, n_fixed);
    let activations = Activations::first_guess(frames, &w, n_total);
    Ok((iterate(frames, w, activations, n_fixed, params, progress)?, n_total))
}

/// As [`fit`], but from a given start (`n_components` and `seed` are not looked at). Columns of `start.w` that are not
/// fixed are brought to length 1 and their activations scaled to make up for it.
///
/// # Errors
/// As [`fit`].
pub fn fit_from(
    x: &[f32],
    n_bins: usize,
    start: &Start,
    params: &NmfParams,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<Nmf> {
    let frames = Frames::from_bins(x, n_bins)?;
    let n_total = start.w.len() / n_bins;
    let fits = start.w.len() == n_total * n_bins && start.h.len() == n_total * frames.n_frames();
    if n_total == 0 || start.n_fixed > n_total || !fits {
        return Err(Error::usage(format!(
            "the start has {} and {} values, which do not fit {n_bins} bins and {} columns; give both factors the same number of components",
            start.w.len(),
            start.h.len(),
            frames.n_frames()
        )));
    }
    check_values(&start.w, "the dictionary to start from")?;
    check_values(&start.h, "the activations to start from")?;
    let mut w = start.w.clone();
    let mut activations = Activations::from_rows(&start.h, n_total);
    let lengths = normalise_columns(&mut w, n_total, start.n_fixed);
    activations.scale(&lengths);
    let fitted = iterate(&frames, w, activations, start.n_fixed, params, progress)?;
    Ok(finished(fitted, n_total, frames.n_frames()))
}

/// The activations of `x` (`[n_bins, n_cols]` row by row) on the dictionary `w` (`[n_bins, n_total]`), which stays as it
/// is: `[n_total, n_cols]` row by row. Of `params`, `n_components` and `seed` are not looked at.
///
/// # Errors
/// As [`fit`].
pub fn transform(x: &[f32], n_bins: usize, w: &[f32], params: &NmfParams) -> Result<Vec<f32>> {
    let frames = Frames::from_bins(x, n_bins)?;
    let n_total = w.len() / n_bins;
    if n_total == 0 || w.len() != n_total * n_bins {
        return Err(Error::usage(format!(
            "the dictionary has {} values, which is no multiple of {n_bins} bins; use one of the same front end",
            w.len()
        )));
    }
    check_values(w, "the dictionary")?;
    let activations = Activations::first_guess(&frames, w, n_total);
    let fitted = iterate(&frames, w.to_vec(), activations, n_total, params, &mut |_, _| {})?;
    Ok(fitted.activations.into_rows(frames.n_frames()))
}

/// Alternates the two updates. The first `n_fixed` columns of `w` stay as they are.
fn iterate(
    frames: &Frames,
    mut w: Vec<f32>,
    mut activations: Activations,
    n_fixed: usize,
    params: &NmfParams,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<Fitted> {
    if !(params.sparsity >= 0.0 && params.sparsity.is_finite()) {
        return Err(Error::usage(format!("the sparsity is {}; give a number from 0 up", params.sparsity)));
    }
    let mut sums = activations.sums(frames);
    let mut last = sums.objective(frames, &w, params.sparsity);
    let mut objective = vec![last];
    for iteration in 1..=params.max_iters {
        sums = activations.improve(frames, &w, params.sparsity);
        improve_dictionary(&mut w, &sums, n_fixed);
        let now = sums.objective(frames, &w, params.sparsity);
        objective.push(now);
        progress(iteration, now);
        if params.tolerance > 0.0 && last - now <= params.tolerance * last {
            break;
        }
        last = now;
    }
    Ok(Fitted { w, activations, objective })
}

/// The result in the public layout.
fn finished(fitted: Fitted, n_total: usize, n_frames: usize) -> Nmf {
    Nmf { w: fitted.w, h: fitted.activations.into_rows(n_frames), n_total, objective: fitted.objective }
}

/// The fixed columns, and random frames that are not silent, each with a little of everything mixed in: a zero would
/// stay zero for ever.
fn first_guess(frames: &Frames, params: &NmfParams, fixed: &[f32], n_fixed: usize) -> Vec<f32> {
    let (n_bins, n_total) = (frames.n_bins(), n_fixed + params.n_components);
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let mut w = vec![0.0; n_bins * n_total];
    for (row, fixed) in w.chunks_exact_mut(n_total).zip(fixed.chunks_exact(n_fixed.max(1))) {
        row[..n_fixed].copy_from_slice(fixed);
    }
    let sounding: Vec<usize> = (0..frames.n_frames()).filter(|&i| frames.frame(i).iter().any(|&v| v > 0.0)).collect();
    for component in n_fixed..n_total {
        let frame = if sounding.is_empty() { None } else { Some(sounding[rng.random_range(0..sounding.len())]) };
        let frame = frame.map_or(&[][..], |i| frames.frame(i));
        let mean = (frame.iter().sum::<f32>() / n_bins as f32).max(f32::MIN_POSITIVE * 1e9);
        for bin in 0..n_bins {
            let value = frame.get(bin).copied().unwrap_or(0.0);
            w[bin * n_total + component] = value + mean * (0.01 + 0.2 * rng.random::<f32>());
        }
    }
    normalise_columns(&mut w, n_total, n_fixed);
    w
}
