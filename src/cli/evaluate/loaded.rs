//! A model and the clips that it is measured on.

use std::borrow::Cow;

use indicatif::ProgressBar;

use super::args::Args;
use super::figures_file::write_json;
use crate::cli::clips::{Clips, ClipsLeftOut};
use crate::cli::probe::balanced;
use crate::cli::{Globals, output};
use crate::error::Result;
use crate::eval::classifier_figures::{self, classifier_figures};
use crate::eval::evaluate::{Evaluation, EvaluationOptions, evaluate, targets_for_model};
use crate::interpret::Segment;
use crate::interpret::l2i::L2i;
use crate::model::package::Package;
use crate::train::dataset::DataSet;

/// A model in the form that it is measured in, and the clips.
pub(super) struct Loaded {
    pub(super) package: Package,
    pub(super) folds: Vec<u32>,
    pub(super) clips: Vec<Vec<f32>>,
    /// The model's classes of each clip.
    pub(super) targets: Vec<Vec<usize>>,
    pub(super) left_out: ClipsLeftOut,
}

/// The clips that are measured, and the model's classes of each.
pub(super) struct Limited<'a> {
    pub(super) clips: Cow<'a, [Vec<f32>]>,
    pub(super) targets: Cow<'a, [Vec<usize>]>,
}

impl Loaded {
    pub(super) fn open(args: &Args, globals: &Globals, bar: &ProgressBar) -> Result<Self> {
        let package = globals.open_model(&args.model)?.for_clips();
        let front_end = package.manifest().front_end.params()?;
        let set = DataSet::open_for(args.data()?, args.target)?;
        let folds = if args.folds.is_empty() { set.folds() } else { args.folds.clone() };
        let (mut metas, _) = set.split(&folds)?;
        // Sounds without a label do not show how well the model separates labels.
        metas.retain(|clip| !clip.foreign);
        let length = package.manifest().segment.clip_samples(front_end.stft.hop);
        let mut step = stepper(bar, "loading");
        let clips = Clips::load(&metas, front_end.sample_rate, length, &mut step, &Clips::note_above(bar))?;
        let labels: Vec<&str> = package.manifest().label_names().collect();
        let classes: Vec<Vec<usize>> = clips.metas.iter().map(|m| m.targets.clone()).collect();
        let targets = targets_for_model(&set.labels, &labels, &classes)?;
        Ok(Self { package, folds, clips: clips.samples, targets, left_out: clips.left_out })
    }

    /// The figures of a classifier that has no L2I.
    pub(super) fn classifier_alone(&self, args: &Args, bar: &ProgressBar) -> Result<()> {
        let step = &mut stepper(bar, "measuring");
        let figures = classifier_figures(&self.package, &self.clips, &self.targets, &self.folds, args.seed, step)?;
        bar.finish_and_clear();
        let written = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &figures));
        output::print(&classifier_figures::table(&figures))?;
        written?;
        self.left_out.outcome()
    }

    /// The classifier's figures, Θ's fidelity, and what taking out L2I's components does.
    pub(super) fn components(&self, args: &Args, bar: &ProgressBar) -> Result<Evaluation> {
        let l2i = L2i::load(&self.package)?;
        let options = EvaluationOptions {
            method: "l2i".to_owned(),
            folds: self.folds.clone(),
            seed: args.seed,
            ..EvaluationOptions::default()
        };
        let explain = |segment: &Segment<'_>| l2i.explain_fully(segment);
        let step = &mut stepper(bar, "measuring");
        let Limited { clips, targets } = self.limited(args);
        evaluate(&self.package, &clips, &targets, explain, &options, step)
    }

    /// As many clips as --limit asks for, and their classes.
    pub(super) fn limited(&self, args: &Args) -> Limited<'_> {
        let Some(limit) = args.limit.filter(|limit| *limit < self.clips.len()) else {
            return Limited { clips: Cow::Borrowed(&self.clips), targets: Cow::Borrowed(&self.targets) };
        };
        let chosen = balanced(&self.targets, limit);
        Limited {
            clips: Cow::Owned(chosen.iter().map(|i| self.clips[*i].clone()).collect()),
            targets: Cow::Owned(chosen.iter().map(|i| self.targets[*i].clone()).collect()),
        }
    }
}

pub(super) fn stepper(bar: &ProgressBar, what: &'static str) -> impl FnMut(usize, usize) {
    let bar = bar.clone();
    move |done, all| {
        bar.set_message(what);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    }
}
