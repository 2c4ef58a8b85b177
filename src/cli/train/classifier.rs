//! `earwitness train classifier`.

pub use super::classifier_args::Args;

use super::causal;
use super::classifier_args::WEIGHTS;
use super::data::{self, Bar};
use super::recipe::Recipe;
use super::start;
use crate::error::Result;
use crate::model::manifest::{FrontEndSpec, Label, Manifest, Training};
use crate::model::package::Package;
use crate::model::vgg::VggConfig;
use crate::train::classifier::{Progress, train};
use crate::train::net::NetConfig;

/// Trains and writes the package.
///
/// # Errors
/// Where settings, data or the output folder cannot be used, and on an interrupt.
pub fn run(args: &Args) -> Result<()> {
    if args.architecture == "causal" {
        return causal::run(args);
    }
    let front_end = Recipe::of(args, 0)?;
    let length = front_end.segment.clip_samples(front_end.how.front_end.stft.hop);
    let loaded = args.set.load_for(args.target, front_end.how.front_end.sample_rate, length)?;
    let recipe = Recipe::of(args, loaded.labels.len())?;
    let how = &recipe.how;
    how.net.validate(how.window_frames)?;
    let mut manifest = manifest(args, &recipe, &loaded);
    let start = match &args.start {
        Some(dir) => Some(start::weights_to_start_with(dir, &mut manifest)?),
        None => None,
    };
    // Reject a wrong shape before hours of training, not after.
    if let NetConfig::Vgg(_) = how.net {
        VggConfig::from_manifest(&manifest)?;
    }
    let checkpoint = data::checkpoint(&args.out, "classifier", args.resume)?;
    let mut bar = Bar::new(how.epochs)?;
    let arrays = train(
        how,
        start.as_ref(),
        &loaded.train,
        &loaded.noise,
        &loaded.validation,
        Some(&checkpoint),
        &mut |p| match p {
            Progress::Batch(done, all) => bar.batch(done, all),
            Progress::Epoch(e) => {
                let mut line = format!("epoch {}: loss {:.4}, {:.1} s", e.epoch, e.loss, e.secs);
                if let (Some(a), Some(m)) = (e.accuracy, e.macro_auprc) {
                    line += &format!(", accuracy {:.1} %, macro-AUPRC {m:.3}", 100.0 * a);
                }
                bar.epoch(e.epoch, &line)
            }
        },
    )?;
    bar.finish();
    Package::write(&args.out, manifest, &[(WEIGHTS.to_string(), arrays)].into())?;
    data::discard(&checkpoint);
    crate::cli::output::note(&format!("the classifier is in {}", args.out.display()));
    Ok(())
}

fn manifest(args: &Args, recipe: &Recipe, loaded: &data::Loaded) -> Manifest {
    let (on, off) = (args.on_threshold.unwrap_or(0.9) as f32, args.off_threshold.unwrap_or(0.3) as f32);
    let label = |name: &String| Label::new(name, on, off);
    let description = match args.description.as_str() {
        "" => format!("Sound events of {}, {} classes", data::folder_name(&args.set.data), loaded.labels.len()),
        given => given.to_string(),
    };
    Manifest {
        description,
        licence: args.licence.clone(),
        training: Some(Training {
            commands: vec![data::command_line()],
            data: loaded.about.clone(),
            seed: args.seed,
            date: data::today(),
        }),
        ..Manifest::new(
            data::folder_name(&args.out),
            FrontEndSpec::from(&recipe.how.front_end),
            recipe.segment,
            loaded.labels.iter().map(label).collect(),
            recipe.classifier.clone(),
        )
    }
}
