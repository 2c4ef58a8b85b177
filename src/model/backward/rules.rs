//! The rules of layer-wise relevance propagation for linear layers (Bach et al. 2015; Montavon et al. 2017, 2019).
//!
//! All of them share one form. The layer's sum is told apart into terms, each of a part of the input and changed weights,
//! and every value of the input gets the share that its terms have in the sum:
//! R_i = Σ_j x_i w_ij R_j / (Σ_i x_i w_ij + b_j), with a stabiliser of the denominator's sign (+ for 0) added to it. What
//! the bias contributes stays with the bias, unless it is set to zero.

use super::map::LinearMap;

/// Added to denominators, away from zero.
pub const STABILISER: f32 = 1e-6;

/// How a layer's relevance is shared among its inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// LRP-ε: by contribution, with ε in the denominator, which absorbs weak and contradictory shares. LRP-0 with ε = 0,
    /// where sums of exactly 0 pass nothing on.
    Epsilon(f32),
    /// LRP-γ: positive weights count 1 + γ times where the sum is positive, negative ones where it is negative; in the
    /// general form, which treats negative inputs with the opposite weights.
    Gamma {
        /// γ, at least 0.
        gamma: f32,
        /// Added to denominators.
        stabiliser: f32,
    },
    /// z⁺: positive contributions alone. [`Rule::AlphaBeta`] with α = 1.
    ZPlus,
    /// αβ: α parts to positive contributions, α − 1 parts away by negative ones.
    AlphaBeta {
        /// α, at least 1; β is α − 1, so that relevance is kept.
        alpha: f32,
    },
    /// w²: by the squared weights, whatever the input; for first layers, whose inputs have no natural zero.
    WSquare,
    /// Evenly over the receptive field, whatever input and weights.
    Flat,
    /// zᴮ: by contribution against the ends of the input's range.
    ZBox {
        /// Smallest value that the input can have.
        low: f32,
        /// Largest value that the input can have.
        high: f32,
    },
}

impl Rule {
    /// Whether nothing is ever given to an input of 0.
    pub(crate) const fn spares_zeros(self) -> bool {
        !matches!(self, Self::WSquare | Self::Flat | Self::ZBox { .. })
    }
}

/// Which part of the input a term takes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    All,
    Positive,
    Negative,
    /// The same number everywhere.
    Constant(f32),
}

impl Part {
    fn of(self, x: f32) -> f32 {
        match self {
            Self::All => x,
            Self::Positive => x.max(0.0),
            Self::Negative => x.min(0.0),
            Self::Constant(value) => value,
        }
    }
}

/// One part of the input with the weights that it meets.
struct Term<W> {
    part: Part,
    weights: W,
    /// +1 or −1.
    sign: f32,
}

/// The sums that a group answers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sums {
    All,
    Positive,
    Negative,
}

/// Terms that make up one denominator.
struct Group<W> {
    terms: Vec<Term<W>>,
    sums: Sums,
    /// Factor on what the group gives.
    factor: f32,
    stabiliser: f32,
}

/// A rule with its weights for one layer.
pub(crate) struct LayerRule<L: LinearMap> {
    groups: Vec<Group<L::Weights>>,
}

/// Which weights and biases a term takes of the layer's.
#[derive(Clone, Copy)]
enum Change {
    Keep,
    Positive,
    Negative,
    /// w + γ w⁺.
    RaisePositive(f32),
    /// w + γ w⁻.
    RaiseNegative(f32),
    Square,
    Ones,
}

impl Change {
    fn of(self, w: f32) -> f32 {
        match self {
            Self::Keep => w,
            Self::Positive => w.max(0.0),
            Self::Negative => w.min(0.0),
            Self::RaisePositive(gamma) => w + gamma * w.max(0.0),
            Self::RaiseNegative(gamma) => w + gamma * w.min(0.0),
            Self::Square => w * w,
            Self::Ones => 1.0,
        }
    }
}

/// What a layer's surroundings rule out, so that less needs to be kept and computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    /// The input has no negative values: it comes from a ReLU.
    pub(crate) input_positive: bool,
    /// No relevance arrives where the sum is negative: a ReLU made it 0, and the rule above gives nothing to zeros.
    pub(crate) silent_below_zero: bool,
}

