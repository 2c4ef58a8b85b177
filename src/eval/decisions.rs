//! How well systems decide, whatever they explain: the rows of Table VIII of the extended L2I paper.

use std::fmt::Write;

use serde::Serialize;

use super::faithfulness::Listener;
use super::metrics;
use crate::Result;
use crate::interpret::l2i::L2i;
use crate::model::classifier::Classifier;
use crate::model::manifest::Activation;
use crate::model::package::Package;

/// Draws of the bootstrap behind an interval, and what it holds.
const DRAWS: usize = 1000;
const LEVEL: f64 = 0.95;

/// One system on a set of clips.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// What decides.
    pub system: String,
    /// Clips.
    pub n: usize,
    /// Share of clips with a class where the top class is one of theirs.
    pub accuracy: Option<f64>,
    /// 95 % bootstrap interval of the accuracy over clips.
    pub accuracy_interval: Option<(f64, f64)>,
    /// Mean average precision over classes.
    pub macro_auprc: Option<f64>,
    /// Share of clips where the top class is that of the classifier it explains; none for what explains none.
    pub fidelity_top1: Option<f64>,
    /// Share of clips where that class is among the first five.
    pub fidelity_top5: Option<f64>,
}

impl Decided {
    /// From scores `[n, n_classes]`, and for an interpreter those of its classifier.
    #[must_use]
    pub fn new(
        system: impl Into<String>,
        scores: &[f32],
        classifier: Option<&[f32]>,
        n_classes: usize,
        targets: &[Vec<usize>],
        seed: u64,
    ) -> Self {
        let hits = metrics::accuracy_hits(scores, n_classes, targets);
        let fidelity = |k| classifier.and_then(|c| metrics::top_k_fidelity(c, scores, n_classes, k));
        Self {
            system: system.into(),
            n: targets.len(),
            accuracy: metrics::mean(&hits),
            accuracy_interval: metrics::bootstrap_interval(&hits, metrics::mean, LEVEL, DRAWS, seed),
            macro_auprc: metrics::macro_auprc(scores, n_classes, targets),
            fidelity_top1: fidelity(1),
            fidelity_top5: fidelity(5),
        }
    }

    /// The classifier of a package and, where it has one, its L2I interpreter, on clips at the model's rate with classes
    /// of the model. `progress` is told how many clips are done.
    ///
    /// # Errors
    /// If the package cannot be loaded.
    pub fn of_package(
        package: &Package,
        clips: &[Vec<f32>],
        targets: &[Vec<usize>],
        seed: u64,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Self>> {
        let classifier = Classifier::load(package)?;
        let manifest = package.manifest();
        let interpreter = match manifest.l2i.as_ref().and_then(|l2i| l2i.weights.as_ref()) {
            Some(_) => Some(L2i::load(package)?),
            None => None,
        };
        let mut listener = Listener::new(&classifier)?;
        let (mut own, mut answers) = (Vec::new(), Vec::new());
        for (i, samples) in clips.iter().enumerate() {
            let heard = listener.hear(samples)?;
            if let Some(l2i) = &interpreter {
                answers.extend(l2i.explain_fully(&heard.segment())?.logits);
            }
            own.extend(heard.classified.logits);
            progress(i + 1);
        }
        let (n, activation) = (manifest.labels.len(), manifest.classifier.activation);
        let (own, answers) = (across_clips(own, n, activation), across_clips(answers, n, activation));
        let mut rows = vec![Self::new(format!("{}: classifier", manifest.name), &own, None, n, targets, seed)];
        if interpreter.is_some() {
            let name = format!("{}: interpreter", manifest.name);
            rows.push(Self::new(name, &answers, Some(&own), n, targets, seed));
        }
        Ok(rows)
    }
}

/// Logits `[n, n_classes]` in a form that can be compared between clips, as macro-AUPRC does: with softmax, what all classes of
/// a clip have in common says nothing, so it is taken out. (Probabilities would do, but near 1 they round to the same number.)
#[must_use]
pub fn across_clips(mut logits: Vec<f32>, n_classes: usize, activation: Activation) -> Vec<f32> {
    if activation == Activation::Softmax {
        for row in logits.chunks_exact_mut(n_classes.max(1)) {
            let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let log_sum = top + row.iter().map(|l| (l - top).exp()).sum::<f32>().ln();
            row.iter_mut().for_each(|l| *l -= log_sum);
        }
    }
    logits
}

/// Rows as a table in Markdown, a newline at the end of each line.
#[must_use]
pub fn table(rows: &[Decided]) -> String {
    let share = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    let mut text = String::from(
        "| system | clips | accuracy | 95 % interval | macro-AUPRC | top-1 fidelity | top-5 fidelity |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let interval = row
            .accuracy_interval
            .map_or_else(|| "-".to_owned(), |(low, high)| format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high));
        let auprc = row.macro_auprc.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {interval} | {auprc} | {} | {} |",
            row.system,
            row.n,
            share(row.accuracy),
            share(row.fidelity_top1),
            share(row.fidelity_top5)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_softmax_does_not_see_does_not_count_between_clips() {
        let logits = vec![1.0, 2.0, 101.0, 102.0];
        let same = across_clips(logits.clone(), 2, Activation::Softmax);
        let want = [-1.313_261_7, -0.313_261_7];
        assert!(same.iter().zip(want.iter().cycle()).all(|(g, w)| (g - w).abs() < 1e-4), "{same:?}");
        assert_eq!(across_clips(logits.clone(), 2, Activation::Sigmoid), logits);
    }

    #[test]
    fn a_row_says_how_a_system_and_its_classifier_agree() {
        // Three clips of three classes; the interpreter is right on two and agrees with the classifier on one.
        let targets = vec![vec![0], vec![1], vec![2]];
        let of_classifier = [9.0, 0.0, 0.0, 0.0, 0.0, 9.0, 9.0, 0.0, 0.0];
        let scores = [5.0, 0.0, 0.0, 0.0, 5.0, 1.0, 0.0, 5.0, 1.0];
        let row = Decided::new("x", &scores, Some(&of_classifier), 3, &targets, 1);
        assert_eq!((row.n, row.accuracy), (3, Some(2.0 / 3.0)));
        assert_eq!((row.fidelity_top1, row.fidelity_top5), (Some(1.0 / 3.0), Some(1.0)));
        let alone = Decided::new("y", &scores, None, 3, &targets, 1);
        assert_eq!((alone.fidelity_top1, alone.accuracy_interval), (None, row.accuracy_interval));
        let text = table(&[row, alone]);
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains("| x | 3 | 66.7 % | ") && text.contains(" | 33.3 % | 100.0 % |\n"), "{text}");
        assert!(text.contains("| y | 3 | 66.7 % | ") && text.ends_with("| - | - |\n"), "{text}");
    }
}
