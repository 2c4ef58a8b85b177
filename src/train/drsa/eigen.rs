//! Eigenvectors of a symmetric matrix, for PRCA.

use crate::{Error, Result};

/// Sweeps over all pairs; ten are enough for hundreds of rows.
const MOST_SWEEPS: usize = 60;

/// Eigenvalues of the symmetric matrix `a` `[d, d]`, the largest first, and their eigenvectors as columns `[d, d]`: Jacobi's
/// rotations, pair by pair. Of each vector the largest entry is positive.
///
/// # Errors
/// A bug where `a` holds values that are not finite.
pub fn eigen(mut a: Vec<f64>, d: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    // Rows are the vectors, so that a rotation runs along memory.
    let mut vectors = vec![0.0; d * d];
    (0..d).for_each(|i| vectors[i * d + i] = 1.0);
    let size: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..MOST_SWEEPS {
        let off: f64 = (0..d).map(|i| (0..d).filter(|j| *j != i).map(|j| a[i * d + j].powi(2)).sum::<f64>()).sum();
        if off <= 1e-26 * size {
            return Ok(sorted(&a, &vectors, d));
        }
        for p in 0..d {
            for q in p + 1..d {
                rotate(&mut a, &mut vectors, d, p, q);
            }
        }
    }
    Err(Error::bug("the eigenvectors of a layer's relevance were not found; please report this"))
}

/// The rotation of rows and columns `p` and `q` that makes their entry 0.
fn rotate(a: &mut [f64], vectors: &mut [f64], d: usize, p: usize, q: usize) {
    let entry = a[p * d + q];
    if entry == 0.0 {
        return;
    }
    let theta = (a[q * d + q] - a[p * d + p]) / (2.0 * entry);
    let tan = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cos = 1.0 / (tan * tan + 1.0).sqrt();
    let sin = tan * cos;
    let turn = |values: &mut [f64], at: usize, to: usize| {
        let (x, y) = (values[at], values[to]);
        values[at] = cos * x - sin * y;
        values[to] = sin * x + cos * y;
    };
    for i in 0..d {
        turn(a, i * d + p, i * d + q);
    }
    for i in 0..d {
        turn(a, p * d + i, q * d + i);
        turn(vectors, p * d + i, q * d + i);
    }
}

fn sorted(a: &[f64], vectors: &[f64], d: usize) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|i, j| a[j * d + j].total_cmp(&a[i * d + i]));
    let mut columns = vec![0.0; d * d];
    for (column, &i) in order.iter().enumerate() {
        let vector = &vectors[i * d..(i + 1) * d];
        let largest = vector.iter().copied().fold(0.0_f64, |most, x| if x.abs() > most.abs() { x } else { most });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        (0..d).for_each(|j| columns[j * d + column] = sign * vector[j]);
    }
    (order.iter().map(|i| a[i * d + i]).collect(), columns)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_orthogonal_and_make_the_matrix_again() {
        let d = 17;
        let entry = |i: usize, j: usize| ((i * j + i + j) % 13) as f64 - 6.0;
        let a: Vec<f64> = (0..d * d).map(|x| entry(x / d, x % d)).collect();
        let (values, u) = eigen(a.clone(), d).unwrap();
        assert!(values.windows(2).all(|w| w[0] >= w[1]), "{values:?}");
        let sum = |of: &dyn Fn(usize) -> f64| (0..d).map(of).sum::<f64>();
        for i in 0..d {
            for j in 0..d {
                let dot = sum(&|k| u[k * d + i] * u[k * d + j]);
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
                assert!((sum(&|k| values[k] * u[i * d + k] * u[j * d + k]) - a[i * d + j]).abs() < 1e-10);
            }
        }
        assert!(eigen(vec![f64::NAN; 4], 2).is_err());
        assert_eq!(eigen(vec![0.0; 4], 2).unwrap().0, [0.0, 0.0]);
    }
}
