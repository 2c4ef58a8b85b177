//! `earwitness enroll`: a label of the user's own from a few recordings.

mod bank;
mod events;
mod report;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;

use super::train::data::today;
use super::{Globals, output, taken};
use crate::engine::detector::ANY_LOUD;
use crate::error::{Error, Result};
use crate::eval::sound::{Limit, read_at};
use crate::model::manifest::by_group;
use crate::model::own_label::{MAX_EXAMPLES, OwnLabel, OwnLabels, check_name};
use crate::model::package::{DEFAULT_MODEL, Package, find_model};
use crate::train::dataset::{OTHER, load_noise};
use crate::train::enroll::{Bank, Example, Hearing, Learned, enroll};
use crate::train::scene::Background;
use crate::units::SampleRate;

/// Longest part of a recording that is learned from, in seconds.
const MAX_SECS: f64 = 30.0;

const AFTER_HELP: &str = "\
Examples:
  earwitness enroll garden_gate gate1.wav gate2.wav gate3.wav
  earwitness monitor --only garden_gate
  earwitness enroll garden_gate --taken
  earwitness enroll garden_gate --event 01JD8 --event 01JE3 --record events
  earwitness enroll --list
  earwitness enroll --rename garden_gate gate
  earwitness enroll --group gate home
  earwitness enroll --remove gate

In the monitor, `e` takes the last seconds; --taken learns from everything that was taken since.

A few short recordings of one kind of sound, with little else in them, give a label of your own on
top of a model that hears streams. It can stand wherever a label can, and is explained like the
others. Five recordings from different days and distances are much better than one. Enrolling a
name again learns it anew from the recordings that are named.

The label is a small file in the folder of --labels, never in the model's package. A monitor that
runs already has to be started again.

The model brings a bank of other sounds to learn against. For a model of your own, make one:
  earwitness enroll --make-bank --model models/mine --data everyday --noise ambience --folds 1,2,3
It takes scenes of the data set's labels, of its category 'other' and of the backgrounds, 2 MB of
them, and writes them into the package. The same --seed gives the same bank.";

/// Learn a label of your own from a few recordings.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The label's name: letters, digits, '-' and '_'
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Recordings of the sound, of which at most 30 s each are used
    #[arg(value_name = "CLIP", requires = "name")]
    clips: Vec<PathBuf>,
    /// Learn from this recorded event, by its id or the beginning of it; repeatable
    #[arg(long, value_name = "ID", env = "EARWITNESS_EVENT", value_delimiter = ',', requires_all = ["name", "record"])]
    event: Vec<String>,
    /// Folder that `monitor --record` wrote, which holds the events
    #[arg(long, value_name = "DIR", env = "EARWITNESS_RECORD")]
    record: Option<PathBuf>,
    /// Learn from the sounds that were taken in the monitor with `e`, which then belong to this label
    #[arg(long, env = "EARWITNESS_TAKEN", value_parser = FalseyValueParser::new(), requires = "name")]
    taken: bool,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", default_value = DEFAULT_MODEL)]
    model: OsString,
    /// Folder of recordings of background: the place where the sound is to be heard, without the sound
    #[arg(long, value_name = "DIR", env = "EARWITNESS_NOISE")]
    noise: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, value_name = "N", env = "EARWITNESS_SEED", default_value_t = 1)]
    seed: u64,
    /// List the labels of your own
    #[arg(long, group = "instead", env = "EARWITNESS_LIST", value_parser = FalseyValueParser::new(), conflicts_with = "name")]
    list: bool,
    /// Give a label of your own another name
    #[arg(long, group = "instead", num_args = 2, value_names = ["OLD", "NEW"], env = "EARWITNESS_RENAME", value_delimiter = ',', conflicts_with = "name")]
    rename: Vec<String>,
    /// Remove a label of your own
    #[arg(long, group = "instead", value_name = "NAME", env = "EARWITNESS_REMOVE", conflicts_with = "name")]
    remove: Option<String>,
    /// Put a label of your own into a group, as in home
    #[arg(long, group = "instead", num_args = 2, value_names = ["NAME", "GROUP"], env = "EARWITNESS_GROUP", value_delimiter = ',', conflicts_with = "name")]
    group: Vec<String>,
    /// Make the bank of other sounds that labels are learned against, and write it into the package
    #[arg(long, group = "instead", env = "EARWITNESS_MAKE_BANK", value_parser = FalseyValueParser::new(), conflicts_with = "name", requires = "data")]
    make_bank: bool,
    /// Data set that a bank is made of
    #[arg(long, value_name = "DIR", env = "EARWITNESS_DATA")]
    data: Option<PathBuf>,
    /// Make the bank of these folds only, as in 1,2,3 [default: all]
    #[arg(long, value_name = "N,…", env = "EARWITNESS_FOLDS", value_delimiter = ',')]
    folds: Vec<u32>,
}

