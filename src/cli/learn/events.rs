//! Marked events, with the moments that say why they were reported.

use std::path::Path;

use crate::archive::glance::holds_events;
use crate::archive::{Filter, Index, Judged, Page, StoredEvent, Verdict, read_event};
use crate::error::{Error, Result};
use crate::eval::sound::{Limit, read_at};
use crate::model::learned::{MAX_MARKS, Mark};
use crate::train::enroll::Hearing;
use crate::train::learn::{Label, moments};

/// Longest part of a clip that is heard, in seconds.
const MAX_SECS: f64 = 60.0;
/// An onset is known to some frames.
const AROUND_SECS: f64 = 0.2;

/// What was said of events.
pub(super) struct Read {
    /// Marks, by event.
    pub marks: Vec<Mark>,
    /// Sentences about marked events that teach nothing.
    pub left_out: Vec<String>,
}

/// The marks in the recording folder `dir`, of events of the model `model`, and those of `remembered` whose events are gone.
///
/// # Errors
/// Of kind `Input`, where the folder cannot be read; as [`Index::open`].
pub(super) fn read(dir: &Path, model: &str, remembered: &[Mark], hearing: &Hearing, labels: &[Label]) -> Result<Read> {
    // Without events, the index would be a file that is left in the folder.
    let index = match holds_events(dir) {
        Ok(true) => Index::open(dir)?,
        Ok(false) => return Ok(Read { marks: remembered.to_vec(), left_out: Vec::new() }),
        Err(e) => {
            let why = format!("{} cannot be read ({e}); name a folder that `monitor --record` wrote", dir.display());
            return Err(Error::input(why).with_source(e));
        }
    };
    let mut marks = Vec::new();
    let (mut foreign, mut silent) = (0, 0);
    for row in index.query(&Filter { judged: Some(Judged::Yes), ..Filter::default() }, Page::ALL)? {
        let event = match read_event(&index.folder(&row.dir)) {
            Ok(event) => event,
            Err(e) => {
                tracing::warn!("{e}");
                continue;
            }
        };
        let label = labels.iter().find(|label| label.name == event.label);
        let (Some(label), Some(verdict), true) = (label, row.marks.verdict, event.model.name == model) else {
            foreign += 1;
            continue;
        };
        let right = verdict == Verdict::Right;
        let truth = row.marks.label.clone().filter(|truth| !right && *truth != event.label);
        let known = remembered.iter().find(|mark| mark.event == event.id && mark.label == event.label);
        let embeddings = match known {
            Some(mark) => mark.embeddings(),
            None => hear(&event, label, hearing)?.unwrap_or_default(),
        };
        silent += usize::from(embeddings.is_empty());
        marks.push(Mark::new(event.id, event.label, right, truth, &embeddings)?);
    }
    let is_marked = |mark: &&Mark| marks.iter().any(|known: &Mark| known.event == mark.event);
    let unmarked: Vec<&Mark> = remembered.iter().filter(|mark| !is_marked(mark)).collect();
    for mark in unmarked {
        let of_event = Filter { id: Some(mark.event.clone()), ..Filter::default() };
        // An event that is there without a mark had its mark taken back.
        if index.query(&of_event, Page { skip: 0, limit: 1 })?.is_empty() {
            marks.push(mark.clone());
        }
    }
    let mut left_out = Vec::new();
    if foreign > 0 {
        left_out.push(format!(
            "{foreign} marked events are of another model or of a label that {model} lacks; they teach it nothing"
        ));
    }
    if silent > 0 {
        left_out.push(format!("{silent} marked events were recorded without sound; they teach nothing"));
    }
    Ok(Read { marks: newest(marks), left_out })
}

/// The moments of an event; `None` where it was recorded without sound, or its sound cannot be read.
fn hear(event: &StoredEvent, label: &Label, hearing: &Hearing) -> Result<Option<Vec<f32>>> {
    let Some(name) = &event.files.clip else { return Ok(None) };
    let rate = hearing.front_end().sample_rate;
    let samples = match read_at(&event.folder.join(name), rate, Limit::Cut(MAX_SECS), |_| {}) {
        Ok(sound) => sound.samples,
        Err(e) => {
            tracing::warn!("{e}");
            return Ok(None);
        }
    };
    let onset = event.clip.as_ref().and_then(|clip| clip.pre_roll_s).unwrap_or(0.0);
    let span = [onset - AROUND_SECS, onset + event.duration_secs() + AROUND_SECS];
    moments(hearing, &label.row, &samples, span[0], span[1]).map(Some)
}

/// Keeps as many marks as a version may hold, the newest.
fn newest(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by(|a, b| a.event.cmp(&b.event));
    let surplus = marks.len().saturating_sub(MAX_MARKS);
    marks.split_off(surplus)
}
