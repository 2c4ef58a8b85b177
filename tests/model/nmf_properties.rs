//! Sparse NMF: what must hold for any data, and equality with other programs on a small case.
#![allow(clippy::unwrap_used)]

use earwitness::train::nmf::{Nmf, NmfParams, Start, fit, fit_from, transform};
use proptest::prelude::*;

/// `‖X − WH‖² + sparsity · Σ H`, straight from the definition.
fn objective(x: &[f32], w: &[f32], h: &[f32], n_bins: usize, sparsity: f32) -> f64 {
    let (k, n) = (w.len() / n_bins, x.len() / n_bins);
    let mut sum = 0.0;
    for b in 0..n_bins {
        for t in 0..n {
            let wh: f64 = (0..k).map(|j| f64::from(w[b * k + j]) * f64::from(h[j * n + t])).sum();
            sum += (f64::from(x[b * n + t]) - wh).powi(2);
        }
    }
    sum + f64::from(sparsity) * h.iter().map(|&v| f64::from(v)).sum::<f64>()
}

/// The lengths of the columns of `w`.
fn lengths(w: &[f32], k: usize) -> Vec<f64> {
    (0..k).map(|j| w.iter().skip(j).step_by(k).map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()).collect()
}

fn energy(x: &[f32]) -> f64 {
    x.iter().map(|&v| f64::from(v).powi(2)).sum()
}

/// Asserts that the objective never rises, up to the rounding of f32 products.
fn never_rises(nmf: &Nmf, x: &[f32]) {
    for (i, pair) in nmf.objective.windows(2).enumerate() {
        assert!(pair[1] <= pair[0] + 2e-6 * energy(x), "step {i}: {} -> {}", pair[0], pair[1]);
    }
}

fn params(n_components: usize, sparsity: f32, max_iters: usize) -> NmfParams {
    NmfParams { n_components, sparsity, max_iters, tolerance: 0.0, seed: 1 }
}

/// The small case: see the Python beside the tests that use it.
fn small_case() -> (Vec<f32>, Start) {
    let w: Vec<f64> = (0..18).map(|i| f64::from((i * 7) % 11) / 11.0).collect();
    let h: Vec<f64> = (0..27).map(|i| f64::from((i * 5) % 13) / 13.0).collect();
    let x = (0..54)
        .map(|i| {
            let wh: f64 = (0..3).map(|j| w[i / 9 * 3 + j] * h[j * 9 + i % 9]).sum();
            (wh + 0.2 * (((i * 17) % 19) as f64 / 19.0)) as f32
        })
        .collect();
    let start = Start {
        w: (0..18).map(|i| (1 + (i * 3) % 7) as f32 / 7.0).collect(),
        h: (0..27).map(|i| (1 + (i * 4) % 9) as f32 / 9.0).collect(),
        n_fixed: 0,
    };
    (x, start)
}

#[test]
fn without_sparsity_it_ends_where_scikit_learn_ends() {
    // import numpy as np; from sklearn.decomposition import NMF
    // i = np.arange(54); W = ((np.arange(18)*7) % 11 / 11).reshape(6, 3); H = ((np.arange(27)*5) % 13 / 13).reshape(3, 9)
    // X = W @ H + 0.2 * ((i*17) % 19 / 19).reshape(6, 9)
    // W0 = (1 + (np.arange(18)*3) % 7).reshape(6, 3) / 7; H0 = (1 + (np.arange(27)*4) % 9).reshape(3, 9) / 9
    // m = NMF(3, init='custom', solver='mu', beta_loss='frobenius', tol=0, max_iter=20000)
    // w = m.fit_transform(X, W=W0, H=H0); print(np.sum((X - w @ m.components_)**2))
    let (x, start) = small_case();
    let nmf = fit_from(&x, 6, &start, &params(3, 0.0, 20_000), &mut |_, _| {}).unwrap();
    let got = objective(&x, &nmf.w, &nmf.h, 6, 0.0);
    assert!((got - 0.020_011_900_771).abs() < 1e-4 * 0.02, "{got}");
}

