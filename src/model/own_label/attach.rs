//! Labels of one's own in an opened package: rows behind those of the dense layer, and whatever else has a row a label.

use std::collections::BTreeMap;

use super::decoder;
use super::file::OwnLabel;
use crate::error::{Error, Result};
use crate::model::causal::CausalConfig;
use crate::model::manifest::{Architecture, Manifest};
use crate::model::package::Package;
use crate::model::tensors::Arrays;

/// A package with the labels that fit it.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The package.
    pub package: Package,
    /// What to tell the user of each label that was left out.
    pub left_out: Vec<String>,
}

impl Package {
    /// The package with those of `own` behind its labels that were learned on a model of its name. One that was learned on
    /// other weights is left out, and [`Attached::left_out`] says so. The package's sha256 stays: its own labels are heard
    /// as before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`]: a label of the name is there already, or does not fit the network.
    pub fn with_own_labels(self, own: &[OwnLabel]) -> Result<Attached> {
        let network = self.network_sha256()?;
        let model = self.manifest().name.clone();
        let of_model = own.iter().filter(|label| label.model == model);
        let (fitting, other): (Vec<&OwnLabel>, Vec<&OwnLabel>) = of_model.partition(|label| label.network == network);
        let left_out = other.into_iter().map(|label| changed(label)).collect();
        let package = if fitting.is_empty() { self } else { attach(self, &fitting)? };
        Ok(Attached { package, left_out })
    }
}

fn changed(label: &OwnLabel) -> String {
    format!(
        "the label '{}' is left out, because the model {} has changed since it was enrolled; enroll it again with \
         `earwitness enroll {} {}`",
        label.name,
        label.model,
        label.name,
        label.examples.join(" ")
    )
}

fn attach(package: Package, own: &[&OwnLabel]) -> Result<Package> {
    let manifest = package.manifest().clone();
    if manifest.classifier.architecture != Architecture::Causal {
        return Err(Error::bug(format!("a label was learned on {}, which hears no streams", manifest.name)));
    }
    if let Some(taken) = own.iter().find(|label| manifest.label_names().any(|known| known == label.name)) {
        return Err(Error::model(format!(
            "the model {} has a label '{}' itself; rename yours with `earwitness enroll --rename {} NEW`",
            manifest.name, taken.name, taken.name
        )));
    }
    let embedding = CausalConfig::from_manifest(&manifest)?.embedding;
    if let Some(label) = own.iter().find(|label| label.weights.len() != embedding) {
        return Err(Error::model(format!(
            "the label '{}' has {} weights, and the model {} needs {embedding}; enroll it again",
            label.name,
            label.weights.len(),
            manifest.name
        )));
    }
    let mut files = BTreeMap::new();
    let mut heads = package.tensors(&manifest.classifier.weights)?;
    for label in own {
        push_row(&mut heads, "label.weight", &label.weights)?;
        push_row(&mut heads, "label.bias", &[label.bias])?;
    }
    if let Some(lmac) = manifest.lmac.as_ref().filter(|lmac| lmac.conditioned) {
        let mut decoder = package.tensors(&lmac.weights)?;
        decoder::teach(&manifest, &mut decoder, &heads, own.len())?;
        files.insert(lmac.weights.clone(), decoder);
    }
    if let Some((file, theta)) = theta(&package, &manifest, own.len())? {
        files.insert(file, theta);
    }
    files.insert(manifest.classifier.weights.clone(), heads);
    package.extended(own.iter().map(|label| label.as_label()).collect(), &files)
}

/// Θ's dense layer with rows of zeros for `n` labels that it does not know: to L2I they have no relevant component.
fn theta(package: &Package, manifest: &Manifest, n: usize) -> Result<Option<(String, Arrays)>> {
    let Some(file) = manifest.l2i.as_ref().and_then(|l2i| l2i.weights.clone()) else { return Ok(None) };
    let mut arrays = package.tensors(&file)?;
    let components = manifest.l2i.as_ref().map_or(0, |l2i| l2i.n_components);
    for _ in 0..n {
        push_row(&mut arrays, "fc1.weight", &vec![0.0; components])?;
        if arrays.0.contains_key("fc1.bias") {
            push_row(&mut arrays, "fc1.bias", &[0.0])?;
        }
    }
    Ok(Some((file, arrays)))
}

/// Appends a row to an array `[rows, …]`.
pub(super) fn push_row(arrays: &mut Arrays, name: &str, row: &[f32]) -> Result<()> {
    let array = arrays.0.get_mut(name).filter(|array| array.shape.iter().skip(1).product::<usize>() == row.len());
    let array = array
        .ok_or_else(|| Error::model(format!("the weights have no '{name}' with rows of {}; copy the model again", row.len())))?;
    array.values.extend_from_slice(row);
    if let Some(rows) = array.shape.first_mut() {
        *rows += 1;
    }
    Ok(())
}
