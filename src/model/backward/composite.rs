//! Which rule each layer follows, and the combinations that have names.

use super::linear::Linear;
use super::pooling::InputRule;
use super::rules::{LayerRule, Rule, STABILISER};
use crate::{Error, Result};

/// Names of the combinations:
///
/// - `zero`, `epsilon`: LRP-0 and LRP-ε everywhere.
/// - `epsilon-gamma-box`, `epsilon-plus`, `epsilon-plus-flat`, `epsilon-alpha2-beta1`: those of zennit (Anders et al.
///   2021): ε for the dense layer; γ = 0.25, z⁺ or α2β1 for convolutions; zᴮ or flat for the first one.
/// - `thesis`: w² first, γ falling with depth from 0.4 to 0.1, and ε = 1e-7 for the dense layer (concept-based
///   explanations of audio, Table 4.3).
/// - `thesis-toy`: its rules for the synthetic set (section 4.1.2): flat first, γ = 0.8, and ε = 1e-7.
pub const PRESETS: &[&str] = &[
    "zero",
    "epsilon",
    "epsilon-gamma-box",
    "epsilon-plus",
    "epsilon-plus-flat",
    "epsilon-alpha2-beta1",
    "thesis",
    "thesis-toy",
];

/// γ of zennit's presets.
const GAMMA: f32 = 0.25;

/// γ of the thesis for its synthetic set.
const TOY_GAMMA: f32 = 0.8;

/// ε and stabiliser of the thesis.
const THESIS_EPSILON: f32 = 1e-7;

/// One rule for each convolution and each dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Composite {
    /// First convolution first, dense layers last.
    pub rules: Vec<Rule>,
    /// Whether biases count as 0 in denominators. Then no relevance stays with them, and every layer passes on all that it
    /// got; with biases (the default, as published) it does not.
    pub zero_bias: bool,
}

/// A composite with its weights for one chain.
pub struct Prepared {
    /// As in [`Composite::rules`].
    pub(super) linear: Vec<LayerRule<Linear>>,
    pub(super) input: InputRule,
}

impl Composite {
    /// The combination of this name for `n_convs` convolutions and `n_dense` dense layers behind them.
    ///
    /// # Errors
    /// As [`Self::preset`].
    pub fn named(name: &str, n_convs: usize, n_dense: usize, low: f32, high: f32) -> Result<Self> {
        let dense = Rule::Epsilon(if name.starts_with("thesis") { THESIS_EPSILON } else { STABILISER });
        let (first, rest) = match name {
            "zero" => return Ok(Self { rules: vec![Rule::Epsilon(0.0); n_convs + n_dense], zero_bias: false }),
            "epsilon" => (dense, dense),
            "epsilon-gamma-box" => (Rule::ZBox { low, high }, Rule::Gamma { gamma: GAMMA, stabiliser: STABILISER }),
            "epsilon-plus" => (Rule::ZPlus, Rule::ZPlus),
            "epsilon-plus-flat" => (Rule::Flat, Rule::ZPlus),
            "epsilon-alpha2-beta1" => (Rule::AlphaBeta { alpha: 2.0 }, Rule::AlphaBeta { alpha: 2.0 }),
            // What follows the first is set below.
            "thesis" => (Rule::WSquare, dense),
            "thesis-toy" => (Rule::Flat, Rule::Gamma { gamma: TOY_GAMMA, stabiliser: THESIS_EPSILON }),
            _ => {
                return Err(Error::usage(format!(
                    "there are no relevance rules '{name}'; give one of {}",
                    PRESETS.join(", ")
                )));
            }
        };
        let mut rules = vec![rest; n_convs];
        if name == "thesis" {
            rules = (0..n_convs).map(|i| thesis_gamma(i, n_convs)).collect();
        }
        if let Some(rule) = rules.first_mut() {
            *rule = first;
        }
        rules.extend(vec![dense; n_dense]);
        Ok(Self { rules, zero_bias: false })
    }
}

/// Table 4.3 has five convolutions: 0.4 for the second and third, 0.2 for the fourth, 0.1 for the last. Here the same by
/// the layer's place between first and last.
fn thesis_gamma(i: usize, n_convs: usize) -> Rule {
    let depth = i as f32 / (n_convs - 1).max(1) as f32;
    let gamma = if depth <= 0.5 {
        0.4
    } else if depth <= 0.75 {
        0.2
    } else {
        0.1
    };
    Rule::Gamma { gamma, stabiliser: THESIS_EPSILON }
}
