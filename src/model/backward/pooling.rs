//! Poolings at both ends of the network: the input's frames, and the segment's last hidden image.
//!
//! For relevance, a mean shares in proportion to what its inputs contribute (as the ε rule does of equal weights), a
//! maximum gives all to the winner, and the sum of mean and maximum shares in proportion to the two.

use super::rules::{STABILISER, divide};

/// How the mean over input frames shares relevance: as the first convolution does, which it is one linear map with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum InputRule {
    /// In proportion to the values.
    Proportional,
    /// Evenly: what w² and flat make of equal weights.
    Even,
    /// In proportion to the height above the lowest value that there is: what zᴮ makes of equal weights.
    Above(f32),
}

/// Mean of every `frames` frames of `[n_frames, n_mels]`.
pub(super) fn input_forward(input: &[f32], n_mels: usize, frames: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(input.len() / frames);
    for group in input.chunks_exact(frames * n_mels) {
        out.extend((0..n_mels).map(|m| group[m..].iter().step_by(n_mels).sum::<f32>() / frames as f32));
    }
    out
}

/// The gradient of the `n_values` values that were pooled.
pub(super) fn input_gradient(grad: &[f32], n_mels: usize, frames: usize, n_values: usize) -> Vec<f32> {
    let mut out = vec![0.0; n_values];
    for (group, grad) in out.chunks_exact_mut(frames * n_mels).zip(grad.chunks_exact(n_mels)) {
        for row in group.chunks_exact_mut(n_mels) {
            row.iter_mut().zip(grad).for_each(|(out, g)| *out = g / frames as f32);
        }
    }
    out
}

/// The relevance of the values that were pooled.
pub(super) fn input_relevance(
    input: &[f32],
    relevance: &[f32],
    n_mels: usize,
    frames: usize,
    rule: InputRule,
) -> Vec<f32> {
    if frames == 1 {
        return relevance.to_vec();
    }
    let height = |x: f32| match rule {
        InputRule::Proportional => x,
        InputRule::Even => 1.0,
        InputRule::Above(low) => x - low,
    };
    let mut out = vec![0.0; input.len()];
    let groups = input.chunks_exact(frames * n_mels).zip(out.chunks_exact_mut(frames * n_mels));
    for ((values, out), relevance) in groups.zip(relevance.chunks_exact(n_mels)) {
        for (m, r) in relevance.iter().enumerate() {
            let mean = values[m..].iter().step_by(n_mels).map(|x| height(*x)).sum::<f32>() / frames as f32;
            let ratio = divide(*r, mean, STABILISER) / frames as f32;
            let shares = out[m..].iter_mut().step_by(n_mels).zip(values[m..].iter().step_by(n_mels));
            shares.for_each(|(out, x)| *out = height(*x) * ratio);
        }
    }
    out
}

/// What a pooling over the segment saw of one channel.
struct Column {
    /// Mean over frequency of each frame.
    over_freq: Vec<f32>,
    mean: f32,
    /// The first frame with the largest mean over frequency.
    winner: usize,
}

impl Column {
    fn of(height: usize, width: usize, channels: usize, input: &[f32], channel: usize) -> Self {
        let row = |t: usize| input[t * width * channels..(t + 1) * width * channels].iter().skip(channel);
        let over_freq: Vec<f32> = (0..height).map(|t| row(t).step_by(channels).sum::<f32>() / width as f32).collect();
        let mean = over_freq.iter().sum::<f32>() / height as f32;
        let winner = (0..height).fold(0, |best, t| if over_freq[t] > over_freq[best] { t } else { best });
        Self { over_freq, mean, winner }
    }

    fn max(&self) -> f32 {
        self.over_freq.get(self.winner).copied().unwrap_or(0.0)
    }
}

/// Mean over frequency, then mean + max over time: `[height, width, channels]` to `[channels]`.
pub(super) fn global_forward(height: usize, width: usize, input: &[f32]) -> Vec<f32> {
    let channels = input.len() / (height * width).max(1);
    let pooled = (0..channels).map(|c| Column::of(height, width, channels, input, c));
    pooled.map(|column| column.mean + column.max()).collect()
}

/// Fills an image from `of(column, channel, t, value)`.
fn spread(height: usize, width: usize, input: &[f32], of: impl Fn(&Column, usize, usize, f32) -> f32) -> Vec<f32> {
    let channels = input.len() / (height * width).max(1);
    let mut out = vec![0.0; input.len()];
    for c in 0..channels {
        let column = Column::of(height, width, channels, input, c);
        for t in 0..height {
            for f in 0..width {
                let at = (t * width + f) * channels + c;
                out[at] = of(&column, c, t, input[at]);
            }
        }
    }
    out
}

/// The gradient of [`global_forward`]'s input.
pub(super) fn global_gradient(height: usize, width: usize, input: &[f32], grad: &[f32]) -> Vec<f32> {
    spread(height, width, input, |column, c, t, _| {
        let over_time = 1.0 / height as f32 + if t == column.winner { 1.0 } else { 0.0 };
        grad[c] * over_time / width as f32
    })
}

/// The relevance of [`global_forward`]'s input.
pub(super) fn global_relevance(height: usize, width: usize, input: &[f32], relevance: &[f32]) -> Vec<f32> {
    spread(height, width, input, |column, c, t, value| {
        let (mean, max) = (column.mean, column.max());
        let ratio = divide(relevance[c], mean + max, STABILISER);
        let of_mean = divide(ratio * mean, mean, STABILISER) * column.over_freq[t] / height as f32;
        let of_max = if t == column.winner { ratio * max } else { 0.0 };
        divide(of_mean + of_max, column.over_freq[t], STABILISER) * value / width as f32
    })
}
