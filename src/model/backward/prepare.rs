//! The rules of a combination, laid onto a chain.

use super::composite::{Composite, Prepared};
use super::pooling::InputRule;
use super::rules::{LayerRule, Rule, Surroundings};
use super::{Chain, Layer};
use crate::{Error, Result};

impl Composite {
    /// The combination of this name for a chain. `low` and `high` are the ends of the range of the classifier's input.
    ///
    /// # Errors
    /// A usage error for a name that is none, or rules that a network on samples cannot follow.
    pub fn preset(name: &str, chain: &Chain, low: f32, high: f32) -> Result<Self> {
        let (n_convs, n_dense) = chain.n_linear();
        if name == "epsilon-gamma-box" && chain.hears_samples() {
            return Err(Error::usage(
                "epsilon-gamma-box needs the range of the network's input, and samples over their own percentile have none; \
                 give epsilon-plus",
            ));
        }
        Self::named(name, n_convs, n_dense, low, high)
    }

    /// Computes the weights that the rules need of a chain.
    ///
    /// # Errors
    /// A bug where there are not as many rules as layers.
    pub fn prepare(&self, chain: &Chain) -> Result<Prepared> {
        let linears: Vec<_> = chain.layers.iter().filter_map(Layer::linear).collect();
        if linears.len() != self.rules.len() {
            return Err(Error::bug(format!("{} rules were given to {} layers", self.rules.len(), linears.len())));
        }
        let rule = |(i, linear): (usize, &&_)| {
            let around = Surroundings {
                input_positive: i > 0,
                silent_below_zero: self.rules.get(i + 1).is_some_and(|above| above.spares_zeros()),
            };
            LayerRule::new(*linear, self.rules[i], self.zero_bias, around)
        };
        let input = match self.rules.first() {
            Some(Rule::WSquare | Rule::Flat) => InputRule::Even,
            Some(Rule::ZBox { low, .. }) => InputRule::Above(*low),
            _ => InputRule::Proportional,
        };
        Ok(Prepared { linear: linears.iter().enumerate().map(rule).collect(), input })
    }
}
