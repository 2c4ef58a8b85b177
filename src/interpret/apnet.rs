//! APNet (Zinemanas et al. 2021): the prototypes that a segment is like, and where. It explains its own decision, which is not
//! the classifier's: what a prototype adds is its similarity times its weight, and the mask is the prototype itself, decoded,
//! at the place where the sound is most like it.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::parts::{self, Parts, PartsExplanation};
use super::relevance_mask::{MaskForm, RelevanceMask};
use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::apnet::{ApnetConfig, ApnetNet, BANDS, DECISION_WEIGHT};
use crate::model::manifest::APNET_STEP;
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// What all explanations of one model share.
struct Shared {
    config: ApnetConfig,
    /// The decision's weights, `[n_classes, n_prototypes]`.
    decision: Vec<f32>,
    /// H, `[n_prototypes, bands]`.
    bands: Vec<f32>,
    /// What each prototype sounds like: its decoded input above silence, `[frames, n_mels]` each.
    decoded: Vec<Vec<f32>>,
    /// What each prototype is called, by the label that it speaks for most.
    names: Vec<String>,
    threshold: f32,
}

/// The method, with the network of one package. It is small and runs on the CPU, wherever the classifier does.
pub struct Apnet {
    net: ApnetNet,
    shared: Arc<Shared>,
    mask: Arc<RelevanceMask>,
}

impl Apnet {
    /// Loads the network of a package.
    ///
    /// # Errors
    /// A model error where the package has no `[apnet]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let config = ApnetConfig::from_manifest(manifest)?;
        let apnet = manifest.apnet.as_ref().ok_or_else(|| Error::bug("a manifest lost its [apnet]"))?;
        let arrays = package.tensors(&apnet.weights)?;
        let net = ApnetNet::load(&config, &arrays)?;
        let decision = arrays.get(DECISION_WEIGHT, &[config.n_classes, config.n_prototypes])?.to_vec();
        let labels: Vec<&str> = manifest.label_names().collect();
        let shared = Shared {
            bands: arrays.get(BANDS, &[config.n_prototypes, config.bands()])?.to_vec(),
            decoded: decoded(&net)?,
            names: names(&decision, config.n_prototypes, &labels),
            threshold: apnet.relevance_threshold,
            decision,
            config,
        };
        Ok(Self {
            net,
            shared: Arc::new(shared),
            mask: Arc::new(RelevanceMask::new(&manifest.front_end.params()?, MaskForm::Gain)?),
        })
    }
}

/// What the decoder makes of the prototypes, less silence, at least 0.
fn decoded(net: &ApnetNet) -> Result<Vec<Vec<f32>>> {
    let inputs = net.decode(&net.prototypes()?)?.flatten_from(1)?.to_vec2::<f32>()?;
    let silence = net.config().silence;
    Ok(inputs.into_iter().map(|input| input.into_iter().map(|v| (v - silence).max(0.0)).collect()).collect())
}

/// `dog, prototype 2`: the label with the largest weight, and which of its prototypes it is.
fn names(decision: &[f32], n_prototypes: usize, labels: &[&str]) -> Vec<String> {
    let mut counts = vec![0; labels.len()];
    let one = |prototype: usize| {
        let weight = |class: &usize| decision[class * n_prototypes + prototype];
        let best = (0..labels.len()).max_by(|a, b| weight(a).total_cmp(&weight(b)));
        best.map_or_else(String::new, |class| {
            counts[class] += 1;
            format!("{}, prototype {}", labels[class], counts[class])
        })
    };
    (0..n_prototypes).map(one).collect()
}

