//! What concepts are learned from: activations of a layer and their contexts, at random places of many segments.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Result;
use crate::interpret::concepts::TwoStep;
use crate::model::subspaces::context;

/// Pairs of activation and context vectors of one class, `[n, n_channels]` each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// Channels of the layer.
    pub n_channels: usize,
    /// a: the layer's output at one place.
    pub activations: Vec<f64>,
    /// c = R / a: how the class's logit responds to it; 0 where a is.
    pub contexts: Vec<f64>,
}

impl Vectors {
    /// Pairs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.activations.len() / self.n_channels.max(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.activations.is_empty()
    }

    /// Takes `n_places` places of each segment `[n_frames, n_mels]`, drawn at random with each as likely, no place twice; all
    /// of them where the layer has fewer.
    ///
    /// # Errors
    /// If a segment does not fit the network.
    pub fn collect(way: &TwoStep, segments: &[&[f32]], class: usize, n_places: usize, seed: u64) -> Result<Self> {
        let d = way.n_channels();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(class as u64);
        let mut vectors = Self { n_channels: d, ..Self::default() };
        for features in segments {
            let (hidden, relevance) = way.at_layer(features, class)?;
            let contexts = context(&hidden.values, &relevance);
            for place in draw(hidden.height * hidden.width, n_places, &mut rng) {
                let at = place * d..(place + 1) * d;
                vectors.activations.extend(hidden.values[at.clone()].iter().map(|a| f64::from(*a)));
                vectors.contexts.extend(contexts[at].iter().map(|c| f64::from(*c)));
            }
        }
        Ok(vectors)
    }

    /// Both brought to one scale: v / (d^¼ √E[v²]), with the mean over all entries (Eq. 3.4 of the thesis). Vectors that are 0
    /// everywhere stay so.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        let root = (self.n_channels as f64).sqrt().sqrt();
        for values in [&mut self.activations, &mut self.contexts] {
            let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt();
            if rms > 0.0 {
                values.iter_mut().for_each(|v| *v /= root * rms);
            }
        }
        self
    }

    /// The same with the activations as contexts: what DSA learns from, which asks how strong an activation is and not what
    /// the decision makes of it.
    #[must_use]
    pub fn without_context(mut self) -> Self {
        self.contexts.clone_from(&self.activations);
        self
    }
}

/// `n` of `all` places, without repetition (Floyd's draw), ascending.
fn draw(all: usize, n: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut drawn = std::collections::BTreeSet::new();
    for last in all.saturating_sub(n)..all {
        let place = rng.random_range(0..=last);
        if !drawn.insert(place) {
            drawn.insert(last);
        }
    }
    drawn.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_drawn_once_each_and_evenly() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 10];
        for _ in 0..2000 {
            let drawn = draw(10, 4, &mut rng);
            assert!(drawn.len() == 4 && drawn.windows(2).all(|w| w[0] < w[1]), "{drawn:?}");
            drawn.into_iter().for_each(|place| counts[place] += 1);
        }
        assert!(counts.iter().all(|n| (700..900).contains(n)), "{counts:?}");
        assert_eq!(draw(3, 9, &mut rng), [0, 1, 2]);
    }

    #[test]
    fn scales_do_not_matter_and_nothing_stays_nothing() {
        let of = |scale: f64| Vectors {
            n_channels: 2,
            activations: [1.0, 2.0, 0.0, 3.0].map(|v| v * scale).to_vec(),
            contexts: vec![0.0; 4],
        };
        let one = of(1.0).normalised();
        let mean_square = one.activations.iter().map(|v| v * v).sum::<f64>() / 4.0;
        assert!((mean_square - 1.0 / 2.0_f64.sqrt()).abs() < 1e-12);
        let other = of(1e3).normalised();
        assert!(one.activations.iter().zip(&other.activations).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(one.contexts, [0.0; 4]);
    }
}
