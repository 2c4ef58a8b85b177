//! What `--objects` compares.

use std::path::Path;

use super::bar::Bar;
use super::subject::Subject;
use crate::error::Result;
use crate::eval::probe::objects::{ObjectClip, ObjectFinding, find as find_objects};
use crate::train::dataset::ClipMeta;
use crate::train::load::load_clips;
use crate::train::synthetic::parts_of_clips;

/// What each method keeps of the objects of some clips of the set in `dir`.
///
/// # Errors
/// Where the set does not list its objects, one cannot be read, or a method fails.
pub(super) fn find(subject: &Subject, dir: &Path, chosen: &[usize], seed: u64) -> Result<Vec<ObjectFinding>> {
    let clips = clips(subject, dir, chosen)?;
    let bar = Bar::new("looking for objects");
    find_objects(&subject.package, &subject.methods, &clips, seed, &mut |done, all| bar.at(done, all))
}

/// The chosen clips with their objects, all at the model's rate and length.
fn clips(subject: &Subject, dir: &Path, chosen: &[usize]) -> Result<Vec<ObjectClip>> {
    let parts = parts_of_clips(dir)?;
    let front_end = subject.package.manifest().front_end.params()?;
    let one = |i: &usize| {
        let (meta, samples) = (&subject.metas[*i], subject.clips[*i].clone());
        let name = meta.path.file_name().unwrap_or_default().to_string_lossy();
        let parts = parts.get(&*name).map_or(&[][..], Vec::as_slice);
        let metas: Vec<ClipMeta> =
            parts.iter().map(|(_, path)| ClipMeta { path: path.clone(), ..meta.clone() }).collect();
        let sounds = load_clips(&metas, front_end.sample_rate, samples.len(), &mut |_, _| ())?;
        let objects = parts.iter().map(|(number, _)| *number).zip(sounds).collect();
        Ok(ObjectClip { samples, objects })
    };
    chosen.iter().map(one).collect()
}
