//! The file of one label: TOML of a few kilobytes, strictly checked.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::model::manifest::{Label, is_group_name};
use crate::toml_text::{BadValue, TomlText};

/// The format that this program reads and writes.
const FORMAT_VERSION: u32 = 1;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Most recordings that one label is learned from.
pub const MAX_EXAMPLES: usize = 200;
/// Longest text of one example's place, in bytes.
const MAX_EXAMPLE_BYTES: usize = 4096;
/// Widest embedding; as wide as a causal network's layer may be.
const MAX_WEIGHTS: usize = 4096;
/// Largest weight: embeddings are below 100, and no logit needs more than some hundreds.
const MAX_WEIGHT: f32 = 1e4;

/// A label that was learned from examples, on top of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnLabel {
    /// Version of the file's format.
    pub format: u32,
    /// The label's name: letters, digits, `-` and `_`.
    pub name: String,
    /// The group it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Name of the model that it was learned on.
    pub model: String,
    /// What names the model's network beyond doubt: [`Package::network_sha256`](crate::model::package::Package::network_sha256).
    pub network: String,
    /// An event starts at this probability.
    pub on_threshold: f32,
    /// An event ends below this probability.
    pub off_threshold: f32,
    /// The day on which it was learned, as in `2026-11-20`.
    pub date: String,
    /// Where the examples lay: what to learn from again on another model.
    pub examples: Vec<String>,
    /// Bias of the row.
    pub bias: f32,
    /// Weights of the row, one for each value of a frame's embedding.
    pub weights: Vec<f32>,
}

impl OwnLabel {
    /// Reads and checks a label; `name` is what errors call the text: the file's path.
    ///
    /// # Errors
    /// [`ErrorKind::Model`], naming file, line, key, value and remedy.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let source = TomlText { name, text, kind: ErrorKind::Model };
        if let Some(format) = source.peek_integer("format")
            && format != i64::from(FORMAT_VERSION)
        {
            return Err(Error::model(format!(
                "{name}: this is label format {format}, and this earwitness reads format {FORMAT_VERSION}; enroll the label again"
            )));
        }
        let label: Self = source.parse()?;
        label.problem().map_or(Ok(label), |bad| Err(source.value_error(&bad)))
    }

    /// The file's text, as [`Self::parse`] reads it.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] where a value cannot be used, as in [`Self::parse`].
    pub fn to_toml(&self) -> Result<String> {
        if let Some(bad) = self.problem() {
            return Err(TomlText { name: "the label", text: "", kind: ErrorKind::Model }.value_error(&bad));
        }
        let body =
            toml::to_string(self).map_err(|e| Error::bug(format!("the label {} cannot be written: {e}", self.name)))?;
        Ok(format!(
            "# A label of your own; `earwitness enroll --list` lists them, `--remove {}` takes it back.\n{body}",
            self.name
        ))
    }

    /// The version that this program writes.
    #[must_use]
    pub const fn format() -> u32 {
        FORMAT_VERSION
    }

    /// As a package has it.
    #[must_use]
    pub fn as_label(&self) -> Label {
        Label {
            // The score pools several frames already, so one stride says as much as several.
            sure_threshold: Some(self.on_threshold),
            group: self.group.clone(),
            ..Label::new(&self.name, self.on_threshold, self.off_threshold)
        }
    }

    /// The first value that cannot be used.
    fn problem(&self) -> Option<BadValue> {
        if let Err(remedy) = check_name(&self.name) {
            return Some(BadValue::new("name", format!("{:?}", self.name), remedy));
        }
        if let Some(group) = self.group.as_deref().filter(|group| !is_group_name(group)) {
            return Some(BadValue::new("group", format!("{group:?}"), "give a lower-case word"));
        }
        if self.network.len() != 64 || !self.network.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Some(BadValue::new("network", format!("{:?}", self.network), AGAIN));
        }
        let (on, off) = (self.on_threshold, self.off_threshold);
        if !(on > 0.0 && on < 1.0) {
            return Some(BadValue::new("on_threshold", on, "give a probability above 0 and below 1"));
        }
        if !(off > 0.0 && off <= on) {
            return Some(BadValue::new("off_threshold", off, "give a probability above 0 and at most on_threshold"));
        }
        if self.examples.len() > MAX_EXAMPLES || self.examples.iter().any(|e| e.len() > MAX_EXAMPLE_BYTES) {
            return Some(BadValue::new("examples", "a list too long", AGAIN));
        }
        if !(1..=MAX_WEIGHTS).contains(&self.weights.len()) {
            return Some(BadValue::new("weights", format!("a list of {}", self.weights.len()), AGAIN));
        }
        let numbers = std::iter::once(("bias", self.bias)).chain(self.weights.iter().map(|w| ("weights", *w)));
        let bad = numbers.into_iter().find(|(_, x)| !(x.is_finite() && x.abs() <= MAX_WEIGHT))?;
        Some(BadValue::new(bad.0, bad.1, AGAIN))
    }
}

const AGAIN: &str = "enroll the label again";

/// Whether a label of one's own can have this name, which also names its file.
///
/// # Errors
/// What to do about it.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let fits = name.len() <= MAX_NAME_BYTES && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if begins && fits {
        return Ok(());
    }
    Err(format!("give 1 to {MAX_NAME_BYTES} letters, digits, '-' and '_', a letter or digit first, as in garden_gate"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::model::own_label) fn label(name: &str) -> OwnLabel {
        OwnLabel {
            format: 1,
            name: name.to_owned(),
            group: Some("home".to_owned()),
            model: "small".to_owned(),
            network: "0".repeat(64),
            on_threshold: 0.5,
            off_threshold: 0.2,
            date: "2026-11-20".to_owned(),
            examples: vec!["/a/gate.wav".to_owned()],
            bias: -1.5,
            weights: vec![0.25, -0.1, 1e-7],
        }
    }

    #[test]
    fn it_reads_back_what_it_writes() {
        let label = label("garden_gate");
        assert_eq!(OwnLabel::parse(&label.to_toml().unwrap(), "f").unwrap(), label);
    }

    #[test]
    fn what_cannot_be_is_refused_with_key_value_and_remedy() {
        let good = label("gate").to_toml().unwrap();
        for (from, to, part) in [
            ("name = \"gate\"", "name = \"../gate\"", "f, line 3: name = \"../gate\" cannot be used; give 1 to 64"),
            ("name = \"gate\"", "name = \"\"", "letter or digit first"),
            ("group = \"home\"", "group = \"Home sweet\"", "lower-case word"),
            ("on_threshold = 0.5", "on_threshold = 1.5", "above 0 and below 1"),
            ("off_threshold = 0.2", "off_threshold = 0.7", "at most on_threshold"),
            ("bias = -1.5", "bias = nan", "enroll the label again"),
            ("bias = -1.5", "bias = 1e30", "enroll the label again"),
            ("0.25", "inf", "enroll the label again"),
            ("bias = -1.5", "bias = -1.5\nrun = \"rm\"", "unknown key"),
            ("format = 1", "format = 2", "this is label format 2"),
            ("0000\"", "00zz\"", "network"),
        ] {
            assert!(good.contains(from), "{from}: {good}");
            let e = OwnLabel::parse(&good.replacen(from, to, 1), "f").unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Model);
            assert!(e.to_string().contains(part), "{to}: {e}");
        }
        let many = OwnLabel { weights: vec![0.0; MAX_WEIGHTS + 1], ..label("gate") };
        assert!(many.to_toml().unwrap_err().to_string().contains("weights = a list of 4097"));
    }
}
