//! Metrics against scikit-learn 1.x, and against what can be counted by hand.
//!
//! ```python
//! import numpy as np
//! from sklearn.metrics import average_precision_score, roc_auc_score, top_k_accuracy_score
//! i = np.arange(12 * 4)
//! s = ((i * 37) % 101 / 101).reshape(12, 4).round(1)       # with equal scores
//! y = ((i * 29) % 53 < 18).reshape(12, 4); y[:, 3] = False # class 3 is never positive
//! ap = [average_precision_score(y[:, c], s[:, c]) for c in range(3)]; print(ap, np.mean(ap))
//! z = ((i * 29) % 53 < 18).reshape(12, 4); print([roc_auc_score(z[:, c], s[:, c]) for c in range(4)])
//! t = ((i * 53) % 97 / 97).reshape(12, 4); u = ((i * 31) % 89 / 89).reshape(12, 4)
//! print([top_k_accuracy_score(t.argmax(1), u, k=k, labels=[0, 1, 2, 3]) for k in (1, 2, 3)])
//! v = np.array([3.5, -1.0, 2.0, 8.25, 0.0, 7.0]); print(np.median(v), np.quantile(v, .9), np.quantile(v, .1))
//! ```
#![allow(clippy::unwrap_used)]

use earwitness::eval::metrics::{
    accuracy, accuracy_hits, average_precision, bootstrap_interval, class_auprc, macro_auprc, mean, median, quantile,
    roc_auc, top_class, top_k_fidelity,
};

/// `(i · a mod b) / b` for i in 0..48: twelve clips of four classes.
fn made(a: u32, b: u32) -> Vec<f32> {
    (0..48).map(|i| ((i * a) % b) as f32 / b as f32).collect()
}

/// Asserts equality to 1e-9.
fn close(got: f64, wanted: f64) {
    assert!((got - wanted).abs() < 1e-9, "got {got}, wanted {wanted}");
}

#[test]
fn average_precision_is_that_of_scikit_learn_ties_included() {
    let scores: Vec<f32> = made(37, 101).iter().map(|s| (s * 10.0).round() / 10.0).collect();
    let targets: Vec<Vec<usize>> = (0..12).map(|n| (0..3).filter(|c| ((n * 4 + c) * 29) % 53 < 18).collect()).collect();
    let per_class = class_auprc(&scores, 4, &targets);
    close(per_class[0].unwrap(), 0.356_060_606_061);
    close(per_class[1].unwrap(), 0.390_909_090_909);
    close(per_class[2].unwrap(), 0.385);
    assert_eq!(per_class[3], None);
    close(macro_auprc(&scores, 4, &targets).unwrap(), 0.377_323_232_323);
    assert_eq!(macro_auprc(&scores, 4, &vec![vec![]; 12]), None);
    // By hand: one threshold, 3 of 4 positive; and a perfect ranking.
    close(average_precision(&[0.5; 4], &[true, true, false, true]).unwrap(), 0.75);
    close(average_precision(&[0.9, 0.1, 0.8], &[true, false, true]).unwrap(), 1.0);
    // What is not a number ranks last.
    close(average_precision(&[f32::NAN, 0.1], &[false, true]).unwrap(), 1.0);
}

#[test]
fn the_area_under_the_roc_curve_is_that_of_scikit_learn_ties_included() {
    let scores: Vec<f32> = made(37, 101).iter().map(|s| (s * 10.0).round() / 10.0).collect();
    for (class, wanted) in [0.271_428_571_429, 0.484_375, 0.4, 0.425_925_925_926].into_iter().enumerate() {
        let column: Vec<f32> = scores.iter().skip(class).step_by(4).copied().collect();
        let positives: Vec<bool> = (0..12).map(|n| ((n * 4 + class) * 29) % 53 < 18).collect();
        close(roc_auc(&column, &positives).unwrap(), wanted);
    }
    assert_eq!(roc_auc(&[0.1, 0.2], &[true, true]), None);
}

#[test]
fn top_k_fidelity_is_that_of_scikit_learn() {
    let (reference, other) = (made(53, 97), made(31, 89));
    for (k, wanted) in [(1, 0.333_333_333_333), (2, 0.583_333_333_333), (3, 0.75), (4, 1.0)] {
        close(top_k_fidelity(&reference, &other, 4, k).unwrap(), wanted);
    }
    assert_eq!(top_k_fidelity(&[], &[], 4, 1), None);
    // Equal scores: the lower index goes first, so only one of them is "top 1".
    assert_eq!(top_k_fidelity(&[0.0, 1.0], &[0.5, 0.5], 2, 1), Some(0.0));
    assert_eq!(top_k_fidelity(&[1.0, 0.0], &[0.5, 0.5], 2, 1), Some(1.0));
}

#[test]
fn accuracy_counts_the_top_class_among_the_targets() {
    let scores = [0.1, 0.9, 0.0, /**/ 0.8, 0.1, 0.1, /**/ 0.2, 0.3, 0.5, /**/ 0.9, 0.0, 0.0];
    let targets = vec![vec![1], vec![1, 2], vec![0, 2], vec![]];
    assert_eq!(accuracy_hits(&scores, 3, &targets), [1.0, 0.0, 1.0]);
    close(accuracy(&scores, 3, &targets).unwrap(), 2.0 / 3.0);
    assert_eq!(accuracy(&scores, 3, &vec![vec![]; 4]), None);
    assert_eq!(top_class(&[f32::NAN, 0.2, 0.2]), Some(1));
    assert_eq!(top_class(&[]), None);
}

#[test]
fn medians_and_quantiles_are_those_of_numpy() {
    let values = [3.5, -1.0, 2.0, 8.25, 0.0, 7.0];
    close(median(&values).unwrap(), 2.75);
    close(median(&values[..5]).unwrap(), 2.0);
    close(quantile(&values, 0.9).unwrap(), 7.625);
    close(quantile(&values, 0.1).unwrap(), -0.5);
    assert_eq!(median(&[]), None);
}

#[test]
fn the_bootstrap_interval_is_about_that_of_theory_and_repeats() {
    // 89 of 104 right: the standard error is √(p(1−p)/n) = 0.0344, so ±1.96 of it is 0.788…0.923.
    let hits: Vec<f64> = (0..104).map(|i| if i < 89 { 1.0 } else { 0.0 }).collect();
    let (low, high) = bootstrap_interval(&hits, mean, 0.95, 4000, 1).unwrap();
    assert!((low - 0.788).abs() < 0.012 && (high - 0.923).abs() < 0.012, "{low} {high}");
    assert_eq!(bootstrap_interval(&hits, mean, 0.95, 4000, 1), Some((low, high)));
    assert_eq!(bootstrap_interval(&[], mean, 0.95, 10, 1), None);
    assert_eq!(bootstrap_interval(&[2.0; 5], median, 0.9, 50, 3), Some((2.0, 2.0)));
}
