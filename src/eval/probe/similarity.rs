//! How alike two maps are: structural similarity (Wang et al., 2004) and rank correlation.

/// Side of the window that SSIM compares, in values.
const WINDOW: usize = 7;
/// SSIM's constants for a data range of 1: (0.01)² and (0.03)².
const C1: f64 = 1e-4;
const C2: f64 = 9e-4;

/// Mean structural similarity of two maps of values 0…1 in rows of `width`: 1 for the same map, about 0 for unrelated ones.
/// Uniform windows of 7 × 7 that lie wholly inside, sample covariances and a data range of 1: what scikit-image's
/// `structural_similarity` does by default. `None` where the maps differ in size or are smaller than a window.
#[must_use]
pub fn ssim(a: &[f32], b: &[f32], width: usize) -> Option<f64> {
    let height = a.len().checked_div(width)?;
    if a.len() != b.len() || height < WINDOW || width < WINDOW || height * width != a.len() {
        return None;
    }
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f64> = a.iter().zip(b).map(|(a, b)| f(f64::from(*a), f64::from(*b))).collect();
        window_sums(&values, width)
    };
    let sums = [sum(&|a, _| a), sum(&|_, b| b), sum(&|a, _| a * a), sum(&|_, b| b * b), sum(&|a, b| a * b)];
    let n = (WINDOW * WINDOW) as f64;
    let one = |i: usize| {
        let [mean_a, mean_b, aa, bb, ab] = [0, 1, 2, 3, 4].map(|k: usize| sums[k][i] / n);
        let unbias = n / (n - 1.0);
        let (var_a, var_b) = (unbias * (aa - mean_a * mean_a), unbias * (bb - mean_b * mean_b));
        let covariance = unbias * (ab - mean_a * mean_b);
        (2.0 * mean_a * mean_b + C1) * (2.0 * covariance + C2)
            / ((mean_a * mean_a + mean_b * mean_b + C1) * (var_a + var_b + C2))
    };
    let n_windows = sums[0].len();
    Some((0..n_windows).map(one).sum::<f64>() / n_windows as f64)
}

/// Sums over every window that lies wholly inside, row after row.
fn window_sums(values: &[f64], width: usize) -> Vec<f64> {
    let across: Vec<f64> =
        values.chunks_exact(width).flat_map(|row| row.windows(WINDOW).map(|w| w.iter().sum())).collect();
    let width = width + 1 - WINDOW;
    let height = across.len() / width + 1 - WINDOW;
    (0..height * width).map(|i| (0..WINDOW).map(|row| across[i + row * width]).sum()).collect()
}

/// Spearman's rank correlation, −1…1; equal values share the mean of their ranks. `None` where the lengths differ or one
/// side is constant, for then there is no order to compare.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || a.is_empty() {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    // Mean ranks keep the mean of all ranks, whatever is equal.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Ranks from 1, equal values sharing the mean of theirs.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| (values[i] + 0.0).total_cmp(&(values[j] + 0.0)));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        before += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn maps() -> (Vec<f32>, Vec<f32>) {
        let a: Vec<f32> = (0..99).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        let noise = (0..99).map(|i| (i * 53 % 97) as f32 / 97.0);
        let b = a.iter().zip(noise).map(|(a, n)| (0.7 * a + 0.3 * n - 0.05).clamp(0.0, 1.0)).collect();
        (a, b)
    }

    /// ```python
    /// from skimage.metrics import structural_similarity as ssim
    /// a = (np.arange(9*11)*37%101/101).reshape(9,11)
    /// b = np.clip(0.7*a+0.3*(np.arange(9*11)*53%97/97).reshape(9,11)-0.05,0,1)
    /// print(ssim(a,b,data_range=1.0), ssim(a,1-a,data_range=1.0))
    /// ```
    #[test]
    fn structural_similarity_equals_scikit_image() {
        let (a, b) = maps();
        let inverse: Vec<f32> = a.iter().map(|a| 1.0 - a).collect();
        assert!((ssim(&a, &b, 11).unwrap() - 0.889_559_307_735_545_4).abs() < 1e-6);
        assert!((ssim(&a, &inverse, 11).unwrap() + 0.977_521_528_993).abs() < 1e-6);
        assert!((ssim(&a, &a, 11).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(ssim(&a, &b, 33), None, "three rows are too few");
        assert_eq!(ssim(&a, &b[..88], 11), None);
        assert_eq!(ssim(&[], &[], 0), None);
    }

    /// ```python
    /// from scipy.stats import spearmanr
    /// print(spearmanr([1,2,2,5,-3,0.5,2], [2,1,4,4,-1,-1,3]).statistic, spearmanr(a.ravel(),b.ravel()).statistic)
    /// ```
    #[test]
    fn rank_correlation_equals_scipy() {
        let rho = spearman(&[1.0, 2.0, 2.0, 5.0, -3.0, 0.5, 2.0], &[2.0, 1.0, 4.0, 4.0, -1.0, -1.0, 3.0]);
        assert!((rho.unwrap() - 0.849_207_775_608_446_8).abs() < 1e-12);
        let (a, b) = maps();
        assert!((spearman(&a, &b).unwrap() - 0.929_423_987_999_207_2).abs() < 1e-3);
        assert_eq!(spearman(&[1.0; 5], &a[..5]), None);
        assert_eq!(spearman(&[-0.0, 0.0], &[1.0, 2.0]), None, "minus zero is no order");
    }
}
