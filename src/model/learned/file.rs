//! One version of what marks have taught: TOML, strictly checked.

use serde::{Deserialize, Serialize};

use super::moments;
use crate::error::{Error, ErrorKind, Result};
use crate::model::package::hex_sha256;
use crate::toml_text::{BadValue, TomlText};

/// The format that this program reads and writes.
const FORMAT_VERSION: u32 = 1;
/// Most marks that are remembered.
pub const MAX_MARKS: usize = 500;
/// Most labels that change.
const MAX_LABELS: usize = 2000;
/// Widest embedding; as wide as a causal network's layer may be.
const MAX_WEIGHTS: usize = 4096;
/// Largest change of a weight.
const MAX_WEIGHT: f32 = 1e4;
/// Longest name and id, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// What marks have taught one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// Version of the file's format.
    pub format: u32,
    /// Name of the model.
    pub model: String,
    /// The network that it was learned on: [`Package::network_sha256`](crate::model::package::Package::network_sha256).
    pub network: String,
    /// The day on which it was learned, as in `2026-11-20`.
    pub date: String,
    /// What changes, one entry a label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Change>,
    /// The marks that it was learned from, by event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// What is added to one label's row of the dense layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The label.
    pub name: String,
    /// The row that it is added to ([`row_name`]): to another it says nothing.
    pub row: String,
    /// Added to the bias.
    pub bias: f32,
    /// Added to the weights, one for each value of a frame's embedding.
    pub weights: Vec<f32>,
}

/// What a person said of one event, and moments of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The event's id.
    pub event: String,
    /// The label that was reported.
    pub label: String,
    /// Whether that was right.
    pub right: bool,
    /// What it was instead, where the person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    step: f32,
    moments: String,
}

impl Mark {
    /// A mark with embeddings `[n, width]` of the event.
    ///
    /// # Errors
    /// A bug: values that no embedding has.
    pub fn new(event: String, label: String, right: bool, truth: Option<String>, embeddings: &[f32]) -> Result<Self> {
        let (step, moments) = moments::encode(embeddings)?;
        Ok(Self { event, label, right, truth, step, moments })
    }

    /// The embeddings, `[n, width]`.
    #[must_use]
    pub fn embeddings(&self) -> Vec<f32> {
        moments::decode(self.step, &self.moments).unwrap_or_default()
    }
}

/// Names a row of a dense layer by its values.
#[must_use]
pub fn row_name(weights: &[f32], bias: f32) -> String {
    let bytes: Vec<u8> = weights.iter().chain([&bias]).flat_map(|x| x.to_le_bytes()).collect();
    hex_sha256(&bytes).chars().take(16).collect()
}

impl Learned {
    /// What has not learned anything yet.
    #[must_use]
    pub const fn new(model: String, network: String, date: String) -> Self {
        Self { format: FORMAT_VERSION, model, network, date, labels: Vec::new(), marks: Vec::new() }
    }

