//! Patch flipping by concept (section 4.2.3 of the thesis on concept-based explanations of audio): at each step the most
//! relevant patches of every concept are united and replaced by silence. Where concepts point at different places, more is
//! replaced, and the score falls sooner. Also how much relevance each concept has, class by class.

use serde::Serialize;

use super::flipping::{MeanCurve, PATCH, Schedule, aupc, curve, mean_curve};
use super::{Clips, Progress};
use crate::Result;
use crate::eval::faithfulness::Listener;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::interpret::concepts::TwoStep;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::model::subspaces::Subspaces;

/// One way to tell relevance apart.
pub struct ConceptSystem {
    /// Its name in the table.
    pub name: String,
    /// The layer, as in `block4`.
    pub layer: String,
    /// Relevance by way of that layer.
    pub way: TwoStep,
    /// Subspaces of each of the model's classes; several sets, over which figures are averaged, where they are drawn at random.
    /// A class without any, or no sets at all: relevance is not told apart.
    pub sets: Vec<Vec<Option<Subspaces>>>,
}

/// What flipping says of one system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConceptFlipping {
    /// The system.
    pub system: String,
    /// The layer that it divides; none for the whole.
    pub layer: Option<String>,
    /// Concepts of a class; 1 where relevance is not told apart.
    pub concepts: usize,
    /// Clips, each counted once a set of subspaces.
    pub n: usize,
    /// Squares of [`PATCH`] frames and bands, i² of each concept at step i.
    pub patches: MeanCurve,
    /// AUPC with ω the share of patches that each concept gives at a step, whatever the concepts have in common: it is the same for
    /// all systems, so that concepts which point at different places gain.
    pub aupc_by_step: f64,
    /// AUPC averaged over clips of a class, then over classes, as in Table 4.4.
    pub aupc_over_classes: Option<f64>,
    /// Relevance of each class's concepts.
    pub relevance: Vec<ClassRelevance>,
}

/// Relevance of the concepts of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRelevance {
    /// The label.
    pub label: String,
    /// Clips whose top class it is.
    pub clips: usize,
    /// Mean share of each concept in the relevance of the input, signed; of one set of subspaces alone.
    pub shares: Vec<f64>,
}

/// One clip under one set.
struct Flipped {
    class: usize,
    curve: super::flipping::Curve,
    /// Σ of each concept's relevance.
    sums: Vec<f64>,
}

/// Flips the classifier's input by the concepts of its top class, for each of `systems`, with i² patches of each at step i until
/// all are flipped.
///
/// # Errors
/// Where a segment does not fit.
pub fn flip(
    package: &Package,
    systems: &[ConceptSystem],
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<ConceptFlipping>> {
    let classifier = Classifier::load(package)?;
    let n_runs: usize = systems.iter().map(|system| system.sets.len().max(1)).sum();
    let (mut done_before, all) = (0, n_runs * clips.len());
    let mut results = Vec::with_capacity(systems.len());
    for system in systems {
        let mut flipped = Vec::new();
        for set in 0..system.sets.len().max(1) {
            let one = |clip: usize| flip_clip(&classifier, system, set, clips[clip], seed, clip);
            flipped.extend(for_each(clips.len(), one, &mut |done, _| progress(done_before + done, all))?);
            done_before += clips.len();
        }
        results.push(summed_up(system, &classifier, &flipped, clips.len(), seed));
    }
    Ok(results)
}

/// i² patches at step i.
fn schedule(classifier: &Classifier) -> Schedule {
    Schedule::patches(classifier.n_frames(), classifier.front_end().mel.n_mels, [PATCH; 2])
}

fn flip_clip(
    classifier: &Classifier,
    system: &ConceptSystem,
    set: usize,
    clip: &[f32],
    seed: u64,
    item: usize,
) -> Result<Flipped> {
    let heard = Listener::new(classifier)?.hear(clip)?;
    let class = heard.classified.top();
    let subspaces = system.sets.get(set).and_then(|set| set.get(class)).and_then(Option::as_ref);
    let parts = match subspaces {
        Some(subspaces) => system.way.by_concept(&heard.features, class, subspaces)?,
        None => vec![system.way.whole(&heard.features, class)?],
    };
    let patches = schedule(classifier);
    let orders: Vec<Vec<usize>> = parts.iter().map(|part| patches.order(part, seed, item)).collect();
    let (united, order) = patches.united(&orders);
    let silence = classifier.front_end().compression.silence();
    Ok(Flipped {
        class,
        curve: curve(classifier, &heard.features, class, &united, &order, silence)?,
        sums: parts.iter().map(|part| part.iter().map(|r| f64::from(*r)).sum()).collect(),
    })
}

fn summed_up(
    system: &ConceptSystem,
    classifier: &Classifier,
    flipped: &[Flipped],
    n_clips: usize,
    seed: u64,
) -> ConceptFlipping {
    let patches = mean_curve(&flipped.iter().map(|f| &f.curve).collect::<Vec<_>>(), seed);
    let classes = 0..classifier.labels().len();
    let of_class = |class: usize| flipped.iter().filter(move |f| f.class == class);
    let aupcs =
        classes.clone().filter_map(|class| metrics::mean(&of_class(class).map(|f| f.curve.aupc()).collect::<Vec<_>>()));
    // A concept of one random set has nothing to do with that of another.
    let first = &flipped[..n_clips.min(flipped.len())];
    let relevance = classes.filter_map(|class| {
        let clips: Vec<&Flipped> = first.iter().filter(|f| f.class == class).collect();
        let n_concepts = clips.first()?.sums.len();
        let share = |k: usize| {
            let of = |f: &&Flipped| f.sums[k] / f.sums.iter().sum::<f64>();
            clips.iter().map(of).sum::<f64>() / clips.len() as f64
        };
        Some(ClassRelevance {
            label: classifier.labels()[class].name.clone(),
            clips: clips.len(),
            shares: (0..n_concepts).map(share).collect(),
        })
    });
    ConceptFlipping {
        system: system.name.clone(),
        layer: (!system.sets.is_empty()).then(|| system.layer.clone()),
        concepts: system.sets.iter().flatten().flatten().map(Subspaces::n_concepts).max().unwrap_or(1),
        n: flipped.len(),
        // The mean's is the mean: it is linear in the scores.
        aupc_by_step: aupc(&schedule(classifier).step_shares(), &patches.positive_logit),
        aupc_over_classes: metrics::mean(&aupcs.collect::<Vec<_>>()),
        patches,
        relevance: relevance.collect(),
    }
}
