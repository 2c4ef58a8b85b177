//! The papers' figures for a model on a data set: how good the classifier is, how well the interpreter's own answer
//! agrees with it (fidelity), and how much the classifier needs what the interpreter points at (faithfulness, Eq. 7 and
//! Table V of the extended L2I paper).

use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

pub use super::evaluate_result::{ByThreshold, ClassEvaluation, EvaluatedModel, Evaluation};
use super::faithfulness::{ComponentExplanation, Heard, Keep, Listener, relevant};
use super::metrics;
use super::workers::for_each;
use crate::dsp::MaskScale;
use crate::interpret::Segment;
use crate::model::classifier::{Classified, Classifier};
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// The relevance thresholds τ of Table V.
pub const TABLE_V_THRESHOLDS: [f32; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// Samples drawn for the accuracy's interval, and the share of them that lies inside it.
const BOOTSTRAP_DRAWS: usize = 2000;
const BOOTSTRAP_LEVEL: f64 = 0.95;

/// How to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationOptions {
    /// The method's name, for the result.
    pub method: String,
    /// The folds that the clips come from, for the result.
    pub folds: Vec<u32>,
    /// Relevance thresholds τ, 0…1.
    pub thresholds: Vec<f32>,
    /// Seed of the random baseline and of the accuracy's interval.
    pub seed: u64,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self { method: "l2i".to_owned(), folds: Vec::new(), thresholds: TABLE_V_THRESHOLDS.to_vec(), seed: 1 }
    }
}

