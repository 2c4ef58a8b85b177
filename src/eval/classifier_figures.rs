//! How good a classifier is on labelled clips, whatever explains it.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;

use super::evaluate::EvaluatedModel;
use super::faithfulness::Listener;
use super::metrics;
use super::workers::for_each;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::{Error, Result};

const BOOTSTRAP_DRAWS: usize = 2000;
const BOOTSTRAP_LEVEL: f64 = 0.95;

/// The figures. Shares are 0…1; `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassifierFigures {
    /// The model.
    pub model: EvaluatedModel,
    /// The folds that the clips come from.
    pub folds: Vec<u32>,
    /// Clips.
    pub n: usize,
    /// Labels that the clips have: others of the model do not compete.
    pub n_labels: usize,
    /// Share of clips whose likeliest label is right.
    pub accuracy: Option<f64>,
    /// Interval of the accuracy: 95 % of bootstrap samples.
    pub accuracy_interval: Option<(f64, f64)>,
    /// Mean area under the precision-recall curve over the labels.
    pub macro_auprc: Option<f64>,
    /// Each label that the clips have.
    pub per_class: Vec<ClassFigures>,
}

/// One label's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    /// The label.
    pub label: String,
    /// Clips that have it.
    pub n: usize,
    /// Share of these whose likeliest label is right.
    pub recall: Option<f64>,
    /// Area under the precision-recall curve.
    pub auprc: Option<f64>,
}

/// Measures the classifier of `package` on `clips` (mono, at the model's rate, one segment long) with `targets` in the
/// model's order.
///
/// # Errors
/// No clips, or weights that do not fit the manifest.
pub fn classifier_figures(
    package: &Package,
    clips: &[Vec<f32>],
    targets: &[Vec<usize>],
    folds: &[u32],
    seed: u64,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<ClassifierFigures> {
    if clips.is_empty() || clips.len() != targets.len() {
        return Err(Error::usage("there are no clips to evaluate on; choose folds that hold some"));
    }
    let classifier = Classifier::load(package)?;
    let all = for_each(clips.len(), |i| Ok(Listener::new(&classifier)?.hear(&clips[i])?.classified.logits), progress)?;
    let present: Vec<usize> = targets.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let scores: Vec<f32> = all.iter().flat_map(|logits| present.iter().map(|class| logits[*class])).collect();
    let of_present = |class: &usize| present.iter().position(|p| p == class);
    let targets: Vec<Vec<usize>> = targets.iter().map(|t| t.iter().filter_map(of_present).collect()).collect();
    let n = present.len();
    let hits = metrics::accuracy_hits(&scores, n, &targets);
    let auprc = metrics::class_auprc(&scores, n, &targets);
    let labels: Vec<&str> = package.manifest().label_names().collect();
    let one = |(i, class): (usize, &usize)| {
        let own: Vec<usize> = (0..targets.len()).filter(|clip| targets[*clip].contains(&i)).collect();
        let hits: Vec<f64> = own
            .iter()
            .map(|clip| f64::from(u8::from(metrics::top_class(&scores[clip * n..][..n]).is_some_and(|t| t == i))))
            .collect();
        ClassFigures { label: labels[*class].to_owned(), n: own.len(), recall: metrics::mean(&hits), auprc: auprc[i] }
    };
    Ok(ClassifierFigures {
        model: EvaluatedModel { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        folds: folds.to_vec(),
        n: clips.len(),
        n_labels: n,
        accuracy: metrics::mean(&hits),
        accuracy_interval: metrics::bootstrap_interval(&hits, metrics::mean, BOOTSTRAP_LEVEL, BOOTSTRAP_DRAWS, seed),
        macro_auprc: metrics::macro_auprc(&scores, n, &targets),
        per_class: present.iter().enumerate().map(one).collect(),
    })
}

/// Readable text of the figures.
#[must_use]
pub fn table(figures: &ClassifierFigures) -> String {
    let mut text = String::new();
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |s| format!("{:.1} %", 100.0 * s));
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}: {} clips of {} labels\n", figures.model.name, figures.n, figures.n_labels);
    let _ = write!(text, "accuracy        {}", percent(figures.accuracy));
    if let Some((low, high)) = figures.accuracy_interval {
        let _ = write!(text, "   (95 % interval {:.1} to {:.1})", 100.0 * low, 100.0 * high);
    }
    let _ = writeln!(text, "\nmacro-AUPRC     {}\n", number(figures.macro_auprc));
    let width = figures.per_class.iter().map(|c| c.label.chars().count()).max().unwrap_or(0).max(5);
    let _ = writeln!(text, "{:<width$}{:>7}{:>10}{:>9}", "class", "clips", "recall", "AUPRC");
    for class in &figures.per_class {
        let (recall, auprc) = (percent(class.recall), number(class.auprc));
        let _ = writeln!(text, "{:<width$}{:>7}{recall:>10}{auprc:>9}", class.label, class.n);
    }
    text
}
