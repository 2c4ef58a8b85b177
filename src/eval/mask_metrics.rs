//! The figures by which masks are compared (L-MAC paper, section 3.1), for one explained class of one sound.
//!
//! A probability here is what the classifier itself says: softmax or sigmoid of its logits, once. (The published program of
//! L-MAC applies softmax a second time for its average drop, which squeezes that figure.) With a sigmoid a class for itself,
//! as in a multi-label model, the same formulas hold for each class that is explained.

use crate::model::manifest::{Activation, Label};

/// Added where a probability or its complement divides, as published.
const EPS: f64 = 1e-10;
/// Added to every value before sparseness is computed, as Quantus does.
const SPARSENESS_EPS: f64 = 1e-7;
/// Added inside the logarithm of complexity, as Quantus does.
const COMPLEXITY_EPS: f64 = 1e-12;

/// The probabilities of logits in double precision: near 1, single precision makes different probabilities equal, and then
/// nothing could increase or be gained.
#[must_use]
pub fn probabilities(logits: &[f32], activation: Activation) -> Vec<f64> {
    match activation {
        Activation::Sigmoid => logits.iter().map(|l| 1.0 / (1.0 + f64::from(-l).exp())).collect(),
        Activation::Softmax => {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp: Vec<f64> = logits.iter().map(|l| f64::from(l - max).exp()).collect();
            let sum: f64 = exp.iter().sum();
            exp.iter().map(|e| e / sum).collect()
        }
    }
}

/// The classes that a classifier finds: those whose probability reaches their on-threshold; where none does, the likeliest
/// one. Ascending; empty only where there are no classes.
#[must_use]
pub fn active_classes(probs: &[f64], labels: &[Label]) -> Vec<usize> {
    let reaches = |(p, label): (&f64, &Label)| *p >= f64::from(label.on_threshold);
    let active: Vec<usize> =
        probs.iter().zip(labels).enumerate().filter(|(_, one)| reaches(*one)).map(|(class, _)| class).collect();
    if active.is_empty() { top(probs).into_iter().collect() } else { active }
}

/// The likeliest class, the first of equals.
#[must_use]
pub fn top(probs: &[f64]) -> Option<usize> {
    (0..probs.len()).reduce(|best, i| if probs[i] > probs[best] { i } else { best })
}

/// Whether `class` is among the `k` likeliest; of equals, the first ones come first.
#[must_use]
pub fn in_top(probs: &[f64], class: usize, k: usize) -> bool {
    let Some(own) = probs.get(class) else { return false };
    probs.iter().enumerate().filter(|(i, p)| *p > own || (*p == own && *i < class)).count() < k
}

/// Increase, the term of AI: 100 where the explained class is surer on the masked-in sound (`inside`) than on the whole
/// (`whole`), else 0. Larger is better.
#[must_use]
pub fn increase(whole: f64, inside: f64) -> f64 {
    if inside > whole { 100.0 } else { 0.0 }
}

/// Drop, the term of AD: what share of its probability the class loses on the masked-in sound, in percent; a gain counts as
/// 0. Smaller is better.
#[must_use]
pub fn drop(whole: f64, inside: f64) -> f64 {
    100.0 * (whole - inside).max(0.0) / (whole + EPS)
}

/// Gain, the term of AG: what share of the way to certainty the class gains on the masked-in sound, in percent; a loss
/// counts as 0. Larger is better.
#[must_use]
pub fn gain(whole: f64, inside: f64) -> f64 {
    100.0 * (inside - whole).max(0.0) / (1.0 - whole + EPS)
}

/// Faithfulness on spectra, FF: how far the probability falls when the masked-out sound (`outside`) is all there is, −1…1.
/// The paper's text says logit, its program and tables take probabilities; so does this. Larger is better.
#[must_use]
pub fn faithfulness(whole: f64, outside: f64) -> f64 {
    whole - outside
}

/// Sparseness, SPS: the Gini index of a mask's magnitudes, 0 (all alike) … 1 (all in one place), equal to Quantus'
/// `Sparseness` with its defaults. `None` for a mask that is empty, all zero: there is nothing that could be sparse (Quantus
/// says 0).
#[must_use]
pub fn sparseness(mask: &[f32]) -> Option<f64> {
    let largest = largest(mask)?;
    let mut values: Vec<f64> = mask.iter().map(|m| f64::from(m.abs()) / largest + SPARSENESS_EPS).collect();
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let ranked: f64 = values.iter().enumerate().map(|(i, a)| (2.0 * (i + 1) as f64 - n - 1.0) * a).sum();
    Some(ranked / (n * values.iter().sum::<f64>()))
}

