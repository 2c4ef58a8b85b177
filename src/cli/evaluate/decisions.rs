//! `earwitness evaluate --decisions`.

use indicatif::ProgressBar;

use super::args::Args;
use super::figures_file::write_json;
use super::loaded::{Limited, Loaded};
use crate::cli::output;
use crate::error::{Error, Result};
use crate::eval::own_decisions::{Deciders, own_decisions, tables};
use crate::interpret::methods::{self, DECIDING};

/// Measures the methods that decide themselves, prints the tables and writes the file.
pub(super) fn run(args: &Args, loaded: &Loaded, bar: &ProgressBar) -> Result<()> {
    let has = methods::available(&loaded.package);
    let methods: Vec<String> = if args.methods.is_empty() || args.methods.iter().any(|method| method == "all") {
        DECIDING.iter().filter(|method| has.contains(method)).map(|method| (*method).to_owned()).collect()
    } else {
        args.methods.clone()
    };
    if methods.is_empty() {
        return Err(Error::usage(format!(
            "the model {} has no interpreter that decides itself; train one with 'earwitness train {}'",
            loaded.package.manifest().name,
            DECIDING.join("', 'earwitness train ")
        )));
    }
    let deciders = Deciders { methods: &methods, folds: &loaded.folds, seed: args.seed };
    let Limited { clips, targets } = loaded.limited(args);
    let step = &mut super::loaded::stepper(bar, "measuring");
    let found = own_decisions(&loaded.package, &clips, &targets, deciders, step)?;
    bar.finish_and_clear();
    // What was measured is shown, also where the file cannot be written.
    let written = args.json.as_ref().map_or(Ok(()), |path| write_json(path, &found));
    output::print(&tables(&found))?;
    written?;
    loaded.left_out.outcome()
}
