//! Masks that know nothing of the sound. Whatever a metric says of them, it says about nothing.

use std::ops::Range;

use rand::RngExt;

use super::attribution::segment_rng;
use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::Result;
use crate::model::package::Package;
use crate::units::ClassId;

const NOTHING: Needs = Needs { taps: false, backward: false, forward_passes: 0 };

/// A mask of independent values, uniform over 0…1.
#[derive(Debug, Clone)]
pub struct Random {
    n_bins: usize,
    seed: u64,
}

impl Random {
    /// The baseline for a package's spectra. The same segment and seed give the same mask.
    #[must_use]
    pub fn new(package: &Package, seed: u64) -> Self {
        Self { n_bins: package.manifest().front_end.n_bins(), seed }
    }
}

impl Interpreter for Random {
    fn method(&self) -> &'static str {
        "random"
    }

    fn needs(&self) -> Needs {
        NOTHING
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let mut rng = segment_rng(self.seed, segment.features, 0);
        let n_frames = segment.log_magnitude.len() / self.n_bins;
        let mask = (0..n_frames * self.n_bins).map(|_| rng.random()).collect();
        Ok(Box::new(FixedMask::new(mask, self.n_bins)))
    }
}

/// A mask of ones: the interpretation is the sound itself.
#[derive(Debug, Clone)]
pub struct AllOnes {
    n_bins: usize,
}

impl AllOnes {
    /// The baseline for a package's spectra.
    #[must_use]
    pub fn new(package: &Package) -> Self {
        Self { n_bins: package.manifest().front_end.n_bins() }
    }
}

impl Interpreter for AllOnes {
    fn method(&self) -> &'static str {
        "all-ones"
    }

    fn needs(&self) -> Needs {
        NOTHING
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        Ok(Box::new(FixedMask::new(vec![1.0; segment.log_magnitude.len()], self.n_bins)))
    }
}

/// One mask, whatever the class: all that a method without components needs to say.
#[derive(Debug, Clone)]
pub struct FixedMask {
    mask: Vec<f32>,
    n_bins: usize,
}

impl FixedMask {
    /// The explanation of a segment by `mask`, `[n_frames, n_bins]`, each 0…1; `n_bins` is at least 1.
    #[must_use]
    pub const fn new(mask: Vec<f32>, n_bins: usize) -> Self {
        Self { mask, n_bins }
    }
}

impl Explanation for FixedMask {
    fn n_frames(&self) -> usize {
        self.mask.len() / self.n_bins
    }

    fn n_bins(&self) -> usize {
        self.n_bins
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn evidence(&self, _: ClassId) -> Vec<f32> {
        self.mask.chunks_exact(self.n_bins).map(|row| row.iter().sum::<f32>() / self.n_bins as f32).collect()
    }

    fn mask(&self, _: ClassId, frames: Range<usize>, out: &mut [f32]) {
        out.copy_from_slice(&self.mask[frames.start * self.n_bins..frames.end * self.n_bins]);
    }

    fn component_mask(&self, _: ClassId, _: usize, frames: Range<usize>, out: &mut [f32]) {
        self.mask(ClassId(0), frames, out);
    }
}
