//! Finds concepts in a hidden layer (Chormai et al. 2024): DRSA by gradient ascent, DSA the same without context, PRCA in
//! closed form, and random subspaces, which know nothing.

mod ascent;
mod eigen;
mod objective;
mod orthogonal;
mod segments;
mod vectors;

pub use ascent::{Ascent, Climbed};
pub use eigen::eigen;
pub use objective::Objective;
pub use orthogonal::{haar, nearest};
pub use segments::surest;
pub use vectors::Vectors;

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::model::manifest::CONCEPT_METHODS;
use crate::model::subspaces::{Subspaces, check_cut};
use crate::{Error, Result};

/// A way to concepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Disentangled relevant subspaces.
    Drsa,
    /// Disentangled subspaces: the same with activations in place of contexts.
    Dsa,
    /// Principal relevant components: eigenvectors of (AᵀC + CᵀA) / N, the most relevant first, cut into equal blocks.
    Prca,
    /// A random orthogonal matrix.
    Random,
}

impl Way {
    /// The ways, as a package and commands name them ([`CONCEPT_METHODS`]).
    pub const NAMES: [(&str, Self); 4] = [
        (CONCEPT_METHODS[0], Self::Drsa),
        (CONCEPT_METHODS[1], Self::Dsa),
        (CONCEPT_METHODS[2], Self::Prca),
        (CONCEPT_METHODS[3], Self::Random),
    ];

    /// The way of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, way)| *way)
    }
}

/// How concepts are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// The way.
    pub way: Way,
    /// Concepts.
    pub n_concepts: usize,
    /// Starts of an ascent from random matrices, of which the best end is kept.
    pub n_starts: usize,
    /// When each ascent stops.
    pub ascent: Ascent,
    /// Seed of the starts.
    pub seed: u64,
}

/// Concepts of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// U, `[n_channels, n_channels]`: the concepts one after the other.
    pub u: Vec<f64>,
    /// Share of each concept in the relevance of all vectors, signed; they sum to 1.
    pub shares: Vec<f64>,
    /// J at the start and at the end of the ascent that was kept; both the same for ways without one.
    pub climbed: (f64, f64),
    /// Its steps.
    pub steps: usize,
}

/// Finds concepts from the vectors of one class, which need not be normalised. Concepts of ascents come in the order of their
/// relevance. `told` is told each step of each start, and says whether to go on.
///
/// # Errors
/// A model error where the channels cannot be cut into so many concepts; an input error where the class is relevant nowhere.
pub fn find(vectors: Vectors, search: &Search, told: &(dyn Fn(usize) -> bool + Sync)) -> Result<Found> {
    check_cut(vectors.n_channels, search.n_concepts)?;
    if vectors.contexts.iter().all(|c| *c == 0.0) {
        return Err(Error::input(
            "there is no relevance in any of the vectors; name more clips, or another layer with --layer",
        ));
    }
    let vectors = vectors.normalised();
    let objective = Objective::new(&vectors, search.n_concepts)?;
    let (u, values) = match search.way {
        Way::Drsa => best_climb(&objective, search, told)?,
        Way::Dsa => best_climb(&Objective::new(&vectors.clone().without_context(), search.n_concepts)?, search, told)?,
        Way::Prca => unclimbed(&objective, principal(&vectors)?)?,
        Way::Random => unclimbed(&objective, haar(vectors.n_channels, &mut start_rng(search.seed, 0))?)?,
    };
    let u = if matches!(search.way, Way::Drsa | Way::Dsa) { in_order(&objective, &u, search.n_concepts)? } else { u };
    Ok(Found {
        shares: objective.shares(&u)?,
        u: u.flatten_all()?.to_vec1()?,
        climbed: (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0)),
        steps: values.len().saturating_sub(1),
    })
}

/// Random directions `[n_channels, n_channels]`, a draw of its own for every `draw`.
///
/// # Errors
/// As [`haar`].
pub fn random_directions(n_channels: usize, seed: u64, draw: usize) -> Result<Vec<f64>> {
    Ok(haar(n_channels, &mut start_rng(seed, draw))?.flatten_all()?.to_vec1()?)
}

impl Found {
    /// The concepts as they are used.
    ///
    /// # Errors
    /// As [`Subspaces::new`].
    pub fn subspaces(&self, n_concepts: usize) -> Result<Subspaces> {
        let n_channels = self.u.len().isqrt();
        Subspaces::new(n_channels, n_concepts, self.u.iter().map(|u| *u as f32).collect())
    }
}

/// The generator of a start; starts are independent, so threads do not matter.
fn start_rng(seed: u64, start: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(start as u64);
    rng
}

/// The highest end of the ascents, the first of equals.
fn best_climb(
    objective: &Objective,
    search: &Search,
    told: &(dyn Fn(usize) -> bool + Sync),
) -> Result<(Tensor, Vec<f64>)> {
    let climb = |start: usize| -> Result<Climbed> {
        let u = haar(objective.n_channels(), &mut start_rng(search.seed, start))?;
        search.ascent.climb(objective, u, &|step| told(step))
    };
    let ends: Vec<Result<Climbed>> = (0..search.n_starts).into_par_iter().map(climb).collect();
    let mut best: Option<Climbed> = None;
    for end in ends {
        let end = end?;
        if best.as_ref().is_none_or(|best| end.values.last() > best.values.last()) {
            best = Some(end);
        }
    }
    best.map(|end| (end.u, end.values)).ok_or_else(|| Error::usage("concepts need at least one start"))
}

fn unclimbed(objective: &Objective, u: Tensor) -> Result<(Tensor, Vec<f64>)> {
    let value = objective.value(&u)?;
    Ok((u, vec![value]))
}

/// Eigenvectors of (AᵀC + CᵀA) / N, the largest eigenvalue first.
fn principal(vectors: &Vectors) -> Result<Tensor> {
    let (n, d) = (vectors.len(), vectors.n_channels);
    let a = Tensor::from_slice(&vectors.activations, (n, d), &Device::Cpu)?;
    let c = Tensor::from_slice(&vectors.contexts, (n, d), &Device::Cpu)?;
    let half = a.t()?.contiguous()?.matmul(&c)?;
    let symmetric = ((&half + half.t()?)? / n as f64)?;
    let (_, u) = eigen(symmetric.flatten_all()?.to_vec1()?, d)?;
    Ok(Tensor::from_vec(u, (d, d), &Device::Cpu)?)
}

/// The same concepts, the most relevant first.
fn in_order(objective: &Objective, u: &Tensor, n_concepts: usize) -> Result<Tensor> {
    let shares = objective.shares(u)?;
    let mut order: Vec<usize> = (0..n_concepts).collect();
    order.sort_by(|i, j| shares[*j].total_cmp(&shares[*i]));
    let size = objective.n_channels() / n_concepts;
    let blocks = order.iter().map(|k| Ok(u.narrow(1, k * size, size)?)).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&blocks, 1)?.contiguous()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
