//! The way up: gradient ascent on orthogonal matrices.

use candle_core::Tensor;

use super::objective::Objective;
use super::orthogonal::nearest;
use crate::{Error, Result};

/// The first step, as published …
const FIRST_STEP: f64 = 1.0;
/// … by how much a step that rose makes the next one longer …
const LONGER: f64 = 1.5;
/// … and from where on the objective is taken not to rise any more.
const SHORTEST_STEP: f64 = 1e-9;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ascent {
    /// Most steps.
    pub max_steps: usize,
    /// Stop where the last [`Self::LOOK_BACK`] steps gained less than this share of the objective.
    pub least_gain: f64,
}

/// Where an ascent ended.
#[derive(Debug)]
pub struct Climbed {
    /// U, `[n_channels, n_channels]`.
    pub u: Tensor,
    /// J at the start and after each step, rising.
    pub values: Vec<f64>,
}

impl Ascent {
    /// Steps over which the gain is taken.
    pub const LOOK_BACK: usize = 20;

    /// Climbs from the orthogonal matrix `u`: U ← nearest(U + η dJ/dU). A step that would not rise is halved until it does;
    /// after one that rises the next is longer. `told` is told the number of each step, and says whether to go on.
    ///
    /// # Errors
    /// Where `u` does not fit the objective, and a usage error where it was not to go on.
    pub fn climb(&self, objective: &Objective, mut u: Tensor, told: &dyn Fn(usize) -> bool) -> Result<Climbed> {
        let mut here = objective.at(&u)?;
        let mut values = vec![here.value];
        let mut step = FIRST_STEP;
        while values.len() <= self.max_steps && !self.is_flat(&values) {
            let gradient = objective.gradient_at(&here)?;
            let (next_u, next) = loop {
                let moved = nearest(&(&u + (&gradient * step)?)?)?;
                let at = objective.at(&moved)?;
                if at.value > here.value {
                    break (moved, at);
                }
                step /= 2.0;
                if step < SHORTEST_STEP {
                    return Ok(Climbed { u, values });
                }
            };
            (u, here) = (next_u, next);
            step *= LONGER;
            values.push(here.value);
            if !told(values.len() - 1) {
                return Err(Error::usage("the search for concepts was stopped; nothing was changed"));
            }
        }
        Ok(Climbed { u, values })
    }

    fn is_flat(&self, values: &[f64]) -> bool {
        let Some(before) = values.len().checked_sub(Self::LOOK_BACK + 1) else { return false };
        let last = values[values.len() - 1];
        last - values[before] < self.least_gain * last
    }
}
