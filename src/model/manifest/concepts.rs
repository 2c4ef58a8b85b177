//! The `[drsa]` tables of a manifest: subspaces of a hidden layer that stand for concepts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Label;
use super::bounds::block_index;
use crate::toml_text::BadValue;

/// The ways to concepts that a package may hold, as methods and commands name them: `[drsa.NAME]` in the manifest.
pub const CONCEPT_METHODS: [&str; 4] = ["drsa", "dsa", "prca", "random-subspaces"];

/// Longest name of a concept or component, in bytes.
const MAX_NAME_BYTES: usize = 80;

/// Subspaces of one layer, made in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConceptsSpec {
    /// The block whose output they cut, numbered from 1, as in `block4`.
    pub layer: String,
    /// Concepts of each label: the layer's channels are a multiple.
    pub concepts: usize,
    /// The rules that share relevance out ([`crate::model::backward::PRESETS`]), in training and when they are used.
    pub rules: String,
    /// The file that holds an orthogonal matrix for each label, under the label's name.
    pub weights: String,
    /// Names that a person gave to a label's concepts; an empty one is none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
}

impl ConceptsSpec {
    /// The block, from 0.
    #[must_use]
    pub fn block(&self) -> Option<usize> {
        block_index(&self.layer)
    }

    /// The name that a person gave to a concept; empty where nobody did.
    #[must_use]
    pub fn given_name(&self, label: &str, concept: usize) -> &str {
        self.names.get(label).and_then(|names| names.get(concept)).map_or("", String::as_str)
    }

    /// The first value that cannot be used.
    pub(super) fn problem(&self, method: &str, labels: &[Label]) -> Option<BadValue> {
        let key = |k: &str| format!("drsa.{method}.{k}");
        if !CONCEPT_METHODS.contains(&method) {
            let remedy = format!("name the table for one of {}", CONCEPT_METHODS.join(", "));
            return Some(BadValue::new(format!("drsa.{method}"), "a table", remedy));
        }
        if self.block().is_none() {
            return Some(BadValue::new(key("layer"), format!("{:?}", self.layer), "name a block, as in \"block4\""));
        }
        if !(1..=256).contains(&self.concepts) {
            return Some(BadValue::new(key("concepts"), self.concepts, "give 1 to 256 concepts"));
        }
        self.names.iter().find_map(|(label, names)| {
            let key = key(&format!("names.{label}"));
            if !labels.iter().any(|known| known.name == *label) {
                return Some(BadValue::new(key, "a list of names", "name a label of the model"));
            }
            if names.len() > self.concepts {
                let remedy = format!("give at most {} names", self.concepts);
                return Some(BadValue::new(key, format!("a list of {} names", names.len()), remedy));
            }
            let too_long = names.iter().find(|name| !is_name(name))?;
            Some(BadValue::new(key, format!("{too_long:?}"), name_rule()))
        })
    }
}

/// Whether a name can be shown to a person.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
}

/// What [`is_name`] asks for, as a remedy.
#[must_use]
pub fn name_rule() -> String {
    format!("give a name of at most {MAX_NAME_BYTES} bytes on one line")
}
