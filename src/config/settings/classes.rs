//! What is wanted of single classes, and of groups of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::section::PutOnto;
use crate::config::values::KeepMode;

/// A `[class.LABEL]` table: what is wanted of one class, or of each class of a group. What is not given is as for every class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassConfig {
    /// Whether it is listened for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether it is an event, and not only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<bool>,
    /// Probability at which an event starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Probability below which it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_threshold: Option<f64>,
    /// Shorter events are not reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_secs: Option<f64>,
    /// A longer event is reported in pieces of this length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_event_secs: Option<f64>,
    /// After an event the class stays silent for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_secs: Option<f64>,
    /// What is kept of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<KeepMode>,
}

impl ClassConfig {
    /// What the documented file says of these tables; the blank after `///` stands at the front as in doc comments.
    pub(in crate::config) const ABOUT: &[&str] = &[
        " What is wanted of one class, or of every class of a group: one table like this for each; a class's own table comes",
        " before its group's. What is not given is as for every class.",
    ];

    /// Each key with its comment and an example.
    pub(in crate::config) const EXAMPLE: &[(&str, &str)] = &[
        ("enabled = true", " Whether it is listened for."),
        (
            "alarm = true",
            " Whether it is reported, and not only shown; without it, as the model says (`earwitness model show`).",
        ),
        (
            "threshold = 0.6",
            " Probability at which an event starts; as in [detector.thresholds], which comes before it.",
        ),
        (
            "off_threshold = 0.4",
            " Probability below which it ends; without it, the model's, and at most the threshold.",
        ),
        ("min_duration_secs = 0.1", " These three as in [detector]."),
        ("max_event_secs = 30.0", ""),
        ("cooldown_secs = 0.0", ""),
        (
            "record = \"full\"",
            " What is kept of its events: \"full\" (audio, picture, figures) or \"figures\" (nothing that can be heard).",
        ),
    ];
}

/// A table given above adds to the one below key by key.
impl PutOnto for ClassConfig {
    fn put_onto(self, below: &mut Self) {
        below.enabled = self.enabled.or(below.enabled);
        below.alarm = self.alarm.or(below.alarm);
        below.threshold = self.threshold.or(below.threshold);
        below.off_threshold = self.off_threshold.or(below.off_threshold);
        below.min_duration_secs = self.min_duration_secs.or(below.min_duration_secs);
        below.max_event_secs = self.max_event_secs.or(below.max_event_secs);
        below.cooldown_secs = self.cooldown_secs.or(below.cooldown_secs);
        below.record = self.record.or(below.record);
    }
}

/// `[class.…]` tables by label or group.
pub type Classes = BTreeMap<String, ClassConfig>;

/// Names for several labels, by name.
pub type Groups = BTreeMap<String, Vec<String>>;

/// What the documented file says of `[groups]`.
pub(in crate::config) const ABOUT_GROUPS: &[&str] = &[
    " Names for several labels. A group can stand wherever a label can, and its events carry its name. Those of the model",
    " are there too (`earwitness model show`); one here takes the place of the model's of the same name, and may hold others of the",
    " model. A name that is both a label and a group is the label, unless the label belongs to that group: then it is the group.",
    " \"label:NAME\" and \"group:NAME\" are always what they say.",
    " As in: animals = [\"dog\", \"rooster\"]",
];
