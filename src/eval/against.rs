//! Whether a method beats masks that know nothing of the sound. Some figures are high for any mask that keeps enough, so each is
//! compared with the baseline's on the same sounds: a paired bootstrap of the differences.

use serde::Serialize;

use super::mean::Mean;

/// How a figure of a method stands to a baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The 95 % interval of the mean difference is above 0.
    Better,
    /// It is below 0.
    Worse,
    /// It holds 0.
    Undecided,
}

impl Standing {
    /// Of differences, one a sound, where more is better; `None` of none.
    #[must_use]
    pub fn of(differences: &[f64], seed: u64) -> Option<Self> {
        let Mean { low, high, .. } = Mean::of(differences, seed)?;
        Some(if low > 0.0 {
            Self::Better
        } else if high < 0.0 {
            Self::Worse
        } else {
            Self::Undecided
        })
    }

    /// One character for tables.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Better => "+",
            Self::Worse => "−",
            Self::Undecided => "·",
        }
    }
}

/// A method beside one baseline, figure by figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Against {
    /// The baseline's name.
    pub baseline: String,
    /// Average increase.
    pub ai: Option<Standing>,
    /// Average drop, of which less is better.
    pub ad: Option<Standing>,
    /// Average gain.
    pub ag: Option<Standing>,
    /// Faithfulness on spectra.
    pub ff: Option<Standing>,
    /// Input fidelity.
    pub fid_in: Option<Standing>,
}

impl Against {
    /// The standings in the order of the tables.
    #[must_use]
    pub const fn all(&self) -> [Option<Standing>; 5] {
        [self.ai, self.ad, self.ag, self.ff, self.fid_in]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_better_where_its_interval_is_above_zero() {
        let of = |values: &[f64]| Standing::of(values, 1);
        assert_eq!(of(&[0.1, 0.2, 0.3, 0.2]), Some(Standing::Better));
        assert_eq!(of(&[-0.1, -0.2, -0.3, -0.2]), Some(Standing::Worse));
        assert_eq!(of(&[0.1, -0.2, 0.3, -0.2]), Some(Standing::Undecided));
        assert_eq!(of(&[0.0; 5]), Some(Standing::Undecided), "the same as the baseline");
        assert_eq!(of(&[]), None);
    }
}
