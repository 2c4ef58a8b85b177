//! `evaluate --methods`, `--corrupt`: methods under one measure.

use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;

use super::args::{Args, CORRUPTIONS};
use super::figures_file::{write_file, write_json};
use super::loaded::Loaded;
use crate::cli::methods::asked_for;
use crate::cli::{Globals, output};
use crate::error::{Error, Result};
use crate::eval::compare::{Comparison, Subject, compare, costs};
use crate::eval::compare_report::markdown;
use crate::eval::corrupt::corrupt;
use crate::eval::domain::Domain;
use crate::eval::evaluate::EvaluatedModel;
use crate::eval::mixtures::{Material, MixtureSet, SetKind};
use crate::interpret::methods::load;
use crate::model::classifier::Classifier;
use crate::model::device::ComputeDevice;
use crate::train::dataset::load_noise;
use crate::units::SampleRate;

/// Measures, prints the tables and writes the files.
pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    let began = Instant::now();
    let bar = output::progress("{msg} {wide_bar} {pos}/{len} {eta} left");
    let loaded = Loaded::open(args, globals, &bar)?;
    let package = &loaded.package;
    let methods = asked_for(&args.methods, package, true);
    let rate = package.manifest().front_end.params()?.sample_rate;
    let noise = recordings(args.noise.as_deref(), rate)?;
    let speech = recordings(args.speech.as_deref(), rate)?;
    let material = Material { clips: &loaded.clips, targets: &loaded.targets, noise: &noise, speech: &speech };
    let (tables, corruptions) = sets(args);
    let make = |kind: &SetKind| MixtureSet::new(*kind, material, args.limit, args.seed);
    let tables: Vec<MixtureSet<'_>> = tables.iter().map(make).collect::<Result<_>>()?;
    let corruptions: Vec<MixtureSet<'_>> = corruptions.iter().map(make).collect::<Result<_>>()?;
    let first = tables.iter().chain(&corruptions).next();
    let first = first.ok_or_else(|| Error::bug("a comparison without sets was asked for"))?;

    let classifier = Classifier::load(package)?;
    let device = ComputeDevice::cpu();
    let load = |method: &str| load(package, method, &device, args.seed);
    let subject =
        Subject { classifier: &classifier, activation: package.manifest().classifier.activation, load: &load };
    start(&bar, "timing", methods.len());
    let costs = costs(&subject, first, &methods, &mut |done| bar.set_position(done as u64))?;
    let mut step = |done: usize| bar.set_position(done as u64);
    let domains: Vec<Domain> =
        [Domain::Stft, Domain::Mel].into_iter().filter(|d| args.domain.iter().any(|name| name == d.name())).collect();
    let mut comparison = Comparison {
        model: EvaluatedModel { name: package.manifest().name.clone(), sha256: package.sha256().to_owned() },
        folds: loaded.folds.clone(),
        seed: args.seed,
        methods: costs,
        sets: Vec::new(),
        corruptions: Vec::new(),
        l2i: None,
        seconds: 0.0,
    };
    for set in &tables {
        start(&bar, set.kind().name(), set.len());
        comparison.sets.push(compare(&subject, set, &methods, &domains, args.seed, &mut step)?);
    }
    for set in &corruptions {
        start(&bar, set.kind().name(), set.len());
        comparison.corruptions.push(corrupt(&subject, set, &methods, args.seed, &mut step)?);
    }
    // Θ's own answer and the component figures belong to the tables.
    if !tables.is_empty() && methods.iter().any(|method| method == "l2i") {
        comparison.l2i = Some(loaded.components(args, &bar)?);
    }
    bar.finish_and_clear();
    comparison.seconds = began.elapsed().as_secs_f64();
    let text = markdown(&comparison);
    // What was measured is shown, also where a file cannot be written.
    let json = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &comparison));
    let markdown = args.markdown.as_ref().map_or(Ok(()), |path| write_file(path, &text));
    output::print(&text)?;
    json.and(markdown)?;
    loaded.left_out.outcome()
}

fn start(bar: &ProgressBar, what: &'static str, length: usize) {
    bar.set_message(what);
    bar.set_length(length as u64);
    bar.set_position(0);
    bar.reset_eta();
}

/// The sets of the tables, and the corruptions. Corruptions alone are not accompanied by tables.
fn sets(args: &Args) -> (Vec<SetKind>, Vec<SetKind>) {
    let corruptions: Vec<SetKind> =
        CORRUPTIONS.iter().filter(|(name, _)| args.corrupt.iter().any(|c| c == name)).map(|(_, kind)| *kind).collect();
    let tables = match (args.sets.is_empty(), corruptions.is_empty()) {
        (true, true) => vec![SetKind::InDomain, SetKind::OutOfDomain],
        (true, false) => Vec::new(),
        (false, _) => SetKind::TABLES.into_iter().filter(|kind| args.sets.iter().any(|s| s == kind.name())).collect(),
    };
    (tables, corruptions)
}

/// The recordings in a folder; none without one.
fn recordings(dir: Option<&Path>, rate: SampleRate) -> Result<Vec<Vec<f32>>> {
    dir.map_or(Ok(Vec::new()), |dir| load_noise(dir, rate))
}
