//! One row of a dense layer: logistic regression with a penalty on the weights, to its optimum by Newton's method.

use crate::model::cholesky::{factorise, solve};
use crate::model::kernels::gemm::{View, matmul};
use crate::train::sigmoid::{cross_entropy, sigmoid};
use crate::{Error, Result};

/// Most steps; from zero weights some ten are enough.
const MAX_STEPS: usize = 30;
/// The optimum is reached where no slope is larger.
const SLOPE: f64 = 1e-6;
/// Shortest share of a step that is tried.
const LEAST_SHARE: f64 = 1e-4;

/// A row: p = σ(w · x + bias).
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// One weight a value.
    pub weights: Vec<f32>,
    /// Bias.
    pub bias: f32,
}

/// What a row is learned from.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// `[n, width]`.
    pub x: Vec<f32>,
    /// 1 where the label sounds, else 0, `[n]`.
    pub target: Vec<f32>,
    /// How much each counts, `[n]`.
    pub weight: Vec<f32>,
    /// The logit that the row's is added to, `[n]`.
    pub base: Vec<f32>,
}

impl Examples {
    /// Adds rows `[n, width]` that count `share` together, each the same.
    pub fn add(&mut self, x: &[f32], width: usize, target: f32, share: f32) {
        let n = x.len() / width.max(1);
        self.x.extend_from_slice(x);
        self.target.resize(self.target.len() + n, target);
        self.weight.resize(self.weight.len() + n, share / n.max(1) as f32);
        self.base.resize(self.base.len() + n, 0.0);
    }

    /// Adds one row `x[width]` that counts `weight`; the logit learned is added to `base`.
    pub fn add_to(&mut self, base: f32, x: &[f32], target: f32, weight: f32) {
        self.x.extend_from_slice(x);
        self.target.push(target);
        self.weight.push(weight);
        self.base.push(base);
    }

    /// Each row with its target, weight and base.
    fn rows(&self, width: usize) -> impl Iterator<Item = (&[f32], [f32; 3])> {
        let about = self.target.iter().zip(&self.weight).zip(&self.base).map(|((t, w), b)| [*t, *w, *b]);
        self.x.chunks_exact(width).zip(about)
    }
}

impl Row {
    /// Weights and bias of 0.
    #[must_use]
    pub fn zero(width: usize) -> Self {
        Self { weights: vec![0.0; width], bias: 0.0 }
    }

    /// The logit of `x`.
    #[must_use]
    pub fn logit(&self, x: &[f32]) -> f32 {
        self.bias + x.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f32>()
    }

    /// The row with the least Σ weight · cross-entropy of (base + logit) + penalty/2 · ‖weights‖², from this one on.
    ///
    /// # Errors
    /// A usage error where there is no such row, because examples are no numbers.
    pub fn fit(mut self, examples: &Examples, penalty: f32) -> Result<Self> {
        let (width, penalty) = (self.weights.len(), f64::from(penalty));
        let mut loss = self.loss(examples, penalty);
        for _ in 0..MAX_STEPS {
            let (slopes, curvature) = self.derivatives(examples, penalty);
            if slopes.iter().all(|g| g.abs() < SLOPE) {
                break;
            }
            let step = solution(curvature, &slopes).ok_or_else(unsolvable)?;
            let mut share = 1.0;
            loop {
                let moved = Self {
                    weights: (0..width).map(|i| (f64::from(self.weights[i]) - share * step[i]) as f32).collect(),
                    bias: (f64::from(self.bias) - share * step[width]) as f32,
                };
                let after = moved.loss(examples, penalty);
                if after < loss {
                    (self, loss) = (moved, after);
                    break;
                }
                share /= 2.0;
                if share < LEAST_SHARE {
                    // No better row can be written in f32.
                    return if after.is_finite() { Ok(self) } else { Err(unsolvable()) };
                }
            }
        }
        Ok(self)
    }

    /// The loss that [`Self::fit`] makes least.
    #[must_use]
    pub fn loss(&self, examples: &Examples, penalty: f64) -> f64 {
        let size: f64 = self.weights.iter().map(|w| f64::from(*w).powi(2)).sum();
        let one =
            |(x, [t, w, base]): (&[f32], [f32; 3])| f64::from(w) * f64::from(cross_entropy(base + self.logit(x), t));
        0.5 * penalty * size + examples.rows(self.weights.len()).map(one).sum::<f64>()
    }

