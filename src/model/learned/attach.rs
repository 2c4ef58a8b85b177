//! What marks have taught, in an opened package.

use std::collections::BTreeMap;

use super::file::{Change, Learned, row_name};
use crate::error::{Error, Result};
use crate::model::causal::CausalConfig;
use crate::model::manifest::Architecture;
use crate::model::package::Package;
use crate::model::tensors::Arrays;

impl Package {
    /// The package with the rows of its dense layer changed as `learned` says, in memory alone, and a sentence for each change that
    /// was left out: one that was learned on another network, or on a row that is another now. `network` is what
    /// [`Package::network_sha256`] said before labels of the user's own were added. The package's sha256 stays.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: a change does not fit the network.
    pub fn with_learned(self, learned: &Learned, network: &str) -> Result<(Self, Vec<String>)> {
        let manifest = self.manifest();
        if learned.labels.is_empty() {
            return Ok((self, Vec::new()));
        }
        if learned.network != network || manifest.classifier.architecture != Architecture::Causal {
            let left_out = format!(
                "what your marks have taught the model {} is left out, because the model has changed since; run `earwitness learn` again",
                manifest.name
            );
            return Ok((self, vec![left_out]));
        }
        let width = CausalConfig::from_manifest(manifest)?.embedding;
        let mut heads = self.tensors(&manifest.classifier.weights)?;
        let mut left_out = Vec::new();
        for change in &learned.labels {
            let class = manifest.label_names().position(|name| name == change.name);
            if !class.is_some_and(|class| add(&mut heads, class, width, change)) {
                left_out.push(format!(
                    "what your marks have taught about '{}' is left out, because the label has changed since; run `earwitness learn` again",
                    change.name
                ));
            }
        }
        let files = BTreeMap::from([(manifest.classifier.weights.clone(), heads)]);
        Ok((self.extended(Vec::new(), &files)?, left_out))
    }

    /// Weights and bias of the dense layer's row for `class`, where the network hears streams.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where the weights do not fit the manifest.
    pub fn label_row(&self, class: usize) -> Result<(Vec<f32>, f32)> {
        let manifest = self.manifest();
        let width = CausalConfig::from_manifest(manifest)?.embedding;
        let (heads, n) = (self.tensors(&manifest.classifier.weights)?, manifest.labels.len());
        let weights = heads.get("label.weight", &[n, width])?.chunks_exact(width).nth(class);
        let bias = heads.get("label.bias", &[n])?.get(class);
        weights
            .zip(bias)
            .map(|(weights, bias)| (weights.to_vec(), *bias))
            .ok_or_else(|| Error::bug(format!("the model {} has no label {class}", manifest.name)))
    }
}

/// Adds a change to the row of `class`; whether it is the row that the change was learned on.
fn add(heads: &mut Arrays, class: usize, width: usize, change: &Change) -> bool {
    let row = |heads: &Arrays| -> Option<(Vec<f32>, f32)> {
        let weights = heads.0.get("label.weight")?.values.get(class * width..(class + 1) * width)?.to_vec();
        Some((weights, *heads.0.get("label.bias")?.values.get(class)?))
    };
    let Some((weights, bias)) = row(heads) else { return false };
    if change.weights.len() != width || row_name(&weights, bias) != change.row {
        return false;
    }
    if let Some(array) = heads.0.get_mut("label.weight") {
        array.values[class * width..].iter_mut().zip(&change.weights).for_each(|(w, change)| *w += change);
    }
    if let Some(array) = heads.0.get_mut("label.bias") {
        array.values[class] += change.bias;
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::classifier::Classifier;

    #[test]
    fn a_changed_label_is_heard_otherwise_and_the_rest_as_before() {
        let plain = Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/everyday")).unwrap();
        let network = plain.network_sha256().unwrap();
        let (weights, bias) = plain.label_row(3).unwrap();
        let name = plain.manifest().labels[3].name.clone();
        let change = Change { name, row: row_name(&weights, bias), bias: -2.0, weights: vec![0.0; weights.len()] };
        let learned = Learned {
            labels: vec![change.clone()],
            ..Learned::new("everyday".into(), network.clone(), "2026-11-20".into())
        };
        let (package, left_out) = plain.clone().with_learned(&learned, &network).unwrap();
        assert_eq!((left_out.len(), package.sha256()), (0, plain.sha256()));
        let (before, after) = (Classifier::load(&plain).unwrap(), Classifier::load(&package).unwrap());
        let x: Vec<f32> =
            (0..after.n_frames() * 64).map(|i| 0.4 + 0.2 * ((i * i % 977) as f32 / 977.0 - 0.5)).collect();
        let (before, after) = (before.classify(&x).unwrap().logits, after.classify(&x).unwrap().logits);
        assert!(after[3] < before[3] - 0.5, "{} {}", after[3], before[3]);
        let others = before.iter().zip(&after).enumerate().filter(|(class, _)| *class != 3);
        assert!(others.into_iter().all(|(_, (a, b))| (a - b).abs() < 1e-4));

        let (same, left_out) = package.with_learned(&learned, &network).unwrap();
        assert!(left_out[0].contains("the label has changed since"), "{left_out:?}");
        let gone = Learned { labels: vec![Change { name: "nothing".into(), ..change }], ..learned.clone() };
        assert_eq!(same.with_learned(&gone, &network).unwrap().1.len(), 1);
        let (_, left_out) = plain.with_learned(&learned, &"f".repeat(64)).unwrap();
        assert!(left_out[0].contains("the model has changed since"), "{left_out:?}");
    }
}
