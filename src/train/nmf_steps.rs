//! The two updates of [`super::nmf`], in a layout made for speed: frames and activations lie frame by frame, so that one
//! pass over the data, in blocks that fit the cache and run in parallel, does everything an iteration needs.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::model::kernels::gemm::{View, matmul};

/// Frames in a block, at least. Large enough for the matrix product, small enough for the cache.
const BLOCK_FRAMES: usize = 256;
/// Blocks, at most: each keeps sums as large as the dictionary until all are added, in order, so that the result does
/// not depend on the number of threads.
const MAX_BLOCKS: usize = 64;
/// A divisor below this counts as zero, and what would be divided stays as it is.
const TINY: f64 = 1e-30;
/// A factor below this becomes 0. Left alone it would go on shrinking into the numbers (and products) that processors
/// handle a hundred times more slowly, for nothing that can be seen in the result.
const NEGLIGIBLE: f32 = 1e-18;

/// The data, `[n_frames, n_bins]`: a column of `X` in each row.
pub(crate) struct Frames {
    values: Vec<f32>,
    n_bins: usize,
    /// `‖X‖²`.
    energy: f64,
}

impl Frames {
    /// From `[n_frames, n_bins]` row by row.
    pub(crate) fn new(values: Vec<f32>, n_bins: usize) -> Result<Self> {
        if n_bins == 0 || values.is_empty() || !values.len().is_multiple_of(n_bins) {
            return Err(Error::usage(format!(
                "{} values cannot be factorised with {n_bins} bins; give at least one whole column",
                values.len()
            )));
        }
        check_values(&values, "the spectra")?;
        let energy = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        Ok(Self { values, n_bins, energy })
    }

    /// From `[n_bins, n_cols]` row by row.
    pub(crate) fn from_bins(x: &[f32], n_bins: usize) -> Result<Self> {
        let n_cols = x.len().checked_div(n_bins).unwrap_or(0);
        Self::new(if x.len() == n_bins * n_cols { transposed(x, n_cols) } else { x.to_vec() }, n_bins)
    }

    pub(crate) fn n_bins(&self) -> usize {
        self.n_bins
    }

    pub(crate) fn n_frames(&self) -> usize {
        self.values.len() / self.n_bins
    }

    /// Frame `i`, `[n_bins]`.
    pub(crate) fn frame(&self, i: usize) -> &[f32] {
        &self.values[i * self.n_bins..][..self.n_bins]
    }

    /// Frames in each block.
    fn block(&self) -> usize {
        self.n_frames().div_ceil(MAX_BLOCKS).max(BLOCK_FRAMES)
    }
}

/// What the update of `W` and the objective need of `X` and `H`.
pub(crate) struct Sums {
    /// `X·Hᵀ`, `[n_bins, n_total]`.
    xh: Vec<f64>,
    /// `H·Hᵀ`, `[n_total, n_total]`.
    hh: Vec<f64>,
    /// `Σ H`.
    h: f64,
    n_total: usize,
}

impl Sums {
    /// `‖X − WH‖² + sparsity · Σ H`, from the sums alone.
    pub(crate) fn objective(&self, frames: &Frames, w: &[f32], sparsity: f32) -> f64 {
        // Rounding can take a perfect fit a hair below zero.
        (frames.energy + self.misfit(w)).max(0.0) + f64::from(sparsity) * self.h
    }

    /// `‖X − WH‖² − ‖X‖²`, that is `−2⟨W, XHᵀ⟩ + ⟨W, WHHᵀ⟩`.
    fn misfit(&self, w: &[f32]) -> f64 {
        w.par_chunks_exact(self.n_total)
            .zip(self.xh.par_chunks_exact(self.n_total))
            .map(|(w, xh)| {
                let whh = self.times_hh(w);
                w.iter().zip(xh).zip(&whh).map(|((&w, xh), whh)| f64::from(w) * (whh - 2.0 * xh)).sum::<f64>()
            })
            // Collected before adding: the order must not depend on the threads.
            .collect::<Vec<f64>>()
            .iter()
            .sum()
    }

    /// One row of `W·H·Hᵀ`.
    fn times_hh(&self, w_row: &[f32]) -> Vec<f64> {
        let mut out = vec![0.0; self.n_total];
        for (&w, hh) in w_row.iter().zip(self.hh.chunks_exact(self.n_total)) {
            let w = f64::from(w);
            for (out, hh) in out.iter_mut().zip(hh) {
                *out += w * hh;
            }
        }
        out
    }
}

/// The activations, `[n_frames, n_total]`: a column of `H` in each row.
pub(crate) struct Activations {
    values: Vec<f32>,
    n_total: usize,
}