impl<L: LinearMap> LayerRule<L> {
    pub(crate) fn new(linear: &L, rule: Rule, zero_bias: bool, around: Surroundings) -> Self {
        let weights = |change: Change, with_bias: bool| {
            linear.changed(&|w| change.of(w), &|b| if with_bias && !zero_bias { change.of(b) } else { 0.0 })
        };
        let term = |part, change, with_bias| Term { part, weights: weights(change, with_bias), sign: 1.0 };
        // The positive part of the input with one change, the negative one with the other, which has no bias.
        let signed = |positive: Change, negative: Change| {
            let mut terms = vec![term(Part::Positive, positive, true)];
            if !around.input_positive {
                terms.push(term(Part::Negative, negative, false));
            }
            terms
        };
        let group = |terms, sums, factor, stabiliser| Group { terms, sums, factor, stabiliser };
        let whole = |terms| group(terms, Sums::All, 1.0, STABILISER);
        let groups = match rule {
            Rule::Epsilon(epsilon) => vec![group(vec![term(Part::All, Change::Keep, true)], Sums::All, 1.0, epsilon)],
            Rule::Gamma { gamma, stabiliser } => {
                let (up, down) = (Change::RaisePositive(gamma), Change::RaiseNegative(gamma));
                let mut groups = vec![group(signed(up, down), Sums::Positive, 1.0, stabiliser)];
                if !around.silent_below_zero {
                    groups.push(group(signed(down, up), Sums::Negative, 1.0, stabiliser));
                }
                groups
            }
            Rule::ZPlus => vec![whole(signed(Change::Positive, Change::Negative))],
            Rule::AlphaBeta { alpha } => {
                let activating = signed(Change::Positive, Change::Negative);
                let inhibiting = signed(Change::Negative, Change::Positive);
                vec![
                    group(activating, Sums::All, alpha, STABILISER),
                    group(inhibiting, Sums::All, 1.0 - alpha, STABILISER),
                ]
            }
            Rule::WSquare => vec![whole(vec![term(Part::Constant(1.0), Change::Square, true)])],
            Rule::Flat => vec![whole(vec![term(Part::Constant(1.0), Change::Ones, false)])],
            Rule::ZBox { low, high } => vec![whole(vec![
                term(Part::All, Change::Keep, true),
                Term { sign: -1.0, ..term(Part::Constant(low), Change::Positive, true) },
                Term { sign: -1.0, ..term(Part::Constant(high), Change::Negative, true) },
            ])],
        };
        Self { groups }
    }

    /// Shares the relevance of a layer's sums among its inputs: from all sums to `[height, width, c_in]`.
    pub(crate) fn apply(
        &self,
        linear: &L,
        height: usize,
        width: usize,
        input: &[f32],
        sums: &[f32],
        relevance: &[f32],
    ) -> Vec<f32> {
        self.apply_all(linear, height, width, input, sums, &[relevance]).pop().unwrap_or_default()
    }

    /// As [`Self::apply`], of several relevances of the same sums: what they share is computed once.
    pub(crate) fn apply_all(
        &self,
        linear: &L,
        height: usize,
        width: usize,
        input: &[f32],
        sums: &[f32],
        relevances: &[&[f32]],
    ) -> Vec<Vec<f32>> {
        let mut all = vec![vec![0.0; input.len()]; relevances.len()];
        for group in &self.groups {
            let chosen = |z: f32| match group.sums {
                Sums::All => true,
                Sums::Positive => z > 0.0,
                Sums::Negative => z < 0.0,
            };
            let arrives = |relevance: &[f32]| relevance.iter().zip(sums).any(|(r, z)| *r != 0.0 && chosen(*z));
            if !relevances.iter().any(|relevance| arrives(relevance)) {
                continue;
            }
            let mut parts: Vec<Vec<f32>> = Vec::with_capacity(group.terms.len());
            let mut denominators = vec![0.0; sums.len()];
            for term in &group.terms {
                let part: Vec<f32> = input.iter().map(|x| term.part.of(*x)).collect();
                let shares = linear.forward(height, width, &term.weights, &part);
                denominators.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += term.sign * share);
                parts.push(part);
            }
            for (out, relevance) in all.iter_mut().zip(relevances) {
                let ratio: Vec<f32> = denominators
                    .iter()
                    .zip(relevance.iter().zip(sums))
                    .map(|(d, (r, z))| if chosen(*z) { divide(*r, *d, group.stabiliser) } else { 0.0 })
                    .collect();
                for (term, part) in group.terms.iter().zip(&parts) {
                    let back = linear.backward(height, width, &term.weights, &ratio);
                    let factor = group.factor * term.sign;
                    out.iter_mut().zip(part).zip(&back).for_each(|((out, x), b)| *out += factor * x * b);
                }
            }
        }
        all
    }
}

/// `value / (denominator + stabiliser · sign)`, with the sign of 0 positive; 0 where even that is 0.
pub(crate) fn divide(value: f32, denominator: f32, stabiliser: f32) -> f32 {
    let stable = if denominator < 0.0 { denominator - stabiliser } else { denominator + stabiliser };
    if stable == 0.0 { 0.0 } else { value / stable }
}
