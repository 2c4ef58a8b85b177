//! Whether scores are probabilities: of what is given 0.8, 80 % should be true.
//!
//! C. Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), for a yes or no: the expected calibration error
//! is `Σ n_b / n · |share that is true − mean score|` over bins of equal width. A bin holds its upper border.

use serde::Serialize;

/// Bins of the usual measure.
pub const N_BINS: usize = 15;

/// One row of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Scores above this …
    pub above: f64,
    /// … and up to this; the first bin holds 0 too.
    pub up_to: f64,
    /// How many there are.
    pub n: usize,
    /// Their mean; `None` of none.
    pub mean_score: Option<f64>,
    /// Share of them that is true.
    pub share_true: Option<f64>,
}

/// How well scores are calibrated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Scores that were looked at.
    pub n: usize,
    /// Expected calibration error, 0…1; `None` without any score.
    pub expected_error: Option<f64>,
    /// The reliability table, from the lowest scores on.
    pub bins: Vec<ReliabilityBin>,
}

/// Sorts scores (0…1) with what was true into `n_bins` (at least 1) bins of equal width. Others are left out.
#[must_use]
pub fn calibration(scores: impl IntoIterator<Item = (f64, bool)>, n_bins: usize) -> Calibration {
    let n_bins = n_bins.max(1);
    let border = |i: usize| i as f64 / n_bins as f64;
    let mut tallies = vec![Tally::default(); n_bins];
    for (score, is_true) in scores.into_iter().filter(|(score, _)| (0.0..=1.0).contains(score)) {
        // By comparison with the borders, for a product may be rounded across one.
        let guess = ((score * n_bins as f64) as usize).min(n_bins - 1);
        let bin = if guess > 0 && score <= border(guess) { guess - 1 } else { guess };
        tallies[bin].add(score, is_true);
    }
    let n: usize = tallies.iter().map(|tally| tally.n).sum();
    let gaps = tallies.iter().filter_map(|t| Some(t.n as f64 / n as f64 * (t.share_true()? - t.mean_score()?).abs()));
    Calibration {
        n,
        expected_error: (n > 0).then(|| gaps.sum()),
        bins: tallies
            .iter()
            .enumerate()
            .map(|(i, tally)| ReliabilityBin {
                above: border(i),
                up_to: border(i + 1),
                n: tally.n,
                mean_score: tally.mean_score(),
                share_true: tally.share_true(),
            })
            .collect(),
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    n: usize,
    n_true: usize,
    sum: f64,
}

impl Tally {
    fn add(&mut self, score: f64, is_true: bool) {
        self.n += 1;
        self.n_true += usize::from(is_true);
        self.sum += score;
    }

    fn mean_score(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    fn share_true(&self) -> Option<f64> {
        (self.n > 0).then(|| self.n_true as f64 / self.n as f64)
    }
}
