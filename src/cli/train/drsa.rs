//! `earwitness train drsa`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::builder::PossibleValuesParser;

use super::data::{self, Bar, Loaded};
use crate::cli::output::note;
use crate::cli::parse::count;
use crate::error::{Error, Result};
use crate::interpret::concepts::{TwoStep, blocks};
use crate::interpret::lrp::DEFAULT_PRESET;
use crate::model::backward::PRESETS;
use crate::model::classifier::Classifier;
use crate::model::manifest::{CONCEPT_METHODS, ConceptsSpec, Training};
use crate::model::package::Package;
use crate::model::subspaces::check_cut;
use crate::model::tensors::Arrays;
use crate::train::drsa::{Ascent, Found, Search, Vectors, Way, find, surest};

const AFTER_HELP: &str = "\
Examples:
  earwitness train drsa --data esc13 --model models/mine
  earwitness train drsa --data esc13 --model models/mine --layer block5 --concepts 8
  earwitness train drsa --data esc13 --model models/mine --method prca

The classifier stays as it is. For each label, training turns the directions of one hidden layer
until they fall into concepts: subspaces that are each relevant somewhere, and about equally
relevant overall. 'earwitness explain --method drsa' then plays each of them. dsa ignores what
the decision makes of activations, prca takes principal components of relevance in closed form,
and random-subspaces know nothing. A package holds one set of each.";

/// Find concepts in a hidden layer and add them to a package.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of the package, with a classifier
    #[arg(long, value_name = "DIR", env = "EARWITNESS_MODEL")]
    pub model: PathBuf,
    /// Learn from these folds, as in 1,2,3 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// The way to concepts
    #[arg(long, value_name = "METHOD", env = "EARWITNESS_METHOD", default_value = CONCEPT_METHODS[0], value_parser = PossibleValuesParser::new(CONCEPT_METHODS))]
    pub method: String,
    /// The layer, as in block4: the output of that block [default: the block two thirds of the way up]
    #[arg(long, value_name = "LAYER", env = "EARWITNESS_LAYER")]
    pub layer: Option<String>,
    /// Concepts of each label; the layer's channels are a multiple of it
    #[arg(long, value_name = "N", env = "EARWITNESS_CONCEPTS", default_value_t = 4, value_parser = count)]
    pub concepts: usize,
    /// Rules of relevance, as of --method lrp
    #[arg(long, value_name = "RULES", env = "EARWITNESS_RULES", default_value = DEFAULT_PRESET, value_parser = PossibleValuesParser::new(PRESETS))]
    pub rules: String,
    /// Segments of each clip: those in which the classifier is surest of the label
    #[arg(long, value_name = "N", env = "EARWITNESS_SEGMENTS", default_value_t = 4, value_parser = count)]
    pub segments: usize,
    /// Places of the layer in each segment, drawn at random
    #[arg(long, value_name = "N", env = "EARWITNESS_PLACES", default_value_t = 20, value_parser = count)]
    pub places: usize,
    /// Starts from random directions, of which the best end is kept
    #[arg(long, value_name = "N", env = "EARWITNESS_STARTS", default_value_t = 3, value_parser = count)]
    pub starts: usize,
    /// Most steps from each start
    #[arg(long, value_name = "N", env = "EARWITNESS_STEPS", default_value_t = 1000, value_parser = count)]
    pub steps: usize,
    /// Seed of the places and the starts
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
}

