//! Dictionaries made elsewhere: brought to a model's bins and to columns of length 1.

use super::npy::Matrix;
use crate::error::{Error, Result};

/// A column that keeps less than this share of its energy on the model's bins is left out: what would be left of it is
/// an edge of a pattern that the model does not hear.
const LEAST_ENERGY: f64 = 1e-3;

/// What comes into a package.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// W, `[n_bins, columns.len()]` row by row, ≥ 0, each column of length 1.
    pub w: Vec<f32>,
    /// Which column of the file each one is, ascending.
    pub columns: Vec<usize>,
    /// Columns of the file that lie where the model has no bins, and were left out.
    pub left_out: Vec<usize>,
}

/// Brings a dictionary `[bins, components]` to a model of `n_bins` bins at `rate_hz`. As in the L2I authors' program,
/// negative values become 0 and every column gets the length 1.
///
/// Without `from_rate_hz`, row k of the matrix is bin k of the model, whatever rate it was made at. With it, the rows are
/// bins of a transform of `2 · (rows − 1)` samples at that rate, and the spectra are read at the model's frequencies by
/// linear interpolation; what lies above either half rate is lost.
///
/// # Errors
/// [`crate::ErrorKind::Input`]: a column without any value above 0, or nothing left; without `from_rate_hz`, a number of
/// rows that is not the model's number of bins. `name` is what errors call the file.
pub fn import(name: &str, matrix: &Matrix, n_bins: usize, rate_hz: u32, from_rate_hz: Option<u32>) -> Result<Imported> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    let positive: Vec<f32> = matrix.values.iter().map(|v| v.max(0.0)).collect();
    let before = energies(&positive, cols);
    if let Some(empty) = before.iter().position(|e| *e <= 0.0) {
        return Err(Error::input(format!(
            "column {empty} of {name} has no value above 0; save a dictionary of non-negative patterns, one a column"
        )));
    }
    let on_bins = match from_rate_hz {
        None if rows == n_bins => positive,
        None => {
            return Err(Error::input(format!(
                "{name} has {rows} rows and the model {n_bins} bins; give the sample rate that it was made at \
                 (--from-rate), so that it can be brought to the model's frequencies"
            )));
        }
        Some(from) => resample_bins(&positive, rows, cols, from, n_bins, rate_hz),
    };
    let after = energies(&on_bins, cols);
    // Bins may be closer or wider here, so that energies count per Hz.
    let density = |rows: usize, rate: u32| (rows.saturating_sub(1).max(1)) as f64 / f64::from(rate);
    let scale = density(rows, from_rate_hz.unwrap_or(rate_hz)) / density(n_bins, rate_hz);
    let (columns, left_out): (Vec<usize>, Vec<usize>) =
        (0..cols).partition(|&c| after[c] * scale >= LEAST_ENERGY * before[c]);
    if columns.is_empty() {
        return Err(Error::input(format!(
            "no pattern of {name} lies where the model hears, below {} Hz; check --from-rate",
            rate_hz / 2
        )));
    }
    let w = on_bins
        .chunks_exact(cols)
        .flat_map(|row| columns.iter().map(|&c| (f64::from(row[c]) / after[c].sqrt()) as f32))
        .collect();
    Ok(Imported { w, columns, left_out })
}

/// Energy of each column.
fn energies(w: &[f32], cols: usize) -> Vec<f64> {
    let mut energies = vec![0.0; cols];
    for row in w.chunks_exact(cols) {
        energies.iter_mut().zip(row).for_each(|(e, v)| *e += f64::from(*v) * f64::from(*v));
    }
    energies
}

