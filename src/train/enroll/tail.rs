//! How often logits exceed a threshold that few or none of the bank exceed.

/// Share of the bank that the tail is fitted to.
const TAIL: f64 = 0.01;
/// Fewest logits that it is fitted to.
const LEAST: usize = 20;

/// Least and largest shape of a tail. Logits sum many values, so that their tail is no longer than an exponential one; how much
/// shorter a few dozen logits tell badly.
const SHAPE: (f64, f64) = (-0.25, -1e-6);

/// The bank's largest logits as a generalised Pareto tail behind a level (Pickands 1975), fitted by its moments (Hosking and
/// Wallis 1987): P(z > level + d) = share · (1 + shape · d / scale)^(−1 / shape).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    level: f64,
    scale: f64,
    shape: f64,
    share: f64,
}

impl Tail {
    /// The tail of `logits`, of which there must be more than 20.
    #[must_use]
    pub fn of(logits: &[f32]) -> Option<Self> {
        let mut sorted: Vec<f64> = logits.iter().map(|z| f64::from(*z)).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let n = ((sorted.len() as f64 * TAIL) as usize).max(LEAST);
        let level = *sorted.get(n)?;
        let mean = (sorted[..n].iter().map(|z| z - level).sum::<f64>() / n as f64).max(1e-6);
        let variance = sorted[..n].iter().map(|z| (z - level - mean).powi(2)).sum::<f64>() / n as f64;
        let shape = (0.5 * (1.0 - mean * mean / variance.max(1e-12))).clamp(SHAPE.0, SHAPE.1);
        Some(Self { level, scale: mean * (1.0 - shape), shape, share: n as f64 / sorted.len() as f64 })
    }

    /// The logit that a share `p` of all exceeds, by this tail.
    #[must_use]
    pub fn exceeded_by(&self, p: f64) -> f64 {
        self.level + self.scale / self.shape * ((self.share / p).powf(self.shape) - 1.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_tail_is_found() {
        // Quantiles of an exponential distribution of scale 2: P(z > 2 · ln(1/p)) = p.
        let n = 6000;
        let logits: Vec<f32> = (0..n).map(|i| -2.0 * ((i as f32 + 0.5) / n as f32).ln()).collect();
        let tail = Tail::of(&logits).unwrap();
        let want = 2.0 * 1e5_f64.ln();
        assert!((tail.exceeded_by(1e-5) - want).abs() < 0.05 * want, "{} {want}", tail.exceeded_by(1e-5));
        assert_eq!(Tail::of(&logits[..20]), None);
    }

    #[test]
    fn a_tail_that_ends_is_not_taken_for_a_long_one() {
        // Quantiles of a generalised Pareto distribution of shape −0.2 and scale 1, which ends at 5.
        let n = 6000;
        let logits: Vec<f32> = (0..n).map(|i| 5.0 * (1.0 - ((i as f32 + 0.5) / n as f32).powf(0.2))).collect();
        let tail = Tail::of(&logits).unwrap();
        let want = 5.0 * (1.0 - 1e-5_f64.powf(0.2));
        assert!((tail.exceeded_by(1e-5) - want).abs() < 0.05 * want, "{} {want}", tail.exceeded_by(1e-5));
    }
}