    /// Reads and checks a version; `name` is what errors call the text: the file's path.
    ///
    /// # Errors
    /// [`ErrorKind::Model`], naming file, line, key, value and remedy.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let source = TomlText { name, text, kind: ErrorKind::Model };
        if let Some(format) = source.peek_integer("format")
            && format != i64::from(FORMAT_VERSION)
        {
            return Err(Error::model(format!(
                "{name}: this is format {format} of what marks have taught, and this earwitness reads format {FORMAT_VERSION}; \
                 remove the file and run `earwitness learn` again"
            )));
        }
        let learned: Self = source.parse()?;
        learned.problem().map_or(Ok(learned), |bad| Err(source.value_error(&bad)))
    }

    /// The file's text, as [`Self::parse`] reads it.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] where a value cannot be used, as in [`Self::parse`].
    pub fn to_toml(&self) -> Result<String> {
        if let Some(bad) = self.problem() {
            return Err(TomlText { name: "what marks have taught", text: "", kind: ErrorKind::Model }.value_error(&bad));
        }
        let body = toml::to_string(self)
            .map_err(|e| Error::bug(format!("what marks have taught {} cannot be written: {e}", self.model)))?;
        Ok(format!(
            "# What your marks have taught the model; `earwitness learn --undo` takes the newest version back.\n{body}"
        ))
    }

    /// The first value that cannot be used.
    fn problem(&self) -> Option<BadValue> {
        let hex =
            |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !hex(&self.network, 64) {
            return Some(BadValue::new("network", format!("{:?}", self.network), AGAIN));
        }
        if self.labels.len() > MAX_LABELS || self.marks.len() > MAX_MARKS {
            return Some(BadValue::new("marks", format!("a list of {}", self.marks.len()), AGAIN));
        }
        let width = self.labels.first().map_or(0, |change| change.weights.len());
        for (i, change) in self.labels.iter().enumerate() {
            let numbers = std::iter::once(&change.bias).chain(&change.weights);
            let fits = change.weights.len() == width && (1..=MAX_WEIGHTS).contains(&width);
            if !fits || !numbers.clone().all(|x| x.is_finite() && x.abs() <= MAX_WEIGHT) || !hex(&change.row, 16) {
                return Some(BadValue::new(format!("labels[{i}]"), format!("{:?}", change.name), AGAIN));
            }
        }
        let short = |text: &str| text.len() <= MAX_TEXT_BYTES;
        let wrong = |mark: &Mark| {
            !(short(&mark.event) && short(&mark.label) && mark.truth.as_deref().is_none_or(short))
                || moments::decode(mark.step, &mark.moments).is_none()
        };
        let bad = self.marks.iter().position(wrong)?;
        Some(BadValue::new(format!("marks[{bad}]"), format!("{:?}", self.marks[bad].event), AGAIN))
    }
}

const AGAIN: &str = "remove the file and run `earwitness learn` again";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::model::learned) fn learned() -> Learned {
        let mut learned = Learned::new("small".into(), "0".repeat(64), "2026-11-20".into());
        learned.labels =
            vec![Change { name: "dog".into(), row: "0".repeat(16), bias: -1.5, weights: vec![0.25, -0.1, 1e-7] }];
        learned.marks = vec![
            Mark::new("01JD8".into(), "dog".into(), false, Some("fan".into()), &[0.5, 0.0, 2.0]).unwrap(),
            Mark::new("01JD9".into(), "dog".into(), true, None, &[]).unwrap(),
        ];
        learned
    }

    #[test]
    fn it_reads_back_what_it_writes() {
        let text = learned().to_toml().unwrap();
        assert_eq!(Learned::parse(&text, "f").unwrap(), learned());
        let want = [0.5, 0.0, 2.0];
        assert!(learned().marks[0].embeddings().iter().zip(want).all(|(a, b)| (a - b).abs() < 0.005));
        let empty = Learned::new("small".into(), "0".repeat(64), "2026-11-20".into());
        assert_eq!(Learned::parse(&empty.to_toml().unwrap(), "f").unwrap(), empty);
    }

    #[test]
    fn what_cannot_be_is_refused_with_key_value_and_remedy() {
        let good = learned().to_toml().unwrap();
        for (from, to, part) in [
            ("format = 1", "format = 2", "this is format 2"),
            ("0000\"\ndate", "00zz\"\ndate", "network"),
            ("bias = -1.5", "bias = nan", "labels[0] = \"dog\" cannot be used; remove the file"),
            ("0.25", "1e30", "labels[0]"),
            ("step = ", "run = 1\nstep = ", "unknown key"),
            ("moments = \"40", "moments = \"4", "marks[0] = \"01JD8\""),
        ] {
            assert!(good.contains(from), "{from}: {good}");
            let e = Learned::parse(&good.replacen(from, to, 1), "f").unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Model);
            assert!(e.to_string().contains(part), "{to}: {e}");
        }
        let mark = learned().marks[0].clone();
        let many = Learned { marks: vec![mark; MAX_MARKS + 1], ..learned() };
        assert!(many.to_toml().unwrap_err().to_string().contains("a list of 501"));
    }

    #[test]
    fn a_row_is_named_by_its_values() {
        assert_eq!(row_name(&[1.0, 2.0], 0.5).len(), 16);
        assert_ne!(row_name(&[1.0, 2.0], 0.5), row_name(&[1.0, 2.0], 0.25));
    }
}