/// Evaluates the classifier of `package`, and an interpreter of it, on `clips`: samples (mono, at the model's rate, one
/// segment long: longer ones are cut, shorter ones end in silence) with `targets`, the classes of each in the model's
/// order ([`targets_for_model`]). `explain` asks the interpreter. `progress` is told how many clips are done and how many
/// there are. The same seed gives the same figures, whatever the number of threads.
///
/// # Errors
/// No clips; a target that is no class of the model; weights that do not fit the manifest; what `explain` fails with.
pub fn evaluate<E: ComponentExplanation>(
    package: &Package,
    clips: &[Vec<f32>],
    targets: &[Vec<usize>],
    explain: impl Fn(&Segment<'_>) -> Result<E> + Sync,
    options: &EvaluationOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation> {
    let began = Instant::now();
    let classifier = Classifier::load(package)?;
    let labels: Vec<&str> = package.manifest().label_names().collect();
    check(clips, targets, labels.len())?;
    let one = |i: usize| {
        // A generator of its own for each clip, so that the threads' order does not matter.
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(i as u64);
        clip_figures(&mut Listener::new(&classifier)?, &clips[i], &explain, &options.thresholds, &mut rng)
    };
    let results = for_each(clips.len(), one, progress)?;
    let mut evaluation = summarise(&results, targets, &labels, options);
    evaluation.model = EvaluatedModel { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() };
    evaluation.seconds = began.elapsed().as_secs_f64();
    Ok(evaluation)
}

/// Translates classes of a data set (`targets`, indices into `data_labels`) to those of a model, by name.
///
/// # Errors
/// Of kind `Usage` where the model does not know a class that some clip has, for then no score would mean anything.
pub fn targets_for_model(
    data_labels: &[String],
    model_labels: &[&str],
    targets: &[Vec<usize>],
) -> Result<Vec<Vec<usize>>> {
    let translate = |&class: &usize| {
        let name = data_labels.get(class).map_or("", String::as_str);
        model_labels.iter().position(|label| *label == name).ok_or_else(|| {
            Error::usage(format!(
                "the model has no class \"{name}\", which the data set has; evaluate a model of this data set's classes \
                 ({})",
                model_labels.join(", ")
            ))
        })
    };
    targets
        .iter()
        .map(|classes| {
            let mut classes: Vec<usize> = classes.iter().map(translate).collect::<Result<_>>()?;
            classes.sort_unstable();
            Ok(classes)
        })
        .collect()
}

fn check(clips: &[Vec<f32>], targets: &[Vec<usize>], n_classes: usize) -> Result<()> {
    if clips.is_empty() {
        return Err(Error::usage("there are no clips to evaluate on; choose folds that hold some"));
    }
    if clips.len() != targets.len() || targets.iter().flatten().any(|&class| class >= n_classes) {
        return Err(Error::bug("the targets given to the evaluation do not fit its clips or classes"));
    }
    Ok(())
}

/// What is measured on one clip.
struct ClipFigures {
    /// The classifier's.
    logits: Vec<f32>,
    /// The interpreter's.
    answer: Vec<f32>,
    /// For each threshold.
    removals: Vec<Removal>,
}

/// What one threshold gives on one clip. Probabilities are those of the clip's top class.
#[derive(Debug, Clone, Copy)]
struct Removal {
    n_components: usize,
    /// Drop of the probability without the components.
    ff: f64,
    /// Drop without as many others.
    ff_random: f64,
    prob_in: f64,
    prob_out: f64,
    agrees: bool,
}

fn clip_figures<E: ComponentExplanation>(
    listener: &mut Listener<'_>,
    samples: &[f32],
    explain: &impl Fn(&Segment<'_>) -> Result<E>,
    thresholds: &[f32],
    rng: &mut ChaCha8Rng,
) -> Result<ClipFigures> {
    let heard = listener.hear(samples)?;
    let explanation = explain(&heard.segment())?;
    let relevance = explanation.relevance(ClassId(top(&heard.classified)));
    let mut removals: Vec<Removal> = Vec::with_capacity(thresholds.len());
    for &threshold in thresholds {
        let chosen = relevant(&relevance, threshold);
        // Sets of one clip are nested, so as many components are the same ones: no need to listen again.
        let known = removals.iter().find(|r| r.n_components == chosen.len()).copied();
        removals.push(match known {
            Some(removal) => removal,
            None => remove(listener, &heard, &explanation, &chosen, relevance.len(), rng)?,
        });
    }
    Ok(ClipFigures { answer: explanation.logits().to_vec(), logits: heard.classified.logits, removals })
}

/// Listens to the sound without `chosen`, to them alone, and without as many others.
fn remove<E: ComponentExplanation>(
    listener: &mut Listener<'_>,
    heard: &Heard,
    explanation: &E,
    chosen: &[usize],
    n_components: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Removal> {
    let class = top(&heard.classified);
    let prob = |probs: &[f32]| f64::from(probs.get(class).copied().unwrap_or(0.0));
    let before = prob(&heard.classified.probs);
    let n_frames = heard.spectrogram.n_frames();
    let mut mask = vec![0.0; heard.log_magnitude.len()];
    explanation.mask_of(chosen, 0..n_frames, &mut mask);
    let inside = listener.classify_masked(heard, &mask, MaskScale::Log, Keep::Inside)?;
    let (mut prob_out, mut prob_random) = (before, before);
    // Taking out nothing changes nothing.
    if !chosen.is_empty() {
        prob_out = prob(&listener.classify_masked(heard, &mask, MaskScale::Log, Keep::Outside)?.probs);
        let mut others: Vec<usize> = (0..n_components).filter(|k| chosen.binary_search(k).is_err()).collect();
        let (drawn, _) = others.partial_shuffle(rng, chosen.len());
        explanation.mask_of(drawn, 0..n_frames, &mut mask);
        prob_random = prob(&listener.classify_masked(heard, &mask, MaskScale::Log, Keep::Outside)?.probs);
    }
    Ok(Removal {
        n_components: chosen.len(),
        ff: before - prob_out,
        ff_random: before - prob_random,
        prob_in: prob(&inside.probs),
        prob_out,
        agrees: top(&inside) == class,
    })
}

/// The top class by logits: probabilities near 1 round to the same number.
fn top(classified: &Classified) -> usize {
    metrics::top_class(&classified.logits).unwrap_or(0)
}

/// The figures of all clips; `model` and `seconds` are left for the caller.
fn summarise(
    results: &[ClipFigures],
    targets: &[Vec<usize>],
    labels: &[&str],
    options: &EvaluationOptions,
) -> Evaluation {
    let n_classes = labels.len();
    let all: Vec<&ClipFigures> = results.iter().collect();
    let logits: Vec<f32> = results.iter().flat_map(|r| &r.logits).copied().collect();
    let hits = metrics::accuracy_hits(&logits, n_classes, targets);
    let table = |of: &[&ClipFigures], average: fn(&[f64]) -> Option<f64>, figure: fn(&Removal) -> f64| {
        by_threshold(of, &options.thresholds, average, figure)
    };
    let share = |r: &Removal| f64::from(u8::from(r.agrees));
    let class_auprc = metrics::class_auprc(&logits, n_classes, targets);
    let per_class = (0..n_classes).map(|class| {
        let own: Vec<&ClipFigures> =
            results.iter().zip(targets).filter(|(_, t)| t.contains(&class)).map(|(r, _)| r).collect();
        let top: Vec<f64> =
            own.iter().map(|r| f64::from(u8::from(metrics::top_class(&r.logits) == Some(class)))).collect();
        ClassEvaluation {
            label: labels[class].to_owned(),
            n: own.len(),
            recall: metrics::mean(&top),
            auprc: class_auprc[class],
            fidelity_top1: fidelity(&own, n_classes, 1),
            ff_median: table(&own, metrics::median, |r| r.ff),
            agrees: table(&own, metrics::mean, share),
        }
    });
    Evaluation {
        n: results.len(),
        accuracy: metrics::mean(&hits),
        accuracy_interval: metrics::bootstrap_interval(
            &hits,
            metrics::mean,
            BOOTSTRAP_LEVEL,
            BOOTSTRAP_DRAWS,
            options.seed,
        ),
        macro_auprc: metrics::macro_auprc(&logits, n_classes, targets),
        fidelity_top1: fidelity(&all, n_classes, 1),
        fidelity_top5: fidelity(&all, n_classes, 5),
        ff_median: table(&all, metrics::median, |r| r.ff),
        ff_median_random: table(&all, metrics::median, |r| r.ff_random),
        components_kept: table(&all, metrics::mean, |r| r.n_components as f64),
        agrees: table(&all, metrics::mean, share),
        prob_in_median: table(&all, metrics::median, |r| r.prob_in),
        prob_out_median: table(&all, metrics::median, |r| r.prob_out),
        per_class: per_class.collect(),
        method: options.method.clone(),
        model: EvaluatedModel { name: String::new(), sha256: String::new() },
        folds: options.folds.clone(),
        seed: options.seed,
        seconds: 0.0,
    }
}

/// Top-`k` fidelity of some clips.
fn fidelity(of: &[&ClipFigures], n_classes: usize, k: usize) -> Option<f64> {
    let logits: Vec<f32> = of.iter().flat_map(|r| &r.logits).copied().collect();
    let answers: Vec<f32> = of.iter().flat_map(|r| &r.answer).copied().collect();
    metrics::top_k_fidelity(&logits, &answers, n_classes, k)
}

/// One figure's average over some clips, for each threshold.
fn by_threshold(
    of: &[&ClipFigures],
    thresholds: &[f32],
    average: fn(&[f64]) -> Option<f64>,
    figure: fn(&Removal) -> f64,
) -> ByThreshold {
    let at = |(i, threshold): (usize, &f32)| {
        let values: Vec<f64> = of.iter().map(|r| figure(&r.removals[i])).collect();
        (threshold.to_string(), average(&values))
    };
    thresholds.iter().enumerate().map(at).collect()
}