/// Learns, lists, renames, removes, groups, or makes a bank.
///
/// # Errors
/// Where names, recordings, model or folder cannot be used.
pub(super) fn run(args: &Args, globals: &Globals) -> Result<()> {
    globals.start_log()?;
    if let (true, Some(data)) = (args.make_bank, &args.data) {
        return bank::make(&args.model, data, args.noise.as_deref(), &args.folds, args.seed);
    }
    let dir = globals
        .labels_dir()
        .ok_or_else(|| Error::usage("this user has no home folder for labels; name a folder with --labels"))?;
    let mut own = OwnLabels::read(&dir)?;
    if args.list {
        return output::print(&report::list(&own)?);
    }
    if let [old, new] = args.rename.as_slice() {
        check_free(new, own.get(old)?)?;
        let path = own.rename(old, new)?;
        return output::print(&format!("{old} is now {new}, in {}\n", path.display()));
    }
    if let Some(name) = &args.remove {
        own.remove(name)?;
        return output::print(&format!("{name} is removed\n"));
    }
    if let [name, group] = args.group.as_slice() {
        let label = own.get(name)?.clone();
        own.put(OwnLabel { group: Some(group.clone()), ..label })?;
        return output::print(&format!("{name} is now in the group {group}\n"));
    }
    let Some(name) = &args.name else {
        return Err(Error::usage(
            "name the label and its recordings, as in 'earwitness enroll gate gate.wav', or give --list",
        ));
    };
    learn(args, name, &mut own)
}

fn learn(args: &Args, name: &str, own: &mut OwnLabels) -> Result<()> {
    let package = Package::open(&find_model(&args.model)?)?;
    check_name_in(name, &package)?;
    let hearing = Hearing::load(&package)?;
    let bank = Bank::of_package(&package, &package.network_sha256()?, hearing.width())?;
    let rate = hearing.front_end().sample_rate;
    let taken = if args.taken { taken::waiting(own.dir())? } else { Vec::new() };
    let mut examples = examples(args, &taken, rate)?;
    let backgrounds = match &args.noise {
        Some(dir) => {
            load_noise(dir, rate)?.into_iter().map(|samples| Background { samples, contains: Vec::new() }).collect()
        }
        None => Vec::new(),
    };
    let Learned { row, on_threshold, off_threshold, trust } =
        enroll(&hearing, &bank, &examples, &backgrounds, args.seed)?;
    if !taken.is_empty() {
        let places = taken::make_examples(own.dir(), name, &taken)?;
        let first = args.clips.len();
        examples[first..].iter_mut().zip(&places).for_each(|(example, place)| example.name = absolute(place));
    }
    // What a label was is kept where it is only learned anew.
    let group = own.get(name).ok().and_then(|known| known.group.clone());
    let path = own.put(OwnLabel {
        format: OwnLabel::format(),
        name: name.to_owned(),
        group,
        model: package.manifest().name.clone(),
        network: package.network_sha256()?,
        on_threshold,
        off_threshold,
        date: today(),
        examples: examples.into_iter().map(|example| example.name).collect(),
        bias: row.bias,
        weights: row.weights,
    })?;
    output::print(&report::learned(name, &trust, &package, &path))
}

/// The recordings, the sounds that were taken, and the events, at the model's rate, by their absolute paths.
fn examples(args: &Args, taken: &[PathBuf], rate: SampleRate) -> Result<Vec<Example>> {
    if args.taken && taken.is_empty() {
        return Err(Error::usage("no sound was taken yet; press e in the monitor when you hear it"));
    }
    let mut examples = Vec::new();
    for path in args.clips.iter().chain(taken) {
        let samples = read_at(path, rate, Limit::Cut(MAX_SECS), |_| {})?.samples;
        examples.push(Example { name: absolute(path), samples });
    }
    if let Some(record) = args.record.as_ref().filter(|_| !args.event.is_empty()) {
        examples.extend(events::read(record, &args.event, rate, MAX_SECS)?);
    }
    if examples.is_empty() || examples.len() > MAX_EXAMPLES {
        return Err(Error::usage(format!(
            "a label is learned from 1 to {MAX_EXAMPLES} recordings, and {} are named; five of different days and distances do well",
            examples.len()
        )));
    }
    Ok(examples)
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// Whether a label of the user's own on this package can be called so.
fn check_name_in(name: &str, package: &Package) -> Result<()> {
    let refused = |remedy: &str| Err(Error::usage(format!("a label of your own cannot be called '{name}': {remedy}")));
    if let Err(remedy) = check_name(name) {
        return refused(&remedy);
    }
    let manifest = package.manifest();
    if name == OTHER || name == ANY_LOUD {
        return refused("the word has a meaning of its own; choose another");
    }
    if manifest.label_names().any(|known| known == name) {
        return refused(&format!("the model {} has a label of this name; choose another", manifest.name));
    }
    if by_group(&manifest.labels).iter().any(|(group, _)| *group == Some(name)) {
        return refused(&format!("the model {} has a group of this name; choose another", manifest.name));
    }
    Ok(())
}

/// Whether a label can be renamed to `name`; a model that is gone has no say.
fn check_free(name: &str, label: &OwnLabel) -> Result<()> {
    match find_model(&label.model).and_then(|dir| Package::open(&dir)) {
        Ok(package) => check_name_in(name, &package),
        Err(_) => check_name(name)
            .map_err(|remedy| Error::usage(format!("a label of your own cannot be called '{name}': {remedy}"))),
    }
}
