//! Non-negative sparse coding on a fixed dictionary, and its gradient by the dictionary.
//!
//! The code of a frame v is `h*(v, W) = argmin ½‖v − W h‖² + l1 · Σ h + l2/2 · ‖h‖²` over h ≥ 0. With l2 > 0 it is unique, and
//! where the set Λ of components that sound does not change it is smooth, with `(W_ΛᵀW_Λ + l2·I) h_Λ = W_Λᵀv − l1`. So for a
//! loss with gradient g by h*: `β_Λ = (W_ΛᵀW_Λ + l2·I)⁻¹ g_Λ`, zero elsewhere, and
//! `∇_W = (v − W h*) βᵀ − W β h*ᵀ` (Mairal, Bach, Ponce: Task-Driven Dictionary Learning, 2012, Proposition 1).

use crate::model::cholesky::{factorise, solve};
use crate::model::kernels::gemm::{View, matmul};

/// Sweeps over the components, at most.
const MAX_SWEEPS: usize = 500;
/// A sweep that moves no activation by more than this share of the largest is the last.
const TOLERANCE: f64 = 1e-7;

/// The two penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Penalty {
    /// Weight of the sum of the activations, ≥ 0.
    pub l1: f64,
    /// Weight of half their squares, > 0.
    pub l2: f64,
}

/// A dictionary that frames are coded on.
pub struct Coder<'a> {
    /// `[n_bins, n_components]`.
    w: &'a [f32],
    /// `WᵀW`.
    gram: Vec<f64>,
    n_components: usize,
    n_bins: usize,
    penalty: Penalty,
}

impl<'a> Coder<'a> {
    /// For a dictionary `[n_bins, n_components]` row by row, ≥ 0.
    #[must_use]
    pub fn new(w: &'a [f32], n_bins: usize, penalty: Penalty) -> Self {
        let k = w.len() / n_bins.max(1);
        let mut gram = vec![0.0; k * k];
        let view = View::dense(n_bins, k);
        matmul(&mut gram, View::dense(k, k), w, view.t(), w, view, false);
        Self { w, gram: gram.into_iter().map(f64::from).collect(), n_components: k, n_bins, penalty }
    }

    /// Codes of frames `[n, n_bins]`: `[n, n_components]`, row by row.
    #[must_use]
    pub fn encode(&self, frames: &[f32]) -> Vec<f64> {
        let (k, n) = (self.n_components, frames.len() / self.n_bins);
        let mut fits = vec![0.0; n * k];
        let (x, w) = (View::dense(n, self.n_bins), View::dense(self.n_bins, k));
        matmul(&mut fits, View::dense(n, k), frames, x, self.w, w, false);
        let mut codes = vec![0.0; n * k];
        for (h, fit) in codes.chunks_exact_mut(k).zip(fits.chunks_exact(k)) {
            let fit: Vec<f64> = fit.iter().map(|v| f64::from(*v)).collect();
            descend(&fit, &self.gram, self.penalty, h);
        }
        codes
    }

    /// Gradient by W, `[n_bins, n_components]`, of a loss whose gradient by the code of every one of these frames is
    /// `grad`, `[n_components]`; `codes` are theirs, from [`Self::encode`].
    #[must_use]
    pub fn gradient(&self, frames: &[f32], codes: &[f64], grad: &[f64]) -> Vec<f32> {
        let (k, n, n_bins) = (self.n_components, frames.len() / self.n_bins, self.n_bins);
        let mut h = vec![0.0_f32; n * k];
        let mut b = vec![0.0_f32; n * k];
        for ((code, h), b) in codes.chunks_exact(k).zip(h.chunks_exact_mut(k)).zip(b.chunks_exact_mut(k)) {
            let beta = adjoint(&self.gram, self.penalty.l2, code, grad);
            h.iter_mut().zip(code).for_each(|(h, c)| *h = *c as f32);
            b.iter_mut().zip(&beta).for_each(|(b, beta)| *b = *beta as f32);
        }
        // Σ_t (v − W h) βᵀ − W β hᵀ = VᵀB − W (HᵀB + BᵀH), frames in rows.
        let (rows, square) = (View::dense(n, k), View::dense(k, k));
        let mut hb = vec![0.0; k * k];
        matmul(&mut hb, square, &h, rows.t(), &b, rows, false);
        let both: Vec<f32> = (0..k * k).map(|i| -(hb[i] + hb[i % k * k + i / k])).collect();
        let mut out = vec![0.0; n_bins * k];
        let w = View::dense(n_bins, k);
        matmul(&mut out, w, frames, View::dense(n, n_bins).t(), &b, rows, false);
        matmul(&mut out, w, self.w, w, &both, square, true);
        out
    }
}

/// Cyclic coordinate descent from `h`; `fit` is Wᵀv.
fn descend(fit: &[f64], gram: &[f64], penalty: Penalty, h: &mut [f64]) {
    let k = h.len();
    // Wᵀv − WᵀW h, kept up to date: components that stay at 0 cost next to nothing.
    let mut rest: Vec<f64> = fit.to_vec();
    for (j, hj) in h.iter().enumerate().filter(|(_, h)| **h != 0.0) {
        rest.iter_mut().zip(&gram[j * k..]).for_each(|(r, g)| *r -= g * hj);
    }
    for _ in 0..MAX_SWEEPS {
        let (mut moved, mut largest) = (0.0_f64, 0.0_f64);
        for j in 0..k {
            let own = gram[j * k + j];
            let new = ((rest[j] + own * h[j] - penalty.l1) / (own + penalty.l2)).max(0.0);
            let step = new - h[j];
            if step != 0.0 {
                h[j] = new;
                rest.iter_mut().zip(&gram[j * k..]).for_each(|(r, g)| *r -= g * step);
                moved = moved.max(step.abs());
            }
            largest = largest.max(new);
        }
        if moved <= TOLERANCE * largest {
            break;
        }
    }
}