#[test]
fn with_sparsity_it_takes_the_steps_of_the_formula() {
    // The same X, W0, H0, in double precision (Le Roux et al., Euclidean case):
    // mu = 0.3; w = W0.copy(); h = H0.copy(); n = np.linalg.norm(w, axis=0); w /= n; h *= n[:, None]
    // for it in range(20000):
    //     h *= (w.T @ X) / (w.T @ w @ h + mu/2)
    //     A = X @ h.T; WB = w @ (h @ h.T)
    //     w *= (A + w*(w*WB).sum(0)) / (WB + w*(w*A).sum(0)); w /= np.linalg.norm(w, axis=0)
    //     if it in (0, 1, 10, 199, 19999): print(it, np.sum((X - w @ h)**2) + mu*h.sum())
    let (x, start) = small_case();
    let nmf = fit_from(&x, 6, &start, &params(3, 0.3, 200), &mut |_, _| {}).unwrap();
    for (step, wanted) in
        [(0, 7.075161714070662), (1, 6.026811541334744), (10, 5.320249771057971), (199, 4.803511320817891)]
    {
        let got = nmf.objective[step + 1];
        assert!((got / wanted - 1.0).abs() < 1e-4, "step {step}: {got}, wanted {wanted}");
    }
    let nmf = fit_from(&x, 6, &start, &params(3, 0.3, 20_000), &mut |_, _| {}).unwrap();
    let got = objective(&x, &nmf.w, &nmf.h, 6, 0.3);
    assert!((got / 4.756324207305846 - 1.0).abs() < 1e-4, "{got}");
}

#[test]
fn sparsity_makes_the_activations_sparser() {
    let (x, start) = small_case();
    let sum = |sparsity| {
        let nmf = fit_from(&x, 6, &start, &params(3, sparsity, 500), &mut |_, _| {}).unwrap();
        nmf.h.iter().sum::<f32>()
    };
    let (none, some, much) = (sum(0.0), sum(0.3), sum(1.0));
    assert!(none > some && some > much, "{none} {some} {much}");
}

#[test]
fn silence_is_factorised_into_silence() {
    let nmf = fit(&[0.0; 40], 8, &params(3, 0.5, 10), &[], &mut |_, _| {}).unwrap();
    assert!(nmf.h.iter().all(|&h| h == 0.0));
    assert!(nmf.objective.iter().all(|&o| o == 0.0));
    assert!(lengths(&nmf.w, 3).iter().all(|l| (l - 1.0).abs() < 1e-5), "{:?}", lengths(&nmf.w, 3));
}

#[test]
fn fixed_columns_stay_and_take_their_part() {
    // Two spectra that never sound together in the same bins; the first is given.
    let (n_bins, n_cols) = (10, 60);
    let given: Vec<f32> = (0..n_bins).map(|b| if b < 5 { (0.2_f32).sqrt() } else { 0.0 }).collect();
    let mut x = vec![0.0; n_bins * n_cols];
    for b in 0..n_bins {
        for t in 0..n_cols {
            let (low, high) = ((t % 7) as f32, (t % 4) as f32);
            x[b * n_cols + t] = if b < 5 { low } else { high * (b - 4) as f32 };
        }
    }
    let nmf = fit(&x, n_bins, &params(1, 0.0, 300), &given, &mut |_, _| {}).unwrap();
    assert_eq!(nmf.n_total, 2);
    assert!(nmf.w.iter().step_by(2).eq(&given), "{:?}", nmf.w);
    never_rises(&nmf, &x);
    // The new component has what the given one cannot explain: the upper bins.
    let upper: f32 = (5..n_bins).map(|b| nmf.w[b * 2 + 1].powi(2)).sum();
    assert!(upper > 0.999, "{upper}");
    assert!(*nmf.objective.last().unwrap() < 1e-4 * energy(&x), "{:?}", nmf.objective.last());
}

#[test]
fn transform_finds_the_activations_of_a_known_dictionary() {
    let w: Vec<f32> = [[0.8, 0.0], [0.6, 0.6], [0.0, 0.8]].concat();
    let h = [[1.0, 0.0, 2.0, 0.5], [0.0, 3.0, 1.0, 0.5]].concat();
    let mut x = vec![0.0; 12];
    for b in 0..3 {
        for t in 0..4 {
            x[b * 4 + t] = w[b * 2] * h[t] + w[b * 2 + 1] * h[4 + t];
        }
    }
    let got = transform(&x, 3, &w, &params(0, 0.0, 2000)).unwrap();
    assert!(got.iter().zip(&h).all(|(g, h)| (g - h).abs() < 1e-2), "{got:?}");
    // Stationary under the penalty: for h > 0, wᵀ(x − wh) = sparsity/2; else at most that.
    let sparse = transform(&x, 3, &w, &params(0, 0.4, 5000)).unwrap();
    for t in 0..4 {
        for k in 0..2 {
            let pull: f32 = (0..3)
                .map(|b| w[b * 2 + k] * (x[b * 4 + t] - w[b * 2] * sparse[t] - w[b * 2 + 1] * sparse[4 + t]))
                .sum();
            let at_rest = if sparse[k * 4 + t] > 1e-3 { (pull - 0.2).abs() < 1e-2 } else { pull < 0.21 };
            assert!(at_rest, "component {k}, column {t}: {pull}, {sparse:?}");
        }
    }
}

