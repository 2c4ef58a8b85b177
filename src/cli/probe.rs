//! The probes of `earwitness evaluate`: model randomisation, flipping, stability, remove and retrain, and pictures.

mod concepts;
mod objects;
mod plots;
mod roar;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::clips::{Clips, ClipsLeftOut};
use super::methods::asked_for;
use super::output;
use super::parse::count;
use crate::error::{Error, Result};
use crate::eval::evaluate::targets_for_model;
use crate::eval::probe::{concept_flipping, flipping, sanity, stability, table, vectors};
use crate::interpret::methods::{BASELINES, load};
use crate::model::device::ComputeDevice;
use crate::model::package::{Package, find_model};
use crate::train::dataset::{ClipMeta, DataSet, Target};

/// What is of the tables alone.
const TABLES: [&str; 5] = ["sets", "domain", "corrupt", "limit", "markdown"];

/// What to probe; each writes its own tables.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Probes")]
pub struct ProbeArgs {
    /// Make the classifier random layer by layer and say how much explanations change
    #[arg(long, env = "EARWITNESS_SANITY", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub sanity: bool,
    /// Replace the classifier's input by silence, most relevant places first, and follow the score
    #[arg(long, env = "EARWITNESS_FLIPPING", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub flipping: bool,
    /// Flip by concept: patches of every concept at once, for the concepts of the model, random ones and none; see 'train drsa'
    #[arg(long, env = "EARWITNESS_FLIP_CONCEPTS", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub flip_concepts: bool,
    /// Compare explanations with the objects that a clip is made of, in a set of 'train synthetic'
    #[arg(long, env = "EARWITNESS_OBJECTS", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub objects: bool,
    /// Change sounds a little (1 dB louder, 10 ms later, noise 40 dB below) and measure how far masks move
    #[arg(long, env = "EARWITNESS_STABILITY", conflicts_with_all = TABLES, value_parser = FalseyValueParser::new())]
    pub stability: bool,
    /// Remove what is relevant and retrain, on the folds that are not measured; results lie in DIR, and the same command goes on there
    #[arg(long, value_name = "DIR", env = "EARWITNESS_ROAR", conflicts_with_all = TABLES)]
    pub roar: Option<PathBuf>,
    /// Draw into DIR: a page a clip with each method's mask, the curves of flipping (which are measured for it), and relevance vectors by t-SNE
    #[arg(long, value_name = "DIR", env = "EARWITNESS_PLOTS", conflicts_with_all = TABLES)]
    pub plots: Option<PathBuf>,
    /// Randomise, flip and draw pages for so many clips, as many of each class
    #[arg(long, value_name = "N", env = "EARWITNESS_PROBE_CLIPS", default_value_t = 26, value_parser = count)]
    pub probe_clips: usize,
    /// Shares of the input that --roar removes, in percent
    #[arg(long, value_name = "PERCENT,…", env = "EARWITNESS_ROAR_SHARES", value_delimiter = ',', default_values_t = [10, 30, 50, 70, 90], requires = "roar", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub roar_shares: Vec<u8>,
    /// Passes over the data of each training of --roar
    #[arg(long, value_name = "N", env = "EARWITNESS_ROAR_EPOCHS", default_value_t = 30, requires = "roar", value_parser = count)]
    pub roar_epochs: usize,
}

impl ProbeArgs {
    /// Whether anything is to be probed.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.sanity
            || self.flipping
            || self.flip_concepts
            || self.objects
            || self.stability
            || self.roar.is_some()
            || self.plots.is_some()
    }
}

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

/// Probes, prints tables, and writes the JSON file and the pictures.
///
/// # Errors
/// Where data, model or a file cannot be used, and on an interrupt of `--roar`.
pub fn run(args: &ProbeArgs, common: &Common<'_>) -> Result<()> {
    if let Some(dir) = &args.plots {
        output::make_folder(dir, "--plots")?;
    }
    let subject = Subject::open(common)?;
    let mut figures = json!({
        "model": { "name": subject.package.manifest().name, "sha256": subject.package.sha256() },
        "folds": subject.folds,
        "seed": common.seed,
        "methods": subject.methods,
    });
    let mut text = String::new();
    let all: Vec<&[f32]> = subject.clips.iter().map(Vec::as_slice).collect();
    let chosen = balanced(&subject.targets, args.probe_clips);
    let some: Vec<&[f32]> = chosen.iter().map(|i| all[*i]).collect();
    let (package, seed) = (&subject.package, common.seed);

    if args.sanity {
        let bar = Bar::new("randomising");
        let results = sanity::cascade(package, &subject.methods, &some, seed, &mut |done, all| bar.at(done, all))?;
        text += &section(&table::sanity(&results));
        if let Some(dir) = &args.plots {
            plots::write(dir, "randomisation", &plots::randomisation(&results))?;
        }
        insert(&mut figures, "sanity", &results)?;
    }
    if args.flipping || args.plots.is_some() {
        let bar = Bar::new("flipping");
        let results = flipping::flip(package, &subject.methods, &some, seed, &mut |done, all| bar.at(done, all))?;
        text += &section(&table::flipping(&results));
        if let Some(dir) = &args.plots {
            plots::write(dir, "flipping-patches", &plots::flipping(&results, "patches of 16 x 16", |r| &r.patches))?;
            plots::write(dir, "flipping-pixels", &plots::flipping(&results, "single values", |r| &r.pixels))?;
        }
        insert(&mut figures, "flipping", &results)?;
    }
    if args.flip_concepts {
        let bar = Bar::new("flipping by concept");
        let systems = concepts::systems(package, seed)?;
        let results = concept_flipping::flip(package, &systems, &some, seed, &mut |done, all| bar.at(done, all))?;
        text += &section(&table::concepts(&results));
        insert(&mut figures, "concepts", &results)?;
    }
    if args.objects {
        let results = objects::find(&subject, common.data, &chosen, seed)?;
        text += &section(&table::objects(&results));
        insert(&mut figures, "objects", &results)?;
    }
    if args.stability {
        let bar = Bar::new("changing sounds");
        let results = stability::stability(package, &subject.methods, &some, seed, &mut |done, all| bar.at(done, all))?;
        text += &section(&table::stability(&results));
        insert(&mut figures, "stability", &results)?;
    }
    if let Some(dir) = &args.plots {
        plots::pages(dir, &subject, &chosen, seed)?;
        let mut coherence = Vec::new();
        for method in subject.methods.iter().filter(|m| !BASELINES.contains(&m.as_str())) {
            let bar = Bar::new("relevance vectors");
            let vectors = vectors::relevance_vectors(package, method, &all, seed, &mut |done, all| bar.at(done, all))?;
            coherence.push((method.clone(), vectors.coherence()));
            plots::write(dir, &format!("tsne-{}", file_name(method)), &plots::tsne(&vectors, &subject.labels, seed))?;
        }
        text += &section(&table::coherence(&coherence));
        insert(&mut figures, "coherence", &coherence.into_iter().collect::<std::collections::BTreeMap<_, _>>())?;
    }
    if let Some(dir) = &args.roar {
        let results = roar::run(dir, args, &subject, seed)?;
        text += &section(&crate::train::roar_run::table(&results));
        if let Some(dir) = &args.plots {
            plots::write(dir, "roar", &plots::roar(&results))?;
        }
        insert(&mut figures, "roar", &results)?;
    }
    let json = output::json("the figures", &figures)?;
    let written = common.json.map_or(Ok(()), |path| write_file(path, json.as_bytes()));
    output::print(&format!("{}\n", text.trim_end_matches('\n')))?;
    written?;
    subject.left_out.outcome()
}

