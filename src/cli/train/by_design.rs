//! `earwitness train l2i --by-design`: classifier and interpreter in one training, and another package.

use std::collections::BTreeMap;
use std::path::Path;

use super::data::{self, Bar};
use super::l2i::{Args, Prepared, WEIGHTS, prepare, show};
use crate::cli::output::note;
use crate::error::{Error, Result};
use crate::model::manifest::Training;
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::model::vgg::VggConfig;
use crate::train::by_design::{ByDesignTraining, Joint, PredictionOn, train};

/// As `train classifier` has them by default.
const WEIGHT_DECAY: f32 = 1e-3;
const DROPOUT: f32 = 0.3;
const SMOOTHING: (f32, f32) = (0.01, 0.96);

/// Trains and writes the package in `out`.
pub(super) fn run(args: &Args, out: &Path) -> Result<()> {
    let Prepared { package, mut manifest, how, dictionary, loaded } = prepare(args)?;
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    if same(out, &args.model) {
        return Err(Error::usage("--out is the folder of --model, whose classifier would be lost; name another one"));
    }
    let how = ByDesignTraining {
        net: VggConfig::from_manifest(&manifest)?,
        prediction_on: match args.prediction_on.as_str() {
            "interpreter" => PredictionOn::Interpreter,
            _ => PredictionOn::Classifier,
        },
        prediction: args.prediction as f32,
        smoothing: SMOOTHING,
        weight_decay: WEIGHT_DECAY,
        dropout: DROPOUT,
        l2i: how,
    };
    let start = args.warm_start.then(|| package.tensors(&manifest.classifier.weights)).transpose()?;
    let checkpoint = data::checkpoint(out, "by-design", args.resume)?;
    let mut bar = Bar::new(how.l2i.epochs)?;
    let Joint { classifier, interpreter } = train(
        &how,
        &dictionary,
        start.as_ref(),
        &loaded.train,
        &loaded.noise,
        &loaded.validation,
        Some(&checkpoint),
        &mut |p| show(&mut bar, &p),
    )?;
    bar.finish();
    manifest.name = data::folder_name(out);
    manifest.description += ", interpretable by design";
    // Scores and all other parts were of another classifier.
    manifest.scores.clear();
    manifest.lmac = None;
    manifest.flint = None;
    manifest.vibi = None;
    manifest.apnet = None;
    manifest.iba = None;
    manifest.drsa.clear();
    manifest.files.clear();
    let l2i = manifest.l2i.as_mut().ok_or_else(|| Error::bug("a manifest lost its [l2i]"))?;
    l2i.weights = Some(WEIGHTS.to_string());
    let mut w = Arrays::default();
    w.insert("W", [manifest.front_end.n_bins(), l2i.n_components], dictionary);
    let files = BTreeMap::from([
        (manifest.classifier.weights.clone(), classifier),
        (l2i.dictionary.clone(), w),
        (WEIGHTS.to_string(), interpreter),
    ]);
    let mut commands = manifest.training.take().map_or_else(Vec::new, |before| before.commands);
    commands.push(data::command_line());
    manifest.training = Some(Training { commands, data: loaded.about, seed: args.seed, date: data::today() });
    Package::write(out, manifest, &files)?;
    data::discard(&checkpoint);
    note(&format!("the classifier and its interpreter are in {}", out.display()));
    Ok(())
}
