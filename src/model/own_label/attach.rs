//! Labels of one's own in an opened package: rows behind those of the dense layer, and whatever else has a row a label.

use std::collections::BTreeMap;

use super::decoder;
use super::file::OwnLabel;
use super::rows::push_row;
use crate::error::{Error, Result};
use crate::model::apnet::DECISION as PROTOTYPE_DECISION;
use crate::model::causal::CausalConfig;
use crate::model::flint::{DECISION_BIAS, DECISION_WEIGHT};
use crate::model::manifest::{Architecture, Manifest};
use crate::model::package::Package;
use crate::model::tensors::Arrays;
use crate::model::vibi::ANSWER;

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
        let left_out = other.into_iter().map(changed).collect();
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
    if let Some(flint) = &manifest.flint {
        let mut arrays = package.tensors(&flint.weights)?;
        push_unknown(&mut arrays, [DECISION_WEIGHT, DECISION_BIAS], flint.n_attributes, own.len())?;
        files.insert(flint.weights.clone(), arrays);
    }
    if let Some(vibi) = &manifest.vibi {
        let mut arrays = package.tensors(&vibi.weights)?;
        push_unknown(&mut arrays, ANSWER, 4 * vibi.channels, own.len())?;
        files.insert(vibi.weights.clone(), arrays);
    }
    if let Some(apnet) = &manifest.apnet {
        let mut arrays = package.tensors(&apnet.weights)?;
        push_unknown(&mut arrays, PROTOTYPE_DECISION, apnet.n_prototypes, own.len())?;
        files.insert(apnet.weights.clone(), arrays);
    }
    files.insert(manifest.classifier.weights.clone(), heads);
    package.extended(own.iter().map(|label| label.as_label()).collect(), &files)
}

