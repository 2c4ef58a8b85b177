//! The VGG's chain as a network that methods can use.

use std::sync::Arc;

use super::{Above, Chain, Composite, Halfway, Hidden, Prepared, Propagation, ReluGradient, Reversible};
use crate::Result;

impl Reversible for Chain {
    fn n_mels(&self) -> usize {
        Self::n_mels(self)
    }

    fn n_classes(&self) -> usize {
        self.n_classes
    }

    fn n_blocks(&self) -> usize {
        Self::n_blocks(self)
    }

    fn check(&self, segment: &[f32]) -> Result<()> {
        Self::check(self, segment)
    }

    fn logits(&self, segment: &[f32]) -> Result<Vec<f32>> {
        Ok(self.forward(segment)?.logits().to_vec())
    }

    fn input_gradient(&self, segment: &[f32], class: usize, relu: ReluGradient) -> Result<Vec<f32>> {
        Ok(self.gradient(&self.forward(segment)?, class, relu))
    }

    fn block_gradient(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<(Hidden, Vec<f32>)>> {
        let pass = self.forward(segment)?;
        let gradient = |layer| self.gradient_behind(&pass, class, ReluGradient::Plain, layer);
        let at = |layer| self.hidden(&pass, layer).map(|hidden| (hidden, gradient(layer)));
        Ok(self.behind_block(block).and_then(at))
    }

    fn above(&self, segment: &[f32], block: usize) -> Result<Option<Above<'_>>> {
        let Some(layer) = self.behind_block(block) else { return Ok(None) };
        let pass = self.forward(segment)?;
        let (Some(hidden), Some(step)) = (self.hidden(&pass, layer), pass.steps.get(layer)) else { return Ok(None) };
        let size = [step.height, step.width];
        let layers = &self.layers[layer..];
        Ok(Some(Above::new(hidden, move |values, slopes| {
            let steps = self.run(layers, size, values.to_vec());
            let seed = slopes(steps.last().map_or(&[], |step| &step.sums));
            let back = layers.iter().zip(&steps).rev();
            back.fold(seed, |grad, (layer, step)| self.step_back(layer, step, grad, ReluGradient::Plain))
        })))
    }

    fn propagation(self: Arc<Self>, preset: &str, low: f32, high: f32) -> Result<Box<dyn Propagation>> {
        let rules = Composite::preset(preset, &self, low, high)?.prepare(&self)?;
        Ok(Box::new(ChainPropagation { chain: self, rules }))
    }
}

struct ChainPropagation {
    chain: Arc<Chain>,
    rules: Prepared,
}

impl Propagation for ChainPropagation {
    fn relevance(&self, segment: &[f32], class: usize) -> Result<Vec<f32>> {
        Ok(self.chain.relevance(&self.chain.forward(segment)?, class, &self.rules))
    }

    fn halfway(&self, segment: &[f32], class: usize, block: usize) -> Result<Option<Halfway<'_>>> {
        let Some(layer) = self.chain.behind_block(block) else { return Ok(None) };
        let pass = self.chain.forward(segment)?;
        let Some(hidden) = self.chain.hidden(&pass, layer) else { return Ok(None) };
        let relevance = self.chain.relevance_behind(&pass, class, &self.rules, layer);
        let onward = move |shares| self.chain.relevance_between(&pass, shares, &self.rules, 0..layer);
        Ok(Some(Halfway::new(hidden, relevance, onward)))
    }
}