impl Activations {
    /// From `[n_total, n_frames]` row by row.
    pub(crate) fn from_rows(h: &[f32], n_total: usize) -> Self {
        Self { values: transposed(h, h.len() / n_total), n_total }
    }

    /// As `[n_total, n_frames]` row by row.
    pub(crate) fn into_rows(self, n_frames: usize) -> Vec<f32> {
        debug_assert_eq!(self.values.len(), n_frames * self.n_total);
        transposed(&self.values, self.n_total)
    }

    /// Multiplies the activations of each component by its factor.
    pub(crate) fn scale(&mut self, factors: &[f32]) {
        for row in self.values.chunks_exact_mut(self.n_total) {
            row.iter_mut().zip(factors).for_each(|(h, f)| *h *= f);
        }
    }

    /// How much of each component is in each frame, shared out among components that are alike.
    pub(crate) fn first_guess(frames: &Frames, w: &[f32], n_total: usize) -> Self {
        let n_frames = frames.n_frames();
        let gram = gram(w, n_total);
        let shares: Vec<f32> = gram.chunks_exact(n_total).map(|row| row.iter().sum()).collect();
        let mut values = vec![0.0; n_frames * n_total];
        let block = frames.block();
        values.par_chunks_mut(block * n_total).zip(frames.values.par_chunks(block * frames.n_bins)).for_each(
            |(h, x)| {
                correlate(h, x, w, frames.n_bins, n_total);
                for row in h.chunks_exact_mut(n_total) {
                    for (h, share) in row.iter_mut().zip(&shares) {
                        *h = if *share > 0.0 { *h / share } else { 0.0 };
                    }
                }
            },
        );
        Self { values, n_total }
    }

    /// `H ← H ⊙ WᵀX / (WᵀWH + sparsity/2)`, which never raises the objective (Lee and Seung), and the sums of the new `H`.
    pub(crate) fn improve(&mut self, frames: &Frames, w: &[f32], sparsity: f32) -> Sums {
        let (n_bins, n_total) = (frames.n_bins, self.n_total);
        let gram = gram(w, n_total);
        self.by_block(frames, |x, h| {
            let n = h.len() / n_total;
            let mut wx = vec![0.0; n * n_total];
            correlate(&mut wx, x, w, n_bins, n_total);
            let mut wwh = vec![0.0; n * n_total];
            let dense = View::dense(n, n_total);
            matmul(&mut wwh, dense, h, dense, &gram, View::dense(n_total, n_total), false);
            for ((h, wx), wwh) in h.iter_mut().zip(&wx).zip(&wwh) {
                // The penalty's derivative is `sparsity`, the distance's is twice `WᵀWH − WᵀX`: hence the half.
                let divisor = wwh + 0.5 * sparsity;
                if f64::from(divisor) > TINY {
                    *h = without_dust(*h * wx / divisor);
                }
            }
        })
    }

    /// The sums of `H` as it is.
    pub(crate) fn sums(&mut self, frames: &Frames) -> Sums {
        self.by_block(frames, |_, _| {})
    }

    /// Lets `change` work on each block of frames and activations, then sums up the block.
    fn by_block(&mut self, frames: &Frames, change: impl Fn(&[f32], &mut [f32]) + Sync) -> Sums {
        let (n_bins, n_total, block) = (frames.n_bins, self.n_total, frames.block());
        let parts: Vec<(Vec<f32>, Vec<f32>, f64)> = self
            .values
            .par_chunks_mut(block * n_total)
            .zip(frames.values.par_chunks(block * n_bins))
            .map(|(h, x)| {
                change(x, h);
                let n = h.len() / n_total;
                let (x_view, h_view) = (View::dense(n, n_bins), View::dense(n, n_total));
                let mut xh = vec![0.0; n_bins * n_total];
                matmul(&mut xh, View::dense(n_bins, n_total), x, x_view.t(), h, h_view, false);
                let mut hh = vec![0.0; n_total * n_total];
                matmul(&mut hh, View::dense(n_total, n_total), h, h_view.t(), h, h_view, false);
                (xh, hh, h.iter().map(|&h| f64::from(h)).sum())
            })
            .collect();
        let mut sums = Sums { xh: vec![0.0; n_bins * n_total], hh: vec![0.0; n_total * n_total], h: 0.0, n_total };
        for (xh, hh, h) in &parts {
            add(&mut sums.xh, xh);
            add(&mut sums.hh, hh);
            sums.h += h;
        }
        sums
    }
}