/// Finds concepts of every label that has clips and adds them to the package.
///
/// # Errors
/// Where settings, data or the package cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    let package = Package::open(&args.model)?;
    let mut manifest = package.manifest().clone();
    let spec = spec(args, &package)?;
    let block = spec.block().ok_or_else(|| no_layer(&spec.layer))?;
    let way = TwoStep::open(&package, block, &spec.rules)?;
    check_cut(way.n_channels(), spec.concepts).map_err(|e| Error::usage(format!("{e} with --concepts")))?;
    let classifier = Classifier::load(&package)?;
    let front_end = classifier.front_end();
    let length = manifest.segment.clip_samples(front_end.stft.hop);
    let loaded = data::load(&args.data, None, &args.folds, &[], front_end.sample_rate, length)?
        .for_model(&manifest, &args.data)?;
    let mut arrays = Arrays::default();
    let bar = Bar::new(1)?;
    for (class, label) in manifest.label_names().enumerate() {
        if !bar.update(class, manifest.labels.len(), label) {
            return Err(Error::usage("the search for concepts was stopped; nothing was changed"));
        }
        let began = Instant::now();
        let go_on = |_| bar.update(class, manifest.labels.len(), label);
        let Some(found) = search(args, &classifier, &way, &loaded, class, &go_on)
            .map_err(|e| Error::new(e.kind(), format!("{label}: {e}")))?
        else {
            continue;
        };
        bar.say(&line(label, &found, began.elapsed().as_secs_f64()));
        let d = way.n_channels();
        arrays.insert(label, [d, d], found.u.iter().map(|u| *u as f32).collect());
    }
    bar.finish();
    if arrays.0.is_empty() {
        return Err(Error::usage("no label has a clip in the folds that are left; name others with --folds"));
    }
    let n_labels = arrays.0.len();
    let weights = spec.weights.clone();
    manifest.drsa.insert(args.method.clone(), spec);
    manifest.training.get_or_insert_with(Training::default).commands.push(data::command_line());
    Package::write(&args.model, manifest, &[(weights, arrays)].into())?;
    note(&format!("{} concepts of {n_labels} labels are in {}", args.concepts, args.model.display()));
    Ok(())
}

/// What the manifest will say of them: new subspaces have no names.
fn spec(args: &Args, package: &Package) -> Result<ConceptsSpec> {
    let layer = match &args.layer {
        Some(layer) => layer.clone(),
        None => format!("block{}", blocks(package)?.0 + 1),
    };
    let spec = ConceptsSpec {
        layer,
        concepts: args.concepts,
        rules: args.rules.clone(),
        weights: format!("{}.safetensors", args.method),
        names: BTreeMap::new(),
    };
    if spec.block().is_none() {
        return Err(no_layer(&spec.layer));
    }
    Ok(spec)
}

fn no_layer(layer: &str) -> Error {
    Error::usage(format!("there is no layer '{layer}'; give --layer a block, as in block4"))
}

/// Concepts of one class; none where it has no clips.
fn search(
    args: &Args,
    classifier: &Classifier,
    way: &TwoStep,
    loaded: &Loaded,
    class: usize,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Option<Found>> {
    let of_class =
        loaded.train.samples.iter().zip(&loaded.train.targets).filter(|(_, targets)| targets.contains(&class));
    let clips: Vec<&[f32]> = of_class.map(|(samples, _)| samples.as_slice()).collect();
    if clips.is_empty() {
        return Ok(None);
    }
    let segments = surest(classifier, &clips, class, args.segments)?;
    let segments: Vec<&[f32]> = segments.iter().map(Vec::as_slice).collect();
    let vectors = Vectors::collect(way, &segments, class, args.places, args.seed)?;
    let search = Search {
        way: Way::named(&args.method).unwrap_or(Way::Drsa),
        n_concepts: args.concepts,
        n_starts: args.starts,
        ascent: Ascent { max_steps: args.steps, least_gain: 1e-4 },
        seed: args.seed,
    };
    find(vectors, &search, go_on).map(Some)
}

fn line(label: &str, found: &Found, secs: f64) -> String {
    let (from, to) = found.climbed;
    let objective = match found.steps {
        0 => format!("objective {to:.3}"),
        steps => format!("objective {from:.3} to {to:.3} in {steps} steps"),
    };
    let shares: Vec<String> = found.shares.iter().map(|share| format!("{share:+.2}")).collect();
    format!("{label}: {objective}, shares of the relevance {}, {secs:.1} s", shares.join(" "))
}
