//! Recorded events: their records, files and marks.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use super::answers::{Failure, json, with_type};
use super::served::Served;
use crate::archive::event::EVENT_FILE;
use crate::archive::files::read_bounded;
use crate::archive::marks::MARKS_FILE;
use crate::archive::{Marks, read_event};

/// Longest record, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// Longest sound or picture, in bytes.
const MAX_FILE: u64 = 256 << 20;

#[derive(Serialize)]
struct EventJson {
    event: Value,
    marks: Value,
}

/// The record as it is in the folder, and the marks.
pub(super) async fn event(State(served): State<Served>, Path(id): Path<String>) -> Result<Response, Failure> {
    let folder = served.folder(&id)?;
    let read = move || Ok(json(&EventJson { event: object(&folder, EVENT_FILE)?, marks: marks(&folder)? }));
    beside(read).await
}

/// A file that the record names.
pub(super) async fn file(
    State(served): State<Served>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let folder = served.folder(&id)?;
    beside(move || {
        let event = read_event(&folder)?;
        if !event.named_files().contains(&name.as_str()) {
            return Err(Failure::gone("the event has no such file"));
        }
        let kind = match name.rsplit_once('.') {
            Some((_, "wav")) => "audio/wav",
            Some((_, "png")) => "image/png",
            _ => "application/octet-stream",
        };
        let bytes = read_bounded(&folder.join(&name), MAX_FILE).map_err(|e| unreadable(&name, &e))?;
        Ok(with_type(kind, Body::from(bytes)))
    })
    .await
}

/// Writes what a person says of the event, and answers with what is kept.
pub(super) async fn mark(
    State(served): State<Served>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let folder = served.folder(&id)?;
    let given = Marks::parse(&body).map_err(|why| Failure::wrong(format!("these are no marks: {why}")))?;
    beside(move || {
        Marks { marked: Some(Timestamp::now()), ..given }.write(&folder)?;
        Ok(json(&marks(&folder)?))
    })
    .await
}

/// The stored marks; an empty object if there are none.
fn marks(folder: &std::path::Path) -> Result<Value, Failure> {
    if folder.join(MARKS_FILE).exists() { object(folder, MARKS_FILE) } else { Ok(Value::Object(Map::new())) }
}

/// A JSON object of an event's folder.
fn object(folder: &std::path::Path, name: &str) -> Result<Value, Failure> {
    let bytes = read_bounded(&folder.join(name), MAX_RECORD).map_err(|e| unreadable(name, &e))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| Failure::gone(format!("{name} is damaged ({e})")))?;
    if value.is_object() { Ok(value) } else { Err(Failure::gone(format!("{name} is damaged"))) }
}

fn unreadable(name: &str, e: &std::io::Error) -> Failure {
    Failure::gone(format!("{name} cannot be read ({e}); the event may have been removed"))
}

/// Does what waits for a disk beside the thread that serves everyone.
async fn beside(work: impl FnOnce() -> Result<Response, Failure> + Send + 'static) -> Result<Response, Failure> {
    let broken = |_| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made; see the log");
    spawn_blocking(work).await.map_err(broken)?
}
