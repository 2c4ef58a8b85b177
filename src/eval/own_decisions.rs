//! How interpreters decide that have a decision of their own: fidelity to the classifier and accuracy (Tables IV and VIII of the
//! extended L2I paper), and the same for several labels at once.

use std::fmt::Write;

use serde::Serialize;

use super::decisions::across_clips;
use super::evaluate::EvaluatedModel;
use super::faithfulness::Listener;
use super::metrics;
use crate::interpret::methods;
use crate::model::classifier::{Classifier, probabilities};
use crate::model::device::ComputeDevice;
use crate::model::package::Package;
use crate::{Error, Result};

/// A label counts as decided from this probability on.
pub const DECIDED_AT: f32 = 0.5;

/// Thresholds on the interpreter's probability, of which the best gives its F1 ("max-F1").
pub const F1_THRESHOLDS: [f32; 11] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// Draws of the bootstrap behind an interval, and what it holds.
const DRAWS: usize = 1000;
const LEVEL: f64 = 0.95;

/// Decisions of a model's interpreters. Shares are 0…1; `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnDecisions {
    /// The model.
    pub model: EvaluatedModel,
    /// The folds that the clips come from.
    pub folds: Vec<u32>,
    /// Clips.
    pub n: usize,
    /// Labels that the classifier decides for, in all clips together.
    pub n_decided: usize,
    /// Share of clips with a class where the classifier's top class is one of theirs.
    pub classifier_accuracy: Option<f64>,
    /// Mean average precision of the classifier over classes.
    pub classifier_macro_auprc: Option<f64>,
    /// Each method.
    pub methods: Vec<OwnDecision>,
}

/// One interpreter's decisions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnDecision {
    /// The method.
    pub method: String,
    /// Share of clips where the classifier's top class is the interpreter's top class …
    pub fidelity_top1: Option<f64>,
    /// … and its 95 % bootstrap interval over clips.
    pub fidelity_top1_interval: Option<(f64, f64)>,
    /// Share of clips where it is among the first three.
    pub fidelity_top3: Option<f64>,
    /// Share of clips where it is among the first five.
    pub fidelity_top5: Option<f64>,
    /// Share of clips with a class where the interpreter's top class is one of theirs.
    pub accuracy: Option<f64>,
    /// Mean average precision of the interpreter over classes, by the data set's labels.
    pub macro_auprc: Option<f64>,
    /// Against what the classifier decides for.
    pub multi_label: MultiLabel,
}

/// An interpreter's probabilities against the labels that the classifier decides for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MultiLabel {
    /// Mean average precision over classes that the classifier decides for anywhere.
    pub macro_auprc: Option<f64>,
    /// Average precision over all clips and classes at once.
    pub micro_auprc: Option<f64>,
    /// Mean F1 over these classes, at the best of [`F1_THRESHOLDS`].
    pub macro_f1: Option<f64>,
    /// F1 over all clips and classes at once, at the best of them.
    pub micro_f1: Option<f64>,
}

impl MultiLabel {
    /// Of probabilities `[n, n_classes]` and the labels that each clip is decided to have.
    #[must_use]
    pub fn new(probs: &[f32], n_classes: usize, decided: &[Vec<usize>]) -> Self {
        let is_decided = |i: usize| decided.get(i / n_classes).is_some_and(|own| own.contains(&(i % n_classes)));
        let positives: Vec<bool> = (0..probs.len()).map(is_decided).collect();
        let best = |f1: &dyn Fn(f32) -> Option<f64>| F1_THRESHOLDS.into_iter().filter_map(f1).max_by(f64::total_cmp);
        let of_class = |class: usize, threshold: f32| f1(probs, &positives, threshold, |i| i % n_classes == class);
        let mean = |threshold: f32| {
            metrics::mean(&(0..n_classes).filter_map(|class| of_class(class, threshold)).collect::<Vec<f64>>())
        };
        Self {
            macro_auprc: metrics::macro_auprc(probs, n_classes, decided),
            micro_auprc: metrics::average_precision(probs, &positives),
            macro_f1: best(&mean),
            micro_f1: best(&|threshold| f1(probs, &positives, threshold, |_| true)),
        }
    }
}

