//! How often logits exceed a threshold that few or none of the bank exceed.

/// Share of the bank that the tail is fitted to.
const TAIL: f64 = 0.01;
/// Fewest logits that it is fitted to.
const LEAST: usize = 20;

/// The bank's largest logits, as an exponential tail behind a level: P(z > level + d) = share · exp(−d / scale).
///
/// Logits that sum many independent values fall off faster than that, so that the threshold is rather too high.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    level: f64,
    scale: f64,
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
        let scale = sorted[..n].iter().map(|z| z - level).sum::<f64>() / n as f64;
        Some(Self { level, scale: scale.max(1e-6), share: n as f64 / sorted.len() as f64 })
    }

    /// The logit that a share `p` of all exceeds, by this tail.
    #[must_use]
    pub fn exceeded_by(&self, p: f64) -> f64 {
        self.level + self.scale * (self.share / p).ln()
    }

    /// The share that exceeds the logit `z`, by this tail.
    #[must_use]
    pub fn share_above(&self, z: f64) -> f64 {
        (self.share * (-(z - self.level) / self.scale).exp()).min(1.0)
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
        assert!((tail.share_above(tail.exceeded_by(1e-5)) / 1e-5 - 1.0).abs() < 1e-6);
        assert_eq!(Tail::of(&logits[..20]), None);
    }
}
