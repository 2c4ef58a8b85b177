//! What one page is sent of an input, line by line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use jiff::tz::TimeZone;

use super::answers::{Failure, with_type};
use super::columns::Sent;
use super::query;
use super::served::Served;
use super::state_lines::{EventJson, LabelJson, Line, state};
use super::ticking::{Parts, body};
use crate::engine::snapshot::{EventSummary, Snapshot};
use crate::engine::snapshot_slot::Watch;
use crate::local_zone::local_zone;

/// How often a new state is looked for.
const EVERY: Duration = Duration::from_millis(100);

/// A blank line is sent where nothing has been for so long: it shows a page that has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(super) async fn live(State(served): State<Served>, uri: Uri) -> Result<Response, Failure> {
    let watch = Watch::new(Arc::clone(&served.monitored().slot), query::input(&uri)?);
    Ok(with_type("application/x-ndjson", body(Viewer::new(watch), EVERY)))
}

/// One page, and what it has.
struct Viewer {
    watch: Watch,
    zone: TimeZone,
    last: Option<Arc<Snapshot>>,
    events: Option<Vec<Arc<EventSummary>>>,
    labels: String,
    sent: Sent,
    spoke: Instant,
}

impl Viewer {
    fn new(watch: Watch) -> Self {
        Self {
            watch,
            zone: local_zone(),
            last: None,
            events: None,
            labels: String::new(),
            sent: Sent::default(),
            spoke: Instant::now(),
        }
    }

    /// What of `snapshot` the page does not have.
    fn lines(&mut self, snapshot: &Snapshot) -> String {
        let mut text = String::new();
        let labels = line(&Line::Labels { labels: snapshot.classes.iter().map(LabelJson::from).collect() });
        if labels != self.labels {
            text.push_str(&labels);
            self.labels = labels;
        }
        text.push_str(&line(&state(snapshot, &self.zone)));
        if let Some(columns) = self.sent.take(&snapshot.waterfall) {
            text.push_str(&line(&Line::Columns(columns)));
        }
        let known = self.events.as_ref().is_some_and(|known| {
            known.len() == snapshot.events.len() && known.iter().zip(&snapshot.events).all(|(a, b)| is_same(a, b))
        });
        if !known {
            let events = snapshot.events.iter().map(|summary| EventJson::from(&**summary)).collect();
            text.push_str(&line(&Line::Events { events }));
            self.events = Some(snapshot.events.clone());
        }
        text
    }
}

/// Whether a page would show both alike: the slot makes copies, so that pointers differ.
fn is_same(a: &EventSummary, b: &EventSummary) -> bool {
    (&a.event.id, a.event.explanation, &a.dir) == (&b.event.id, b.event.explanation, &b.dir)
        && a.event.offset == b.event.offset
}

impl Parts for Viewer {
    fn next(&mut self) -> Option<Bytes> {
        let newest = self.watch.latest();
        let is_new = match (&newest, &self.last) {
            (Some(newest), Some(last)) => !Arc::ptr_eq(newest, last),
            (newest, _) => newest.is_some(),
        };
        let text = match newest.as_ref().filter(|_| is_new) {
            Some(snapshot) => self.lines(snapshot),
            None if self.spoke.elapsed() >= KEEP_ALIVE => "\n".to_owned(),
            None => return None,
        };
        if is_new {
            self.last = newest;
        }
        self.spoke = Instant::now();
        Some(Bytes::from(text))
    }
}

/// A line, with its end.
fn line(line: &Line<'_>) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
