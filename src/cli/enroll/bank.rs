//! The bank of a package, made.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use crate::cli::output;
use crate::cli::train::data::command_line;
use crate::error::Result;
use crate::model::manifest::Training;
use crate::model::package::{Package, find_model};
use crate::train::dataset::DataSet;
use crate::train::enroll::{BANK, Bank, Hearing};
use crate::train::scene::load::load;

/// Makes the bank of a package from a data set and backgrounds, and writes it there.
///
/// # Errors
/// Where model, data or folder cannot be used.
pub(super) fn make(model: &OsStr, data: &Path, noise: Option<&Path>, folds: &[u32], seed: u64) -> Result<()> {
    let dir = find_model(model)?;
    let package = Package::open(&dir)?;
    let hearing = Hearing::load(&package)?;
    let set = DataSet::open(data)?;
    let folds = if folds.is_empty() { set.folds() } else { folds.to_vec() };
    let (clips, _) = set.split(&folds)?;
    let bar = output::progress("{msg} {wide_bar} {pos}/{len}");
    bar.set_message("loading");
    bar.set_length(clips.len() as u64);
    let rate = hearing.front_end().sample_rate;
    let loaded = load(&set, &clips, noise, rate, seed, &mut |done, _| bar.set_position(done as u64))?;
    bar.set_message("listening");
    bar.reset();
    let step = |_, all: usize| {
        bar.set_length(all as u64);
        bar.inc(1);
    };
    let bank =
        Bank::make(&hearing, package.network_sha256()?, &loaded.material, Bank::room(hearing.width()), seed, &step)?;
    bar.finish_and_clear();
    let bytes = bank.encode()?;
    let size = bytes.len();
    let mut manifest = package.manifest().clone();
    manifest.training.get_or_insert_with(Training::default).commands.push(command_line());
    Package::write_bytes(&dir, manifest, &BTreeMap::from([(BANK.to_owned(), bytes)]))?;
    output::note(&format!("{} other sounds are in {}, {size} bytes", bank.len(), dir.join(BANK).display()));
    Ok(())
}
