//! From what a graph's output holds to one row of scores, and from scores to logits.

use super::spec::{FramePooling, ScoreKind};
use crate::model::manifest::Activation;

/// Probabilities are kept so far from 0 and 1, so that their logits are finite.
const EDGE: f64 = 1e-7;

/// What a logit is where the graph gave no number.
const NOTHING: f32 = -30.0;

/// Where an output of `shape` has its `n_classes` scores: the axis, the last one that fits. `None` where none is as long.
pub(super) fn class_axis(shape: &[usize], n_classes: usize) -> Option<usize> {
    shape.iter().rposition(|length| *length == n_classes).filter(|_| !shape.contains(&0))
}

/// The rows of scores of an output, each `[n_classes]`: one, or one for each frame.
pub(super) fn rows(shape: &[usize], values: &[f32], axis: usize) -> Vec<Vec<f32>> {
    let n_classes = shape[axis];
    let inner: usize = shape[axis + 1..].iter().product();
    let row = |block: &[f32], i: usize| (0..n_classes).map(|class| block[class * inner + i]).collect();
    values.chunks_exact(n_classes * inner).flat_map(|block| (0..inner).map(move |i| row(block, i))).collect()
}

/// One row of all of them. What is no number counts for nothing; a class without any number has none.
pub(super) fn pooled(rows: &[Vec<f32>], n_classes: usize, pooling: FramePooling) -> Vec<f32> {
    let of_class = |class: usize| {
        let numbers = || rows.iter().map(|row| row[class]).filter(|score| !score.is_nan());
        match pooling {
            FramePooling::Mean => numbers().map(f64::from).sum::<f64>() as f32 / numbers().count() as f32,
            FramePooling::Max => numbers().fold(f32::NAN, f32::max),
        }
    };
    (0..n_classes).map(of_class).collect()
}

/// The logits that `activation` makes these scores of again.
pub(super) fn logits(scores: &[f32], kind: ScoreKind, activation: Activation) -> Vec<f32> {
    let logit = |score: f32| match (kind, activation) {
        _ if score.is_nan() => NOTHING,
        (ScoreKind::Logits, _) => score.clamp(-1e30, 1e30),
        (ScoreKind::Probabilities, Activation::Sigmoid) => {
            let p = f64::from(score).clamp(EDGE, 1.0 - EDGE);
            (p / (1.0 - p)).ln() as f32
        }
        (ScoreKind::Probabilities, Activation::Softmax) => f64::from(score).clamp(EDGE, 1.0).ln() as f32,
    };
    scores.iter().map(|score| logit(*score)).collect()
}

/// What the numbers of some outputs are, from rows of scores of sounds that have nothing in common.
pub(super) fn kind_of(rows: &[Vec<f32>]) -> (ScoreKind, Activation) {
    let numbers = || rows.iter().flatten().filter(|score| !score.is_nan());
    if numbers().next().is_none() || !numbers().all(|score| (0.0..=1.0).contains(score)) {
        return (ScoreKind::Logits, Activation::Sigmoid);
    }
    let sums_to_1 = |row: &Vec<f32>| (row.iter().sum::<f32>() - 1.0).abs() < 1e-3;
    let softmax = rows[0].len() > 1 && rows.iter().filter(|row| !row.iter().any(|s| s.is_nan())).all(sums_to_1);
    (ScoreKind::Probabilities, if softmax { Activation::Softmax } else { Activation::Sigmoid })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::classifier::probabilities;

    #[test]
    fn scores_are_found_on_whatever_axis_they_are() {
        assert_eq!(class_axis(&[1, 7, 3], 3), Some(2));
        assert_eq!(class_axis(&[1, 3, 7], 3), Some(1));
        assert_eq!(class_axis(&[3, 3], 3), Some(1));
        assert_eq!(class_axis(&[3], 3), Some(0));
        assert_eq!((class_axis(&[1, 4], 3), class_axis(&[0, 3], 3)), (None, None));
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(rows(&[1, 2, 3], &values, 2), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(rows(&[1, 3, 2], &values, 1), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
    }

    #[test]
    fn frames_become_one_row_and_what_is_no_number_counts_for_nothing() {
        let rows = [vec![0.0, f32::NAN, 0.5], vec![1.0, f32::NAN, f32::NAN]];
        let mean = pooled(&rows, 3, FramePooling::Mean);
        assert!(mean[0] == 0.5 && mean[1].is_nan() && mean[2] == 0.5, "{mean:?}");
        let max = pooled(&rows, 3, FramePooling::Max);
        assert!(max[0] == 1.0 && max[1].is_nan() && max[2] == 0.5, "{max:?}");
        let logits = logits(&mean, ScoreKind::Probabilities, Activation::Sigmoid);
        assert!(probabilities(&logits, Activation::Sigmoid)[1] < 1e-9);
    }

    #[test]
    fn probabilities_come_back_as_they_were() {
        let sigmoid = [0.0, 1e-6, 0.03, 0.5, 0.97, 1.0];
        let back = probabilities(&logits(&sigmoid, ScoreKind::Probabilities, Activation::Sigmoid), Activation::Sigmoid);
        assert!(back.iter().zip(sigmoid).all(|(b, p)| (b - p).abs() < 1e-6), "{back:?}");
        let softmax = [0.7, 0.2, 0.1, 0.0];
        let back = probabilities(&logits(&softmax, ScoreKind::Probabilities, Activation::Softmax), Activation::Softmax);
        assert!(back.iter().zip(softmax).all(|(b, p)| (b - p).abs() < 1e-6), "{back:?}");
        assert_eq!(logits(&[-3.5, 9.0], ScoreKind::Logits, Activation::Sigmoid), [-3.5, 9.0]);
    }

    #[test]
    fn the_kind_of_scores_is_seen() {
        let kind = |rows: &[[f32; 2]]| kind_of(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        assert_eq!(kind(&[[0.2, 0.8], [0.5, 0.5]]), (ScoreKind::Probabilities, Activation::Softmax));
        assert_eq!(kind(&[[0.2, 0.8], [0.1, 0.5]]), (ScoreKind::Probabilities, Activation::Sigmoid));
        assert_eq!(kind(&[[0.2, 0.8], [-0.1, 0.5]]), (ScoreKind::Logits, Activation::Sigmoid));
        assert_eq!(kind(&[[f32::NAN; 2]]), (ScoreKind::Logits, Activation::Sigmoid));
        assert_eq!(kind_of(&[vec![1.0]]), (ScoreKind::Probabilities, Activation::Sigmoid));
    }
}
