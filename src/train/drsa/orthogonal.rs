//! Orthogonal matrices, in double precision: drawn at random, and the one nearest to any matrix.

use candle_core::{DType, Device, Tensor};
use rand::{Rng, RngExt};

use crate::{Error, Result};

/// Steps towards the nearest orthogonal matrix; some forty are enough for the worst that doubles can tell from singular.
const MOST_STEPS: usize = 200;

/// How far XᵀX may be from the identity.
const NEAR: f64 = 1e-13;

/// An orthogonal matrix `[d, d]` drawn at random, every one as likely (Haar): the columns of normal numbers, made orthogonal
/// one after the other, twice.
///
/// # Errors
/// Where numbers that cannot be drawn were drawn.
pub fn haar(d: usize, rng: &mut impl Rng) -> Result<Tensor> {
    let mut columns: Vec<Vec<f64>> = (0..d).map(|_| (0..d).map(|_| normal(rng)).collect()).collect();
    for i in 0..d {
        let (done, rest) = columns.split_at_mut(i);
        let Some(column) = rest.first_mut() else { break };
        for _ in 0..2 {
            for other in done.iter() {
                let along = dot(column, other);
                column.iter_mut().zip(other).for_each(|(c, o)| *c -= along * o);
            }
        }
        let length = dot(column, column).sqrt();
        column.iter_mut().for_each(|c| *c /= length);
    }
    Ok(Tensor::from_vec(columns.concat(), (d, d), &Device::Cpu)?.t()?.contiguous()?)
}

/// V (VᵀV)^-½, the orthogonal matrix nearest to V `[d, d]` (symmetric orthogonalisation, Eq. 3.6 of the thesis): by the
/// iteration X ← X (3 I − XᵀX) / 2 of Newton and Schulz, which converges for singular values below √3.
///
/// # Errors
/// A bug where V is singular or holds values that are not finite.
pub fn nearest(v: &Tensor) -> Result<Tensor> {
    let identity = Tensor::eye(v.dim(0)?, DType::F64, &Device::Cpu)?;
    // No singular value is above the root of the largest sum of a row of |VᵀV|.
    let bound = v.t()?.matmul(v)?.abs()?.sum(1)?.max(0)?.to_scalar::<f64>()?.sqrt();
    let mut x = (v / bound)?;
    for _ in 0..MOST_STEPS {
        let gram = x.t()?.matmul(&x)?;
        let off = (&gram - &identity)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>()?;
        if off < NEAR {
            return Ok(x);
        }
        x = x.matmul(&((&identity * 1.5)? - (gram * 0.5)?)?)?;
    }
    Err(Error::bug("a matrix of concepts became singular; please report this"))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A normal number with mean 0 and deviation 1 (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn off_identity(x: &Tensor) -> f64 {
        let gram = x.t().unwrap().matmul(x).unwrap();
        let identity = Tensor::eye(x.dim(0).unwrap(), DType::F64, &Device::Cpu).unwrap();
        (gram - identity).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn what_is_drawn_is_orthogonal_and_has_no_favourite_direction() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(off_identity(&haar(64, &mut rng).unwrap()) < 1e-13);
        // The first entry of a random direction in three dimensions lies evenly in −1…1.
        let first: Vec<f64> = (0..4000).map(|_| haar(3, &mut rng).unwrap().to_vec2::<f64>().unwrap()[0][0]).collect();
        for i in -4..4_i32 {
            let here = |x: &&f64| (f64::from(i) / 4.0..f64::from(i + 1) / 4.0).contains(*x);
            let n = first.iter().filter(here).count();
            assert!((420..580).contains(&n), "{n} of 4000 in the eighth {i}");
        }
    }

    #[test]
    fn an_orthogonal_matrix_is_its_own_nearest_however_it_is_scaled() {
        let u = haar(20, &mut ChaCha8Rng::seed_from_u64(2)).unwrap();
        for scale in [1e-3, 1.0, 1e3] {
            let back = nearest(&(&u * scale).unwrap()).unwrap();
            let off = (back - &u).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            assert!(off.to_scalar::<f64>().unwrap() < 1e-12);
        }
        assert!(nearest(&Tensor::zeros((3, 3), DType::F64, &Device::Cpu).unwrap()).is_err());
    }
}
