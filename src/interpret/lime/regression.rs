//! The linear model that stands for the classifier near one sound: which parts were kept, how near that is to the whole sound,
//! and what each part is worth (LIME, Ribeiro et al. 2016, as audioLIME's and SLIME's programs compute it).

use rand::{Rng, RngExt};

use crate::model::cholesky::{factorise, solve};

/// Width of the kernel that makes a distance a weight.
const KERNEL_WIDTH: f64 = 0.25;

/// The ridge's penalty α on each squared coefficient.
const PENALTY: f64 = 1.0;

/// Which parts each perturbed sound keeps, the whole sound first: every combination where there are no more than `most`, and
/// otherwise `most` of them, in which each part is kept with probability ½.
pub fn neighbourhood(n_parts: usize, most: usize, rng: &mut impl Rng) -> Vec<Vec<bool>> {
    let all = u32::try_from(n_parts).ok().and_then(|n| 1_usize.checked_shl(n)).filter(|all| *all <= most);
    match all {
        Some(all) => {
            let bits = |i: usize| (0..n_parts).map(move |part| i >> (n_parts - 1 - part) & 1 == 0);
            (0..all).map(|i| bits(i).collect()).collect()
        }
        None => (0..most).map(|i| (0..n_parts).map(|_| i == 0 || rng.random()).collect()).collect(),
    }
}

/// How much a perturbed sound counts: √exp(−d² / 0.25²), d the cosine distance between what it keeps (a vector of zeros and
/// ones) and everything (all ones), which is 1 where it keeps nothing.
#[must_use]
pub fn nearness(kept: &[bool]) -> f64 {
    let share = kept.iter().filter(|kept| **kept).count() as f64 / kept.len().max(1) as f64;
    let distance = 1.0 - share.sqrt();
    (-(distance / KERNEL_WIDTH).powi(2)).exp().sqrt()
}

/// What the parts are worth to one score.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// What each part adds to the score.
    pub coefficients: Vec<f64>,
    /// The score that the linear model gives where nothing is kept.
    pub intercept: f64,
    /// R²: how much of the score's weighted variance the linear model explains; 1 is all, and 1 where there is none.
    pub r2: f64,
}

/// Ridge regression with an intercept, weighted by [`nearness`]: one [`Fit`] for each score. `kept` and `scores` have one row
/// for each perturbed sound, all rows as long as the first.
#[must_use]
pub fn fit(kept: &[Vec<bool>], scores: &[Vec<f32>]) -> Vec<Fit> {
    let weights: Vec<f64> = kept.iter().map(|row| nearness(row)).collect();
    let total: f64 = weights.iter().sum();
    let n_parts = kept.first().map_or(0, Vec::len);
    let mean =
        |value: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(i, w)| w * value(i)).sum::<f64>() / total;
    let means: Vec<f64> = (0..n_parts).map(|part| mean(&|i| f64::from(u8::from(kept[i][part])))).collect();
    let centred = |i: usize, part: usize| f64::from(u8::from(kept[i][part])) - means[part];
    let mut gram = vec![0.0; n_parts * n_parts];
    for (i, weight) in weights.iter().enumerate() {
        for a in 0..n_parts {
            let left = weight * centred(i, a);
            (0..=a).for_each(|b| gram[a * n_parts + b] += left * centred(i, b));
        }
    }
    (0..n_parts).for_each(|a| gram[a * n_parts + a] += PENALTY);
    // The penalty keeps it positive definite.
    factorise(&mut gram, n_parts);
    let one = |class: usize| {
        let score = |i: usize| f64::from(scores[i][class]);
        let middle = mean(&score);
        let towards = |part: usize| -> f64 {
            weights.iter().enumerate().map(|(i, w)| w * centred(i, part) * (score(i) - middle)).sum()
        };
        let mut coefficients: Vec<f64> = (0..n_parts).map(towards).collect();
        solve(&gram, &mut coefficients);
        let above = |i: usize| coefficients.iter().enumerate().map(|(part, c)| c * centred(i, part)).sum::<f64>();
        let residual = mean(&|i| (score(i) - middle - above(i)).powi(2));
        let variance = mean(&|i| (score(i) - middle).powi(2));
        let r2 = if variance > 0.0 { 1.0 - residual / variance } else { 1.0 };
        let intercept = middle - coefficients.iter().zip(&means).map(|(c, m)| c * m).sum::<f64>();
        Fit { coefficients, intercept, r2 }
    };
    (0..scores.first().map_or(0, Vec::len)).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn few_parts_are_tried_in_every_combination_and_many_at_random() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let all = neighbourhood(2, 4, &mut rng);
        assert_eq!(all, [[true, true], [true, false], [false, true], [false, false]]);
        let some = neighbourhood(70, 400, &mut rng);
        assert!(some.len() == 400 && some[0].iter().all(|kept| *kept));
        let kept = some[1..].iter().flatten().filter(|kept| **kept).count() as f64 / (399.0 * 70.0);
        assert!((kept - 0.5).abs() < 0.02, "{kept}");
        assert_eq!(some, neighbourhood(70, 400, &mut ChaCha8Rng::seed_from_u64(1)));
        assert_ne!(some, neighbourhood(70, 400, &mut ChaCha8Rng::seed_from_u64(2)));
    }

    /// A score that is linear is found again, but for the penalty; one that never changes is worth nothing to any part.
    #[test]
    fn what_is_linear_is_found_again() {
        let kept = neighbourhood(10, 1 << 10, &mut ChaCha8Rng::seed_from_u64(1));
        let score = |row: &Vec<bool>| 0.1 + if row[3] { 0.5 } else { 0.0 } - if row[7] { 0.2 } else { 0.0 };
        let scores: Vec<Vec<f32>> = kept.iter().map(|row| vec![score(row), 0.3]).collect();
        let [linear, constant] = fit(&kept, &scores).try_into().unwrap_or_else(|_| panic!("two scores, two fits"));
        for (part, c) in linear.coefficients.iter().enumerate() {
            let want = [(3, 0.5), (7, -0.2)].iter().find(|(p, _)| *p == part).map_or(0.0, |(_, w)| *w);
            assert!((c - want).abs() < 0.02, "{part}: {c}");
        }
        assert!((linear.intercept - 0.1).abs() < 0.03 && linear.r2 > 0.99, "{linear:?}");
        assert!(constant.coefficients.iter().all(|c| c.abs() < 1e-9) && (constant.intercept - 0.3).abs() < 1e-6);
        // No parts, or no scores: nothing to say.
        assert_eq!(fit(&[vec![]], &[vec![0.5]])[0].coefficients, [0.0; 0]);
        assert_eq!(fit(&kept, &vec![vec![]; kept.len()]), []);
    }
}
