//! t-SNE (van der Maaten and Hinton, 2008), exact: a picture of vectors in which neighbours stay neighbours.
//!
//! Written here and not taken from a crate: a picture has to come again from its seed, and the crate that is kept (`bhtsne`)
//! brings trees, Fourier transforms and a second `rand` for numbers of points that a fold does not have.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// How to embed. The defaults are those of the authors' program and scikit-learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TsneOptions {
    /// Effective number of neighbours of a point; less for few points, so that each has three times as many others.
    pub perplexity: f64,
    /// Steps of gradient descent.
    pub iterations: usize,
    /// Steps from the beginning in which neighbours attract each other more.
    pub early: usize,
    /// How much more.
    pub exaggeration: f64,
    /// Seed of the positions at the beginning.
    pub seed: u64,
}

impl Default for TsneOptions {
    fn default() -> Self {
        Self { perplexity: 30.0, iterations: 1000, early: 250, exaggeration: 12.0, seed: 1 }
    }
}

/// Least probability of a pair: no logarithm of 0.
const LEAST: f64 = 1e-12;

/// Places `vectors` (all of one length) in the plane. The same seed gives the same places. Points are `[x, y]` around 0,
/// in no unit; none for none. Takes time and memory that grow with the square of the number of points.
#[must_use]
pub fn embed(vectors: &[Vec<f32>], options: &TsneOptions) -> Vec<[f64; 2]> {
    let n = vectors.len();
    if n < 2 {
        return vec![[0.0; 2]; n];
    }
    let perplexity = options.perplexity.min((n - 1) as f64 / 3.0).max(1.0);
    let wanted = joint_probabilities(&squared_distances(vectors), n, perplexity);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut places: Vec<[f64; 2]> = (0..n).map(|_| normal_pair(&mut rng).map(|v| 1e-4 * v)).collect();
    let mut speed = vec![[0.0; 2]; n];
    let mut gains = vec![[1.0_f64; 2]; n];
    let rate = (n as f64 / options.exaggeration / 4.0).max(50.0);
    for i in 0..options.iterations {
        let (exaggeration, momentum) = if i < options.early { (options.exaggeration, 0.5) } else { (1.0, 0.8) };
        let slope = gradient(&wanted, &places, exaggeration);
        for (((place, speed), gain), slope) in places.iter_mut().zip(&mut speed).zip(&mut gains).zip(&slope) {
            for d in 0..2 {
                // Faster where the direction stays, slower where it turns (Jacobs, 1988).
                gain[d] = if slope[d] * speed[d] < 0.0 { gain[d] + 0.2 } else { (gain[d] * 0.8).max(0.01) };
                speed[d] = momentum * speed[d] - rate * gain[d] * slope[d];
                place[d] += speed[d];
            }
        }
        centre(&mut places);
    }
    places
}

/// Two independent numbers of the standard normal distribution (Box and Muller).
fn normal_pair(rng: &mut ChaCha8Rng) -> [f64; 2] {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    [radius * angle.cos(), radius * angle.sin()]
}

fn centre(places: &mut [[f64; 2]]) {
    for d in 0..2 {
        let mean = places.iter().map(|p| p[d]).sum::<f64>() / places.len() as f64;
        places.iter_mut().for_each(|p| p[d] -= mean);
    }
}

/// `[n, n]`. What is not a number counts as 0.
fn squared_distances(vectors: &[Vec<f32>]) -> Vec<f64> {
    let finite = |v: f32| if v.is_finite() { f64::from(v) } else { 0.0 };
    let between = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (finite(*a) - finite(*b)).powi(2)).sum();
    vectors.par_iter().flat_map_iter(|a| vectors.iter().map(move |b| between(a, b))).collect()
}

/// pᵢⱼ = (pⱼ|ᵢ + pᵢ|ⱼ) / 2n, `[n, n]`, each pⱼ|ᵢ a Gaussian around i so wide that it has the perplexity.
fn joint_probabilities(squared: &[f64], n: usize, perplexity: f64) -> Vec<f64> {
    let rows: Vec<Vec<f64>> =
        squared.par_chunks_exact(n).enumerate().map(|(i, row)| conditional(row, i, perplexity)).collect();
    let mut joint = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            joint[i * n + j] = ((rows[i][j] + rows[j][i]) / (2.0 * n as f64)).max(LEAST);
        }
    }
    joint
}

/// pⱼ|ᵢ of one i: the precision is found by bisection, until the entropy is the perplexity's logarithm.
fn conditional(squared: &[f64], i: usize, perplexity: f64) -> Vec<f64> {
    let nearest = squared.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0);
    let mut row = vec![0.0; squared.len()];
    for _ in 0..100 {
        // Distances from the nearest: the sum is at least 1, however far the others are.
        for (j, (p, d)) in row.iter_mut().zip(squared).enumerate() {
            *p = if j == i { 0.0 } else { (-(d - nearest) * precision).exp() };
        }
        let sum: f64 = row.iter().sum();
        let mean: f64 = row.iter().zip(squared).map(|(p, d)| p * (d - nearest)).sum::<f64>() / sum;
        row.iter_mut().for_each(|p| *p /= sum);
        let over = sum.ln() + precision * mean - perplexity.ln();
        if over.abs() < 1e-5 {
            break;
        }
        if over > 0.0 {
            low = precision;
            precision = if high.is_finite() { (low + high) / 2.0 } else { precision * 2.0 };
        } else {
            high = precision;
            precision = (low + high) / 2.0;
        }
    }
    row
}

/// 1 / (1 + |a − b|²).
fn closeness(a: &[f64; 2], b: &[f64; 2]) -> f64 {
    1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2))
}

