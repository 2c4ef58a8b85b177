//! The classes of a model: what each is called, where it belongs, and when it is reported.

use serde::{Deserialize, Serialize};

/// The groups that earwitness's own models use, in the order in which they are shown. An imported model may bring others.
pub const GROUPS: [&str; 8] = ["alarm", "people", "animals", "vehicles", "machines", "home", "nature", "music"];

/// Longest name of a group, in bytes.
const MAX_GROUP_BYTES: usize = 40;

/// A class, its default thresholds, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The class's name, unique in the model.
    pub name: String,
    /// An event starts at this probability; `off_threshold` ≤ `on_threshold` < 1.
    pub on_threshold: f32,
    /// An event ends below this probability; greater than 0.
    pub off_threshold: f32,
    /// From this probability on, one stride is enough to begin an event, where the settings ask for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure_threshold: Option<f32>,
    /// The group it belongs to: one of [`GROUPS`], or another lower-case word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it is reported by default; otherwise it is only shown, and an event where the settings ask for it.
    #[serde(default = "reported", skip_serializing_if = "is_reported")]
    pub alarm: bool,
}

impl Label {
    /// A class of no group that is reported.
    #[must_use]
    pub fn new(name: impl Into<String>, on_threshold: f32, off_threshold: f32) -> Self {
        Self { name: name.into(), on_threshold, off_threshold, sure_threshold: None, group: None, alarm: true }
    }
}

/// The groups of these labels, each with the indices of its labels: first those of [`GROUPS`], then others by name, and
/// last, under `None`, the labels of no group.
#[must_use]
pub fn by_group(labels: &[Label]) -> Vec<(Option<&str>, Vec<usize>)> {
    let rank = |group: Option<&str>| match group {
        Some(name) => (GROUPS.iter().position(|known| *known == name).unwrap_or(GROUPS.len()), Some(name.to_owned())),
        None => (GROUPS.len() + 1, None),
    };
    let mut groups: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let group = label.group.as_deref();
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, members)) => members.push(index),
            None => groups.push((group, vec![index])),
        }
    }
    groups.sort_by_cached_key(|(name, _)| rank(*name));
    groups
}

/// Whether `name` can be a group's: lower-case letters, digits, `-` and `_`, a letter first.
#[must_use]
pub fn is_group_name(name: &str) -> bool {
    name.len() <= MAX_GROUP_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

const fn reported() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_reported(alarm: &bool) -> bool {
    *alarm
}