/// β of a code `h`: `(G_Λ + l2·I)⁻¹ g_Λ` on the components that sound, zero elsewhere.
fn adjoint(gram: &[f64], l2: f64, h: &[f64], grad: &[f64]) -> Vec<f64> {
    let k = h.len();
    let active: Vec<usize> = (0..k).filter(|&j| h[j] > 0.0).collect();
    let n = active.len();
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            l[i * n + j] = gram[active[i] * k + active[j]] + if i == j { l2 } else { 0.0 };
        }
    }
    // Positive definite, because l2 is above 0.
    factorise(&mut l, n);
    let mut x: Vec<f64> = active.iter().map(|&j| grad[j]).collect();
    solve(&l, &mut x);
    let mut beta = vec![0.0; k];
    for (j, x) in active.into_iter().zip(x) {
        beta[j] = x;
    }
    beta
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const N_BINS: usize = 6;
    const K: usize = 4;
    const PENALTY: Penalty = Penalty { l1: 0.12, l2: 0.03 };

    fn dictionary() -> Vec<f32> {
        (0..N_BINS * K).map(|i| ((i * 7 + 3) % 11) as f32 / 11.0).collect()
    }

    fn frames() -> Vec<f32> {
        (0..3 * N_BINS).map(|i| ((i * 5 + 2) % 13) as f32 / 6.5).collect()
    }

    /// ```python
    /// import numpy as np; from sklearn.decomposition import non_negative_factorization as nmf
    /// W = ((np.arange(24)*7 + 3) % 11 / 11).reshape(6, 4); V = ((np.arange(18)*5 + 2) % 13 / 6.5).reshape(3, 6)
    /// # its penalties are alpha · n_features · (ratio, 1 − ratio)
    /// l1, l2 = 0.12, 0.03; a = (l1 + l2) / 6
    /// for solver in ("cd", "mu"):
    ///     h, _, _ = nmf(V, W=np.full((3, 4), 0.5), H=W.T.copy(), n_components=4, init="custom", update_H=False, solver=solver,
    ///                   alpha_W=a, l1_ratio=l1/(l1+l2), tol=0 if solver == "mu" else 1e-15, max_iter=200000)
    ///     print(h.round(6).tolist())
    /// ```
    #[test]
    fn codes_equal_those_of_scikit_learn() {
        let w = dictionary();
        let got = Coder::new(&w, N_BINS, PENALTY).encode(&frames());
        let want =
            [0.773584, 0.0, 1.268001, 0.0, 0.715086, 0.714641, 0.0, 0.35671, 0.035886, 0.982303, 0.839376, 0.542739];
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5), "{got:?}");
    }

    /// The codes of a dictionary in double precision, straight from the definition.
    fn codes(w: &[f64], frames: &[f32]) -> Vec<f64> {
        let dot = |a: usize, b: usize| (0..N_BINS).map(|i| w[i * K + a] * w[i * K + b]).sum::<f64>();
        let gram: Vec<f64> = (0..K * K).map(|i| dot(i / K, i % K)).collect();
        frames
            .chunks_exact(N_BINS)
            .flat_map(|v| {
                let fit: Vec<f64> = (0..K).map(|j| (0..N_BINS).map(|i| w[i * K + j] * f64::from(v[i])).sum()).collect();
                let mut h = vec![0.0; K];
                // Far beyond the usual tolerance: a difference quotient is to be taken of it.
                for _ in 0..20 {
                    descend(&fit, &gram, PENALTY, &mut h);
                }
                h
            })
            .collect()
    }

    #[test]
    fn the_gradient_by_the_dictionary_agrees_with_finite_differences() {
        let (w, v) = (dictionary(), frames());
        let coder = Coder::new(&w, N_BINS, PENALTY);
        let h = coder.encode(&v);
        let silent = h.iter().filter(|h| **h == 0.0).count();
        assert!(silent > 0 && silent < h.len() / 2, "a case where some sound and some do not: {h:?}");
        let grad = [0.7, -1.1, 0.4, 0.9];
        let got = coder.gradient(&v, &h, &grad);
        let exact: Vec<f64> = w.iter().map(|v| f64::from(*v)).collect();
        let loss = |w: &[f64]| -> f64 {
            codes(w, &v).chunks_exact(K).map(|h| h.iter().zip(&grad).map(|(h, g)| h * g).sum::<f64>()).sum()
        };
        for (i, got) in got.iter().enumerate() {
            let at = |by: f64| {
                let mut w = exact.clone();
                w[i] += by;
                loss(&w)
            };
            let want = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!((f64::from(*got) - want).abs() < 1e-3 * (1.0 + want.abs()), "W[{i}]: {got} is not {want}");
        }
    }

    #[test]
    fn silence_has_no_code_and_no_gradient() {
        let w = dictionary();
        let coder = Coder::new(&w, N_BINS, PENALTY);
        let h = coder.encode(&[0.0; N_BINS]);
        assert_eq!(h, [0.0; K]);
        assert!(coder.gradient(&[0.0; N_BINS], &h, &[1.0; K]).iter().all(|g| *g == 0.0));
    }
}
