//! Layer-wise relevance propagation (Bach et al. 2015): the logit is shared out layer by layer, to each input by what it
//! contributed.

use std::sync::Arc;

use super::attribution::{Attribution, Attributor, Net};
use super::relevance_mask::MaskForm;
use crate::Result;
use crate::model::backward::Propagation;
use crate::model::package::Package;

/// The rules that `lrp` stands for. Of those that are more than input times gradient in other words (as LRP-0 and LRP-ε are
/// in a network of ReLUs), these keep most of the decision on sounds that the classifier was not trained on; the figures
/// are in `docs/methods.md`.
pub const DEFAULT_PRESET: &str = "thesis";

struct Lrp {
    propagation: Box<dyn Propagation>,
}

/// LRP with the rules of a preset ([`crate::model::backward::PRESETS`]).
///
/// # Errors
/// A usage error for a preset that is none; a model error where the weights do not fit.
pub fn load(package: &Package, preset: &str, form: MaskForm) -> Result<Attributor> {
    Attributor::new(package, form, |net| {
        let propagation = Arc::clone(&net.chain).propagation(preset, net.silence, net.full_scale)?;
        Ok(Box::new(Lrp { propagation }))
    })
}

impl Attribution for Lrp {
    fn method(&self) -> &'static str {
        "lrp"
    }

    fn passes(&self) -> usize {
        1
    }

    fn relevance(&self, _: &Net, features: &[f32], class: usize) -> Result<Vec<f32>> {
        self.propagation.relevance(features, class)
    }
}
