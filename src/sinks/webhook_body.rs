//! What a webhook sends: the event's JSON, a text made from it, a file of the recorded event, or a form of such parts.

use serde_json::Value;

use super::evidence::Evidence;
use super::message::Message;
use super::options::{Fault, WebhookOptions};
use super::template::Templates;

/// The name of the body's template; those of headers are the headers'.
const BODY: &str = "the body";

/// Stands before the name of a form's part, so that no header has the same template.
const PART: &str = "form ";

/// What is sent.
pub(super) enum Body {
    /// The event's JSON.
    Json,
    /// A text.
    Text,
    /// A file.
    File(Evidence),
    /// Several parts, each with its name.
    Form(Vec<(String, Part)>),
}

/// A part of a form.
pub(super) enum Part {
    /// A text.
    Text,
    /// A file.
    File(Evidence),
}

/// A body, ready to be sent.
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) media_type: String,
}

impl Body {
    /// What `options` ask for, and the templates that it needs, by name.
    pub(super) fn of(options: &WebhookOptions) -> Result<(Self, Vec<(String, String)>), Fault> {
        if options.form.is_empty() {
            let text = &options.template;
            return Ok(match (text.as_str(), file(text, "template")?) {
                ("", _) => (Self::Json, Vec::new()),
                (_, Some(evidence)) => (Self::File(evidence), Vec::new()),
                (_, None) => (Self::Text, vec![(BODY.to_owned(), text.clone())]),
            });
        }
        if !options.template.is_empty() {
            return Err(("form", "give either template or form, not both".to_owned()));
        }
        let (mut parts, mut texts) = (Vec::new(), Vec::new());
        for line in &options.form {
            let wrong = || {
                ("form", format!("{line:?} is no part; give one as in \"body={{{{ label }}}}\" or \"attach=@picture\""))
            };
            let (name, text) = line.split_once('=').ok_or_else(wrong)?;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.[]".contains(c)) {
                return Err(wrong());
            }
            let part = match file(text, "form")? {
                Some(evidence) => Part::File(evidence),
                None => {
                    texts.push((format!("{PART}{name}"), text.to_owned()));
                    Part::Text
                }
            };
            parts.push((name.to_owned(), part));
        }
        Ok((Self::Form(parts), texts))
    }

    /// The body for `message`. A file that does not come is left out: the message matters more.
    pub(super) fn make(&self, templates: &Templates, message: &Message) -> Result<Made, String> {
        let fields = message.fields();
        let made = |bytes: Vec<u8>, media_type: &str| Made { bytes, media_type: media_type.to_owned() };
        Ok(match self {
            Self::Json => made(Value::Object(fields).to_string().into_bytes(), "application/json"),
            Self::Text => made(templates.render(BODY, &fields)?.into_bytes(), "text/plain; charset=utf-8"),
            Self::File(evidence) => match evidence.wait_for(message) {
                Some(bytes) => made(bytes, evidence.media_type()),
                None => {
                    let text = format!("{} ({} is not kept)", message.label, evidence.file());
                    made(text.into_bytes(), "text/plain; charset=utf-8")
                }
            },
            Self::Form(parts) => {
                // An id is no part of any text or file but by chance that nobody meets.
                let mut form = Form { boundary: format!("earwitness-{}-part", message.id), bytes: Vec::new() };
                for (name, part) in parts {
                    match part {
                        Part::Text => form.text(name, &templates.render(&format!("{PART}{name}"), &fields)?),
                        Part::File(evidence) => {
                            if let Some(bytes) = evidence.wait_for(message) {
                                form.file(name, *evidence, &bytes);
                            }
                        }
                    }
                }
                form.end()
            }
        })
    }
}

/// The file that a text asks for.
fn file(text: &str, key: &'static str) -> Result<Option<Evidence>, Fault> {
    match (text.strip_prefix('@'), Evidence::named(text)) {
        (Some(_), None) => Err((key, format!("{text:?} is no file; give @picture, @clip or @interpretation"))),
        (_, evidence) => Ok(evidence),
    }
}

/// A body of type `multipart/form-data` (RFC 7578).
struct Form {
    boundary: String,
    bytes: Vec<u8>,
}

impl Form {
    fn text(&mut self, name: &str, text: &str) {
        self.part(&format!("name=\"{name}\""), "text/plain; charset=utf-8", text.as_bytes());
    }

    fn file(&mut self, name: &str, evidence: Evidence, bytes: &[u8]) {
        self.part(&format!("name=\"{name}\"; filename=\"{}\"", evidence.file()), evidence.media_type(), bytes);
    }

    fn part(&mut self, about: &str, media_type: &str, bytes: &[u8]) {
        let boundary = &self.boundary;
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; {about}\r\nContent-Type: {media_type}\r\n\r\n");
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn end(mut self) -> Made {
        self.bytes.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        Made { bytes: self.bytes, media_type: format!("multipart/form-data; boundary={}", self.boundary) }
    }
}