/// F1 of what is at least `threshold`, of the values that `counts` takes; `None` where none of them is positive.
fn f1(probs: &[f32], positives: &[bool], threshold: f32, counts: impl Fn(usize) -> bool) -> Option<f64> {
    let (mut hits, mut wrong, mut missed) = (0.0, 0.0, 0.0);
    for (_, (prob, positive)) in probs.iter().zip(positives).enumerate().filter(|(i, _)| counts(*i)) {
        match (*prob >= threshold, *positive) {
            (true, true) => hits += 1.0,
            (true, false) => wrong += 1.0,
            (false, true) => missed += 1.0,
            (false, false) => (),
        }
    }
    (hits + missed > 0.0).then(|| 2.0 * hits / (2.0 * hits + wrong + missed))
}

/// What decides on the clips, method by method.
#[derive(Debug, Clone, Copy)]
pub struct Deciders<'a> {
    /// The methods, each with a decision of its own.
    pub methods: &'a [String],
    /// The folds that the clips come from, for the result.
    pub folds: &'a [u32],
    /// Seed of the intervals.
    pub seed: u64,
}

/// Measures methods of `package` on `clips` (mono, at the model's rate, one segment long) with `targets` in the model's order.
/// Calls `progress` after each clip with the number of clips done and the number of all.
///
/// # Errors
/// A usage error without clips or methods, or for a method that has no decision of its own; what cannot be loaded.
pub fn own_decisions(
    package: &Package,
    clips: &[Vec<f32>],
    targets: &[Vec<usize>],
    deciders: Deciders<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<OwnDecisions> {
    if clips.is_empty() || clips.len() != targets.len() {
        return Err(Error::usage("there are no clips to evaluate on; choose folds that hold some"));
    }
    let (of_classifier, answers) = answers(package, clips, deciders, progress)?;
    let (n, activation) = (package.manifest().labels.len(), package.manifest().classifier.activation);
    let probs = |logits: &[f32]| -> Vec<f32> {
        logits.chunks_exact(n.max(1)).flat_map(|row| probabilities(row, activation)).collect()
    };
    let decided: Vec<Vec<usize>> = probs(&of_classifier)
        .chunks_exact(n.max(1))
        .map(|row| (0..n).filter(|class| row[*class] >= DECIDED_AT).collect())
        .collect();
    let one = |(method, answer): (&String, &Vec<f32>)| {
        let agreed = metrics::top_k_agreements(&of_classifier, answer, n, 1);
        let fidelity = |k| metrics::top_k_fidelity(&of_classifier, answer, n, k);
        OwnDecision {
            method: method.clone(),
            fidelity_top1: fidelity(1),
            fidelity_top1_interval: metrics::bootstrap_interval(&agreed, metrics::mean, LEVEL, DRAWS, deciders.seed),
            fidelity_top3: fidelity(3),
            fidelity_top5: fidelity(5),
            accuracy: metrics::accuracy(answer, n, targets),
            macro_auprc: metrics::macro_auprc(&across_clips(answer.clone(), n, activation), n, targets),
            multi_label: MultiLabel::new(&probs(answer), n, &decided),
        }
    };
    Ok(OwnDecisions {
        model: EvaluatedModel { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        folds: deciders.folds.to_vec(),
        n: clips.len(),
        n_decided: decided.iter().map(Vec::len).sum(),
        classifier_accuracy: metrics::accuracy(&of_classifier, n, targets),
        classifier_macro_auprc: metrics::macro_auprc(&across_clips(of_classifier.clone(), n, activation), n, targets),
        methods: deciders.methods.iter().zip(&answers).map(one).collect(),
    })
}

/// Logits of all clips: the classifier's, and those of each method.
fn answers(
    package: &Package,
    clips: &[Vec<f32>],
    deciders: Deciders<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Vec<f32>, Vec<Vec<f32>>)> {
    let load = |method: &String| methods::load(package, method, &ComputeDevice::cpu(), deciders.seed);
    let mut loaded = deciders.methods.iter().map(load).collect::<Result<Vec<_>>>()?;
    let classifier = Classifier::load(package)?;
    let mut listener = Listener::new(&classifier)?;
    let mut of_classifier = Vec::new();
    let mut answers: Vec<Vec<f32>> = vec![Vec::new(); loaded.len()];
    for (i, samples) in clips.iter().enumerate() {
        let heard = listener.hear(samples)?;
        for (interpreter, answers) in loaded.iter_mut().zip(&mut answers) {
            let explanation = interpreter.explain(&heard.segment())?;
            if explanation.decision().is_empty() {
                return Err(Error::usage(format!(
                    "the method {} has no decision of its own; give some of {}",
                    interpreter.method(),
                    methods::DECIDING.join(", ")
                )));
            }
            answers.extend(explanation.decision());
        }
        of_classifier.extend(heard.classified.logits);
        progress(i + 1, clips.len());
    }
    Ok((of_classifier, answers))
}

/// Tables in Markdown: fidelity and accuracy, and the decisions of several labels.
#[must_use]
pub fn tables(found: &OwnDecisions) -> String {
    let share = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    let number = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    // Writing to a String cannot fail.
    let mut text = format!(
        "{}: {} clips, in which the classifier decides for {} labels (p ≥ {DECIDED_AT})\n\n",
        found.model.name, found.n, found.n_decided
    );
    text += "| decides | fidelity top-1 | 95 % interval | top-3 | top-5 | accuracy | macro-AUPRC |\n";
    text += "|---|--:|--:|--:|--:|--:|--:|\n";
    for row in &found.methods {
        let interval = row
            .fidelity_top1_interval
            .map_or_else(|| "-".to_owned(), |(low, high)| format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high));
        let [one, three, five] = [row.fidelity_top1, row.fidelity_top3, row.fidelity_top5].map(share);
        let (accuracy, auprc) = (share(row.accuracy), number(row.macro_auprc));
        let _ = writeln!(text, "| {} | {one} | {interval} | {three} | {five} | {accuracy} | {auprc} |", row.method);
    }
    let (accuracy, auprc) = (share(found.classifier_accuracy), number(found.classifier_macro_auprc));
    let _ = writeln!(text, "| classifier | - | - | - | - | {accuracy} | {auprc} |");
    text += "\nAgainst the labels that the classifier decides for:\n\n";
    text += "| decides | macro-AUPRC | micro-AUPRC | macro-F1 | micro-F1 |\n|---|--:|--:|--:|--:|\n";
    for row in &found.methods {
        let m = row.multi_label;
        let [a, b, c, d] = [m.macro_auprc, m.micro_auprc, m.macro_f1, m.micro_f1].map(number);
        let _ = writeln!(text, "| {} | {a} | {b} | {c} | {d} |", row.method);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// import numpy as np; from sklearn.metrics import f1_score, average_precision_score
    /// p = np.array([[.9, .2, .4], [.6, .7, .1], [.3, .55, .8], [.1, .35, .45]])
    /// y = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 0]])
    /// t = [.05, .1, .2, .3, .4, .5, .6, .7, .8, .9, .95]
    /// print(average_precision_score(y, p, average="macro"), average_precision_score(y, p, average="micro"))
    /// print(max(f1_score(y, p >= s, average="macro") for s in t), max(f1_score(y, p >= s, average="micro") for s in t))
    /// ```
    #[test]
    fn several_labels_are_measured_as_scikit_learn_does() {
        let probs = [0.9, 0.2, 0.4, 0.6, 0.7, 0.1, 0.3, 0.55, 0.8, 0.1, 0.35, 0.45];
        let decided = [vec![0], vec![0, 1], vec![2], vec![1]];
        let got = MultiLabel::new(&probs, 3, &decided);
        let want = [0.944_444, 0.925, 0.888_889, 0.888_889];
        for (got, want) in [got.macro_auprc, got.micro_auprc, got.macro_f1, got.micro_f1].into_iter().zip(want) {
            assert!(got.is_some_and(|got| (got - want).abs() < 1e-5), "{got:?} is not {want}");
        }
        let nothing = MultiLabel::new(&probs, 3, &[vec![], vec![], vec![], vec![]]);
        assert_eq!(nothing, MultiLabel::default());
    }
}
