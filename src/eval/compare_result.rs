//! What a comparison of methods found, as it is written to JSON. Every figure is `null` where there was nothing to measure.

use serde::Serialize;

use super::against::Against;
use super::domain::Domain;
use super::evaluate_result::{EvaluatedModel, Evaluation};
use super::mixtures::SetKind;

pub use super::mean::Mean;

/// Everything that one run measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The model.
    pub model: EvaluatedModel,
    /// The folds that the clips come from.
    pub folds: Vec<u32>,
    /// The seed of everything that was drawn.
    pub seed: u64,
    /// The methods, in the order of the rows, and what they cost.
    pub methods: Vec<MethodCost>,
    /// A table for each evaluation set.
    pub sets: Vec<SetResult>,
    /// A table for each corruption.
    pub corruptions: Vec<CorruptionResult>,
    /// Classifier, Θ's fidelity and the component figures on the clips themselves; where `l2i` is among the methods.
    pub l2i: Option<Evaluation>,
    /// How long it all took.
    pub seconds: f64,
}

/// What a method costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodCost {
    /// The method's name.
    pub method: String,
    /// Median over a few sounds of the time from the classified segment to the STFT mask of one class, on one core.
    pub seconds_per_explanation: Option<f64>,
}

/// One evaluation set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetResult {
    /// Which set.
    pub set: SetKind,
    /// Sounds in it.
    pub n: usize,
    /// Share of the sounds, of clips that have a class, whose likeliest class is one of the clip's.
    pub accuracy: Option<f64>,
    /// Mean number of classes that the classifier found in a sound: those that the multi-label figures explain.
    pub active_classes: Option<f64>,
    /// A row for each method and domain.
    pub rows: Vec<MethodRow>,
}

/// One method's figures on one set. Where nothing else is said, the class explained is the likeliest one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodRow {
    /// The method's name.
    pub method: String,
    /// Where its masks were laid.
    pub domain: Domain,
    /// Average increase, in percent.
    pub ai: Option<Mean>,
    /// Average drop, in percent.
    pub ad: Option<Mean>,
    /// Average gain, in percent.
    pub ag: Option<Mean>,
    /// Faithfulness on spectra: mean fall of the probability without the mask's part.
    pub ff: Option<Mean>,
    /// Input fidelity: share of the sounds whose masked-in part has the same likeliest class.
    pub fid_in: Option<Mean>,
    /// Share whose likeliest class is among the first three of the masked-in part.
    pub fid_in_top3: Option<Mean>,
    /// Sparseness of the masks that are not empty.
    pub sps: Option<Mean>,
    /// Complexity of the masks that are not empty.
    pub comp: Option<Mean>,
    /// Masks that are zero everywhere, and that `sps` and `comp` leave out.
    pub empty_masks: usize,
    /// Mean value of the masks.
    pub mask_mean: Option<f64>,
    /// Median of what `ff` averages.
    pub ff_median: Option<f64>,
    /// The same with each mask's own values put in random places.
    pub ff_median_random: Option<f64>,
    /// The multi-label forms.
    pub multi_label: MultiLabel,
    /// Whether its figures are better than those of the baselines that were measured with it.
    pub against: Vec<Against>,
}

/// Figures over every class that the classifier finds (those that reach their on-threshold, or else the likeliest), each with
/// its own mask; the mean over the classes of a sound, then over the sounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MultiLabel {
    /// As [`MethodRow::ai`].
    pub ai: Option<Mean>,
    /// As [`MethodRow::ad`].
    pub ad: Option<Mean>,
    /// As [`MethodRow::ag`].
    pub ag: Option<Mean>,
    /// As [`MethodRow::ff`].
    pub ff: Option<Mean>,
    /// Share of the classes that the classifier finds again, by the same rule, in the masked-in part.
    pub fid_in: Option<Mean>,
}

/// One corruption of the clips, and what each method's interpretation keeps of both sources.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorruptionResult {
    /// Which corruption.
    pub corruption: SetKind,
    /// Mixtures.
    pub n: usize,
    /// Of these, mixtures in which the classifier finds the target class.
    pub n_found: usize,
    /// Mean SI-SDR of the mixtures themselves for the target, in dB.
    pub mixture_si_sdr_db: Option<f64>,
    /// A row for each method, and one for the ideal mask.
    pub rows: Vec<CorruptionRow>,
}

/// One method's figures for one corruption. The class explained is the target's, whatever the classifier says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CorruptionRow {
    /// The method's name, or `ideal`.
    pub method: String,
    /// How much nearer the interpretation is to the target than the mixture was, in dB.
    pub si_sdr_improvement_db: Option<Mean>,
    /// The same over the mixtures in which the classifier finds the target class.
    pub si_sdr_improvement_found_db: Option<Mean>,
    /// Share of the interpretation's energy that is the target's, 0…1.
    pub target_share: Option<Mean>,
    /// Area under the ROC curve of the relevance over time against the frames in which the target sounds: 1 where every such
    /// frame has more relevance than any other, 0.5 where relevance does not know when. Mixtures whose target sounds in all
    /// frames say nothing of it and are left out.
    pub time_auc: Option<Mean>,
    /// Share of the target's energy that the mask keeps.
    pub target_kept: Option<f64>,
    /// Share of the corruption's energy that the mask keeps.
    pub corruption_kept: Option<f64>,
    /// Interpretations without any sound, which the SI-SDR and the target's share leave out.
    pub silent: usize,
}
