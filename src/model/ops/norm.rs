//! Batch norm of a training batch, with the ReLU that follows it.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{PARTS, part_range, values, with_values};

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

/// `relu((x − mean) / √(var + eps) · gamma + beta)` with the mean and variance of this batch, over all but the last
/// dimension (channels). Returns the result and the statistics.
///
/// # Errors
/// If `gamma` or `beta` are not `[channels]`, or a tensor is not f32 on the CPU.
pub fn batch_norm_relu(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32) -> Result<(Tensor, BatchStats)> {
    let stats = Arc::new(Mutex::new(BatchStats::default()));
    let y = x.apply_op3(gamma, beta, BatchNormRelu { eps, stats: Arc::clone(&stats) })?;
    let stats = stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((y, stats))
}

struct BatchNormRelu {
    eps: f32,
    stats: Arc<Mutex<BatchStats>>,
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
                for row in start..(start + ROWS).min(range.end) {
                    f(row, &mut a, &mut b);
                }
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

impl CustomOp3 for BatchNormRelu {
    fn name(&self) -> &'static str {
        "batch-norm-relu"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let name = self.name();
        let (x, gamma, beta) = (values(s1, l1, name)?, values(s2, l2, name)?, values(s3, l3, name)?);
        let channels = gamma.len();
        if channels == 0 || beta.len() != channels || l1.shape().dims().last() != Some(&channels) || x.is_empty() {
            bail!("{name}: {:?} has no {channels} channels", l1.shape());
        }
        let n = x.len() / channels;
        let [sum, _] = channel_sums(n, channels, |row, a, _| {
            a.iter_mut().zip(&x[row * channels..]).for_each(|(a, x)| *a += x);
        });
        let mean: Vec<f32> = sum.iter().map(|s| (s / n as f64) as f32).collect();
        let [squares, _] = channel_sums(n, channels, |row, a, _| {
            a.iter_mut().zip(&x[row * channels..]).zip(&mean).for_each(|((a, x), m)| *a += (x - m) * (x - m));
        });
        let var: Vec<f32> = squares.iter().map(|s| (s / n as f64) as f32).collect();
        let scale: Vec<f32> = gamma.iter().zip(&var).map(|(g, v)| g / (v + self.eps).sqrt()).collect();
        let shift: Vec<f32> = beta.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        let mut y = vec![0.0; x.len()];
        let chunk = channels * 4096;
        y.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
                for (((y, x), s), b) in y.iter_mut().zip(x).zip(&scale).zip(&shift) {
                    *y = (x * s + b).max(0.0);
                }
            }
        });
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = BatchStats { mean, var, count: n };
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let name = self.name();
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gamma_values = gamma.to_vec1::<f32>()?;
        let (grads, grad_gamma, grad_beta) = with_values(x, name, |x| {
            with_values(res, name, |res| {
                with_values(grad, name, |grad| Ok(self.gradients(&stats, &gamma_values, x, res, grad)))
            })
        })?;
        Ok((
            Some(Tensor::from_vec(grads, x.shape(), x.device())?),
            Some(Tensor::from_vec(grad_gamma, gamma.shape(), gamma.device())?),
            Some(Tensor::from_vec(grad_beta, beta.shape(), beta.device())?),
        ))
    }
}

impl BatchNormRelu {
    /// Gradients of `x`, `gamma`, `beta`.
    fn gradients(
        &self,
        stats: &BatchStats,
        gamma: &[f32],
        x: &[f32],
        res: &[f32],
        grad: &[f32],
    ) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let channels = gamma.len();
        let n = stats.count;
        let inv: Vec<f32> = stats.var.iter().map(|v| 1.0 / (v + self.eps).sqrt()).collect();
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
        let slope: Vec<f32> =
            scale.iter().zip(&inv).zip(&grad_gamma).map(|((s, i), d)| -s * i * d / n as f32).collect();
        let base: Vec<f32> = scale
            .iter()
            .zip(&slope)
            .zip(&stats.mean)
            .zip(&grad_beta)
            .map(|(((s, k), m), d)| -s * d / n as f32 - k * m)
            .collect();
        let mut out = vec![0.0; x.len()];
        let chunk = channels * 4096;
        let parts =
            out.par_chunks_mut(chunk).zip(x.par_chunks(chunk)).zip(res.par_chunks(chunk)).zip(grad.par_chunks(chunk));
        parts.for_each(|(((out, x), res), grad)| {
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
        (out, grad_gamma, grad_beta)
    }
}