/// Sum of all pairs' closeness.
fn total(places: &[[f64; 2]]) -> f64 {
    // Row sums first: their order, and so the result, does not depend on the threads.
    let rows: Vec<f64> = places.par_iter().map(|a| places.iter().map(|b| closeness(a, b)).sum::<f64>() - 1.0).collect();
    rows.iter().sum::<f64>().max(LEAST)
}

/// Gradient of [`divergence`] by the places, with `wanted` times `exaggeration`: 4 Σⱼ (pᵢⱼ − qᵢⱼ)(yᵢ − yⱼ)/(1 + |yᵢ − yⱼ|²).
fn gradient(wanted: &[f64], places: &[[f64; 2]], exaggeration: f64) -> Vec<[f64; 2]> {
    let n = places.len();
    let total = total(places);
    let one = |(a, wanted): (&[f64; 2], &[f64])| {
        let mut slope = [0.0; 2];
        for (b, p) in places.iter().zip(wanted) {
            let close = closeness(a, b);
            let force = 4.0 * (exaggeration * p - close / total) * close;
            slope[0] += force * (a[0] - b[0]);
            slope[1] += force * (a[1] - b[1]);
        }
        slope
    };
    places.par_iter().zip(wanted.par_chunks_exact(n)).map(one).collect()
}

/// What is minimised: Σ pᵢⱼ ln(pᵢⱼ/qᵢⱼ) over pairs of different points.
#[cfg(test)]
fn divergence(wanted: &[f64], places: &[[f64; 2]]) -> f64 {
    let (n, total) = (places.len(), total(places));
    let pairs = (0..n * n).filter(|ij| ij / n != ij % n);
    pairs
        .map(|ij| {
            let (p, q) = (wanted[ij], (closeness(&places[ij / n], &places[ij % n]) / total).max(LEAST));
            p * (p / q).ln()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points() -> Vec<Vec<f32>> {
        (0..12).map(|i| (0..3).map(|d| ((i * 7 + d * 5) % 13) as f32 / 13.0).collect()).collect()
    }

    fn places() -> Vec<[f64; 2]> {
        (0..12).map(|i| [f64::from(i * 5 % 12) / 6.0 - 1.0, f64::from(i * 11 % 7) / 4.0 - 0.7]).collect()
    }

    /// ```python
    /// from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence
    /// from scipy.spatial.distance import squareform
    /// x = np.array([[((i*7+d*5)%13)/13 for d in range(3)] for i in range(12)])
    /// y = np.array([[(i*5%12)/6-1, (i*11%7)/4-0.7] for i in range(12)])
    /// d = ((x[:,None]-x[None])**2).sum(-1).astype(np.float32)
    /// P = _joint_probabilities(d, 3.0, 0)
    /// kl, grad = _kl_divergence(y.ravel(), P, 1, 12, 2)
    /// print(squareform(P)[0], kl, grad[:4])
    /// ```
    #[test]
    fn objective_and_gradient_equal_scikit_learn() {
        let wanted = joint_probabilities(&squared_distances(&points()), 12, 3.0);
        let row = [
            0.0,
            0.000_342,
            0.041_088_7,
            0.000_518_09,
            0.032_306_51,
            0.000_508_59,
            0.000_693_05,
            0.000_428_55,
            0.000_624_91,
            0.000_294_09,
            0.000_519_99,
            0.000_168_85,
        ];
        for (j, (got, want)) in wanted[..12].iter().zip(row).enumerate().skip(1) {
            assert!((got - want).abs() < 2e-6, "p[0][{j}] = {got}, not {want}");
        }
        assert!((divergence(&wanted, &places()) - 1.263_441_82).abs() < 2e-4);
        let slope = gradient(&wanted, &places(), 1.0);
        for (got, want) in slope.iter().flatten().zip([-0.069_754_11, 0.019_744_91, 0.054_758_92, -0.058_122_6]) {
            assert!((got - want).abs() < 1e-5, "{got}, not {want}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let wanted = joint_probabilities(&squared_distances(&points()), 12, 3.0);
        let slope = gradient(&wanted, &places(), 1.0);
        for (i, d) in [(0, 0), (3, 1), (7, 0), (11, 1)] {
            let moved = |by: f64| {
                let mut places = places();
                places[i][d] += by;
                divergence(&wanted, &places)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((difference - slope[i][d]).abs() < 1e-7, "{difference} is not {}", slope[i][d]);
        }
    }

    #[test]
    fn groups_stay_together_and_a_seed_repeats() {
        let vectors: Vec<Vec<f32>> = (0..45)
            .map(|i| (0..5).map(|d| if d == i % 3 { 4.0 } else { 0.0 } + (i * (d + 3) % 7) as f32 / 20.0).collect())
            .collect();
        let options = TsneOptions { iterations: 400, ..TsneOptions::default() };
        let places = embed(&vectors, &options);
        let far = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for i in 0..45 {
            let nearest = (0..45)
                .filter(|j| *j != i)
                .min_by(|&a, &b| far(&places[i], &places[a]).total_cmp(&far(&places[i], &places[b])));
            assert_eq!(nearest.map(|j| j % 3), Some(i % 3), "point {i}");
        }
        assert_eq!(places, embed(&vectors, &options));
        assert_ne!(places, embed(&vectors, &TsneOptions { seed: 2, ..options }));
    }

    #[test]
    fn few_equal_and_impossible_points_are_placed_too() {
        let options = TsneOptions { iterations: 60, ..TsneOptions::default() };
        for n in 0..5 {
            for value in [1.0, f32::NAN, f32::INFINITY] {
                let places = embed(&vec![vec![value; 3]; n], &options);
                assert_eq!(places.len(), n);
                assert!(places.iter().flatten().all(|v| v.is_finite()), "{n} of {value}: {places:?}");
            }
        }
    }
}
