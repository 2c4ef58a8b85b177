//! `earwitness evaluate`: the papers' figures for a model on a data set, or what it reports of an annotated stream.

mod compare;
mod stream;
mod stream_table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{FalseyValueParser, PossibleValuesParser};
use indicatif::ProgressBar;
use serde::Serialize;

use super::clips::{Clips, ClipsLeftOut};
use super::methods::MethodParser;
use super::parse::{count, word};
use super::probe::{self, ProbeArgs, balanced};
use super::{Globals, output};
use crate::error::{Error, Result};
use crate::eval::classifier_figures::{self, classifier_figures};
use crate::eval::domain::Domain;
use crate::eval::evaluate::{Evaluation, EvaluationOptions, evaluate, targets_for_model};
use crate::eval::mixtures::SetKind;
use crate::eval::report::table;
use crate::interpret::Segment;
use crate::interpret::l2i::L2i;
use crate::model::package::Package;
use crate::train::dataset::{DataSet, Target};

const AFTER_HELP: &str = "\
Examples:
  earwitness evaluate --data esc13
  earwitness evaluate --data esc13 --model models/mine --folds 4 --json scores.json
  earwitness evaluate --data esc13 --folds 4 --noise noise --methods all --json tables.json
  earwitness evaluate --data esc13 --folds 4 --corrupt noise,overlap
  earwitness evaluate --data esc13 --folds 4 --sanity --flipping --plots pictures
  earwitness evaluate --data esc13 --folds 4 --methods l2i,lrp --roar retrained
  earwitness evaluate --stream yard.wav --truth yard.csv --json yard.json

The data set has the layout of ESC-50: audio/FOLD-SOURCE-TAKE-CLASS.wav (flac, ogg)
and meta/esc50.csv. Without --methods, --sets and --corrupt the classifier and, where the
model has them, the components of L2I are measured; with them, methods are compared as in
the L-MAC and L2I papers, and the tables are Markdown. docs/tables.md explains each
figure.
With a probe, evaluate runs the probes of --methods (default: all) instead. Measuring all
methods takes long; use --limit and --probe-clips for a quick look. --roar trains a
classifier for every method and share, which takes hours.

With --stream, evaluate listens to a recording as a monitor does, and compares its events with
those that --truth lists. docs/measuring.md explains each figure.";

/// Measure a model on a data set or on an annotated stream, and compare methods.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Folder of the data set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA", required_unless_present = "stream")]
    pub data: Option<PathBuf>,
    /// Listen to this recording as a monitor does, instead of measuring a data set
    #[arg(long, value_name = "FILE", env = "EARWITNESS_STREAM", requires = "truth", help_heading = "Stream")]
    pub stream: Option<PathBuf>,
    /// What sounds in the recording: CSV with the columns label,onset_s,offset_s,clip,snr_db
    #[arg(long, value_name = "FILE", env = "EARWITNESS_TRUTH", requires = "stream", help_heading = "Stream")]
    pub truth: Option<PathBuf>,
    /// Report labels that the model only shows, too (`alarm = false`)
    #[arg(long, env = "EARWITNESS_EVERY_LABEL", requires = "stream", value_parser = FalseyValueParser::new(), help_heading = "Stream")]
    pub every_label: bool,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = crate::model::package::DEFAULT_MODEL)]
    pub model: OsString,
    /// What is to be recognised: the set's classes (of spoken digits, the digit), or the speaker's sex, where AudioMNIST's table
    /// says it
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_TARGET", default_value = "class", value_parser = word::<Target>(&["class", "sex"]))]
    pub target: Target,
    /// Use these folds only, as in 1,2 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    pub folds: Vec<u32>,
    /// Compare these methods, as in l2i,lrp:epsilon,random; `all` is every one the model has, and the baselines
    #[arg(long, value_name = "METHOD,…", env = "EARWITNESS_METHODS", value_delimiter = ',', value_parser = MethodParser::ANY)]
    pub methods: Vec<String>,
    /// The evaluation sets to compare on [default: in-domain,out-of-domain]
    #[arg(long, value_name = "SET,…", env = "EARWITNESS_SETS", value_delimiter = ',', value_parser = PossibleValuesParser::new(SetKind::TABLES.map(SetKind::name)))]
    pub sets: Vec<String>,
    /// Where masks are laid
    #[arg(long, value_name = "DOMAIN,…", env = "EARWITNESS_DOMAIN", value_delimiter = ',', default_value = "stft,mel", value_parser = PossibleValuesParser::new([Domain::Stft.name(), Domain::Mel.name()]))]
    pub domain: Vec<String>,
    /// Corrupt the clips and measure how much of the target the interpretations keep
    #[arg(long, value_name = "HOW,…", env = "EARWITNESS_CORRUPT", value_delimiter = ',', value_parser = PossibleValuesParser::new(compare::CORRUPTIONS.map(|c| c.0)))]
    pub corrupt: Vec<String>,
    /// Folder of background recordings for the in-domain set; without it the clips are alone
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    pub noise: Option<PathBuf>,
    /// Folder of speech recordings for the speech set
    #[arg(long, value_name = "DIR", env = "EARWITNESS_SPEECH")]
    pub speech: Option<PathBuf>,
    /// Draw at most this many clips for each set, and for L2I's components
    #[arg(long, value_name = "N", env = "EARWITNESS_LIMIT", value_parser = count)]
    pub limit: Option<usize>,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE", env = "EARWITNESS_JSON_FILE")]
    pub json: Option<PathBuf>,
    /// Also write the tables of a comparison to this file, as Markdown
    #[arg(long, value_name = "FILE", env = "EARWITNESS_MARKDOWN")]
    pub markdown: Option<PathBuf>,
    /// Seed of everything that is drawn at random
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    pub seed: u64,
    /// What else to find out about the methods; then it is done instead.
    #[command(flatten)]
    pub probes: ProbeArgs,
}

