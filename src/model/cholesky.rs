//! Cholesky's method for small symmetric systems, in double precision.

/// L of a = L Lᵀ for a symmetric matrix `[n, n]`, in the place of its lower triangle; what stands above it is not read. Returns
/// whether the matrix is positive definite: otherwise pivots were raised to the smallest number above 0.
pub(crate) fn factorise(a: &mut [f64], n: usize) -> bool {
    let mut positive = true;
    for i in 0..n {
        for j in 0..=i {
            let (above, row) = a.split_at(i * n);
            let other = if j < i { &above[j * n..j * n + j] } else { &row[..j] };
            let sum: f64 = row[..j].iter().zip(other).map(|(x, y)| x * y).sum();
            let left = a[i * n + j] - sum;
            a[i * n + j] = if i == j {
                positive &= left > 0.0;
                left.max(f64::MIN_POSITIVE).sqrt()
            } else {
                left / a[j * n + j]
            };
        }
    }
    positive
}

/// Solves L Lᵀ x = b in the place of b.
pub(crate) fn solve(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
        x[i] = (x[i] - sum) / l[i * n + i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// np.linalg.solve([[4, 2, 1], [2, 5, 3], [1, 3, 6]], [1, 2, 3])
    /// ```
    #[test]
    fn a_system_is_solved_as_numpy_solves_it() {
        // What stands above the diagonal is not read.
        let mut a = [4.0, f64::NAN, f64::NAN, 2.0, 5.0, f64::NAN, 1.0, 3.0, 6.0];
        assert!(factorise(&mut a, 3));
        let mut x = [1.0, 2.0, 3.0];
        solve(&a, &mut x);
        let want = [0.089_552_238_805_970_16, 0.104_477_611_940_298_53, 0.432_835_820_895_522_36];
        assert!(x.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{x:?}");
    }

    #[test]
    fn what_is_not_positive_is_known() {
        assert!(!factorise(&mut [1.0, 0.0, 2.0, 4.0], 2));
        assert!(!factorise(&mut [f64::NAN], 1));
    }
}
