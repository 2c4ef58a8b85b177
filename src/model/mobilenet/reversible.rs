//! A list of steps as a network that methods can use.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::backward::Pass;
use super::relevance::Rules;
use super::{Image, Layer, Step};
use crate::model::backward::{Above, Composite, Halfway, Hidden, Propagation, ReluGradient, Reversible};
use crate::{Error, Result};

/// Steps from a segment of one channel to the logits.
#[derive(Debug, Clone)]
pub struct StepNet {
    /// The steps.
    pub steps: Vec<Step>,
    /// Bands of the input.
    pub n_mels: usize,
    /// Classes: length of what the last step gives.
    pub n_classes: usize,
    /// The step that ends each block that Grad-CAM can look at.
    pub blocks: Vec<usize>,
    /// How many of the linear layers, the last, are the head.
    pub n_dense: usize,
}

impl StepNet {
    fn pass(&self, segment: &[f32]) -> Result<Pass> {
        self.check(segment)?;
        let image = Image { height: segment.len() / self.n_mels, width: self.n_mels, channels: 1 };
        Ok(Pass::new(&self.steps, image, segment))
    }

    fn n_linear(&self) -> usize {
        let linear = |step: &&Step| matches!(step, Step::Layer(layer) if Layer::activation(layer).is_some());
        self.steps.iter().filter(linear).count()
    }
}

impl Reversible for StepNet {
    fn n_mels(&self) -> usize {
        self.n_mels
    }

    fn n_classes(&self) -> usize {
        self.n_classes
    }

    fn n_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn check(&self, segment: &[f32]) -> Result<()> {
        if !segment.is_empty() && segment.len().is_multiple_of(self.n_mels) {
            return Ok(());
        }
        Err(Error::bug(format!(
            "a segment of {} values was given to a network of {} bands",
            segment.len(),
            self.n_mels
        )))
    }

    fn logits(&self, segment: &[f32]) -> Result<Vec<f32>> {
        Ok(self.pass(segment)?.logits)
    }

    fn input_gradient(&self, segment: &[f32], class: usize, relu: ReluGradient) -> Result<Vec<f32>> {
        Ok(self.pass(segment)?.gradient(&self.steps, class, relu, 0))
    }

    fn block_gradient(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<(Hidden, Vec<f32>)>> {
        let pass = self.pass(segment)?;
        let Some(end) = self.blocks.get(block) else { return Ok(None) };
        Ok(pass
            .hidden_behind(*end)
            .map(|hidden| (hidden, pass.gradient(&self.steps, class, ReluGradient::Plain, end + 1))))
    }

    fn above(&self, segment: &[f32], block: usize) -> Result<Option<Above<'_>>> {
        let Some(end) = self.blocks.get(block).copied() else { return Ok(None) };
        let pass = self.pass(segment)?;
        let (Some(hidden), Some(seen)) = (pass.hidden_behind(end), pass.seen.get(end + 1)) else { return Ok(None) };
        let (image, steps) = (seen.image, &self.steps[end + 1..]);
        Ok(Some(Above::new(hidden, move |values, slopes| {
            let pass = Pass::new(steps, image, values);
            pass.carry(steps, slopes(&pass.logits), ReluGradient::Plain, 0)
        })))
    }

    fn propagation(self: Arc<Self>, preset: &str, low: f32, high: f32) -> Result<Box<dyn Propagation>> {
        let composite =
            Composite::named(preset, self.n_linear().saturating_sub(self.n_dense), self.n_dense, low, high)?;
        self.propagation_by(&composite)
    }
}

impl StepNet {
    /// Relevance by rules of one's own, one for each linear layer.
    ///
    /// # Errors
    /// A bug where there are not as many rules as linear layers.
    pub fn propagation_by(self: Arc<Self>, composite: &Composite) -> Result<Box<dyn Propagation>> {
        let rules = Rules::prepare(&self.steps, composite)?;
        Ok(Box::new(StepPropagation { net: self, rules }))
    }
}

struct StepPropagation {
    net: Arc<StepNet>,
    rules: Rules,
}

impl StepPropagation {
    /// Carries relevance of what there is behind the last of the steps `range` to what there is before the first.
    fn carry(&self, pass: &Pass, relevance: Vec<f32>, range: Range<usize>) -> Vec<f32> {
        self.rules.carry(&self.net.steps, pass, relevance, range)
    }
}

impl Propagation for StepPropagation {
    fn relevance(&self, segment: &[f32], class: usize) -> Result<Vec<f32>> {
        let pass = self.net.pass(segment)?;
        Ok(self.carry(&pass, pass.seed(class), 0..self.net.steps.len()))
    }

    fn halfway(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<Halfway<'_>>> {
        let Some(end) = self.net.blocks.get(block).copied() else { return Ok(None) };
        let pass = self.net.pass(segment)?;
        let Some(hidden) = pass.hidden_behind(end) else { return Ok(None) };
        let relevance = self.carry(&pass, pass.seed(class), end + 1..self.net.steps.len());
        let carried = move |share| self.carry(&pass, share, 0..end + 1);
        let onward = move |shares: Vec<Vec<f32>>| shares.into_par_iter().map(&carried).collect();
        Ok(Some(Halfway::new(hidden, relevance, onward)))
    }
}
