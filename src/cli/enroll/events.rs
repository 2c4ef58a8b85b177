//! Recorded events as examples.

use std::path::Path;

use crate::archive::{Filter, Index, Page, StoredEvent, read_event};
use crate::error::{Error, Result};
use crate::eval::sound::{Limit, read_at};
use crate::train::enroll::Example;
use crate::units::SampleRate;

/// Sound around an event that is learned from with it, in seconds: an onset is known to some frames.
const AROUND_SECS: f64 = 0.2;

/// The sound of the events in the recording folder `dir` whose ids begin with `ids`: their spans, without pre-roll and
/// post-roll, of each at most `max_secs`.
///
/// # Errors
/// Of kind `Input`, naming the event that is not there, is not the only one, or has no recorded sound.
pub(super) fn read(dir: &Path, ids: &[String], rate: SampleRate, max_secs: f64) -> Result<Vec<Example>> {
    let index = Index::open(dir)?;
    ids.iter().map(|id| sound(&find(&index, dir, id)?, rate, max_secs)).collect()
}

fn find(index: &Index, dir: &Path, id: &str) -> Result<StoredEvent> {
    let rows = index.query(&Filter { id: Some(id.to_owned()), ..Filter::default() }, Page { skip: 0, limit: 2 })?;
    match rows.as_slice() {
        [row] => read_event(&index.folder(&row.dir)),
        [] => Err(Error::input(format!(
            "{} has no event whose id begins with '{id}'; `earwitness review {} --export jsonl` lists them",
            dir.display(),
            dir.display()
        ))),
        _ => Err(Error::input(format!(
            "{} has several events whose id begins with '{id}'; give more of it",
            dir.display()
        ))),
    }
}

fn sound(event: &StoredEvent, rate: SampleRate, max_secs: f64) -> Result<Example> {
    let id = &event.id;
    let name = event
        .files
        .clip
        .as_ref()
        .ok_or_else(|| Error::input(format!("the event {id} was recorded without sound; choose another")))?;
    let path = event.folder.join(name);
    let begin = (event.clip.as_ref().and_then(|clip| clip.pre_roll_s).unwrap_or(0.0) - AROUND_SECS).max(0.0);
    let secs = (event.duration_secs() + 2.0 * AROUND_SECS).min(max_secs);
    let whole = read_at(&path, rate, Limit::Cut(begin + secs), |_| {})?.samples;
    let from = usize::try_from(rate.samples(begin)).unwrap_or(usize::MAX).min(whole.len());
    Ok(Example { name: path.display().to_string(), samples: whole[from..].to_vec() })
}
