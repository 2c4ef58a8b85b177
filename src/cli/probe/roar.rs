//! `--roar`: remove and retrain.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::args::ProbeArgs;
use super::bar::Bar;
use super::subject::Subject;
use crate::cli::{output, signals};
use crate::error::{Error, Result};
use crate::eval::probe::input_map::input_maps;
use crate::model::package::hex_sha256;
use crate::model::vgg::VggConfig;
use crate::train::roar::{Inputs, Retraining};
use crate::train::roar_run::{Explained, RoarPlan, RoarProgress, RoarResult};

/// What tells these clips from others: a hash of their names and classes, trained on and tested on.
fn clips_hash(subject: &Subject) -> String {
    let mut text = String::new();
    for (part, metas) in [("train", &subject.others), ("test", &subject.metas)] {
        for meta in metas {
            let name = meta.path.file_name().unwrap_or_default().to_string_lossy();
            text += &format!("{part} {name} {:?}\n", meta.targets);
        }
    }
    hex_sha256(text.as_bytes())
}

/// Trains what is not trained yet: a line on stderr for each that is done. An interrupt ends the run between two batches.
pub(super) fn run(dir: &Path, args: &ProbeArgs, subject: &Subject, seed: u64) -> Result<Vec<RoarResult>> {
    if subject.others.is_empty() {
        return Err(Error::usage(
            "--roar trains on the folds that are not measured, and there are none left; name fewer with --folds",
        ));
    }
    let interrupted = signals::interrupted()?;
    let manifest = subject.package.manifest();
    let how =
        Retraining::new(VggConfig::from_manifest(manifest)?, manifest.classifier.activation, args.roar_epochs, seed);
    let plan = RoarPlan {
        how,
        model: subject.package.sha256().to_owned(),
        clips: clips_hash(subject),
        // All ones is a random choice, too.
        methods: subject.methods.iter().filter(|m| *m != "all-ones").cloned().collect(),
        percents: args.roar_shares.clone(),
    };
    let clips = subject.load(&subject.others)?;
    // Hours of training on less than was asked for would be for nothing.
    clips.left_out.outcome()?;
    let (others, other_targets) = (clips.samples, subject.targets_of(&clips.metas)?);
    let explained = |method: &str, clips: &[Vec<f32>], targets: &[Vec<usize>]| -> Result<Explained> {
        let clips: Vec<&[f32]> = clips.iter().map(Vec::as_slice).collect();
        let bar = Bar::new(&format!("explaining by {method}"));
        let maps = input_maps(&subject.package, method, &clips, seed, &mut |done, all| bar.at(done, all))?;
        let (features, relevance) = maps.into_iter().unzip();
        Ok(Explained { inputs: Inputs { features, targets: targets.to_vec() }, relevance })
    };
    let bar = Bar::new("retraining");
    plan.run(
        dir,
        &mut |method| {
            let train = explained(method, &others, &other_targets)?;
            Ok((train, explained(method, &subject.clips, &subject.targets)?))
        },
        &mut |progress| {
            match progress {
                RoarProgress::Training(i, n, done, epochs) => bar.at(i * epochs + done, n * epochs),
                RoarProgress::Done(r) => {
                    let accuracy = r.accuracy.map_or_else(|| "-".to_owned(), |a| format!("{:.1} %", 100.0 * a));
                    bar.0.suspend(|| output::note(&format!("{} {} %: accuracy {accuracy}", r.method, r.percent)));
                }
            }
            !interrupted.load(Ordering::Relaxed)
        },
    )
}
