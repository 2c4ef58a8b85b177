//! Concepts as subspaces of a hidden layer (Chormai et al. 2024): an orthogonal matrix U whose columns are cut into as many
//! blocks U_k as there are concepts. Relevance of the layer is told apart into theirs.

use crate::model::backward::Hidden;
use crate::model::kernels::gemm::{View, matmul};
use crate::model::manifest::ConceptsSpec;
use crate::model::package::Package;
use crate::{Error, Result};

/// How far UᵀU may be from the identity.
const ORTHOGONAL_TO: f32 = 1e-3;

/// U of one class, and how many concepts it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Subspaces {
    n_channels: usize,
    n_concepts: usize,
    /// `[n_channels, n_channels]`: a column is a direction.
    u: Vec<f32>,
}

impl Subspaces {
    /// `n_concepts` subspaces of one size: the blocks of columns of `u`, `[n_channels, n_channels]`.
    ///
    /// # Errors
    /// A model error where `u` is not orthogonal, or cannot be cut into so many equal blocks.
    pub fn new(n_channels: usize, n_concepts: usize, u: Vec<f32>) -> Result<Self> {
        check_cut(n_channels, n_concepts)?;
        let d = n_channels;
        if u.len() != d * d {
            return Err(Error::bug(format!("{} values were given as a matrix of {d} × {d}", u.len())));
        }
        let mut gram = vec![0.0; d * d];
        let view = View::dense(d, d);
        matmul(&mut gram, view, &u, view.t(), &u, view, false);
        let off = |(i, g): (usize, &f32)| (g - if i % (d + 1) == 0 { 1.0 } else { 0.0 }).abs() > ORTHOGONAL_TO;
        if gram.iter().enumerate().any(off) {
            return Err(Error::model(
                "the directions of a concept are not orthogonal; train the concepts again with 'earwitness train drsa'",
            ));
        }
        Ok(Self { n_channels, n_concepts, u })
    }

    /// Those of each label of a package that are stored for `spec`, in the order of the labels; `None` for a label that has
    /// none.
    ///
    /// # Errors
    /// A model error where they do not fit.
    pub fn load(package: &Package, spec: &ConceptsSpec) -> Result<Vec<Option<Self>>> {
        let arrays = package.tensors(&spec.weights)?;
        let of = |label: &str| match arrays.0.get(label) {
            None => Ok(None),
            Some(array) => {
                let n_channels = array.shape.first().copied().unwrap_or(0);
                let u = arrays.get(label, &[n_channels, n_channels])?;
                Self::new(n_channels, spec.concepts, u.to_vec()).map(Some)
            }
        };
        package.manifest().label_names().map(of).collect()
    }

    /// Channels of the layer.
    #[must_use]
    pub const fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Concepts.
    #[must_use]
    pub const fn n_concepts(&self) -> usize {
        self.n_concepts
    }

    /// The share that each concept has in the relevance of a layer, as large as it: R_jk = a_j (U_k U_kᵀ c)_j at each place,
    /// with the context c_j = R_j / a_j, and 0 where a_j is. This is what the ε rule makes of the virtual layers U and Uᵀ as
    /// ε goes to 0 (Eq. 3.9 and 3.10 of the thesis on concept-based explanations of audio): the shares sum to the relevance
    /// wherever a channel is active. A share may be negative.
    #[must_use]
    pub fn shares(&self, hidden: &Hidden, relevance: &[f32]) -> Vec<Vec<f32>> {
        let (d, size) = (self.n_channels, self.n_channels / self.n_concepts);
        let places = relevance.len() / d;
        let context = context(&hidden.values, relevance);
        let u = View::dense(d, d);
        let all = View::dense(places, d);
        let mut inside = vec![0.0; context.len()];
        matmul(&mut inside, all, &context, all, &self.u, u, false);
        let share = |k: usize| {
            let block = |view: View| View { cols: size, ..view.at(k * size) };
            let mut back = vec![0.0; context.len()];
            matmul(&mut back, all, &inside, block(all), &self.u, block(u).t(), false);
            back.iter_mut().zip(&hidden.values).for_each(|(share, a)| *share *= a);
            back
        };
        (0..self.n_concepts).map(share).collect()
    }
}

/// The context of activations: how the decision responds to each, R / a; 0 where it is not active.
#[must_use]
pub fn context(activations: &[f32], relevance: &[f32]) -> Vec<f32> {
    relevance.iter().zip(activations).map(|(r, a)| if *a == 0.0 { 0.0 } else { r / a }).collect()
}

/// Whether so many channels can be cut into so many concepts.
///
/// # Errors
/// A model error that names both.
pub fn check_cut(n_channels: usize, n_concepts: usize) -> Result<()> {
    if n_concepts > 0 && n_channels > 0 && n_channels.is_multiple_of(n_concepts) {
        return Ok(());
    }
    Err(Error::model(format!(
        "a layer of {n_channels} channels cannot be cut into {n_concepts} equal concepts; give a number that divides it"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A turn by 45° in the first two of four channels.
    fn turned() -> Vec<f32> {
        let h = 0.5_f32.sqrt();
        vec![h, -h, 0.0, 0.0, h, h, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    }

    #[test]
    fn shares_sum_to_the_relevance_and_may_be_negative() {
        let subspaces = Subspaces::new(4, 2, turned()).unwrap();
        let hidden = Hidden { height: 1, width: 2, values: vec![1.0, 2.0, 0.5, 0.0, 0.0, 3.0, 1.0, 4.0] };
        let relevance = [0.3, -0.9, 0.2, 0.0, 0.0, 1.5, -0.1, 2.0];
        let shares = subspaces.shares(&hidden, &relevance);
        assert_eq!(shares.len(), 2);
        for (i, r) in relevance.iter().enumerate() {
            assert!((shares[0][i] + shares[1][i] - r).abs() < 1e-6, "{i}");
        }
        // The first subspace is the first two channels, so the other two have no part in it.
        assert!(shares[0][2].abs() < 1e-7 && (shares[0][1] + 0.9).abs() < 1e-6, "{:?}", shares[0]);
        let one = Subspaces::new(4, 4, turned()).unwrap().shares(&hidden, &relevance);
        // U₁ = (1, 1)/√2: h = 1·c₁ + 2·c₂ with c = (0.3, −0.45).
        let along = (0.3 - 0.45) / 2.0;
        assert!((one[0][0] - along).abs() < 1e-6 && (one[0][1] - 2.0 * along).abs() < 1e-6, "{:?}", one[0]);
    }

    #[test]
    fn what_is_no_cut_of_the_layer_is_refused() {
        assert!(Subspaces::new(4, 3, turned()).unwrap_err().to_string().contains("4 channels"));
        assert!(Subspaces::new(4, 0, turned()).is_err());
        let mut skewed = turned();
        skewed[3] = 0.1;
        assert!(Subspaces::new(4, 2, skewed).unwrap_err().to_string().contains("orthogonal"));
    }
}
