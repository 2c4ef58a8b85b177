//! Batch norm of a training batch, with the ReLU that follows it, on slices `[rows, channels]`.

use rayon::prelude::*;

use super::{PARTS, part_range, simd};

/// Mean and (biased) variance of each channel over one batch, for the running statistics and the backward pass.
#[derive(Debug, Clone, Default)]
pub struct BatchStats {
    /// Mean per channel.
    pub mean: Vec<f32>,
    /// Biased variance per channel.
    pub var: Vec<f32>,
    /// Values per channel that were averaged.
    pub count: usize,
}

/// `relu((x − mean) / √(var + eps) · gamma + beta)` with the mean and variance of these rows.
/// Writes `y`, as long as `x`.
pub fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) -> BatchStats {
    let channels = gamma.len();
    let n = x.len() / channels;
    let [sum, _] = channel_sums(n, channels, |row, a, _| {
        a.iter_mut().zip(&x[row * channels..]).for_each(|(a, x)| *a += x);
    });
    let mean: Vec<f32> = sum.iter().map(|s| (s / n as f64) as f32).collect();
    let [squares, _] = channel_sums(n, channels, |row, a, _| {
        a.iter_mut().zip(&x[row * channels..]).zip(&mean).for_each(|((a, x), m)| *a += (x - m) * (x - m));
    });
    let var: Vec<f32> = squares.iter().map(|s| (s / n as f64) as f32).collect();
    let scale: Vec<f32> = gamma.iter().zip(&var).map(|(g, v)| g / (v + eps).sqrt()).collect();
    let shift: Vec<f32> = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    let chunk = channels * 4096;
    y.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(y, x)| {
        simd(|| {
            for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((y, x), s), b) in y.iter_mut().zip(x).zip(&scale).zip(&shift) {
                    *y = (x * s + b).max(0.0);
                }
            }
        });
    });
    BatchStats { mean, var, count: n }
}

/// Two sums per channel over rows, cut into parts that are added in a fixed order. `f` adds one row to both.
fn channel_sums(n_rows: usize, channels: usize, f: impl Fn(usize, &mut [f32], &mut [f32]) + Sync) -> [Vec<f64>; 2] {
    // f32 sums over few rows are exact enough; the totals are f64.
    const ROWS: usize = 512;
    let parts: Vec<[Vec<f64>; 2]> = (0..PARTS)
        .into_par_iter()
        .map(|part| {
            let mut totals = [vec![0.0_f64; channels], vec![0.0_f64; channels]];
            let (mut a, mut b) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
            let range = part_range(n_rows, part);
            for start in range.clone().step_by(ROWS) {
                a.fill(0.0);
                b.fill(0.0);
                simd(|| {
                    for row in start..(start + ROWS).min(range.end) {
                        f(row, &mut a, &mut b);
                    }
                });
                totals[0].iter_mut().zip(&a).for_each(|(t, v)| *t += f64::from(*v));
                totals[1].iter_mut().zip(&b).for_each(|(t, v)| *t += f64::from(*v));
            }
            totals
        })
        .collect();
    let mut sums = [vec![0.0; channels], vec![0.0; channels]];
    for part in &parts {
        for (sum, p) in sums.iter_mut().zip(part) {
            sum.iter_mut().zip(p).for_each(|(s, v)| *s += v);
        }
    }
    sums
}

/// Writes the gradient of `x` to `out` and returns those of `gamma` and `beta`, from the forward pass's input `x` and result
/// `res`.
pub fn backward(
    stats: &BatchStats,
    gamma: &[f32],
    x: &[f32],
    res: &[f32],
    grad: &[f32],
    eps: f32,
    out: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    let channels = gamma.len();
    let n = stats.count;
    let inv: Vec<f32> = stats.var.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
    let [d_beta, d_gamma] = channel_sums(n, channels, |row, a, b| {
        let at = row * channels;
        let rows = grad[at..].iter().zip(&res[at..]).zip(&x[at..]);
        for (((a, b), m), ((g, y), x)) in a.iter_mut().zip(b).zip(&stats.mean).zip(rows) {
            let g = if *y > 0.0 { *g } else { 0.0 };
            *a += g;
            *b += g * (x - m);
        }
    });
    let grad_beta: Vec<f32> = d_beta.iter().map(|v| *v as f32).collect();
    let grad_gamma: Vec<f32> = d_gamma.iter().zip(&inv).map(|(v, i)| *v as f32 * i).collect();
    // dx = γ·inv · (g − mean(g) − x̂ · mean(g·x̂)), written as scale·g + slope·x + base.
    let scale: Vec<f32> = gamma.iter().zip(&inv).map(|(g, i)| g * i).collect();
    let slope: Vec<f32> = scale.iter().zip(&inv).zip(&grad_gamma).map(|((s, i), d)| -s * i * d / n as f32).collect();
    let base: Vec<f32> = scale
        .iter()
        .zip(&slope)
        .zip(&stats.mean)
        .zip(&grad_beta)
        .map(|(((s, k), m), d)| -s * d / n as f32 - k * m)
        .collect();
    let chunk = channels * 4096;
    let parts =
        out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).zip(res.par_chunks(chunk)).zip(grad.par_chunks(chunk));
    parts.for_each(|(((out, x), res), grad)| {
        simd(|| {
            let rows = out.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
            let rows = rows.zip(res.chunks_exact(channels)).zip(grad.chunks_exact(channels));
            for (((out, x), res), grad) in rows {
                let params = scale.iter().zip(&slope).zip(&base);
                for ((((o, x), y), g), ((s, k), b)) in out.iter_mut().zip(x).zip(res).zip(grad).zip(params) {
                    let g = if *y > 0.0 { *g } else { 0.0 };
                    *o = s * g + k * x + b;
                }
            }
        });
    });
    (grad_gamma, grad_beta)
}
