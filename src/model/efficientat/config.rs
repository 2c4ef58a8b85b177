//! Shape of the network: MobileNetV3-Large's table times a width.

use crate::model::tensors::Arrays;
use crate::{Error, Result};

/// Added to the variance in batch norm.
pub const BATCH_NORM_EPS: f32 = 1e-3;

/// Mel bands that the published networks hear.
pub const N_MELS: usize = 128;

/// Widths are multiples of one of this many parts of 1.
const WIDTH_PARTS: usize = 20;

/// Largest width that is looked for: the widest published one.
const MAX_WIDTH: usize = 4;

/// Most classes and most units of the head that are taken for meant.
const MAX_UNITS: usize = 1 << 16;

/// Channels of the first convolution, before the width.
const STEM: usize = 16;

/// Kernel, expanded channels, output channels, squeeze and excitation, hard-swish (else ReLU), stride.
const BLOCKS: [(usize, usize, usize, bool, bool, usize); 15] = [
    (3, 16, 16, false, false, 1),
    (3, 64, 24, false, false, 2),
    (3, 72, 24, false, false, 1),
    (5, 72, 40, true, false, 2),
    (5, 120, 40, true, false, 1),
    (5, 120, 40, true, false, 1),
    (3, 240, 80, false, true, 2),
    (3, 200, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 480, 112, true, true, 1),
    (3, 672, 112, true, true, 1),
    (5, 672, 160, true, true, 2),
    (5, 960, 160, true, true, 1),
    (5, 960, 160, true, true, 1),
];

/// Shape of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EfficientAtConfig {
    /// Factor on all channel counts of the table: 0.4 in mn04, 1 in mn10.
    pub width: f64,
    /// Units between the embedding and the logits.
    pub n_hidden: usize,
    /// Classes.
    pub n_classes: usize,
}

/// One inverted residual block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockSpec {
    pub(super) kernel: usize,
    pub(super) c_in: usize,
    /// Where it equals `c_in` there is no layer that expands.
    pub(super) expanded: usize,
    pub(super) c_out: usize,
    /// Units of the squeeze, where there is one.
    pub(super) squeezed: Option<usize>,
    pub(super) hard_swish: bool,
    pub(super) stride: usize,
}

impl BlockSpec {
    /// Whether the input is added to the output.
    pub(super) const fn is_residual(&self) -> bool {
        self.stride == 1 && self.c_in == self.c_out
    }
}

impl EfficientAtConfig {
    /// Finds width and class count of a checkpoint from its shapes: the least width, in twentieths, whose channel counts are all
    /// there.
    ///
    /// # Errors
    /// A model error where the arrays are of no such network.
    pub fn find(arrays: &Arrays) -> Result<Self> {
        let rows = |name: &str| arrays.0.get(name).and_then(|array| array.shape.first().copied());
        let (Some(n_hidden), Some(n_classes)) = (rows("classifier.2.weight"), rows("classifier.5.weight")) else {
            return Err(Error::model(
                "the weights have no 'classifier.2.weight' and 'classifier.5.weight'; give a checkpoint of an \
                 EfficientAT mn network with its usual head (mlp)",
            ));
        };
        if ![n_hidden, n_classes].iter().all(|n| (1..=MAX_UNITS).contains(n)) {
            return Err(Error::model(format!(
                "the weights' head has {n_hidden} units and {n_classes} classes; 1 to {MAX_UNITS} of each are read"
            )));
        }
        let fits = |config: &Self| {
            let stem = rows("features.0.0.weight") == Some(config.stem());
            stem && config.blocks().iter().enumerate().all(|(i, block)| {
                let shape = |j: usize| {
                    let name = format!("features.{}.block.{j}.0.weight", i + 1);
                    arrays.0.get(&name).map(|array| array.shape.as_slice())
                };
                let first = usize::from(block.expanded != block.c_in);
                let last = first + 1 + usize::from(block.squeezed.is_some());
                shape(first).and_then(|s| s.first()) == Some(&block.expanded)
                    && shape(last) == Some(&[block.c_out, block.expanded, 1, 1])
            })
        };
        (1..=MAX_WIDTH * WIDTH_PARTS)
            .map(|n| Self { width: n as f64 / WIDTH_PARTS as f64, n_hidden, n_classes })
            .find(fits)
            .ok_or_else(|| {
                Error::model(
                    "the weights' channel counts are those of no EfficientAT mn network; give a checkpoint of one \
                     (mn04_as, mn10_as, ...), as its authors publish it",
                )
            })
    }

    /// Channels of the first convolution.
    pub(super) fn stem(&self) -> usize {
        self.scaled(STEM)
    }

    /// The blocks in order.
    pub(super) fn blocks(&self) -> Vec<BlockSpec> {
        let mut c_in = self.stem();
        BLOCKS
            .iter()
            .map(|&(kernel, expanded, c_out, squeezes, hard_swish, stride)| {
                let (expanded, c_out) = (self.scaled(expanded), self.scaled(c_out));
                let squeezed = squeezes.then(|| multiple_of_8((expanded / 4) as f64));
                let block = BlockSpec { kernel, c_in, expanded, c_out, squeezed, hard_swish, stride };
                c_in = c_out;
                block
            })
            .collect()
    }

    /// Channels of the last convolution: length of the embedding.
    #[must_use]
    pub fn embedding(&self) -> usize {
        6 * self.last_block()
    }

    /// Channels of the last block.
    pub(super) fn last_block(&self) -> usize {
        BLOCKS.last().map_or(0, |block| self.scaled(block.2))
    }

    fn scaled(&self, channels: usize) -> usize {
        multiple_of_8(channels as f64 * self.width)
    }
}

/// The nearest multiple of 8, but not below 90 % of `channels` and at least 8.
fn multiple_of_8(channels: f64) -> usize {
    let nearest = (((channels + 4.0) as usize) / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * channels { nearest + 8 } else { nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes of the checkpoint that its authors publish as mn04.
    #[test]
    fn the_channels_of_width_0_4_are_the_published_ones() {
        let config = EfficientAtConfig { width: 0.4, n_hidden: 512, n_classes: 527 };
        let blocks = config.blocks();
        let of = |f: fn(&BlockSpec) -> usize| blocks.iter().map(f).collect::<Vec<_>>();
        assert_eq!(of(|b| b.expanded), [8, 24, 32, 32, 48, 48, 96, 80, 72, 72, 192, 272, 272, 384, 384]);
        assert_eq!(of(|b| b.c_out), [8, 16, 16, 16, 16, 16, 32, 32, 32, 32, 48, 48, 64, 64, 64]);
        assert_eq!(of(|b| b.squeezed.unwrap_or(0)), [0, 0, 0, 8, 16, 16, 0, 0, 0, 0, 48, 72, 72, 96, 96]);
        assert_eq!((config.stem(), config.embedding()), (8, 384));
    }
}
