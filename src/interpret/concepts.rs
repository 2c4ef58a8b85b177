//! Concepts of a hidden layer as parts of an explanation: DRSA, DSA and PRCA (Chormai et al. 2024; for audio the thesis on
//! concept-based explanations). Relevance goes from the logit to the layer, is told apart there by the subspaces of the
//! class, and each part goes on to the input for itself (two-step attribution, Eq. 2.13 and 2.14 of the thesis).

use std::sync::Arc;

use super::attribution::{Attribution, Attributor, Net};
use super::relevance_mask::MaskForm;
use crate::model::backward::{Hidden, Propagation};
use crate::model::manifest::ConceptsSpec;
use crate::model::package::Package;
use crate::model::subspaces::Subspaces;
use crate::{Error, Result};

/// The way of relevance through one layer of a package's network.
pub struct TwoStep {
    propagation: Box<dyn Propagation>,
    block: usize,
    n_channels: usize,
}

impl TwoStep {
    /// By way of the output of block `block` (from 0), with the relevance rules of a preset.
    ///
    /// # Errors
    /// A usage error for a block or rules that there are not; a model error where the weights do not fit.
    pub fn open(package: &Package, block: usize, rules: &str) -> Result<Self> {
        Self::through(&Net::load(package)?, package, block, rules)
    }

    fn through(net: &Net, package: &Package, block: usize, rules: &str) -> Result<Self> {
        net.check_block(block)?;
        let propagation = Arc::clone(&net.chain).propagation(rules, net.silence, net.full_scale)?;
        // How many channels the layer has is known from a pass.
        let halfway = propagation.halfway(&net.silent_segment(package), 0, block)?;
        let n_channels = halfway.map_or(0, |halfway| channels(halfway.hidden()));
        Ok(Self { propagation, block, n_channels })
    }

    /// Channels of the layer.
    #[must_use]
    pub const fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// The layer's output for a segment, and the relevance of each of its values for a class's logit.
    ///
    /// # Errors
    /// If the segment does not fit.
    pub fn at_layer(&self, features: &[f32], class: usize) -> Result<(Hidden, Vec<f32>)> {
        let halfway = self.propagation.halfway(features, class, self.block)?.ok_or_else(no_block)?;
        Ok((halfway.hidden().clone(), halfway.relevance().to_vec()))
    }

    /// Relevance of the input for a class's logit, concept by concept, `[n_frames, n_mels]` each: they sum to the relevance
    /// of the input that the rules give without concepts.
    ///
    /// # Errors
    /// If the segment does not fit.
    pub fn by_concept(&self, features: &[f32], class: usize, subspaces: &Subspaces) -> Result<Vec<Vec<f32>>> {
        let halfway = self.propagation.halfway(features, class, self.block)?.ok_or_else(no_block)?;
        Ok(halfway.to_input(subspaces.shares(halfway.hidden(), halfway.relevance())))
    }

    /// Relevance of the input for a class's logit without concepts.
    ///
    /// # Errors
    /// If the segment does not fit.
    pub fn whole(&self, features: &[f32], class: usize) -> Result<Vec<f32>> {
        self.propagation.relevance(features, class)
    }
}

fn channels(hidden: &Hidden) -> usize {
    hidden.values.len() / (hidden.height * hidden.width).max(1)
}

fn no_block() -> Error {
    Error::bug("a network lost one of its blocks")
}

/// The block that concepts are looked for in where none is named, from 0: two thirds of the way up, as the thesis found to
/// be best (fourth convolution of five, fourth block of six).
#[must_use]
pub const fn default_block(n_blocks: usize) -> usize {
    (n_blocks * 2 / 3).saturating_sub(1)
}

/// The default block of a package's network, and how many blocks it has.
///
/// # Errors
/// A model error where the weights do not fit.
pub fn blocks(package: &Package) -> Result<(usize, usize)> {
    let n_blocks = Net::load(package)?.chain.n_blocks();
    Ok((default_block(n_blocks), n_blocks))
}

struct Concepts {
    method: &'static str,
    way: TwoStep,
    /// Of each class; none for a class without concepts.
    subspaces: Vec<Option<Subspaces>>,
    /// Names that a person gave, class by class.
    names: Vec<Vec<String>>,
}

/// A method by concepts, `method` one of [`crate::model::manifest::CONCEPT_METHODS`]: for `class` as many parts as it has
/// concepts, or none for a class that was not trained.
///
/// # Errors
/// A model error where the package has no concepts of this kind, or they do not fit its network.
pub fn load(package: &Package, method: &'static str, form: MaskForm) -> Result<Attributor> {
    let manifest = package.manifest();
    let spec = manifest.drsa.get(method).ok_or_else(|| {
        Error::model(format!(
            "the model {} has no concepts by {method} yet; train them with 'earwitness train drsa --method {method}'",
            manifest.name
        ))
    })?;
    let subspaces = Subspaces::load(package, spec)?;
    let names = manifest.label_names().map(|label| given_names(spec, label)).collect();
    Attributor::new(package, form, |net| {
        let block = spec.block().ok_or_else(no_block)?;
        let way = TwoStep::through(net, package, block, &spec.rules)?;
        if let Some(other) = subspaces.iter().flatten().find(|subspaces| subspaces.n_channels() != way.n_channels) {
            return Err(Error::model(format!(
                "the concepts in {} are of {} channels and {} of the network has {}; train them again with 'earwitness train drsa'",
                spec.weights,
                other.n_channels(),
                spec.layer,
                way.n_channels
            )));
        }
        Ok(Box::new(Concepts { method, way, subspaces, names }))
    })
}

fn given_names(spec: &ConceptsSpec, label: &str) -> Vec<String> {
    (0..spec.concepts).map(|concept| spec.given_name(label, concept).to_owned()).collect()
}

impl Attribution for Concepts {
    fn method(&self) -> &'static str {
        self.method
    }

    /// One forward pass; on the way back one a concept, side by side.
    fn passes(&self) -> usize {
        1
    }

    fn relevance(&self, _: &Net, features: &[f32], class: usize) -> Result<Vec<f32>> {
        self.way.whole(features, class)
    }

    fn parts(&self, features: &[f32], class: usize) -> Result<Vec<Vec<f32>>> {
        match self.subspaces.get(class) {
            Some(Some(subspaces)) => self.way.by_concept(features, class, subspaces),
            _ => Ok(Vec::new()),
        }
    }

    fn part_name(&self, class: usize, part: usize) -> &str {
        self.names.get(class).and_then(|names| names.get(part)).map_or("", String::as_str)
    }
}
