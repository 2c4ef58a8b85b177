//! What an evaluation found, as it is written to JSON.

use std::collections::BTreeMap;

use serde::Serialize;

/// A figure for each relevance threshold, under the threshold's decimal form (`"0.1"`).
pub type ByThreshold = BTreeMap<String, Option<f64>>;

/// The figures. Shares and probabilities are 0…1; `None` (JSON `null`) where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Clips.
    pub n: usize,
    /// Share of the clips that have a class whose top label is one of theirs.
    pub accuracy: Option<f64>,
    /// Where `accuracy` lies in 95 % of the samples of as many clips drawn with replacement: lower and upper end.
    pub accuracy_interval: Option<(f64, f64)>,
    /// Mean over the classes of the area under the precision-recall curve (average precision).
    pub macro_auprc: Option<f64>,
    /// Share of the clips whose top class is the interpreter's top class too.
    pub fidelity_top1: Option<f64>,
    /// Share of the clips whose top class is among the interpreter's first five.
    pub fidelity_top5: Option<f64>,
    /// Median over the clips of how far the top class's probability falls when the components above the threshold are
    /// taken out of the sound (Eq. 7).
    pub ff_median: ByThreshold,
    /// The same with as many components taken out at random from those that are not above the threshold (all of them
    /// where they are fewer).
    pub ff_median_random: ByThreshold,
    /// Mean number of components above the threshold.
    pub components_kept: ByThreshold,
    /// Share of the clips of which the interpretation alone, heard again, has the same top class.
    pub agrees: ByThreshold,
    /// Median probability of the top class on the interpretation alone.
    pub prob_in_median: ByThreshold,
    /// Median probability of the top class on what is left without the interpretation.
    pub prob_out_median: ByThreshold,
    /// The figures of each class.
    pub per_class: Vec<ClassEvaluation>,
    /// The method that was measured.
    pub method: String,
    /// The model that was measured.
    pub model: EvaluatedModel,
    /// The folds that the clips come from.
    pub folds: Vec<u32>,
    /// The seed of what was drawn.
    pub seed: u64,
    /// How long it took.
    pub seconds: f64,
}

/// The figures of the clips that have one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassEvaluation {
    /// The class's name.
    pub label: String,
    /// Clips that have it.
    pub n: usize,
    /// Share of them whose top label it is.
    pub recall: Option<f64>,
    /// Area under the class's precision-recall curve, over all clips.
    pub auprc: Option<f64>,
    /// As [`Evaluation::fidelity_top1`], on these clips.
    pub fidelity_top1: Option<f64>,
    /// As [`Evaluation::ff_median`], on these clips.
    pub ff_median: ByThreshold,
    /// As [`Evaluation::agrees`], on these clips.
    pub agrees: ByThreshold,
}

/// Which package was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvaluatedModel {
    /// Its name.
    pub name: String,
    /// Hex sha256 of its manifest.
    pub sha256: String,
}
