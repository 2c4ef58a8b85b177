//! Batch norm of rows `[rows, channels]` on the calling thread, with the ReLU and the addition that may follow it, so that
//! a whole part of a batch stays on one core.

use super::simd;

/// Rows whose sums are kept in f32 before they join the totals.
const ROWS: usize = 256;

/// What a forward pass leaves for the backward one.
#[derive(Debug, Clone, Default)]
pub struct RowStats {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Biased variance of each channel.
    pub var: Vec<f32>,
    /// One over the deviation.
    inv: Vec<f32>,
    /// γ over the deviation.
    scale: Vec<f32>,
    /// β − mean · scale.
    shift: Vec<f32>,
}

/// Two sums per channel over all rows; `add` adds one row to both.
fn sums(n_rows: usize, channels: usize, add: impl Fn(usize, &mut [f32], &mut [f32])) -> [Vec<f64>; 2] {
    let mut totals = [vec![0.0_f64; channels], vec![0.0_f64; channels]];
    let (mut a, mut b) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
    for start in (0..n_rows).step_by(ROWS) {
        a.fill(0.0);
        b.fill(0.0);
        simd(
            #[inline(always)]
            || {
                for row in start..(start + ROWS).min(n_rows) {
                    add(row * channels, &mut a, &mut b);
                }
            },
        );
        totals[0].iter_mut().zip(&a).for_each(|(t, v)| *t += f64::from(*v));
        totals[1].iter_mut().zip(&b).for_each(|(t, v)| *t += f64::from(*v));
    }
    totals
}

/// Writes `(x − mean) / √(var + eps) · gamma + beta`, with the mean and variance of these rows, then ReLU where `relu`, then
/// plus `added` where there is something to add.
pub fn forward(
    x: &[f32],
    (gamma, beta): (&[f32], &[f32]),
    eps: f32,
    relu: bool,
    added: Option<&[f32]>,
    stats: &mut RowStats,
    y: &mut [f32],
) {
    let channels = gamma.len();
    let n = x.len() / channels;
    // Sums about a value of the channel itself: the squares of large means would drown a small variance.
    let pivot = &x[..channels];
    let [sum, squares] = sums(
        n,
        channels,
        #[inline(always)]
        |at, a, b| {
            for (((a, b), x), p) in a.iter_mut().zip(b).zip(&x[at..at + channels]).zip(pivot) {
                let d = x - p;
                *a += d;
                *b += d * d;
            }
        },
    );
    stats.mean.clear();
    stats.var.clear();
    for ((s, q), p) in sum.iter().zip(&squares).zip(pivot) {
        let mean = s / n as f64;
        stats.mean.push((mean + f64::from(*p)) as f32);
        stats.var.push((q / n as f64 - mean * mean).max(0.0) as f32);
    }
    stats.inv = stats.var.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
    stats.scale = gamma.iter().zip(&stats.inv).map(|(g, i)| g * i).collect();
    stats.shift = beta.iter().zip(&stats.mean).zip(&stats.scale).map(|((b, m), s)| b - m * s).collect();
    apply(x, &stats.scale, &stats.shift, relu, added, y);
}

/// Writes `x · scale + shift` by channel, then ReLU where `relu`, then plus `added`.
pub fn apply(x: &[f32], scale: &[f32], shift: &[f32], relu: bool, added: Option<&[f32]>, y: &mut [f32]) {
    let channels = scale.len();
    let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
    simd(
        #[inline(always)]
        || {
            let rows = y.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
            match added {
                None => {
                    for (y, x) in rows {
                        for (((y, x), s), b) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                            *y = (x * s + b).max(floor);
                        }
                    }
                }
                Some(added) => {
                    for ((y, x), r) in rows.zip(added.chunks_exact(channels)) {
                        for ((((y, x), s), b), r) in y.iter_mut().zip(x).zip(scale).zip(shift).zip(r) {
                            *y = (x * s + b).max(floor) + r;
                        }
                    }
                }
            }
        },
    );
}

/// Where the ReLU let nothing through, no gradient comes back.
fn behind_relu(x: &[f32], stats: &RowStats, grad: &mut [f32]) {
    let channels = stats.mean.len();
    let (scale, shift) = (&stats.scale, &stats.shift);
    simd(
        #[inline(always)]
        || {
            for (g, x) in grad.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((g, x), s), b) in g.iter_mut().zip(x).zip(scale).zip(shift) {
                    *g = if x * s + b > 0.0 { *g } else { 0.0 };
                }
            }
        },
    );
}