impl Interpreter for Apnet {
    fn method(&self) -> &'static str {
        "apnet"
    }

    fn needs(&self) -> Needs {
        Needs { taps: false, backward: false, forward_passes: 0 }
    }

    fn reads_magnitude(&self) -> bool {
        false
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let config = &self.shared.config;
        let (n_mels, m) = (config.n_mels, config.n_prototypes);
        let n_frames = segment.features.len() / n_mels;
        let features = Tensor::from_slice(segment.features, (1, n_frames, n_mels), &Device::Cpu)?;
        let likeness = self.net.compare(&self.net.encode(&features)?)?;
        let logits = self.net.decide(&likeness)?.flatten_all()?.to_vec1()?;
        let rows = |t: &Tensor| -> Result<Vec<Vec<f32>>> { Ok(t.squeeze(0)?.to_vec2()?) };
        let similarities = rows(&likeness.similarities)?;
        let by_band = likeness.by_band.iter().map(rows).collect::<Result<Vec<_>>>()?;
        let best = |prototype: usize| {
            let at = |place: &usize| similarities[*place][prototype];
            (0..similarities.len()).max_by(|a, b| at(a).total_cmp(&at(b))).unwrap_or(0)
        };
        let found = |prototype: usize| {
            let place = best(prototype);
            Found {
                place,
                similarity: similarities[place][prototype],
                in_bands: by_band.iter().map(|band| band[place][prototype]).collect(),
            }
        };
        let parts =
            Prototypes { found: (0..m).map(found).collect(), logits, n_frames, shared: Arc::clone(&self.shared) };
        Ok(Box::new(PartsExplanation { parts, n_frames, n_mels, mask: Arc::clone(&self.mask) }))
    }
}

/// Where a segment is most like a prototype, and how much.
struct Found {
    /// Steps from the segment's beginning.
    place: usize,
    similarity: f32,
    /// exp(−distance), lowest band first.
    in_bands: Vec<f32>,
}

/// The prototypes in one segment.
struct Prototypes {
    found: Vec<Found>,
    logits: Vec<f32>,
    n_frames: usize,
    shared: Arc<Shared>,
}

impl Prototypes {
    /// s_j · w_cj over the largest magnitude; all 0 for a class that there is not.
    fn relevance(&self, class: ClassId) -> Vec<f32> {
        let m = self.found.len();
        let row = self.shared.decision.get(class.0 * m..(class.0 + 1) * m).unwrap_or(&[]);
        let products = self.found.iter().zip(row).map(|(found, w)| found.similarity * w).collect();
        parts::relevance(products, m)
    }

    /// Adds a prototype's sound, `amount` times, where it was found: weighed in each band by how similar it is there.
    fn add(&self, prototype: usize, amount: f32, weights: &mut [f32]) {
        let config = &self.shared.config;
        let (n_mels, n_bands) = (config.n_mels, config.bands());
        let Some(found) = self.found.get(prototype) else { return };
        let counts = |mel: usize| {
            let band = (mel / APNET_STEP).min(n_bands - 1);
            (self.shared.bands[prototype * n_bands + band] * found.in_bands[band]).max(0.0)
        };
        let rows = self.shared.decoded[prototype].chunks_exact(n_mels);
        let out = weights.chunks_exact_mut(n_mels).skip(found.place * APNET_STEP);
        for (out, row) in out.zip(rows) {
            for (mel, (out, value)) in out.iter_mut().zip(row).enumerate() {
                *out += amount * counts(mel) * value;
            }
        }
    }
}

impl Parts for Prototypes {
    fn shares(&self, class: ClassId) -> Vec<ComponentShare> {
        let name = |index: usize| self.shared.names.get(index).cloned().unwrap_or_default();
        parts::relevant(self.relevance(class), self.shared.threshold, name)
    }

    fn weights(&self, class: ClassId) -> Vec<f32> {
        let mut weights = vec![0.0; self.n_frames * self.shared.config.n_mels];
        for (prototype, relevance) in self.relevance(class).into_iter().enumerate() {
            if relevance > self.shared.threshold {
                self.add(prototype, relevance, &mut weights);
            }
        }
        weights
    }

    fn weights_of(&self, index: usize) -> Vec<f32> {
        let mut weights = vec![0.0; self.n_frames * self.shared.config.n_mels];
        self.add(index, 1.0, &mut weights);
        weights
    }

    fn decision(&self) -> &[f32] {
        &self.logits
    }
}