/// Rows of zeros in a dense layer that decides, for `n` labels that it does not know: nothing is relevant to them.
fn push_unknown(arrays: &mut Arrays, [weight, bias]: [&str; 2], width: usize, n: usize) -> Result<()> {
    for _ in 0..n {
        push_row(arrays, weight, &vec![0.0; width])?;
        push_row(arrays, bias, &[0.0])?;
    }
    Ok(())
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use candle_core::{Device, Tensor};

    use super::super::file::tests::label;
    use super::*;
    use crate::model::apnet::{ApnetConfig, ApnetNet};
    use crate::model::classifier::Classifier;
    use crate::model::flint::{FlintConfig, FlintNet};
    use crate::model::lmac::{LmacConfig, LmacNet};
    use crate::model::manifest::{Apnet, Flint, Vibi};
    use crate::model::taps::Taps;
    use crate::model::vibi::{VibiConfig, VibiNet};

    fn everyday() -> Package {
        Package::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/everyday")).unwrap()
    }

    /// A label that listens as label `class` of the model does.
    fn twin(package: &Package, class: usize) -> OwnLabel {
        let manifest = package.manifest();
        let arrays = package.tensors(&manifest.classifier.weights).unwrap();
        let width = CausalConfig::from_manifest(manifest).unwrap().embedding;
        let weights = arrays.get("label.weight", &[manifest.labels.len(), width]).unwrap();
        OwnLabel {
            model: manifest.name.clone(),
            network: package.network_sha256().unwrap(),
            bias: arrays.get("label.bias", &[manifest.labels.len()]).unwrap()[class],
            weights: weights[class * width..(class + 1) * width].to_vec(),
            ..label("twin")
        }
    }

    /// Columns that hold something for the network.
    fn columns(n: usize) -> Vec<f32> {
        (0..n * 64).map(|i| 0.4 + 0.4 * ((i * i % 977) as f32 / 977.0 - 0.5) * (1.0 + (i / 640 % 3) as f32)).collect()
    }

    #[test]
    fn a_label_of_ones_own_is_heard_as_any_other_in_segments_and_in_a_stream() {
        let plain = everyday();
        let known = plain.manifest().labels.len();
        let attached = plain.clone().with_own_labels(&[twin(&plain, 3)]).unwrap();
        assert!(attached.left_out.is_empty());
        assert_eq!(attached.package.sha256(), plain.sha256());
        assert_eq!(attached.package.manifest().labels[known], twin(&plain, 3).as_label());
        let (before, after) = (Classifier::load(&plain).unwrap(), Classifier::load(&attached.package).unwrap());
        let x = columns(after.n_frames());
        let (before, heard) = (before.classify(&x).unwrap(), after.classify(&x).unwrap());
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(&before.logits, &heard.logits[..known]), "the model's own labels are heard as before");
        assert!(close(&heard.logits[3..4], &heard.logits[known..]), "{:?}", heard.logits);
        let mut ear = after.ear(0).unwrap();
        let mut last = None;
        for chunk in x.chunks(16 * 64) {
            last = after.hear(&mut [(&mut ear, chunk)]).unwrap().pop();
        }
        assert!(close(&last.unwrap().logits, &heard.logits), "the stream equals the whole");
    }

    #[test]
    fn the_decoder_masks_for_a_label_as_for_the_one_that_it_is_like() {
        let plain = everyday();
        let known = plain.manifest().labels.len();
        let package = plain.clone().with_own_labels(&[twin(&plain, 3)]).unwrap().package;
        let classifier = Classifier::load(&package).unwrap();
        let x = columns(classifier.n_frames());
        let taps = Taps::gather(&[&classifier.classify(&x).unwrap().taps]).unwrap();
        let features = Tensor::from_vec(x, (1, classifier.n_frames(), 64), &Device::Cpu).unwrap();
        let manifest = package.manifest();
        let arrays = package.tensors(&manifest.lmac.as_ref().unwrap().weights).unwrap();
        let net = LmacNet::load(&LmacConfig::from_manifest(manifest).unwrap(), &arrays).unwrap();
        let mask = |class: usize| -> Vec<f32> {
            net.forward(&taps, &features, &[class]).unwrap().flatten_all().unwrap().to_vec1().unwrap()
        };
        let own = mask(known);
        let far =
            |class: usize| own.iter().zip(mask(class)).map(|(a, b)| (a - b).abs()).sum::<f32>() / own.len() as f32;
        assert!(own.iter().all(|m| (0.0..=1.0).contains(m)));
        let others = (0..known).filter(|class| *class != 3).step_by(6).map(far).fold(f32::INFINITY, f32::min);
        assert!(far(3) < others, "{} and {others}", far(3));
    }

    #[test]
    fn interpreters_that_decide_find_nothing_relevant_to_a_label_of_ones_own() {
        let dir = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/everyday");
        for (file, _) in everyday().file_sizes() {
            std::fs::copy(from.join(file), dir.path().join(file)).unwrap();
        }
        let mut manifest = everyday().manifest().clone();
        let known = manifest.labels.len();
        let weights = |name: &str| format!("{name}.safetensors");
        manifest.flint =
            Some(Flint { n_attributes: 4, channels: 3, relevance_threshold: 0.2, weights: weights("flint") });
        manifest.vibi =
            Some(Vibi { chunk_frames: 16, chunk_bands: 8, chosen: 0.5, channels: 2, weights: weights("vibi") });
        manifest.apnet = Some(Apnet {
            n_prototypes: 3,
            frames: 8,
            channels: 2,
            relevance_threshold: 0.2,
            weights: weights("apnet"),
        });
        let filled = |shapes: Vec<(String, Vec<usize>)>| {
            let mut arrays = Arrays::default();
            for (name, shape) in shapes {
                let n = shape.iter().product();
                arrays.insert(name, shape, vec![0.5; n]);
            }
            arrays
        };
        let flint = filled(FlintConfig::from_manifest(&manifest).unwrap().arrays());
        let vibi = filled(VibiConfig::from_manifest(&manifest).unwrap().arrays());
        let apnet = filled(ApnetConfig::from_manifest(&manifest).unwrap().arrays());
        let files = [(weights("flint"), flint), (weights("vibi"), vibi), (weights("apnet"), apnet)].into();
        let plain = Package::write(dir.path(), manifest, &files).unwrap();
        let package = plain.clone().with_own_labels(&[twin(&plain, 3)]).unwrap().package;
        let flint = package.tensors(&weights("flint")).unwrap();
        FlintNet::load(&FlintConfig::from_manifest(package.manifest()).unwrap(), &flint).unwrap();
        let rows = flint.get(DECISION_WEIGHT, &[known + 1, 4]).unwrap();
        assert!(rows[..known * 4].iter().all(|w| *w == 0.5) && rows[known * 4..].iter().all(|w| *w == 0.0));
        let vibi = package.tensors(&weights("vibi")).unwrap();
        VibiNet::load(&VibiConfig::from_manifest(package.manifest()).unwrap(), &vibi).unwrap();
        assert_eq!(vibi.get(ANSWER[1], &[known + 1]).unwrap()[known], 0.0);
        let apnet = package.tensors(&weights("apnet")).unwrap();
        ApnetNet::load(&ApnetConfig::from_manifest(package.manifest()).unwrap(), &apnet).unwrap();
        assert_eq!(apnet.get(PROTOTYPE_DECISION[1], &[known + 1]).unwrap()[known], 0.0);
    }

    #[test]
    fn what_does_not_fit_is_left_out_or_refused_with_the_remedy() {
        let plain = everyday();
        let attach = |label: OwnLabel| plain.clone().with_own_labels(&[label]);
        let changed = attach(OwnLabel { network: "f".repeat(64), ..twin(&plain, 0) }).unwrap();
        assert_eq!(changed.package.manifest(), plain.manifest());
        assert_eq!(
            changed.left_out,
            [
                "the label 'twin' is left out, because the model everyday has changed since it was enrolled; enroll it again \
              with `earwitness enroll twin /a/gate.wav`"
            ]
        );
        let elsewhere = attach(OwnLabel { model: "another".to_owned(), ..twin(&plain, 0) }).unwrap();
        assert!(elsewhere.left_out.is_empty() && elsewhere.package.manifest() == plain.manifest());
        let taken = attach(OwnLabel { name: "dog".to_owned(), ..twin(&plain, 0) }).unwrap_err().to_string();
        assert!(taken.ends_with("rename yours with `earwitness enroll --rename dog NEW`"), "{taken}");
        let narrow = attach(OwnLabel { weights: vec![0.5; 7], ..twin(&plain, 0) }).unwrap_err().to_string();
        assert!(narrow.contains("has 7 weights"), "{narrow}");
    }
}
