//! Sources that a sound is separated into without a network: what stays and what strikes, or the patterns of a dictionary.

use std::sync::Arc;

use super::parts::Source;
use crate::dsp::hpss_masks;
use crate::model::kernels::gemm::{View, matmul};

/// Frames and bins of the medians that separate what is harmonic from what is percussive (librosa's default).
const HPSS_KERNEL: usize = 31;

/// Multiplicative steps towards the activations of a dictionary.
const STEPS: usize = 100;

/// Patterns that are sources of their own; weaker ones are one source together.
const MAX_PATTERNS: usize = 15;

/// Added to what is divided by.
const EPS: f32 = 1e-9;

/// The harmonic and the percussive part of a spectrogram ln(1 + |X|), `[n_frames, n_bins]`.
#[must_use]
pub fn harmonic_percussive(log_magnitude: &[f32], n_bins: usize) -> Vec<Source> {
    let magnitude: Vec<f32> = log_magnitude.iter().map(|l| l.exp_m1()).collect();
    let [harmonic, percussive] = hpss_masks(&magnitude, n_bins, HPSS_KERNEL);
    let source = |index, name: &str, mask: Vec<f32>| Source { index, name: name.to_owned(), mask: mask.into() };
    vec![source(0, "harmonic", harmonic), source(1, "percussive", percussive)]
}

/// A dictionary of spectral patterns.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// W, `[n_bins, n_components]`, ≥ 0.
    pub w: Vec<f32>,
    /// What each pattern is called; empty where it has no name.
    pub names: Vec<String>,
    /// Columns of W.
    pub n_components: usize,
}

impl Dictionary {
    /// The patterns that sound in a spectrogram ln(1 + |X|), `[n_frames, n_bins]`, the strongest on their own and all others,
    /// with what no pattern explains, as one: its number is the first that no pattern has.
    #[must_use]
    pub fn sources(&self, log_magnitude: &[f32]) -> Vec<Source> {
        let k = self.n_components;
        let n_bins = self.w.len() / k.max(1);
        let n_frames = log_magnitude.len() / n_bins.max(1);
        let h = self.activations(log_magnitude);
        let mut all = vec![0.0; n_frames * n_bins];
        let (wide, columns) = (View::dense(n_frames, n_bins), View::dense(n_bins, k).t());
        matmul(&mut all, wide, &h, View::dense(n_frames, k), &self.w, columns, false);
        let weight = |c: usize| self.w.iter().skip(c).step_by(k).sum::<f32>();
        let sounding: Vec<f32> = (0..k).map(|c| weight(c) * h.iter().skip(c).step_by(k).sum::<f32>()).collect();
        let mut strongest: Vec<usize> = (0..k).filter(|c| sounding[*c] > 0.0).collect();
        strongest.sort_by(|a, b| sounding[*b].total_cmp(&sounding[*a]));
        strongest.truncate(MAX_PATTERNS);
        let mut rest = vec![1.0_f32; n_frames * n_bins];
        let mut sources = Vec::with_capacity(strongest.len() + 1);
        for c in strongest {
            let mut mask = Vec::with_capacity(n_frames * n_bins);
            for (h, all) in h.chunks_exact(k).zip(all.chunks_exact(n_bins)) {
                mask.extend(self.w.chunks_exact(k).zip(all).map(|(w, all)| w[c] * h[c] / (all + EPS)));
            }
            rest.iter_mut().zip(&mask).for_each(|(rest, m)| *rest = (*rest - m).max(0.0));
            let name = self.names.get(c).cloned().unwrap_or_default();
            sources.push(Source { index: c, name, mask: mask.into() });
        }
        sources.push(Source { index: k, name: "the rest".to_owned(), mask: Arc::from(rest) });
        sources
    }

    /// H ≥ 0, `[n_frames, n_components]`, whose W H comes near the spectrogram in least squares (Lee and Seung 2001, with W
    /// as it is), from the same activation of every pattern.
    fn activations(&self, log_magnitude: &[f32]) -> Vec<f32> {
        let k = self.n_components;
        let n_bins = self.w.len() / k.max(1);
        let n_frames = log_magnitude.len() / n_bins.max(1);
        let w = View::dense(n_bins, k);
        let mut towards = vec![0.0; n_frames * k];
        matmul(&mut towards, View::dense(n_frames, k), log_magnitude, View::dense(n_frames, n_bins), &self.w, w, false);
        let mut gram = vec![0.0; k * k];
        matmul(&mut gram, View::dense(k, k), &self.w, w.t(), &self.w, w, false);
        let mut h = vec![1.0; n_frames * k];
        let mut reached = vec![0.0; n_frames * k];
        for _ in 0..STEPS {
            let rows = View::dense(n_frames, k);
            matmul(&mut reached, rows, &h, rows, &gram, View::dense(k, k), false);
            h.iter_mut().zip(towards.iter().zip(&reached)).for_each(|(h, (t, r))| *h *= t / (r + EPS));
        }
        h
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two patterns that share a bin, one that does not sound: each is found where it was put in.
    #[test]
    fn patterns_that_were_put_in_are_found() {
        let w = vec![1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let dictionary = Dictionary { w, names: vec!["low".into(), String::new()], n_components: 3 };
        // Frame 0: the first twice; frame 1: the second; frame 2: both.
        let x = [2.0, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0, 0.0, 2.0, 1.5, 1.0, 0.0];
        let sources = dictionary.sources(&x);
        let names: Vec<(usize, &str)> = sources.iter().map(|s| (s.index, s.name.as_str())).collect();
        assert_eq!(names, [(0, "low"), (1, ""), (3, "the rest")]);
        let share = |source: usize, frame: usize, bin: usize| sources[source].mask[frame * 4 + bin];
        assert!((share(0, 2, 1) - 2.0 / 3.0).abs() < 1e-3 && (share(1, 2, 1) - 1.0 / 3.0).abs() < 1e-3);
        assert!(share(0, 0, 0) > 0.99 && share(1, 1, 2) > 0.99 && share(0, 1, 1) < 1e-2);
        for i in 0..x.len() {
            let sum: f32 = sources.iter().map(|s| s.mask[i]).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{i}: {sum}");
        }
        // What no pattern has is in the rest.
        assert!(share(2, 0, 3) > 0.999);
    }

    #[test]
    fn what_stays_is_harmonic() {
        let x: Vec<f32> = (0..40 * 33).map(|i| if i % 33 == 5 { 2.0 } else { 0.01 }).collect();
        let sources = harmonic_percussive(&x, 33);
        assert_eq!(sources[0].name, "harmonic");
        assert!(sources[0].mask[20 * 33 + 5] > 0.99 && sources[1].mask[20 * 33 + 5] < 0.01);
    }
}
