//! Templates of a webhook: the fields of an event put into text.

use std::io::Write;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value, json};

/// Steps that a template may take: far more than a message needs, and few enough to take no time.
const MAX_STEPS: u64 = 20_000;

/// The longest text that a template may give, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Templates with the names they were given.
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Compiles a template for each name and text.
    ///
    /// # Errors
    /// What is wrong, and where, as a sentence's part.
    pub(super) fn new(texts: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut environment = Environment::new();
        // What one event has and another has not is empty text, all the way down.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(MAX_STEPS));
        for (name, text) in texts {
            environment.add_template_owned(name, text).map_err(|e| sentence(&e))?;
        }
        Ok(Self { environment })
    }

    /// The text of the template `name` for an event's `fields`.
    ///
    /// # Errors
    /// What is wrong, as a sentence's part.
    pub(super) fn render(&self, name: &str, fields: &Map<String, Value>) -> Result<String, String> {
        let template = self.environment.get_template(name).map_err(|e| sentence(&e))?;
        let mut text = Bounded(Vec::new());
        template.render_captured_to(Serde(fields), &mut text).map_err(|e| sentence(&e))?;
        String::from_utf8(text.0).map_err(|_| "the template gives no text".to_owned())
    }

    /// Tries every template on an event that has every field, so that a wrong name is found before there is an alarm.
    ///
    /// # Errors
    /// What is wrong, as a sentence's part.
    pub(super) fn try_all(&mut self) -> Result<(), String> {
        self.environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let Value::Object(sample) = sample() else { return Ok(()) };
        let names: Vec<String> = self.environment.templates().map(|(name, _)| name.to_owned()).collect();
        let tried = names.iter().try_for_each(|name| self.render(name, &sample).map(drop));
        self.environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        tried
    }
}

/// Takes so much text and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(std::io::Error::other(format!("it gives more than {} KiB of text", MAX_BYTES / 1024)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn sentence(e: &minijinja::Error) -> String {
    let place = e.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    let detail = e.detail().map(|detail| format!(", {detail}")).unwrap_or_default();
    format!("the template is wrong{place}: {}{detail}", e.kind())
}

/// An event that has every field.
pub(super) fn sample() -> Value {
    json!({
        "type": "event", "id": "01JD0000000000000000000000", "label": "dog", "class": 0, "score": 0.93,
        "onset_s": 12.341, "offset_s": 14.102, "offset_in_file_s": 12.341,
        "onset": "2026-11-20T15:00:12.341Z", "offset": "2026-11-20T15:00:14.102Z",
        "source": "yard", "model": {"name": "default", "sha256": "0"}, "method": "l2i",
        "components": [{"index": 17, "relevance": 1.0, "name": "dog 3"}],
        "faithfulness": {"agrees": true, "prob": 0.93, "prob_in": 0.95, "prob_out": 0.11}, "verdict": "enough_and_needed",
        "latency_s": 0.61, "lag_s": 0.02, "files": {"dir": "/var/lib/earwitness/2026-11-20/150012Z-dog"},
        "level_dbfs": -20.0, "groups": ["animals"], "quiet": false, "continues": "01JD", "suppressed": 0,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Templates, String> {
        Templates::new([("body".to_owned(), text.to_owned())])
    }

    #[test]
    fn fields_become_text_and_json_stays_json() {
        let text = r#"{"text": {{ (label ~ " \"at\" " ~ onset) | tojson }}, "score": {{ score }}, "dir": {{ files.dir | tojson }}}"#;
        let mut templates = one(text).unwrap();
        templates.try_all().unwrap();
        let Value::Object(fields) = sample() else { unreachable!() };
        let json: Value = serde_json::from_str(&templates.render("body", &fields).unwrap()).unwrap();
        assert_eq!(json["text"], "dog \"at\" 2026-11-20T15:00:12.341Z");
        assert_eq!(json["score"], 0.93);
    }

    #[test]
    fn what_an_event_has_not_is_empty() {
        let templates =
            one("{{ label }} {{ files.dir }}{% if suppressed %} and {{ suppressed }} more{% endif %}").unwrap();
        let fields = Map::from_iter([("label".to_owned(), Value::from("dog"))]);
        assert_eq!(templates.render("body", &fields).unwrap(), "dog ");
    }

    #[test]
    fn a_template_that_runs_on_or_swells_is_refused() {
        let e =
            one("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}").unwrap().try_all();
        assert!(e.is_err_and(|e| e.contains("line 1")));
        let e =
            one("{% for i in range(2000) %}{{ label * 1000 }}{{ \"%1000s\" | format(label) }}{% endfor %}").unwrap();
        let Value::Object(fields) = sample() else { unreachable!() };
        assert!(e.render("body", &fields).is_err());
    }

    #[test]
    fn mistakes_are_found_before_an_event_comes() {
        assert!(one("{{ label").is_err_and(|e| e.contains("line 1")));
        let e = one("a\n{{ lable }}").unwrap().try_all().unwrap_err();
        assert!(e.contains("line 2") && e.contains("undefined"), "{e}");
        assert!(one("{{ label | shout }}").and_then(|mut t| t.try_all()).is_err());
    }
}
