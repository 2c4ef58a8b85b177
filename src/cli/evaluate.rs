//! `earwitness evaluate`: the papers' figures for a model on a data set, or what it reports of an annotated stream.

mod args;
mod compare;
mod decisions;
mod figures_file;
mod loaded;
mod stream;
mod stream_table;

pub use args::Args;

use self::figures_file::write_json;
use self::loaded::Loaded;
use super::{Globals, output, probe};
use crate::error::Result;
use crate::eval::report::table;

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
    if args.decisions {
        return decisions::run(args, &loaded, &bar);
    }
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
