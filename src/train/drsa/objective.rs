//! What DRSA maximises (Eq. 2.19 of the thesis; Chormai et al. 2024): concepts that are each relevant somewhere, and all of
//! them about as much.

use candle_core::{Device, Tensor};

use super::vectors::Vectors;
use crate::Result;

/// J(U) = M_k^½ M_n² R⁺, where R⁺_kn = max(0, (U_kᵀ a_n) · (U_kᵀ c_n)) and M^p is the generalised mean (mean xᵖ)^(1/p): over
/// vectors it dwells on the most relevant, over concepts it is a soft minimum.
pub struct Objective {
    activations: Tensor,
    contexts: Tensor,
    /// Transposed, for the gradient.
    activations_t: Tensor,
    contexts_t: Tensor,
    n: usize,
    n_channels: usize,
    n_concepts: usize,
}

/// J at one U, with what its gradient needs.
pub(super) struct At {
    pub(super) value: f64,
    /// Aᵀ and Cᵀ seen through U, `[n, n_channels]`.
    seen: [Tensor; 2],
    /// R⁺, `[n, n_concepts]`.
    relevance: Tensor,
    /// M_n² of each concept.
    means: Vec<f64>,
}

impl Objective {
    /// For [normalised](Vectors::normalised) vectors; `n_concepts` divides their channels.
    ///
    /// # Errors
    /// Where the vectors do not have the shape that they say.
    pub fn new(vectors: &Vectors, n_concepts: usize) -> Result<Self> {
        let (n, d) = (vectors.len(), vectors.n_channels);
        let activations = Tensor::from_slice(&vectors.activations, (n, d), &Device::Cpu)?;
        let contexts = Tensor::from_slice(&vectors.contexts, (n, d), &Device::Cpu)?;
        Ok(Self {
            activations_t: activations.t()?.contiguous()?,
            contexts_t: contexts.t()?.contiguous()?,
            activations,
            contexts,
            n,
            n_channels: d,
            n_concepts,
        })
    }

    /// Channels of the layer.
    #[must_use]
    pub const fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// J at U `[n_channels, n_channels]`.
    ///
    /// # Errors
    /// Where U has another shape.
    pub fn value(&self, u: &Tensor) -> Result<f64> {
        Ok(self.at(u)?.value)
    }

    /// dJ/dU at U.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn gradient(&self, u: &Tensor) -> Result<Tensor> {
        self.gradient_at(&self.at(u)?)
    }

    /// Σ_n R of each concept, signed, as a share of the sum over all of them.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn shares(&self, u: &Tensor) -> Result<Vec<f64>> {
        let sums = self.signed(&self.seen(u)?)?.sum(0)?.to_vec1::<f64>()?;
        let all: f64 = sums.iter().sum();
        Ok(sums.iter().map(|sum| if all == 0.0 { 0.0 } else { sum / all }).collect())
    }

    fn seen(&self, u: &Tensor) -> Result<[Tensor; 2]> {
        Ok([self.activations.matmul(u)?, self.contexts.matmul(u)?])
    }

    /// R with its sign, `[n, n_concepts]`.
    fn signed(&self, seen: &[Tensor; 2]) -> Result<Tensor> {
        Ok((&seen[0] * &seen[1])?.reshape(self.by_concept())?.sum(2)?)
    }

    fn by_concept(&self) -> (usize, usize, usize) {
        (self.n, self.n_concepts, self.n_channels / self.n_concepts)
    }

    pub(super) fn at(&self, u: &Tensor) -> Result<At> {
        let seen = self.seen(u)?;
        let relevance = self.signed(&seen)?.relu()?;
        let means: Vec<f64> = relevance.sqr()?.mean(0)?.sqrt()?.to_vec1()?;
        let root = means.iter().map(|m| m.sqrt()).sum::<f64>() / means.len() as f64;
        Ok(At { value: root * root, seen, relevance, means })
    }

    /// With S the mean of √M over concepts: dJ/dM_k = S / (K √M_k), dM_k/dR_kn = R_kn / (N M_k), and
    /// dR_kn/dU_k = a (cᵀ U_k) + c (aᵀ U_k). A concept that is relevant nowhere has no gradient.
    pub(super) fn gradient_at(&self, at: &At) -> Result<Tensor> {
        let k = at.means.len() as f64;
        let root = at.means.iter().map(|m| m.sqrt()).sum::<f64>() / k;
        let slope = |m: &f64| if *m > 0.0 { root / (k * m.sqrt()) / (self.n as f64 * m) } else { 0.0 };
        let slopes: Vec<f64> = at.means.iter().map(slope).collect();
        let slopes = Tensor::from_slice(&slopes, (1, self.n_concepts), &Device::Cpu)?;
        let weights = at.relevance.broadcast_mul(&slopes)?.unsqueeze(2)?;
        let weigh = |seen: &Tensor| -> Result<Tensor> {
            Ok(seen.reshape(self.by_concept())?.broadcast_mul(&weights)?.reshape((self.n, self.n_channels))?)
        };
        let of_contexts = self.activations_t.matmul(&weigh(&at.seen[1])?)?;
        Ok((of_contexts + self.contexts_t.matmul(&weigh(&at.seen[0])?)?)?)
    }
}
