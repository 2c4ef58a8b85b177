//! What the training commands share: data, progress, checkpoints, and the record of what was done.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::cli::output::{make_folder, note, progress};
use crate::cli::signals;
use crate::error::{Error, Result};
use crate::eval::evaluate::targets_for_model;
use crate::model::manifest::Manifest;
use crate::train::classifier::Clips;
use crate::train::dataset::{ClipMeta, DataSet, Target};
use crate::train::load::{load_clips, load_noise};
use crate::units::SampleRate;

/// What the trainings of networks are told of their data.
#[derive(Debug, Clone, clap::Args)]
pub struct DataArgs {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    pub data: PathBuf,
    /// Folder of recordings of background, mixed in during training
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Train on these folds, as in 1,2,3 [default: all that are not validated on]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Measure on these folds after every epoch [default: none]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_VALIDATE_FOLDS", value_delimiter = ',')]
    pub validate_folds: Vec<u32>,
}

impl DataArgs {
    /// Loads what they name.
    pub(super) fn load(&self, rate: SampleRate, length: usize) -> Result<Loaded> {
        self.load_for(Target::Class, rate, length)
    }

    /// As [`Self::load`], with what is to be recognised.
    pub(super) fn load_for(&self, target: Target, rate: SampleRate, length: usize) -> Result<Loaded> {
        let set = DataSet::open_for(&self.data, target)?;
        load_set(set, &self.data, self.noise.as_deref(), &self.folds, &self.validate_folds, rate, length)
    }
}

/// A data set in memory.
pub(super) struct Loaded {
    pub(super) labels: Vec<String>,
    pub(super) train: Clips,
    pub(super) validation: Clips,
    pub(super) noise: Vec<Vec<f32>>,
    /// One sentence for the manifest.
    pub(super) about: String,
}

/// Loads the clips of the folds to train and to validate on (training: all others, where none are named) and the noise.
pub(super) fn load(
    data: &Path,
    noise: Option<&Path>,
    folds: &[u32],
    validate_folds: &[u32],
    rate: SampleRate,
    length: usize,
) -> Result<Loaded> {
    load_set(DataSet::open(data)?, data, noise, folds, validate_folds, rate, length)
}

/// As [`load`], of a set that is open.
fn load_set(
    set: DataSet,
    data: &Path,
    noise: Option<&Path>,
    folds: &[u32],
    validate_folds: &[u32],
    rate: SampleRate,
    length: usize,
) -> Result<Loaded> {
    if let Some(both) = folds.iter().find(|f| validate_folds.contains(f)) {
        return Err(Error::usage(format!("fold {both} is to be trained and validated on; name it once")));
    }
    let (validation, rest) = set.split(validate_folds)?;
    let train = if folds.is_empty() { rest } else { set.split(folds)?.0 };
    if train.is_empty() {
        return Err(Error::usage("no folds are left to train on; name some with --folds"));
    }
    let mut about = format!("{}, {} clips", folder_name(data), train.len());
    let mut used: Vec<u32> = train.iter().map(|c| c.fold).collect();
    used.sort_unstable();
    used.dedup();
    about += &format!(" of folds {}", used.iter().map(u32::to_string).collect::<Vec<_>>().join(", "));
    let noise = match noise {
        Some(dir) => {
            about += &format!("; background from {}", folder_name(dir));
            load_noise(dir, rate)?
        }
        None => Vec::new(),
    };
    let bar = progress("loading clips {wide_bar} {pos}/{len}");
    bar.set_length((train.len() + validation.len()) as u64);
    let train_clips = clips(&train, rate, length, &bar, 0)?;
    let validation_clips = clips(&validation, rate, length, &bar, train.len())?;
    bar.finish_and_clear();
    Ok(Loaded { labels: set.labels, train: train_clips, validation: validation_clips, noise, about })
}