/// Improves the columns of `w` from `n_fixed` on, keeping their length at 1.
///
/// The update `W ← W ⊙ (XHᵀ + W⊙⟨W, WHHᵀ⟩) / (WHHᵀ + W⊙⟨W, XHᵀ⟩)`, brackets by column, points downhill but may step too
/// far, for which no proof exists. So the quotient is raised to a power that is halved until the objective does not
/// rise; that costs next to nothing, since all that is needed of `X` and `H` is in the sums.
pub(crate) fn improve_dictionary(w: &mut Vec<f32>, sums: &Sums, n_fixed: usize) {
    let n_total = sums.n_total;
    if n_fixed == n_total {
        return;
    }
    let whh: Vec<f64> = w.par_chunks_exact(n_total).flat_map_iter(|row| sums.times_hh(row)).collect();
    let by_column = |values: &[f64]| {
        let mut out = vec![0.0; n_total];
        for (w, values) in w.chunks_exact(n_total).zip(values.chunks_exact(n_total)) {
            for ((out, &w), v) in out.iter_mut().zip(w).zip(values) {
                *out += f64::from(w) * v;
            }
        }
        out
    };
    let (w_whh, w_xh) = (by_column(&whh), by_column(&sums.xh));
    let quotients: Vec<f64> = (0..w.len())
        .into_par_iter()
        .map(|i| {
            let (column, w) = (i % n_total, f64::from(w[i]));
            let divisor = whh[i] + w * w_xh[column];
            // A component that sounds nowhere gives 0/0: it stays.
            if column < n_fixed || divisor < TINY { 1.0 } else { (sums.xh[i] + w * w_whh[column]) / divisor }
        })
        .collect();
    let before = sums.misfit(w);
    for power in [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125] {
        let mut next: Vec<f32> =
            w.iter().zip(&quotients).map(|(&w, q)| without_dust((f64::from(w) * q.powf(power)) as f32)).collect();
        normalise_columns(&mut next, n_total, n_fixed);
        if sums.misfit(&next) <= before {
            *w = next;
            return;
        }
    }
}

/// Brings the columns from `n_fixed` on to length 1 (a column of zeros becomes an even one); the factors that were taken
/// out, 1 for fixed columns.
pub(crate) fn normalise_columns(w: &mut [f32], n_total: usize, n_fixed: usize) -> Vec<f32> {
    let mut squares = vec![0.0_f64; n_total];
    for row in w.chunks_exact(n_total) {
        squares.iter_mut().zip(row).for_each(|(s, &w)| *s += f64::from(w) * f64::from(w));
    }
    let even = 1.0 / ((w.len() / n_total) as f32).sqrt();
    let lengths: Vec<f64> = squares.iter().map(|s| s.sqrt()).collect();
    for row in w.chunks_exact_mut(n_total) {
        for (w, &length) in row.iter_mut().zip(&lengths).skip(n_fixed) {
            *w = if length > 0.0 { (f64::from(*w) / length) as f32 } else { even };
        }
    }
    lengths.iter().enumerate().map(|(k, &length)| if k < n_fixed { 1.0 } else { length as f32 }).collect()
}

/// `WᵀW`, `[n_total, n_total]`.
fn gram(w: &[f32], n_total: usize) -> Vec<f32> {
    let mut gram = vec![0.0; n_total * n_total];
    let view = View::dense(w.len() / n_total, n_total);
    matmul(&mut gram, View::dense(n_total, n_total), w, view.t(), w, view, false);
    gram
}

/// `out = x · w`: how much of each component is in each frame of a block.
fn correlate(out: &mut [f32], x: &[f32], w: &[f32], n_bins: usize, n_total: usize) {
    let n = x.len() / n_bins;
    matmul(out, View::dense(n, n_total), x, View::dense(n, n_bins), w, View::dense(n_bins, n_total), false);
}

/// The value, or 0 where it no longer counts.
fn without_dust(value: f32) -> f32 {
    if value < NEGLIGIBLE { 0.0 } else { value }
}

/// `sum += part`.
fn add(sum: &mut [f64], part: &[f32]) {
    sum.iter_mut().zip(part).for_each(|(sum, &part)| *sum += f64::from(part));
}

/// The transpose of a row-by-row matrix with `cols` columns.
fn transposed(values: &[f32], cols: usize) -> Vec<f32> {
    let rows = values.len().checked_div(cols).unwrap_or(0);
    let mut out = vec![0.0; rows * cols];
    out.par_chunks_exact_mut(rows.max(1)).enumerate().for_each(|(c, column)| {
        for (r, out) in column.iter_mut().enumerate() {
            *out = values[r * cols + c];
        }
    });
    out
}

/// Refuses values that are negative or no numbers.
pub(crate) fn check_values(values: &[f32], what: &str) -> Result<()> {
    match values.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
        Some(bad) => Err(Error::input(format!(
            "{what} for the factorisation must be finite and not negative, but a value is {bad}; check the front end"
        ))),
        None => Ok(()),
    }
}
