//! Cascading model randomisation (Adebayo et al., 2018; section 3.4 of the L-MAC paper): the classifier's layers become
//! random one after the other, from the output towards the input, and each time the same clip is explained for the same
//! class. An explanation that stays the same does not depend on what the classifier has learnt.
//!
//! Only the classifier becomes random. Methods with trained networks of their own (L2I's Ψ and Θ, L-MAC's decoder, FLINT, VIBI, APNet) keep
//! them, as in the L-MAC paper.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::batch::{Pool, hear};
use super::similarity::{spearman, ssim};
use super::{Clips, Progress};
use crate::eval::faithfulness::Heard;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::interpret::{Explanation, Segment};
use crate::model::causal::{CausalConfig, TrainableCausal};
use crate::model::classifier::Classifier;
use crate::model::manifest::Architecture;
use crate::model::package::Package;
use crate::model::sequential::{SequentialConfig, TrainableSequential};
use crate::model::tensors::{Array, Arrays};
use crate::model::vgg::{TrainableVgg, VggConfig};
use crate::units::ClassId;
use crate::{Error, Result};

/// Methods with trained networks of their own, which stay as they are.
const OWN_NETWORKS: [&str; 5] = ["l2i", "lmac", "flint", "vibi", "apnet"];

/// One method's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sanity {
    /// The method's name.
    pub method: String,
    /// Whether the method has trained networks of its own, which were not randomised.
    pub own_network: bool,
    /// Clips.
    pub n: usize,
    /// One layer more random in each, from the output's layer on.
    pub steps: Vec<SanityStep>,
}

/// How much an explanation resembles the original one, as means over the clips. `None` (JSON `null`) where it has no
/// value in any clip, as rank correlation with a map that is the same everywhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SanityStep {
    /// The layer that became random in this step, under PyTorch's name; those before it are random too.
    pub layer: String,
    /// Structural similarity of masks, or of the relevance's magnitude divided by its maximum.
    pub ssim: Option<f64>,
    /// Rank correlation of masks, or of signed relevance.
    pub spearman: Option<f64>,
    /// Rank correlation of masks, or of the relevance's magnitude.
    pub spearman_abs: Option<f64>,
}

/// A classifier whose layers are random from the output to `layer`.
struct Randomised {
    layer: String,
    package: Package,
    classifier: Classifier,
}

