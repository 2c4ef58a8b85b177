//! Events as JSON lines: one object an event, for programs.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::entry::{Entry, rfc3339};
use crate::archive::event::{EVENT_FILE, MAX_EVENT_BYTES};
use crate::archive::files::read_bounded;
use crate::archive::{Marks, Verdict};
use crate::error::{Error, Result};

/// Writes an object a line for each entry: what its `event.json` holds, as it is, with `dir` (`DAY/NAME` in the recording
/// folder) and the `marks` that people made, where there are any. An event that has gone meanwhile is left out.
///
/// # Errors
/// [`crate::ErrorKind::Output`] where `out` cannot be written.
pub fn write_lines(mut out: impl Write, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
    for entry in entries {
        let Some(mut object) = object(&entry) else { continue };
        object.insert("dir".to_owned(), entry.key.into());
        if !entry.marks.is_empty() {
            object.insert("marks".to_owned(), marks(&entry.marks));
        }
        writeln!(out, "{}", Value::Object(object)).map_err(|e| {
            Error::output(format!("the lines could not be written ({e}); check the folder and its disk")).with_source(e)
        })?;
    }
    Ok(())
}

/// The event's own object.
fn object(entry: &Entry) -> Option<Map<String, Value>> {
    let bytes = read_bounded(&entry.event.folder.join(EVENT_FILE), MAX_EVENT_BYTES).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// What people said, in the form of `marks.json`.
fn marks(marks: &Marks) -> Value {
    let Marks { verdict, label, starred, note, marked } = marks;
    let said = [
        ("verdict", verdict.map(|verdict| Value::from(Verdict::word(verdict)))),
        ("label", label.clone().map(Value::from)),
        ("starred", starred.then_some(Value::from(true))),
        ("note", Some(note.clone()).filter(|note| !note.is_empty()).map(Value::from)),
        ("marked", marked.map(|at: Timestamp| Value::from(rfc3339(at)))),
    ];
    said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
}
