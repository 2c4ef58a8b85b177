//! What `--start` begins with.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::manifest::{Activation, Classifier, Manifest};
use crate::model::package::Package;
use crate::model::tensors::Arrays;

/// The weights of another package of the same net; its commands come first in the new one's record.
pub(super) fn weights_to_start_with(dir: &Path, manifest: &mut Manifest) -> Result<Arrays> {
    let package = Package::open(dir)?;
    let other = package.manifest();
    let names = |m: &Manifest| m.labels.iter().map(|l| l.name.clone()).collect::<Vec<_>>();
    // Activation, taps and the file's name are not the net.
    let shape = |m: &Manifest| Classifier {
        activation: Activation::Sigmoid,
        taps: Vec::new(),
        weights: String::new(),
        ..m.classifier.clone()
    };
    if shape(other) != shape(manifest) || names(other) != names(manifest) {
        return Err(Error::usage(format!(
            "the model {} has another shape or other classes than what is to be trained; give its shape, or leave --start out",
            other.name
        )));
    }
    if let (Some(now), Some(before)) = (&mut manifest.training, &other.training) {
        let classifier = before.commands.iter().filter(|c| c.contains(" train classifier ")).cloned();
        now.commands.splice(0..0, classifier);
    }
    package.tensors(&other.classifier.weights)
}
