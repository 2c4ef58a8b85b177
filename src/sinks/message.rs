//! What a sink is told: an event or its onset, as the JSON of its line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::engine::report::Report;
use crate::error::{Error, Result};
use crate::record::relay::Aside;
use crate::record::report_json;

/// Whether a message tells that an event has begun, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has begun.
    Onset,
    /// It is over.
    Event,
}

/// An event or its onset. Cheap to clone: the sinks share the JSON.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) label: String,
    pub(super) score: f64,
    /// The fields of its line.
    pub(super) json: Arc<Map<String, Value>>,
    /// When it came from the engine.
    pub(super) born: Instant,
    /// Messages about the same label that the rate limit kept back since the one before.
    pub(super) suppressed: u64,
}

impl Message {
    /// The message of `report`; none where it is neither event nor onset.
    ///
    /// # Errors
    /// `Bug` when the report cannot be written as JSON.
    pub(super) fn of(report: &Report, aside: &Aside<'_>) -> Result<Option<Self>> {
        let (kind, id, label, score) = match report {
            Report::Onset(onset) => (Kind::Onset, &onset.id, &onset.label, onset.score),
            Report::Event(event) => (Kind::Event, &event.event.id, &event.event.label, event.event.score),
            _ => return Ok(None),
        };
        let Value::Object(json) = report_json(report, aside)? else {
            return Err(Error::bug("an event is no JSON object; please report this"));
        };
        Ok(Some(Self {
            kind,
            id: id.clone(),
            label: label.clone(),
            score: f64::from(score),
            json: Arc::new(json),
            born: Instant::now(),
            suppressed: 0,
        }))
    }

    /// The fields to send: those of the line, and `suppressed` where messages were kept back.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::clone(&self.json);
        if self.suppressed > 0 {
            fields.insert("suppressed".to_owned(), self.suppressed.into());
        }
        fields
    }

    /// The fields as one line of JSON.
    pub(super) fn text(&self) -> String {
        Value::Object(self.fields()).to_string()
    }

    /// A field that is text.
    pub(super) fn field(&self, name: &str) -> &str {
        self.json.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is to be recorded but not told.
    pub(super) fn is_quiet(&self) -> bool {
        self.json.get("quiet").and_then(Value::as_bool).unwrap_or(false)
    }

    /// How long ago it came from the engine.
    pub(super) fn age(&self) -> Duration {
        self.born.elapsed()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// An event as a sink gets it.
    pub(in crate::sinks) fn message(kind: Kind, id: &str, label: &str, score: f64) -> Message {
        let json = json!({
            "type": if kind == Kind::Event { "event" } else { "onset" },
            "id": id, "label": label, "score": score, "source": "demo",
            "onset": "2026-11-20T15:00:12.341Z", "offset": "2026-11-20T15:00:14.102Z",
            "files": {"dir": "/events/x"},
        });
        let Value::Object(json) = json else { unreachable!() };
        Message {
            kind,
            id: id.into(),
            label: label.into(),
            score,
            json: Arc::new(json),
            born: Instant::now(),
            suppressed: 0,
        }
    }

    #[test]
    fn what_was_kept_back_is_told_and_nothing_else_is_added() {
        let mut message = message(Kind::Event, "A", "dog", 0.5);
        assert!(!message.fields().contains_key("suppressed"));
        message.suppressed = 3;
        assert_eq!(message.fields()["suppressed"], 3);
        assert!(message.text().contains("\"suppressed\":3"));
        assert_eq!((message.field("source"), message.field("nothing")), ("demo", ""));
    }

    #[test]
    fn quiet_is_false_where_nothing_says_so() {
        let mut message = message(Kind::Event, "A", "dog", 0.5);
        assert!(!message.is_quiet());
        Arc::make_mut(&mut message.json).insert("quiet".into(), true.into());
        assert!(message.is_quiet());
    }
}