/// Complexity, COMP: the entropy in nats of a mask's magnitudes divided by their sum, 0 (all in one place) … ln n (all
/// alike), equal to Quantus' `Complexity` with its defaults. `None` for an empty mask (Quantus says NaN, and the published
/// programs leave it out unsaid).
#[must_use]
pub fn complexity(mask: &[f32]) -> Option<f64> {
    largest(mask)?;
    let sum: f64 = mask.iter().map(|m| f64::from(m.abs())).sum();
    let share = |m: &f32| f64::from(m.abs()) / sum;
    Some(-mask.iter().map(share).map(|s| s * (s + COMPLEXITY_EPS).ln()).sum::<f64>())
}

/// The largest magnitude of a mask; `None` where it is zero or no number.
fn largest(mask: &[f32]) -> Option<f64> {
    let largest = mask.iter().fold(0.0_f32, |largest, m| largest.max(m.abs()));
    (largest > 0.0).then_some(f64::from(largest))
}

/// Scale-invariant signal-to-distortion ratio of `estimate` for `reference`, in dB (Le Roux et al. 2019, without taking
/// means away): ‖αs‖² over ‖αs − ŝ‖² with α = ⟨ŝ, s⟩ ÷ ‖s‖². `None` where either is silent. Stops at the shorter one.
#[must_use]
pub fn si_sdr_db(estimate: &[f32], reference: &[f32]) -> Option<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let n = estimate.len().min(reference.len());
    let (estimate, reference) = (&estimate[..n], &reference[..n]);
    let (energy, heard) = (dot(reference, reference), dot(estimate, estimate));
    if energy <= 0.0 || heard <= 0.0 {
        return None;
    }
    let alpha = dot(estimate, reference) / energy;
    let target = alpha * alpha * energy;
    let distortion: f64 =
        estimate.iter().zip(reference).map(|(y, s)| (alpha * f64::from(*s) - f64::from(*y)).powi(2)).sum();
    // The smallest share that double precision tells apart keeps a perfect estimate, and a worthless one, finite.
    let least = f64::EPSILON * heard;
    Some(10.0 * ((target + least) / (distortion + least)).log10())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-6 * wanted.abs().max(1.0), "{found} where {wanted} was wanted");
    }

    /// ```python
    /// import numpy as np, quantus   # 0.6.0
    /// kw = dict(abs=True, normalise=True, disable_warnings=True)
    /// S, C = quantus.Sparseness(**kw), quantus.Complexity(**kw)
    /// def both(a):
    ///     a = np.abs(np.asarray(a, float).reshape(1, -1)); a = a / a.max()
    ///     return S.evaluate_batch(None, a.copy())[0], C.evaluate_batch(None, a.copy())[0]
    /// for a in ([0, .25, .5, 1, .125, .75], [0, 0, 0, 0, .3, 0], [.5] * 6,
    ///           [(i * 7 % 11) / 11 * (1 if i % 3 else -1) for i in range(8)],
    ///           [((i * 37) % 101 / 101) ** 3 for i in range(500)]):
    ///     print(both(a))
    /// ```
    #[test]
    fn sparseness_and_complexity_are_those_of_quantus() {
        let signed = |i: usize| (i * 7 % 11) as f32 / 11.0 * if i.is_multiple_of(3) { -1.0 } else { 1.0 };
        let cases: [(Vec<f32>, f64, f64); 5] = [
            (vec![0.0, 0.25, 0.5, 1.0, 0.125, 0.75], 0.452_380_848_979_615_5, 1.410_352_868_460_972),
            (vec![0.0, 0.0, 0.0, 0.0, 0.3, 0.0], 0.833_332_833_333_633_3, 0.0),
            (vec![0.5; 6], 0.0, 1.791_759_469_222_055),
            ((0..8).map(signed).collect(), 0.351_190_409_297_064_96, 1.835_238_171_275_971_3),
            (
                (0..500).map(|i| ((i * 37 % 101) as f32 / 101.0).powi(3)).collect(),
                0.601_936_477_644_836,
                5.573_281_663_893_628,
            ),
        ];
        for (mask, sps, comp) in cases {
            close(sparseness(&mask).unwrap(), sps);
            close(complexity(&mask).unwrap(), comp);
        }
    }

    #[test]
    fn an_empty_mask_has_neither_sparseness_nor_complexity() {
        assert_eq!((sparseness(&[0.0; 6]), complexity(&[0.0; 6])), (None, None));
        assert_eq!((sparseness(&[]), complexity(&[])), (None, None));
    }

    /// ```python
    /// import torch; torch.set_default_dtype(torch.float64)
    /// z  = torch.tensor([[2.0, 0.5, -1.0], [0.2, 0.1, 0.3], [-1.0, 3.0, 1.0], [4.0, 1.0, 0.0]])
    /// zi = torch.tensor([[3.0, 0.0, -1.0], [0.5, 0.1, 0.2], [-1.0, 1.0, 2.0], [2.0, 1.0, 0.5]])
    /// zo = torch.tensor([[0.0, 1.0, 0.0], [0.2, 0.1, -0.3], [0.0, 2.0, 0.0], [1.0, 1.0, 1.0]])
    /// for act in (lambda t: t.softmax(1), torch.sigmoid):
    ///     p, o, q = act(z), act(zi), act(zo); c = p.argmax(1, keepdim=True)
    ///     P, O, Q = (t.gather(1, c)[:, 0] for t in (p, o, q))
    ///     print(100 * (P < O).double().mean(), (100 * (P - O).relu() / (P + 1e-10)).mean(),
    ///           (100 * (O - P).relu() / (1 - P + 1e-10)).mean(), (P - Q).mean(),
    ///           (o.argmax(1) == p.argmax(1)).double().mean())
    /// ```
    #[test]
    fn the_five_figures_are_those_of_pytorch() {
        let whole = [[2.0, 0.5, -1.0], [0.2, 0.1, 0.3], [-1.0, 3.0, 1.0], [4.0, 1.0, 0.0]];
        let inside = [[3.0, 0.0, -1.0], [0.5, 0.1, 0.2], [-1.0, 1.0, 2.0], [2.0, 1.0, 0.5]];
        let outside = [[0.0, 1.0, 0.0], [0.2, 0.1, -0.3], [0.0, 2.0, 0.0], [1.0, 1.0, 1.0]];
        let cases = [
            (Activation::Softmax, [25.0, 29.812_086_230_471_273, 17.565_349_076_257_874, 0.345_510_085_736_875_2, 0.5]),
            (Activation::Sigmoid, [25.0, 9.461_341_945_706_563, 15.053_542_221_687_087, 0.213_103_592_963_413_72, 0.5]),
        ];
        for (activation, wanted) in cases {
            let mut sums = [0.0; 5];
            for i in 0..4 {
                let [p, o, q] = [whole[i], inside[i], outside[i]].map(|z| probabilities(&z, activation));
                let c = top(&p).unwrap();
                let figures = [
                    increase(p[c], o[c]),
                    drop(p[c], o[c]),
                    gain(p[c], o[c]),
                    faithfulness(p[c], q[c]),
                    f64::from(u8::from(in_top(&o, c, 1))),
                ];
                sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure / 4.0);
            }
            sums.iter().zip(wanted).for_each(|(found, wanted)| close(*found, wanted));
        }
    }

    #[test]
    fn a_certain_class_can_neither_gain_nor_fail_to_divide() {
        // In single precision both would be 1, and 0 / 0.
        let [p, o] = [[30.0_f32], [31.0]].map(|z| probabilities(&z, Activation::Sigmoid)[0]);
        assert!((increase(p, o) - 100.0).abs() < 1e-9);
        assert!(gain(p, o).is_finite() && gain(1.0, 1.0) == 0.0 && drop(0.0, 0.0) == 0.0);
    }

    #[test]
    fn active_classes_are_those_above_their_thresholds_or_the_likeliest() {
        let label = |on_threshold| Label::new("", on_threshold, 0.1);
        let labels = [label(0.5), label(0.9), label(0.25)];
        assert_eq!(active_classes(&[0.5, 0.89, 0.3], &labels), [0, 2]);
        assert_eq!(active_classes(&[0.1, 0.2, 0.2], &labels), [1]);
        assert!(in_top(&[0.1, 0.2, 0.2], 2, 2) && !in_top(&[0.1, 0.2, 0.2], 2, 1));
    }

    /// ```python
    /// import numpy as np
    /// s = np.array([1.0, -2.0, 3.0, 0.5])
    /// for y in (np.array([1.5, -1.0, 2.0, 1.0]), np.array([3.0, -2.0, 1.0, 2.5])):
    ///     a = y @ s / (s @ s); print(10 * np.log10((a * s) @ (a * s) / ((y - a * s) @ (y - a * s))))
    /// ```
    #[test]
    fn si_sdr_is_that_of_numpy_and_knows_no_scale() {
        let s = [1.0, -2.0, 3.0, 0.5];
        for (y, wanted) in
            [([1.5_f32, -1.0, 2.0, 1.0], 7.554_136_627_508_448), ([3.0, -2.0, 1.0, 2.5], -1.072_099_696_478_682_4)]
        {
            close(si_sdr_db(&y, &s).unwrap(), wanted);
            close(si_sdr_db(&y.map(|y| -7.0 * y), &s).unwrap(), wanted);
        }
        assert!(si_sdr_db(&s, &s).unwrap() > 100.0);
        assert!(si_sdr_db(&[2.0, 1.0, 0.0, 0.0], &s).unwrap() < -100.0);
        assert_eq!((si_sdr_db(&[0.0; 4], &s), si_sdr_db(&s, &[0.0; 4])), (None, None));
    }
}
