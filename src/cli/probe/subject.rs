//! What is probed: the model, its methods, and the clips.

use std::ffi::OsStr;
use std::path::Path;

use super::bar::Bar;
use crate::cli::clips::{Clips, ClipsLeftOut};
use crate::cli::methods::asked_for;
use crate::error::Result;
use crate::eval::evaluate::targets_for_model;
use crate::interpret::methods::load;
use crate::model::device::ComputeDevice;
use crate::model::package::{Package, find_model};
use crate::train::dataset::{ClipMeta, DataSet, Target};

/// What of the command's other arguments the probes take.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// Folder of the data set.
    pub data: &'a Path,
    /// What is to be recognised.
    pub target: Target,
    /// Name or folder of the model.
    pub model: &'a OsStr,
    /// The folds that are measured; all, where none is named.
    pub folds: &'a [u32],
    /// The methods; every one that the model has and the baselines, where none is named or `all`.
    pub methods: &'a [String],
    /// Where the figures go besides.
    pub json: Option<&'a Path>,
    /// Seed of everything that is drawn at random.
    pub seed: u64,
}

/// The model, the clips that are measured, and the others.
pub(super) struct Subject {
    pub(super) package: Package,
    pub(super) folds: Vec<u32>,
    pub(super) methods: Vec<String>,
    /// The model's classes.
    pub(super) labels: Vec<String>,
    pub(super) metas: Vec<ClipMeta>,
    pub(super) clips: Vec<Vec<f32>>,
    /// The model's classes of each clip.
    pub(super) targets: Vec<Vec<usize>>,
    /// The data set's, of its other folds.
    pub(super) others: Vec<ClipMeta>,
    pub(super) set: DataSet,
    pub(super) left_out: ClipsLeftOut,
}

impl Subject {
    pub(super) fn open(common: &Common<'_>) -> Result<Self> {
        let package = Package::open(&find_model(common.model)?)?.for_clips();
        let set = DataSet::open_for(common.data, common.target)?;
        let folds = if common.folds.is_empty() { set.folds() } else { common.folds.to_vec() };
        let (metas, others) = set.split(&folds)?;
        let labels: Vec<String> = package.manifest().label_names().map(str::to_owned).collect();
        let methods = asked_for(common.methods, &package, true);
        for method in &methods {
            // Whether it can be loaded is better known before hours of work.
            load(&package, method, &ComputeDevice::cpu(), common.seed)?;
        }
        let mut subject = Self {
            package,
            folds,
            methods,
            labels,
            metas: Vec::new(),
            clips: Vec::new(),
            targets: Vec::new(),
            others,
            set,
            left_out: ClipsLeftOut::default(),
        };
        let clips = subject.load(&metas)?;
        subject.targets = subject.targets_of(&clips.metas)?;
        (subject.metas, subject.clips, subject.left_out) = (clips.metas, clips.samples, clips.left_out);
        Ok(subject)
    }

    /// The sound of some clips.
    pub(super) fn load(&self, metas: &[ClipMeta]) -> Result<Clips> {
        let front_end = self.package.manifest().front_end.params()?;
        let length = self.package.manifest().segment.clip_samples(front_end.stft.hop);
        let bar = Bar::new("loading");
        let tell = Clips::note_above(&bar.0);
        Clips::load(metas, front_end.sample_rate, length, &mut |done, all| bar.at(done, all), &tell)
    }

    /// The model's classes of clips.
    pub(super) fn targets_of(&self, metas: &[ClipMeta]) -> Result<Vec<Vec<usize>>> {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let classes: Vec<Vec<usize>> = metas.iter().map(|m| m.targets.clone()).collect();
        targets_for_model(&self.set.labels, &labels, &classes)
    }
}
