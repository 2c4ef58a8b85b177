//! What marks have taught, in an opened package.

use std::collections::BTreeMap;

use super::file::{Change, Learned, row_name};
use crate::error::Result;
use crate::model::causal::CausalConfig;
use crate::model::manifest::{Architecture, Manifest};
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
        let mut heads = self.tensors(&manifest.classifier.weights)?;
        let mut rows = rows_of(&heads, manifest)?;
        let mut left_out = Vec::new();
        for change in &learned.labels {
            let row = manifest.label_names().zip(&mut rows).find(|(name, _)| *name == change.name);
            if !row.is_some_and(|(_, row)| add(row, change)) {
                left_out.push(format!(
                    "what your marks have taught about '{}' is left out, because the label has changed since; run `earwitness learn` again",
                    change.name
                ));
            }
        }
        let (weights, biases): (Vec<Vec<f32>>, Vec<f32>) = rows.into_iter().unzip();
        let n = biases.len();
        heads.insert("label.weight", [n, weights.first().map_or(0, Vec::len)], weights.concat());
        heads.insert("label.bias", [n], biases);
        let files = BTreeMap::from([(manifest.classifier.weights.clone(), heads)]);
        Ok((self.extended(Vec::new(), &files)?, left_out))
    }

    /// Weights and bias of each label's row of the dense layer, where the network hears streams.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] where the weights do not fit the manifest.
    pub fn label_rows(&self) -> Result<Vec<LabelRow>> {
        rows_of(&self.tensors(&self.manifest().classifier.weights)?, self.manifest())
    }
}

/// Weights and bias of one label.
type LabelRow = (Vec<f32>, f32);

fn rows_of(heads: &Arrays, manifest: &Manifest) -> Result<Vec<LabelRow>> {
    let (n, width) = (manifest.labels.len(), CausalConfig::from_manifest(manifest)?.embedding);
    let weights = heads.get("label.weight", &[n, width])?.chunks_exact(width).map(<[f32]>::to_vec);
    Ok(weights.zip(heads.get("label.bias", &[n])?.iter().copied()).collect())
}

/// Adds a change to a row; whether it is the row that the change was learned on.
fn add((weights, bias): &mut LabelRow, change: &Change) -> bool {
    let fits = change.weights.len() == weights.len() && row_name(weights, *bias) == change.row;
    if fits {
        weights.iter_mut().zip(&change.weights).for_each(|(w, change)| *w += change);
        *bias += change.bias;
    }
    fits
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
        let (weights, bias) = plain.label_rows().unwrap().swap_remove(3);
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