/// The model, the clips that are measured, and the others.
struct Subject {
    package: Package,
    folds: Vec<u32>,
    methods: Vec<String>,
    /// The model's classes.
    labels: Vec<String>,
    metas: Vec<ClipMeta>,
    clips: Vec<Vec<f32>>,
    /// The model's classes of each clip.
    targets: Vec<Vec<usize>>,
    /// The data set's, of its other folds.
    others: Vec<ClipMeta>,
    set: DataSet,
    left_out: ClipsLeftOut,
}

impl Subject {
    fn open(common: &Common<'_>) -> Result<Self> {
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
    fn load(&self, metas: &[ClipMeta]) -> Result<Clips> {
        let front_end = self.package.manifest().front_end.params()?;
        let length = self.package.manifest().segment.clip_samples(front_end.stft.hop);
        let bar = Bar::new("loading");
        let tell = Clips::note_above(&bar.0);
        Clips::load(metas, front_end.sample_rate, length, &mut |done, all| bar.at(done, all), &tell)
    }

    /// The model's classes of clips.
    fn targets_of(&self, metas: &[ClipMeta]) -> Result<Vec<Vec<usize>>> {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let classes: Vec<Vec<usize>> = metas.iter().map(|m| m.targets.clone()).collect();
        targets_for_model(&self.set.labels, &labels, &classes)
    }
}

/// `n` of the clips, as many of each class as there are: the first of each, then the second, in the order of the clips.
pub(super) fn balanced(targets: &[Vec<usize>], n: usize) -> Vec<usize> {
    let mut seen: std::collections::BTreeMap<&[usize], usize> = std::collections::BTreeMap::new();
    let mut ranked: Vec<(usize, usize)> = targets
        .iter()
        .enumerate()
        .map(|(i, classes)| {
            let rank = seen.entry(classes).or_insert(0);
            *rank += 1;
            (*rank, i)
        })
        .collect();
    ranked.sort_unstable();
    let mut chosen: Vec<usize> = ranked.into_iter().take(n).map(|(_, i)| i).collect();
    chosen.sort_unstable();
    chosen
}

/// A bar on stderr for one step, gone when it ends.
struct Bar(ProgressBar);

impl Bar {
    fn new(what: &str) -> Self {
        let bar = output::progress("{msg} {wide_bar} {pos}/{len} {eta} left");
        bar.set_message(what.to_owned());
        Self(bar)
    }

    fn at(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn section(table: &str) -> String {
    format!("{}\n\n", table.trim_end())
}

fn insert(figures: &mut Value, key: &str, of: &impl serde::Serialize) -> Result<()> {
    figures[key] = serde_json::to_value(of).map_err(unwritten)?;
    Ok(())
}

fn unwritten(e: serde_json::Error) -> Error {
    Error::bug(format!("the figures cannot be written as JSON ({e}); please report this"))
}

/// A method's or a clip's name as it can stand in a file's.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect()
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| {
        Error::output(format!("cannot write {} ({e}); choose another place", path.display())).with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_are_chosen_evenly_over_the_classes() {
        let targets: Vec<Vec<usize>> = [0, 0, 0, 1, 1, 2, 2, 2].iter().map(|c| vec![*c]).collect();
        assert_eq!(balanced(&targets, 3), [0, 3, 5]);
        assert_eq!(balanced(&targets, 5), [0, 1, 3, 4, 5]);
        assert_eq!(balanced(&targets, 99), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(balanced(&[], 3), [] as [usize; 0]);
    }

    #[test]
    fn a_method_with_options_has_a_name_for_a_file() {
        assert_eq!(file_name("lrp:thesis+gain"), "lrp-thesis-gain");
        assert_eq!(file_name("../a/b"), "---a-b");
    }
}