impl Args {
    /// The folder of the data set; clap asks for it where there is no stream.
    fn data(&self) -> Result<&Path> {
        self.data.as_deref().ok_or_else(|| Error::usage("there is nothing to measure on; give --data or --stream"))
    }

    /// Whether methods are to be compared, and not only the classifier and L2I's components measured.
    fn compares(&self) -> bool {
        let lists = [&self.methods, &self.sets, &self.corrupt];
        lists.iter().any(|list| !list.is_empty()) || self.markdown.is_some()
    }
}

/// Measures, prints the table and writes the files.
///
/// # Errors
/// Where data, model or file cannot be used.
pub fn run(args: &Args, globals: &Globals) -> Result<()> {
    // Measuring takes long: what cannot be kept is better known now.
    for path in [&args.json, &args.markdown].into_iter().flatten() {
        output::check_place(path)?;
    }
    if let (Some(stream), Some(truth)) = (&args.stream, &args.truth) {
        return stream::run(args, stream, truth, globals);
    }
    if args.probes.is_wanted() {
        let data = args.data()?;
        let Args { target, model, folds, methods, json, seed, .. } = args;
        return probe::run(
            &args.probes,
            &probe::Common { data, target: *target, model, folds, methods, json: json.as_deref(), seed: *seed },
        );
    }
    if args.compares() {
        return compare::run(args, globals);
    }
    let bar = output::progress("{msg} {wide_bar} {pos}/{len}");
    let loaded = Loaded::open(args, globals, &bar)?;
    if loaded.package.manifest().l2i.is_none() {
        return loaded.classifier_alone(args, &bar);
    }
    let evaluation = loaded.components(args, &bar)?;
    bar.finish_and_clear();
    // What was measured is shown, also where the file cannot be written.
    let written = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &evaluation));
    output::print(&table(&evaluation))?;
    written?;
    loaded.left_out.outcome()
}

/// A model in the form that it is measured in, and the clips.
struct Loaded {
    package: Package,
    folds: Vec<u32>,
    clips: Vec<Vec<f32>>,
    /// The model's classes of each clip.
    targets: Vec<Vec<usize>>,
    left_out: ClipsLeftOut,
}

impl Loaded {
    fn open(args: &Args, globals: &Globals, bar: &ProgressBar) -> Result<Self> {
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
    fn classifier_alone(&self, args: &Args, bar: &ProgressBar) -> Result<()> {
        let step = &mut stepper(bar, "measuring");
        let figures = classifier_figures(&self.package, &self.clips, &self.targets, &self.folds, args.seed, step)?;
        bar.finish_and_clear();
        let written = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &figures));
        output::print(&classifier_figures::table(&figures))?;
        written?;
        self.left_out.outcome()
    }

    /// The classifier's figures, Θ's fidelity, and what taking out L2I's components does.
    fn components(&self, args: &Args, bar: &ProgressBar) -> Result<Evaluation> {
        let l2i = L2i::load(&self.package)?;
        let options = EvaluationOptions {
            method: "l2i".to_owned(),
            folds: self.folds.clone(),
            seed: args.seed,
            ..EvaluationOptions::default()
        };
        let explain = |segment: &Segment<'_>| l2i.explain_fully(segment);
        let step = &mut stepper(bar, "measuring");
        let Some(limit) = args.limit.filter(|limit| *limit < self.clips.len()) else {
            return evaluate(&self.package, &self.clips, &self.targets, explain, &options, step);
        };
        let chosen = balanced(&self.targets, limit);
        let clips: Vec<Vec<f32>> = chosen.iter().map(|i| self.clips[*i].clone()).collect();
        let targets: Vec<Vec<usize>> = chosen.iter().map(|i| self.targets[*i].clone()).collect();
        evaluate(&self.package, &clips, &targets, explain, &options, step)
    }
}

fn stepper(bar: &ProgressBar, what: &'static str) -> impl FnMut(usize, usize) {
    let bar = bar.clone();
    move |done, all| {
        bar.set_message(what);
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    }
}

fn write_json(path: &Path, figures: &impl Serialize) -> Result<()> {
    write_file(path, &output::json("the figures", figures)?)
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| {
        Error::output(format!("cannot write the figures to {} ({e}); choose another file", path.display()))
            .with_source(e)
    })
}