/// Randomises the classifier of `package` layer by layer and compares each of `methods` (as [`crate::interpret::methods`]
/// names them) with what it said before. Random weights are those of a fresh network, drawn from `seed`.
///
/// # Errors
/// Where a method cannot be loaded or fails.
pub fn cascade(
    package: &Package,
    methods: &[String],
    clips: Clips<'_>,
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<Sanity>> {
    let heard = hear(&Classifier::load(package)?, clips)?;
    let n_mels = package.manifest().front_end.n_mels;
    let steps: Vec<Randomised> = randomised(package, seed)?;
    let all = methods.len() * (steps.len() + 1) * clips.len();
    let mut before = 0;
    let mut results = Vec::with_capacity(methods.len());
    for method in methods {
        let mut told = |done: usize, _: usize| progress(before + done, all);
        let original = Pool::new(package, method, seed);
        let maps = for_each(clips.len(), |i| map(&original, &heard[i].segment(), class(&heard[i]), n_mels), &mut told)?;
        before += clips.len();
        let mut figures = Vec::with_capacity(steps.len());
        for step in &steps {
            let mut told = |done: usize, _: usize| progress(before + done, all);
            let pool = Pool::new(&step.package, method, seed);
            let one = |i: usize| -> Result<[Option<f64>; 3]> {
                let classified = step.classifier.classify(&heard[i].features)?;
                let segment = Segment { classified: &classified, ..heard[i].segment() };
                Ok(maps[i].compare(&map(&pool, &segment, class(&heard[i]), n_mels)?))
            };
            let values = for_each(clips.len(), one, &mut told)?;
            before += clips.len();
            let mean = |k: usize| metrics::mean(&values.iter().filter_map(|v| v[k]).collect::<Vec<_>>());
            figures.push(SanityStep {
                layer: step.layer.clone(),
                ssim: mean(0),
                spearman: mean(1),
                spearman_abs: mean(2),
            });
        }
        let own_network = OWN_NETWORKS.contains(&method.split(':').next().unwrap_or_default());
        results.push(Sanity { method: method.clone(), own_network, n: clips.len(), steps: figures });
    }
    Ok(results)
}

/// The class that the trained classifier puts first: it is explained at every step.
fn class(heard: &Heard) -> ClassId {
    ClassId(heard.classified.top())
}

/// The packages of all steps.
fn randomised(package: &Package, seed: u64) -> Result<Vec<Randomised>> {
    let file = &package.manifest().classifier.weights;
    let (fresh, names) = fresh(package, &mut ChaCha8Rng::seed_from_u64(seed))?;
    let mut weights = package.tensors(file)?;
    let one = |layer: String| -> Result<Randomised> {
        replace_layer(&mut weights, &fresh, &layer);
        let package = package.clone().with_tensors(file, &weights)?;
        let classifier = Classifier::load(&package)?;
        Ok(Randomised { layer, package, classifier })
    };
    names.into_iter().rev().map(one).collect()
}

/// Random weights of the package's network, and the names of its layers, the input's first.
fn fresh(package: &Package, rng: &mut ChaCha8Rng) -> Result<(Arrays, Vec<String>)> {
    let manifest = package.manifest();
    match manifest.classifier.architecture {
        Architecture::Vgg => {
            let config = VggConfig::from_manifest(manifest)?;
            let names = config.layers().into_iter().map(|layer| layer.name).chain(["fc".to_owned()]).collect();
            Ok((TrainableVgg::new(&config, rng)?.arrays(), names))
        }
        Architecture::Causal => {
            let config = CausalConfig::from_manifest(manifest)?;
            let mut arrays = TrainableCausal::new(&config, rng)?.arrays();
            let bound = 1.0 / (config.embedding as f32).sqrt();
            let n = config.n_classes * config.embedding;
            let weights = (0..n).map(|_| rng.random_range(-bound..bound)).collect();
            arrays.insert("label.weight", [config.n_classes, config.embedding], weights);
            let names = config.layers().into_iter().map(|layer| layer.name).chain(["label".to_owned()]).collect();
            Ok((arrays, names))
        }
        Architecture::Sequential => {
            let config = SequentialConfig::from_manifest(manifest)?;
            Ok((TrainableSequential::new(&config, rng)?.arrays(), config.layer_names()?))
        }
        Architecture::EfficientAt | Architecture::Onnx => Err(Error::usage(format!(
            "the layers of {} cannot be made random: its architecture is not trained here; leave --sanity out",
            manifest.name
        ))),
    }
}

/// Takes all arrays of `layer` from `fresh`. What a fresh layer does not have, as a bias before batch norm, becomes 0.
fn replace_layer(weights: &mut Arrays, fresh: &Arrays, layer: &str) {
    let prefix = format!("{layer}.");
    for (name, array) in weights.0.iter_mut().filter(|(name, _)| name.starts_with(&prefix)) {
        *array = fresh
            .0
            .get(name)
            .cloned()
            .unwrap_or_else(|| Array::new(array.shape.clone(), vec![0.0; array.values.len()]));
    }
}

/// What is compared: values in rows of `width`.
struct Map {
    /// Mask or signed relevance.
    values: Vec<f32>,
    /// 0…1.
    magnitude: Vec<f32>,
    width: usize,
}

impl Map {
    fn of(explanation: &dyn Explanation, class: ClassId, n_mels: usize) -> Self {
        match explanation.relevance(class) {
            Some(relevance) => {
                let max = relevance.iter().fold(0.0_f32, |m, r| m.max(r.abs()));
                let scale = if max > 0.0 { 1.0 / max } else { 0.0 };
                let magnitude = relevance.iter().map(|r| scale * r.abs()).collect();
                Self { values: relevance.to_vec(), magnitude, width: n_mels }
            }
            None => {
                let mask = explanation.whole_mask(class);
                Self { values: mask.clone(), magnitude: mask, width: explanation.n_bins() }
            }
        }
    }

    /// SSIM, rank correlation, and that of magnitudes.
    fn compare(&self, other: &Self) -> [Option<f64>; 3] {
        let rank = spearman(&self.values, &other.values);
        let rank_abs = if self.values == self.magnitude { rank } else { spearman(&self.magnitude, &other.magnitude) };
        [ssim(&self.magnitude, &other.magnitude, self.width), rank, rank_abs]
    }
}

fn map(pool: &Pool<'_>, segment: &Segment<'_>, class: ClassId, n_mels: usize) -> Result<Map> {
    let explanation = pool.with(|interpreter| interpreter.explain(segment))?;
    Ok(Map::of(explanation.as_ref(), class, n_mels))
}
