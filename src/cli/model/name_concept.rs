//! `earwitness model name-concept`: a person's own name for what a method found.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::builder::PossibleValuesParser;

use crate::cli::output::note;
use crate::error::{Error, Result};
use crate::model::manifest::{CONCEPT_METHODS, Manifest, is_name, name_rule};
use crate::model::package::{Package, find_model};

const AFTER_HELP: &str = "\
Examples:
  earwitness model name-concept 0 'deep bark' --label dog --model models/mine
  earwitness model name-concept 2 'rattle' --label dog --method prca --model models/mine
  earwitness model name-concept 37 'squeak' --method l2i --model models/mine

The number is that of concept-00.wav or component-37.wav in an event's folder. An empty name
removes one: the default name says where and when it sounds.";

/// The method whose components are those of the dictionary.
const L2I: &str = "l2i";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct NameArgs {
    /// Number of the concept or component
    #[arg(value_name = "N")]
    index: usize,
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// The label whose concept it is; components of l2i have none
    #[arg(long, value_name = "LABEL", env = "EARWITNESS_LABEL")]
    label: Option<String>,
    /// The method that found it
    #[arg(long, value_name = "METHOD", env = "EARWITNESS_METHOD", default_value = CONCEPT_METHODS[0], value_parser = PossibleValuesParser::new(CONCEPT_METHODS.into_iter().chain([L2I])))]
    method: String,
    /// The model: a name of `earwitness model list`, or a package's folder
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL")]
    model: OsString,
}

pub(super) fn run(args: &NameArgs) -> Result<()> {
    if !is_name(&args.name) {
        return Err(Error::usage(format!("{:?} cannot be a name; {}", args.name, name_rule())));
    }
    let package = Package::open(&find_model(&args.model)?)?;
    let mut manifest = package.manifest().clone();
    if args.method == L2I {
        name_component(&mut manifest, args)?;
    } else {
        name_concept(&mut manifest, args)?;
    }
    Package::write(package.dir(), manifest, &BTreeMap::new())?;
    note(&format!("named in {}", package.dir().display()));
    Ok(())
}

fn name_component(manifest: &mut Manifest, args: &NameArgs) -> Result<()> {
    let model = manifest.name.clone();
    let l2i = manifest.l2i.as_mut().ok_or_else(|| Error::usage(format!("the model {model} has no l2i")))?;
    check_index(args.index, l2i.n_components, "components")?;
    l2i.component_names.resize(l2i.n_components, String::new());
    l2i.component_names[args.index].clone_from(&args.name);
    Ok(())
}

fn name_concept(manifest: &mut Manifest, args: &NameArgs) -> Result<()> {
    let known: Vec<String> = manifest.label_names().map(str::to_owned).collect();
    let label = args.label.as_ref().ok_or_else(|| Error::usage("say whose concept it is with --label"))?;
    if !known.contains(label) {
        return Err(Error::usage(format!("the model has no label '{label}'; it has {}", known.join(", "))));
    }
    let model = manifest.name.clone();
    let spec = manifest.drsa.get_mut(&args.method).ok_or_else(|| {
        Error::usage(format!("the model {model} has no concepts by {}; see 'model show'", args.method))
    })?;
    check_index(args.index, spec.concepts, "concepts")?;
    let names = spec.names.entry(label.clone()).or_default();
    names.resize(spec.concepts, String::new());
    names[args.index].clone_from(&args.name);
    if names.iter().all(String::is_empty) {
        spec.names.remove(label);
    }
    Ok(())
}

fn check_index(index: usize, n: usize, what: &str) -> Result<()> {
    if index < n {
        return Ok(());
    }
    Err(Error::usage(format!("there are {n} {what}, numbered from 0; give a number below {n}")))
}