#[test]
fn the_seed_decides_and_the_threads_do_not() {
    let x: Vec<f32> = (0..12 * 900).map(|i| ((i * 7919) % 1013) as f32 / 1013.0).collect();
    let run = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let params = NmfParams { seed, ..params(4, 0.1, 15) };
        pool.install(|| fit(&x, 12, &params, &[], &mut |_, _| {}).unwrap())
    };
    let one = run(1, 5);
    assert_eq!(one, run(3, 5));
    assert_ne!(one.w, run(1, 6).w);
}

#[test]
fn progress_tells_every_step_and_tolerance_ends_it() {
    let (x, _) = small_case();
    let mut told = Vec::new();
    let nmf = fit(&x, 6, &params(3, 0.1, 7), &[], &mut |step, objective| told.push((step, objective))).unwrap();
    assert_eq!(told.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(told.iter().map(|t| t.1).collect::<Vec<_>>(), nmf.objective[1..]);
    let early = NmfParams { tolerance: 0.05, ..params(3, 0.1, 1000) };
    let nmf = fit(&x, 6, &early, &[], &mut |_, _| {}).unwrap();
    let [.., before, last] = nmf.objective[..] else { panic!("too few steps") };
    assert!(nmf.objective.len() < 100 && before - last <= 0.05 * before);
}

#[test]
fn what_cannot_be_factorised_is_refused() {
    let refuse = |x: &[f32], n_bins: usize, params: &NmfParams, fixed: &[f32]| {
        fit(x, n_bins, params, fixed, &mut |_, _| {}).unwrap_err().to_string()
    };
    let good = params(2, 0.0, 5);
    assert!(refuse(&[1.0, -1.0], 2, &good, &[]).contains("a value is -1"));
    assert!(refuse(&[1.0, f32::NAN], 2, &good, &[]).contains("a value is NaN"));
    assert!(refuse(&[1.0; 5], 2, &good, &[]).contains("5 values"));
    assert!(refuse(&[], 2, &good, &[]).contains("0 values"));
    assert!(refuse(&[1.0; 4], 0, &good, &[]).contains("0 bins"));
    assert!(refuse(&[1.0; 4], 2, &good, &[1.0; 3]).contains("fixed components have 3"));
    assert!(refuse(&[1.0; 4], 2, &good, &[1.0, -2.0]).contains("a value is -2"));
    assert!(refuse(&[1.0; 4], 2, &params(0, 0.0, 5), &[]).contains("components is 0"));
    assert!(refuse(&[1.0; 4], 2, &params(1, -1.0, 5), &[]).contains("sparsity is -1"));
    let start = Start { w: vec![1.0; 4], h: vec![1.0; 5], n_fixed: 0 };
    assert!(fit_from(&[1.0; 4], 2, &start, &good, &mut |_, _| {}).is_err());
    assert!(transform(&[1.0; 4], 2, &[1.0; 3], &good).is_err());
    assert!(transform(&[1.0; 4], 2, &[], &good).is_err());
}

/// Data with gaps: a third of the values are zero, the others of very different size.
fn data() -> impl Strategy<Value = (usize, Vec<f32>)> {
    (1..12_usize, 1..30_usize).prop_flat_map(|(n_bins, n_cols)| {
        let value = (0..3, -3.0..2.0_f32).prop_map(|(zero, e)| if zero == 0 { 0.0 } else { 10.0_f32.powf(e) });
        (Just(n_bins), proptest::collection::vec(value, n_bins * n_cols))
    })
}

proptest! {
    #[test]
    fn the_objective_falls_and_the_factors_keep_their_form(
        (n_bins, x) in data(), k in 1..7_usize, n_fixed in 0..3_usize, sparsity in 0.0..3.0_f32, seed in 0..1000_u64,
    ) {
        let fixed: Vec<f32> = (0..n_bins * n_fixed).map(|i| ((i * 31 + 7) % 13) as f32 / 13.0).collect();
        let params = NmfParams { seed, ..params(k, sparsity, 60) };
        let nmf = fit(&x, n_bins, &params, &fixed, &mut |_, _| {}).unwrap();
        never_rises(&nmf, &x);
        prop_assert!(nmf.w.iter().chain(&nmf.h).all(|v| v.is_finite() && *v >= 0.0));
        for length in &lengths(&nmf.w, nmf.n_total)[n_fixed..] {
            prop_assert!((length - 1.0).abs() < 1e-5, "{}", length);
        }
        // The objective that it reports is that of the factors it gives.
        let said = *nmf.objective.last().unwrap();
        let is = objective(&x, &nmf.w, &nmf.h, n_bins, sparsity);
        prop_assert!((said - is).abs() <= 1e-5 * (energy(&x) + is), "said {} is {}", said, is);
        // No worse than explaining nothing with what was learnt, once it has had time.
        prop_assert!(said <= nmf.objective[0] + 2e-6 * energy(&x));
    }
}
