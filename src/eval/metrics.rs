//! Figures of merit over clips. Scores are `[n_clips, n_classes]` row by row; any monotone scale will do (logits or
//! probabilities), since only their order counts.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Index of the greatest score, the first of equal ones; `None` for no scores. A score that is not a number never wins
/// against one that is.
#[must_use]
pub fn top_class(scores: &[f32]) -> Option<usize> {
    (0..scores.len()).find(|&class| rank(scores, class) == 0)
}

/// How many classes come before `class`: those with a greater score, and of equal ones those with a lower index.
fn rank(scores: &[f32], class: usize) -> usize {
    let own = worth(scores[class]);
    let before = |(i, &s): (usize, &f32)| worth(s) > own || (worth(s) == own && i < class);
    scores.iter().enumerate().filter(|&s| before(s)).count()
}

/// The score itself, or the least there is for what is not a number.
fn worth(score: f32) -> f32 {
    if score.is_nan() { f32::NEG_INFINITY } else { score }
}

/// Share of clips whose top class is among their targets, 0…1. Clips without a target have no right answer and are
/// left out; `None` where no clip is left.
#[must_use]
pub fn accuracy(scores: &[f32], n_classes: usize, targets: &[Vec<usize>]) -> Option<f64> {
    mean(&accuracy_hits(scores, n_classes, targets))
}

/// For each clip that has a target: 1 where its top class is among them, else 0. What [`accuracy`] averages, for
/// [`bootstrap_interval`].
#[must_use]
pub fn accuracy_hits(scores: &[f32], n_classes: usize, targets: &[Vec<usize>]) -> Vec<f64> {
    rows(scores, n_classes)
        .zip(targets)
        .filter(|(_, wanted)| !wanted.is_empty())
        .map(|(row, wanted)| if top_class(row).is_some_and(|top| wanted.contains(&top)) { 1.0 } else { 0.0 })
        .collect()
}

/// Area under the ROC curve: how likely a positive has a higher score than a negative, equal scores counting half. `None`
/// without positives or without negatives.
#[must_use]
pub fn roc_auc(scores: &[f32], positives: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f32, bool)> = scores.iter().map(|&s| worth(s)).zip(positives.iter().copied()).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n_positives = ranked.iter().filter(|(_, positive)| *positive).count();
    let n_pairs = n_positives * (ranked.len() - n_positives);
    let (mut below, mut won) = (0.0, 0.0);
    for group in ranked.chunk_by(|a, b| a.0 == b.0) {
        let positives = group.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = group.len() as f64 - positives;
        won += positives * (below + negatives / 2.0);
        below += negatives;
    }
    (n_pairs > 0).then(|| won / n_pairs as f64)
}

/// Area under the precision-recall curve as a step function (average precision): Σ (Rᵢ − Rᵢ₋₁) Pᵢ over the thresholds,
/// equal scores falling together. `None` where nothing is positive, for recall has no meaning there.
#[must_use]
pub fn average_precision(scores: &[f32], positives: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f32, bool)> = scores.iter().map(|&s| worth(s)).zip(positives.iter().copied()).collect();
    let total = ranked.iter().filter(|(_, positive)| *positive).count();
    if total == 0 {
        return None;
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut seen, mut area) = (0usize, 0usize, 0.0);
    for group in ranked.chunk_by(|a, b| a.0 == b.0) {
        let new = group.iter().filter(|(_, positive)| *positive).count();
        found += new;
        seen += group.len();
        area += new as f64 / total as f64 * (found as f64 / seen as f64);
    }
    Some(area)
}

/// Mean of [`average_precision`] over the classes that have a positive clip; `None` where none has.
#[must_use]
pub fn macro_auprc(scores: &[f32], n_classes: usize, targets: &[Vec<usize>]) -> Option<f64> {
    let per_class: Vec<f64> = class_auprc(scores, n_classes, targets).into_iter().flatten().collect();
    mean(&per_class)
}

/// [`average_precision`] of each class, `[n_classes]`; `None` for classes without a positive clip.
#[must_use]
pub fn class_auprc(scores: &[f32], n_classes: usize, targets: &[Vec<usize>]) -> Vec<Option<f64>> {
    (0..n_classes)
        .map(|class| {
            let column: Vec<f32> = rows(scores, n_classes).map(|row| row[class]).collect();
            let positives: Vec<bool> = targets.iter().map(|t| t.contains(&class)).collect();
            average_precision(&column, &positives)
        })
        .collect()
}

/// Share of clips for which the class that `reference` puts first is among the `k` that `other` puts first, 0…1. With
/// the classifier as reference and the interpreter as other, this is the papers' fidelity. `None` for no clips.
#[must_use]
pub fn top_k_fidelity(reference: &[f32], other: &[f32], n_classes: usize, k: usize) -> Option<f64> {
    mean(&top_k_agreements(reference, other, n_classes, k))
}

/// For each clip: 1 where the class that `reference` puts first is among the `k` that `other` puts first, else 0. What
/// [`top_k_fidelity`] averages, for [`bootstrap_interval`].
#[must_use]
pub fn top_k_agreements(reference: &[f32], other: &[f32], n_classes: usize, k: usize) -> Vec<f64> {
    rows(reference, n_classes)
        .zip(rows(other, n_classes))
        .map(|(wanted, given)| {
            let inside = top_class(wanted).is_some_and(|class| rank(given, class) < k);
            if inside { 1.0 } else { 0.0 }
        })
        .collect()
}

/// The mean; `None` of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / values.len() as f64) }
}

/// The median (the mean of the middle two of an even number); `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The `q`-quantile (`q` 0…1), with straight lines between the ordered values; `None` of nothing.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let above = (below + 1).min(last);
    Some(sorted[below] + share * (sorted[above] - sorted[below]))
}

/// Percentile bootstrap: the interval that holds `level` (0…1, such as 0.95) of the values `statistic` takes on `draws`
/// samples of the same size drawn from `values` with replacement. The same seed gives the same interval. `None` of
/// nothing, or where the statistic never has a value.
pub fn bootstrap_interval(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> Option<f64>,
    level: f64,
    draws: usize,
    seed: u64,
) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = vec![0.0; values.len()];
    let mut drawn = Vec::with_capacity(draws);
    for _ in 0..draws {
        for slot in &mut sample {
            *slot = values[rng.random_range(0..values.len())];
        }
        drawn.extend(statistic(&sample));
    }
    let tail = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
    Some((quantile(&drawn, tail)?, quantile(&drawn, 1.0 - tail)?))
}

/// The rows of a `[n, n_classes]` slice; none where there are no classes.
fn rows(scores: &[f32], n_classes: usize) -> std::slice::ChunksExact<'_, f32> {
    let scores = if n_classes == 0 { &[] } else { scores };
    scores.chunks_exact(n_classes.max(1))
}