impl Loaded {
    /// Classes become those of a model, which must be the same in some order.
    pub(super) fn for_model(mut self, manifest: &Manifest, data: &Path) -> Result<Self> {
        let labels: Vec<&str> = manifest.label_names().collect();
        if self.labels.len() != labels.len() {
            return Err(Error::usage(format!(
                "{} has {} classes and the model {}; train on the data set that the classifier was made for",
                data.display(),
                self.labels.len(),
                labels.len()
            )));
        }
        for clips in [&mut self.train, &mut self.validation] {
            clips.targets = targets_for_model(&self.labels, &labels, &clips.targets)?;
        }
        self.labels = labels.into_iter().map(str::to_owned).collect();
        Ok(self)
    }
}

fn clips(metas: &[ClipMeta], rate: SampleRate, length: usize, bar: &ProgressBar, before: usize) -> Result<Clips> {
    let samples = load_clips(metas, rate, length, &mut |done, _| bar.set_position((before + done) as u64))?;
    Ok(Clips { samples, targets: metas.iter().map(|c| c.targets.clone()).collect() })
}

/// Where a run keeps its checkpoint; without `resume` an old one is removed.
pub(super) fn checkpoint(out: &Path, what: &str, resume: bool) -> Result<PathBuf> {
    make_folder(out, "--out")?;
    let path = out.join(format!("{what}.checkpoint"));
    if !resume {
        discard(&path);
    }
    Ok(path)
}

/// Removes a checkpoint that is no longer wanted; one that stays is only a file too many.
pub(super) fn discard(path: &Path) {
    let _ = std::fs::remove_file(path);
}

/// Progress on stderr: a bar on a terminal, and a line an epoch everywhere. An interrupt ends the run between batches.
pub(super) struct Bar {
    bar: ProgressBar,
    epochs: usize,
    epochs_done: usize,
    interrupted: Arc<AtomicBool>,
}

impl Bar {
    pub(super) fn new(epochs: usize) -> Result<Self> {
        let interrupted = signals::interrupted()?;
        let bar = progress("{msg} {wide_bar} {percent} % {eta} left");
        bar.enable_steady_tick(Duration::from_millis(500));
        Ok(Self { bar, epochs, epochs_done: 0, interrupted })
    }

    /// Returns whether to go on.
    pub(super) fn batch(&mut self, done: usize, all: usize) -> bool {
        self.bar.set_length((self.epochs * all) as u64);
        self.bar.set_position((self.epochs_done * all + done) as u64);
        self.bar.set_message(format!("epoch {}/{}", self.epochs_done + 1, self.epochs));
        !self.interrupted.load(Ordering::Relaxed)
    }

    /// Progress of a run without epochs.
    pub(super) fn part(&self, done: usize, all: usize, what: &str) {
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(what.to_string());
    }

    /// As [`Self::part`], and returns whether to go on.
    pub(super) fn update(&self, done: usize, all: usize, what: &str) -> bool {
        self.part(done, all, what);
        !self.interrupted.load(Ordering::Relaxed)
    }

    pub(super) fn epoch(&mut self, epoch: usize, line: &str) -> bool {
        self.epochs_done = epoch;
        self.say(line);
        true
    }

    /// Says a sentence above the bar.
    pub(super) fn say(&self, sentence: &str) {
        self.bar.suspend(|| note(sentence));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The last part of a path, as a name.
pub(in crate::cli) fn folder_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    whole.file_name().map_or_else(|| "model".to_string(), |n| n.to_string_lossy().into_owned())
}

/// The command that runs now, for the manifest: paths without the folders of this machine, and without `--resume`.
pub(in crate::cli) fn command_line() -> String {
    let words = std::env::args()
        .skip(1)
        .filter(|w| w != "--resume")
        .map(|word| if word.contains('/') { folder_name(Path::new(&word)) } else { word });
    std::iter::once("earwitness".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Today's date, UTC.
pub(in crate::cli) fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