    /// First derivatives by weights and bias `[width + 1]`, and second ones `[width + 1, width + 1]`.
    fn derivatives(&self, examples: &Examples, penalty: f64) -> (Vec<f64>, Vec<f64>) {
        let width = self.weights.len();
        let n = width + 1;
        let rows = examples.target.len();
        let mut slopes: Vec<f64> = self.weights.iter().map(|w| penalty * f64::from(*w)).chain([0.0]).collect();
        // A column of ones for the bias; and the same rows, each times its curvature.
        let (mut x, mut bent) = (Vec::with_capacity(rows * n), Vec::with_capacity(rows * n));
        for (row, [t, w, base]) in examples.rows(width) {
            let p = sigmoid(base + self.logit(row));
            let (slope, bend) = (f64::from(w * (p - t)), w * p * (1.0 - p));
            slopes.iter_mut().zip(row.iter().chain(&[1.0])).for_each(|(g, x)| *g += slope * f64::from(*x));
            x.extend_from_slice(row);
            x.push(1.0);
            bent.extend(row.iter().map(|x| bend * x));
            bent.push(bend);
        }
        let mut curvature = vec![0.0_f32; n * n];
        matmul(&mut curvature, View::dense(n, n), &bent, View::dense(rows, n).t(), &x, View::dense(rows, n), false);
        let mut curvature: Vec<f64> = curvature.iter().map(|c| f64::from(*c)).collect();
        for i in 0..n {
            // What is lost to rounding must not make it negative, for the bias either.
            curvature[i * n + i] += if i < width { penalty } else { 1e-9 };
        }
        (slopes, curvature)
    }
}

fn unsolvable() -> Error {
    Error::usage("the examples give no label: they hold no numbers that can be told apart; give other recordings")
}

/// The solution of a · x = b for a symmetric positive `a[n, n]`; `None` where `a` is not positive.
fn solution(mut a: Vec<f64>, b: &[f64]) -> Option<Vec<f64>> {
    if !factorise(&mut a, b.len()) {
        return None;
    }
    let mut x = b.to_vec();
    solve(&a, &mut x);
    x.iter().all(|x| x.is_finite()).then_some(x)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn examples() -> Examples {
        Examples {
            x: (0..60).map(|i| ((i * 7) % 17) as f32 / 8.5).collect(),
            target: (0..20).map(|j| f32::from(u8::from((j * 5) % 7 > 4))).collect(),
            weight: (0..20).map(|j| 0.02 + (j % 3) as f32 * 0.05).collect(),
            base: vec![0.0; 20],
        }
    }

    /// ```python
    /// i = np.arange(60); j = np.arange(20)
    /// X = ((i * 7) % 17 / 8.5).reshape(20, 3); y = ((j * 5) % 7 > 4).astype(int); s = 0.02 + (j % 3) * 0.05
    /// m = sklearn.linear_model.LogisticRegression(C=1/0.05, tol=1e-13, max_iter=100000).fit(X, y, sample_weight=s)
    /// print(m.coef_, m.intercept_)
    /// ```
    #[test]
    fn it_ends_where_scikit_learn_ends() {
        let row = Row::zero(3).fit(&examples(), 0.05).unwrap();
        let want = [1.112_718_3, -0.647_440_2, -0.119_442_33];
        assert!(row.weights.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-4), "{row:?}");
        assert!((row.bias + 1.156_445_8).abs() < 1e-4, "{row:?}");
    }

    #[test]
    fn its_derivatives_agree_with_finite_differences() {
        let examples = Examples { base: (0..20).map(|j| (j % 4) as f32 * 0.5 - 0.7).collect(), ..examples() };
        let row = Row { weights: vec![0.4, -0.9, 0.2], bias: -0.3 };
        let (slopes, curvature) = row.derivatives(&examples, 0.1);
        let moved = |i: usize, by: f32| {
            let mut moved = row.clone();
            *moved.weights.iter_mut().chain([&mut moved.bias]).nth(i).unwrap() += by;
            moved
        };
        let step = 1e-2_f32;
        for i in 0..4 {
            let at = |by| moved(i, by).loss(&examples, 0.1);
            let want = (at(step) - at(-step)) / f64::from(2.0 * step);
            assert!((slopes[i] - want).abs() < 1e-4, "slope {i}: {} is not {want}", slopes[i]);
            let (up, down) =
                (moved(i, step).derivatives(&examples, 0.1).0, moved(i, -step).derivatives(&examples, 0.1).0);
            for k in 0..4 {
                let want = (up[k] - down[k]) / f64::from(2.0 * step);
                assert!((curvature[i * 4 + k] - want).abs() < 1e-4, "curvature {i} {k}: {want}");
            }
        }
    }

    #[test]
    fn examples_that_can_be_told_apart_keep_small_weights() {
        let mut apart = Examples::default();
        apart.add(&[1.0, 0.0, 2.0, 0.0], 2, 1.0, 1.0);
        apart.add(&[0.0, 1.0, 0.0, 2.0, 0.0, 3.0], 2, 0.0, 1.0);
        assert_eq!((apart.target.len(), apart.weight[0], apart.weight[4]), (5, 0.5, 1.0 / 3.0));
        let row = Row::zero(2).fit(&apart, 1e-3).unwrap();
        assert!(row.logit(&[1.0, 0.0]) > 1.0 && row.logit(&[0.0, 1.0]) < -1.0, "{row:?}");
        assert!(row.weights.iter().all(|w| w.abs() < 20.0), "{row:?}");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mut bad = examples();
        bad.x[4] = f32::NAN;
        assert!(Row::zero(3).fit(&bad, 0.05).unwrap_err().to_string().contains("give other recordings"));
    }
}
