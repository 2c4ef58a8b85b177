//! The information bottleneck for attribution (Schulz et al. 2020, section 3): noise with a layer's own mean and deviation takes
//! the place of its values as far as the decision allows, and what cannot be replaced counts in nats.

/// Least deviation of a value's noise: a value that never moves carries no information at a finite price.
const LEAST_DEVIATION: f32 = 0.01;

/// Most of a value that passes; at 1 its information would be infinite.
const MOST: f32 = 1.0 - 1e-6;

/// Places on either side that the blur of deviation 1 reaches.
const REACH: usize = 2;

/// A layer's output with its bottleneck. Values are `[height, width, channels]`.
pub struct Bottleneck<'a> {
    size: [usize; 3],
    values: &'a [f32],
    /// `[width, channels]`.
    mean: &'a [f32],
    deviation: Vec<f32>,
    beta: f32,
}

impl<'a> Bottleneck<'a> {
    /// Around values `[height, width, channels]`, with the layer's mean and deviation in each band, `[width, channels]`, and the
    /// price β of the mean information.
    #[must_use]
    pub fn new(size: [usize; 3], values: &'a [f32], mean: &'a [f32], deviation: &[f32], beta: f32) -> Self {
        let deviation = deviation.iter().map(|d| d.max(LEAST_DEVIATION)).collect();
        Self { size, values, mean, deviation, beta }
    }

    /// λ = blur(sigmoid(α)): how much of each value passes, 0…1. The blur over time and frequency is a Gaussian of deviation 1
    /// over five places, mirrored at the edges.
    #[must_use]
    pub fn passing(&self, alpha: &[f32]) -> Vec<f32> {
        let open: Vec<f32> = alpha.iter().map(|a| sigmoid(*a)).collect();
        self.blurred(&open, false).into_iter().map(|l| l.min(MOST)).collect()
    }

    /// What passes when λ does: λ R + (1 − λ)(μ + σ ε), with noise ε of deviation 1.
    #[must_use]
    pub fn mixed(&self, lambda: &[f32], noise: &[f32]) -> Vec<f32> {
        let one = |(i, (l, e)): (usize, (&f32, &f32))| l * self.values[i] + (1.0 - l) * self.noise(i, *e);
        lambda.iter().zip(noise).enumerate().map(one).collect()
    }

    /// Information that passes at each value, in nats: the divergence of N(λ r, (1 − λ)²) from N(0, 1), where r is the value less
    /// its mean over its deviation.
    #[must_use]
    pub fn information(&self, lambda: &[f32]) -> Vec<f32> {
        let one = |(i, l): (usize, &f32)| {
            let (shift, spread) = (l * self.standardised(i), 1.0 - l);
            0.5 * (shift * shift + spread * spread - 1.0) - spread.ln()
        };
        lambda.iter().enumerate().map(one).collect()
    }

    /// Gradient by α of `mean over noises of the decision's loss + β · mean information`; `slopes` are the gradients of the
    /// decision's loss by what passed, one for each noise.
    #[must_use]
    pub fn gradient(&self, alpha: &[f32], lambda: &[f32], noises: &[Vec<f32>], slopes: &[Vec<f32>]) -> Vec<f32> {
        let price = self.beta / lambda.len().max(1) as f32;
        let mut by_lambda: Vec<f32> = lambda
            .iter()
            .enumerate()
            .map(|(i, l)| price * (l * self.standardised(i).powi(2) - (1.0 - l) + 1.0 / (1.0 - l)))
            .collect();
        for (noise, slopes) in noises.iter().zip(slopes) {
            for (i, (by, slope)) in by_lambda.iter_mut().zip(slopes).enumerate() {
                *by += slope * (self.values[i] - self.noise(i, noise[i])) / noises.len() as f32;
            }
        }
        let by_open = self.blurred(&by_lambda, true);
        let slope = |(by, a): (&f32, &f32)| by * sigmoid(*a) * (1.0 - sigmoid(*a));
        by_open.iter().zip(alpha).map(slope).collect()
    }

    /// Information of each place, summed over channels, in bits: `[height, width]`.
    #[must_use]
    pub fn bits(&self, lambda: &[f32]) -> Vec<f32> {
        let nats = self.information(lambda);
        nats.chunks_exact(self.size[2].max(1)).map(|place| place.iter().sum::<f32>() / std::f32::consts::LN_2).collect()
    }

    fn noise(&self, i: usize, e: f32) -> f32 {
        let at = i % self.mean.len();
        self.mean[at] + self.deviation[at] * e
    }

    fn standardised(&self, i: usize) -> f32 {
        let at = i % self.mean.len();
        (self.values[i] - self.mean[at]) / self.deviation[at]
    }

    /// The blur, or its transpose, over frequency and then time.
    fn blurred(&self, x: &[f32], transposed: bool) -> Vec<f32> {
        let [height, width, channels] = self.size;
        let over_frequency = blur(x, width, channels, transposed);
        blur(&over_frequency, height, width * channels, transposed)
    }
}

/// Blurs along an axis of `n` places whose neighbours are `stride` apart.
fn blur(x: &[f32], n: usize, stride: usize, transposed: bool) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let kernel: Vec<f32> = (0..=2 * REACH).map(|i| (-0.5 * (i as f32 - REACH as f32).powi(2)).exp()).collect();
    let sum: f32 = kernel.iter().sum();
    // Mirrored around the edge place itself, again and again where the axis is shorter than the blur.
    let mirrored = |i: usize| {
        let period = 2 * n.saturating_sub(1).max(1);
        let at = (i + 2 * period * REACH - REACH) % period;
        at.min(period - at).min(n - 1)
    };
    for (x, out) in x.chunks_exact(n * stride).zip(out.chunks_exact_mut(n * stride)) {
        for place in 0..n {
            for (k, weight) in kernel.iter().enumerate() {
                let (to, from) = if transposed { (mirrored(place + k), place) } else { (place, mirrored(place + k)) };
                for c in 0..stride {
                    out[to * stride + c] += weight / sum * x[from * stride + c];
                }
            }
        }
    }
    out
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
