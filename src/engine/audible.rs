//! The sound of a method that gives every sample its own share in the decision: ReLU(R) ⊙ x, and what speaks against the
//! class, ReLU(−R) ⊙ x (AudioMNIST, "audible heatmaps").

/// A stretch of sound with the share that each sample has, −1…1.
pub(super) struct Audible<'a> {
    heard: &'a [f32],
    /// One a sample.
    shares: &'a [f32],
}

impl<'a> Audible<'a> {
    /// What was `heard`, with the share of each sample.
    pub(super) const fn new(heard: &'a [f32], shares: &'a [f32]) -> Self {
        Self { heard, shares }
    }

    /// What speaks for the class, as loud as what was heard: few samples have a large share, so the product itself is faint.
    pub(super) fn of(&self) -> Vec<f32> {
        self.raised(|share| share.max(0.0))
    }

    /// What speaks against it, raised as much, so that the two can be compared.
    pub(super) fn against(&self) -> Vec<f32> {
        self.raised(|share| (-share).max(0.0))
    }

    /// What is left without that which speaks for the class.
    pub(super) fn rest(&self) -> Vec<f32> {
        self.times(|share| 1.0 - share.max(0.0))
    }

    fn times(&self, part: impl Fn(f32) -> f32) -> Vec<f32> {
        self.heard.iter().zip(self.shares).map(|(x, share)| x * part(*share)).collect()
    }

    fn raised(&self, part: impl Fn(f32) -> f32) -> Vec<f32> {
        let peak = |samples: &mut dyn Iterator<Item = f32>| samples.fold(0.0_f32, |peak, x| peak.max(x.abs()));
        let heard = peak(&mut self.heard.iter().copied());
        let product = peak(&mut self.heard.iter().zip(self.shares).map(|(x, share)| x * share));
        let gain = if product > 0.0 { heard / product } else { 0.0 };
        self.times(|share| gain * part(share))
    }
}
