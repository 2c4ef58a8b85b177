//! FLINT (Parekh, Mozharovskyi and d'Alché-Buc 2021): attributes of the classifier's hidden layers, and a linear layer that
//! decides from them alone. An attribute's relevance for a class is its activation times its weight, over the largest; where it
//! was found makes the mask.

use std::sync::Arc;

use candle_core::Tensor;

use super::guided::Cam;
use super::parts::{self, Parts, PartsExplanation};
use super::relevance_mask::{MaskForm, RelevanceMask};
use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::flint::{DECISION_WEIGHT, FlintConfig, FlintNet};
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// What all explanations of one model share.
struct Shared {
    /// h's weights, `[n_classes, n_attributes]`.
    decision: Vec<f32>,
    threshold: f32,
    n_mels: usize,
}

/// The method, with the networks of one package. They are small and run on the CPU, wherever the classifier does.
pub struct Flint {
    net: FlintNet,
    shared: Arc<Shared>,
    mask: Arc<RelevanceMask>,
}

impl Flint {
    /// Loads the networks of a package.
    ///
    /// # Errors
    /// A model error where the package has no `[flint]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let config = FlintConfig::from_manifest(manifest)?;
        let flint = manifest.flint.as_ref().ok_or_else(|| Error::bug("a manifest lost its [flint]"))?;
        let arrays = package.tensors(&flint.weights)?;
        let decision = arrays.get(DECISION_WEIGHT, &[config.net.n_classes, config.n_attributes])?.to_vec();
        let shared = Shared { decision, threshold: flint.relevance_threshold, n_mels: config.net.n_mels };
        Ok(Self {
            net: FlintNet::load(&config, &arrays)?,
            shared: Arc::new(shared),
            mask: Arc::new(RelevanceMask::new(&manifest.front_end.params()?, MaskForm::Gain)?),
        })
    }
}

impl Interpreter for Flint {
    fn method(&self) -> &'static str {
        "flint"
    }

    fn needs(&self) -> Needs {
        Needs { taps: true, backward: false, forward_passes: 0 }
    }

    fn reads_magnitude(&self) -> bool {
        false
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let forward = self.net.forward(&segment.classified.taps.on_cpu()?)?;
        let (_, height, width, _) = forward.maps.dims4()?;
        let values = |t: &Tensor| -> Result<Vec<f32>> { Ok(t.flatten_all()?.to_vec1()?) };
        let n_mels = self.shared.n_mels;
        let n_frames = segment.features.len() / n_mels;
        let parts = Attributes {
            maps: values(&forward.maps)?,
            size: [height, width],
            n_frames,
            activations: values(&forward.attributes)?,
            logits: values(&forward.logits)?,
            shared: Arc::clone(&self.shared),
        };
        Ok(Box::new(PartsExplanation { parts, n_frames, n_mels, mask: Arc::clone(&self.mask) }))
    }
}

/// The attributes of one segment.
struct Attributes {
    /// `[height, width, n_attributes]`.
    maps: Vec<f32>,
    size: [usize; 2],
    n_frames: usize,
    /// Φ(x), `[n_attributes]`.
    activations: Vec<f32>,
    logits: Vec<f32>,
    shared: Arc<Shared>,
}

impl Attributes {
    /// φ_j · w_cj over the largest magnitude, `[n_attributes]`; all 0 where every product is, and for a class that there is not.
    fn relevance(&self, class: ClassId) -> Vec<f32> {
        let products = self.activations.iter().zip(self.row(class)).map(|(a, w)| a * w).collect();
        parts::relevance(products, self.activations.len())
    }

    fn row(&self, class: ClassId) -> &[f32] {
        let j = self.activations.len();
        self.shared.decision.get(class.0 * j..(class.0 + 1) * j).unwrap_or(&[])
    }

    /// A weighted sum of the maps, enlarged to the input.
    fn enlarged(&self, weights: &[f32]) -> Vec<f32> {
        let [height, width] = self.size;
        let places = self.maps.chunks_exact(weights.len().max(1));
        let values = places.map(|place| place.iter().zip(weights).map(|(m, w)| m * w).sum()).collect();
        Cam { height, width, values }.enlarged(self.n_frames, self.shared.n_mels)
    }
}

impl Parts for Attributes {
    fn shares(&self, class: ClassId) -> Vec<ComponentShare> {
        parts::relevant(self.relevance(class), self.shared.threshold, |_| String::new())
    }

    /// Σ w_cj m_j over the relevant attributes: where the map has its maximum, an attribute weighs what it adds to the decision.
    fn weights(&self, class: ClassId) -> Vec<f32> {
        let (relevance, row) = (self.relevance(class), self.row(class));
        let weight = |(j, r): (usize, &f32)| {
            if *r > self.shared.threshold { row.get(j).copied().unwrap_or(0.0) } else { 0.0 }
        };
        self.enlarged(&relevance.iter().enumerate().map(weight).collect::<Vec<_>>())
    }

    fn weights_of(&self, index: usize) -> Vec<f32> {
        let one = (0..self.activations.len()).map(|j| f32::from(u8::from(j == index)));
        self.enlarged(&one.collect::<Vec<_>>())
    }

    fn decision(&self) -> &[f32] {
        &self.logits
    }
}
