//! Manifests of models that have nothing yet but a classifier.

use std::collections::BTreeMap;

use super::{Activation, Architecture, Classifier, FORMAT_VERSION, FrontEndSpec, Head, Label, Manifest, Segment};

impl Manifest {
    /// A model with a classifier and no interpreter, description, licence, files or origin.
    #[must_use]
    pub fn new(
        name: String,
        front_end: FrontEndSpec,
        segment: Segment,
        labels: Vec<Label>,
        classifier: Classifier,
    ) -> Self {
        Self {
            format: FORMAT_VERSION,
            name,
            description: String::new(),
            licence: String::new(),
            front_end,
            segment,
            labels,
            classifier,
            l2i: None,
            lmac: None,
            flint: None,
            vibi: None,
            apnet: None,
            iba: None,
            drsa: BTreeMap::new(),
            files: BTreeMap::new(),
            training: None,
            scores: toml::Table::new(),
        }
    }
}

impl Classifier {
    /// A classifier of a family, without what one family alone needs; no hidden layer may be read.
    #[must_use]
    pub const fn new(architecture: Architecture, head: Head, activation: Activation, weights: String) -> Self {
        Self {
            architecture,
            input_pool: 1,
            widths: Vec::new(),
            time_pools: Vec::new(),
            causal: None,
            width: None,
            hidden_units: None,
            layers: Vec::new(),
            onnx: None,
            head,
            activation,
            taps: Vec::new(),
            weights,
        }
    }
}