/// Spectra `[rows, cols]` of a transform at `from` Hz, read at the frequencies of `n_bins` bins at `to` Hz.
fn resample_bins(w: &[f32], rows: usize, cols: usize, from: u32, n_bins: usize, to: u32) -> Vec<f32> {
    let last = rows - 1;
    let mut out = vec![0.0; n_bins * cols];
    for (bin, row) in out.chunks_exact_mut(cols).enumerate() {
        // Bin k of n + 1 lies at k / n of half the rate.
        let at = bin as f64 / n_bins.saturating_sub(1).max(1) as f64 * f64::from(to) / f64::from(from) * last as f64;
        if at > last as f64 {
            break;
        }
        let below = at as usize;
        let share = (at - below as f64) as f32;
        let (low, high) = (&w[below * cols..][..cols], &w[(below + 1).min(last) * cols..][..cols]);
        row.iter_mut().zip(low.iter().zip(high)).for_each(|(v, (l, h))| *v = l + share * (h - l));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn matrix(rows: usize, cols: usize, value: impl Fn(usize, usize) -> f32) -> Matrix {
        Matrix { rows, cols, values: (0..rows * cols).map(|i| value(i / cols, i % cols)).collect() }
    }

    #[test]
    fn negative_values_go_and_columns_get_length_one() {
        let m = matrix(3, 2, |r, c| [[3.0, -1.0], [4.0, 0.0], [-9.0, 0.5]][r][c]);
        let got = import("w", &m, 3, 8_000, None).unwrap();
        assert_eq!(got.w, [0.6, 0.0, 0.8, 0.0, 0.0, 1.0]);
        assert_eq!((got.columns, got.left_out), (vec![0, 1], vec![]));
    }

    /// A ridge at 2 kHz in a dictionary of another rate and length is at 2 kHz in the model.
    #[test]
    fn with_a_rate_patterns_keep_their_hz() {
        // 257 rows at 32 kHz: 62.5 Hz apart. 513 bins at 22 050 Hz: 21.5 Hz apart.
        let ridge = |hz: f32| move |r: usize| (-((r as f32 * 62.5 - hz) / 200.0).powi(2)).exp();
        let m = matrix(257, 2, |r, c| if c == 0 { ridge(2_000.0)(r) } else { ridge(15_000.0)(r) });
        let got = import("w", &m, 513, 22_050, Some(32_000)).unwrap();
        // The second lies above what the model hears.
        assert_eq!((got.columns, got.left_out), (vec![0], vec![1]));
        let peak = (0..513).max_by(|a, b| got.w[*a].total_cmp(&got.w[*b])).unwrap();
        let hz = peak as f32 * 22_050.0 / 1_024.0;
        assert!((hz - 2_000.0).abs() < 22.0, "{hz}");
        assert!((energies(&got.w, 1)[0] - 1.0).abs() < 1e-5);
        // Half of the ridge's height, on both sides, where it was.
        for side in [-166.5, 166.5_f32] {
            let bin = ((2_000.0 + side) / 22_050.0 * 1_024.0).round() as usize;
            assert!((got.w[bin] / got.w[peak] - 0.5).abs() < 0.06, "{side}: {}", got.w[bin] / got.w[peak]);
        }
    }

    #[test]
    fn the_models_own_rate_changes_nothing() {
        let m = matrix(129, 3, |r, c| ((r * 7 + c * 11) % 13) as f32);
        assert_eq!(import("w", &m, 129, 8_000, Some(8_000)).unwrap(), import("w", &m, 129, 8_000, None).unwrap());
        // A model that hears more than the dictionary has silence there.
        let got = import("w", &m, 257, 16_000, Some(8_000)).unwrap();
        assert!(got.w[129 * 3..].iter().all(|v| *v == 0.0) && got.w[128 * 3..129 * 3].iter().any(|v| *v > 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |m: &Matrix, rate| import("w.npy", m, 513, 22_050, rate).unwrap_err().to_string();
        assert!(refused(&matrix(257, 2, |_, _| 1.0), None).contains("257 rows and the model 513 bins"));
        let e = refused(&matrix(513, 2, |_, c| c as f32 - 1.0), None);
        assert!(e.starts_with("column 0 of w.npy has no value above 0"), "{e}");
        let high = matrix(513, 1, |r, _| f32::from(u8::from(r > 300)));
        assert!(refused(&high, Some(44_100)).contains("no pattern of w.npy lies where the model hears"));
    }
}
