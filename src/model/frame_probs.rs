//! Probabilities frame by frame, of networks that have them: when a label sounds, by the network's own word.

/// Probabilities of each class for each output frame of one segment.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameProbs {
    /// `[n_rows, n_classes]`, 0…1.
    probs: Vec<f32>,
    n_classes: usize,
    /// Input frames that a row stands for.
    pooling: usize,
    /// Rows by which the sound that a row speaks of lies behind it.
    lookahead: usize,
}

impl FrameProbs {
    /// The rows of logits `[n_rows, n_classes]` of a network that makes `pooling` input frames one and looks `lookahead` rows
    /// ahead.
    #[must_use]
    pub fn of_logits(logits: &[f32], n_classes: usize, pooling: usize, lookahead: usize) -> Self {
        let probs = logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        Self { probs, n_classes: n_classes.max(1), pooling: pooling.max(1), lookahead }
    }

    /// Probability of `class` at each of `n_frames` input frames; 0 for the last ones, of which the network has not heard
    /// enough yet.
    #[must_use]
    pub fn of(&self, class: usize, n_frames: usize) -> Vec<f32> {
        let row = |frame: usize| (frame / self.pooling + self.lookahead) * self.n_classes + class;
        let in_class = class < self.n_classes;
        (0..n_frames).map(|f| self.probs.get(row(f)).copied().filter(|_| in_class).unwrap_or(0.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_speaks_of_the_frames_before_it() {
        let (low, high) = (-100.0, 100.0);
        // Class 1 in the third of four rows; one row of lookahead: the frames of the second row.
        let logits = [low, low, low, low, low, high, low, low];
        let probs = FrameProbs::of_logits(&logits, 2, 3, 1);
        let heard = probs.of(1, 12);
        assert!(heard.iter().enumerate().all(|(f, p)| (*p > 0.5) == (3..6).contains(&f)), "{heard:?}");
        assert!(probs.of(0, 12).iter().all(|p| *p < 0.5));
        assert_eq!(probs.of(2, 3), [0.0; 3]);
    }
}