/// Turns the gradient of the result (without what was added) into that of `x`, in place, and adds to those of `gamma` and
/// `beta`. `x` is the forward pass's input.
pub fn backward(
    x: &[f32],
    relu: bool,
    stats: &RowStats,
    grad: &mut [f32],
    grad_gamma: &mut [f32],
    grad_beta: &mut [f32],
) {
    let channels = stats.mean.len();
    let n = x.len() / channels;
    let scale = &stats.scale;
    if relu {
        behind_relu(x, stats, grad);
    }
    let [d_beta, d_gamma] = {
        let grad = &*grad;
        sums(
            n,
            channels,
            #[inline(always)]
            |at, a, b| {
                let rows = grad[at..at + channels].iter().zip(&x[at..at + channels]);
                for (((a, b), m), (g, x)) in a.iter_mut().zip(b).zip(&stats.mean).zip(rows) {
                    *a += g;
                    *b += g * (x - m);
                }
            },
        )
    };
    let d_gamma: Vec<f32> = d_gamma.iter().zip(&stats.inv).map(|(v, i)| *v as f32 * i).collect();
    grad_gamma.iter_mut().zip(&d_gamma).for_each(|(t, v)| *t += v);
    grad_beta.iter_mut().zip(&d_beta).for_each(|(t, v)| *t += *v as f32);
    // dx = γ·inv · (g − mean(g) − x̂ · mean(g·x̂)), written as scale·g + slope·x + base.
    let slope: Vec<f32> = scale.iter().zip(&stats.inv).zip(&d_gamma).map(|((s, i), d)| -s * i * d / n as f32).collect();
    let base: Vec<f32> = scale
        .iter()
        .zip(&slope)
        .zip(&stats.mean)
        .zip(&d_beta)
        .map(|(((s, k), m), d)| -s * (*d as f32) / n as f32 - k * m)
        .collect();
    simd(
        #[inline(always)]
        || {
            for (g, x) in grad.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for ((((g, x), s), k), b) in g.iter_mut().zip(x).zip(scale).zip(&slope).zip(&base) {
                    *g = s * *g + k * x + b;
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| (((i + seed) * 7_919 % 1_009) as f32 - 504.0) / 504.0).collect()
    }

    /// The sum of the result, weighted: a loss whose gradient is the weights. In f64, by the definition, so that differences
    /// over a tiny step are exact and hardly any value crosses the ReLU's bend.
    fn loss(x: &[f64], gamma: &[f64], beta: &[f64], relu: bool, weights: &[f32]) -> f64 {
        let channels = gamma.len();
        let n = (x.len() / channels) as f64;
        let column = |c: usize| x.iter().skip(c).step_by(channels);
        let mean: Vec<f64> = (0..channels).map(|c| column(c).sum::<f64>() / n).collect();
        let var: Vec<f64> = (0..channels).map(|c| column(c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / n).collect();
        let one = |(i, x): (usize, &f64)| {
            let c = i % channels;
            let y = (x - mean[c]) / (var[c] + 1e-3).sqrt() * gamma[c] + beta[c];
            f64::from(weights[i]) * if relu { y.max(0.0) } else { y }
        };
        x.iter().enumerate().map(one).sum()
    }

    #[test]
    fn gradients_equal_differences() {
        let (rows, channels) = (600, 3);
        let weights = numbers(rows * channels, 77);
        let x: Vec<f32> = numbers(rows * channels, 3).iter().map(|x| x + 5.0).collect();
        let (gamma, beta) = ([0.5_f32, 1.5, -0.7], [0.1_f32, -0.2, 0.3]);
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        for relu in [false, true] {
            let mut stats = RowStats::default();
            let mut y = vec![0.0; x.len()];
            forward(&x, (&gamma, &beta), 1e-3, relu, None, &mut stats, &mut y);
            let mut grad = weights.clone();
            let (mut d_gamma, mut d_beta) = (vec![0.0; channels], vec![0.0; channels]);
            backward(&x, relu, &stats, &mut grad, &mut d_gamma, &mut d_beta);
            let step = 1e-6;
            // Which of the three changes, at which place, and by how much.
            let at = |which: usize, i: usize, by: f64| {
                let mut all = [wide(&x), wide(&gamma), wide(&beta)];
                all[which][i] += by;
                loss(&all[0], &all[1], &all[2], relu, &weights)
            };
            let check = |which: usize, i: usize, got: f32| {
                let want = (at(which, i, step) - at(which, i, -step)) / (2.0 * step);
                let tolerance = 1e-3 * want.abs().max(0.1);
                assert!((f64::from(got) - want).abs() < tolerance, "{which}, {i}: {got} is not {want}");
            };
            (0..channels).for_each(|c| check(1, c, d_gamma[c]));
            (0..channels).for_each(|c| check(2, c, d_beta[c]));
            (0..x.len()).step_by(97).for_each(|i| check(0, i, grad[i]));
        }
    }

    #[test]
    fn what_is_added_comes_after_the_rest() {
        let x = numbers(40, 1);
        let (mut y, mut with) = (vec![0.0; 40], vec![0.0; 40]);
        let affine: (&[f32], &[f32]) = (&[1.0, 2.0], &[0.0, 1.0]);
        forward(&x, affine, 1e-5, true, None, &mut RowStats::default(), &mut y);
        forward(&x, affine, 1e-5, true, Some(&x), &mut RowStats::default(), &mut with);
        assert!(with.iter().zip(&y).zip(&x).all(|((w, y), x)| (w - y - x).abs() < 1e-6));
    }
}
