//! A pass that keeps what the way back needs, and gradients.

use super::forward::{channel_means, dense};
use super::{Activation, Image, Layer, Step};
use crate::model::backward::{Hidden, ReluGradient};

/// What one step was given.
pub(super) struct Seen {
    pub(super) image: Image,
    pub(super) input: Vec<f32>,
    /// Of linear layers: the weighted sums, before the activation.
    pub(super) sums: Vec<f32>,
}

/// A forward pass with everything that the way back needs.
pub(super) struct Pass {
    pub(super) seen: Vec<Seen>,
    pub(super) logits: Vec<f32>,
}

impl Pass {
    /// Runs `steps` on `input`.
    pub(super) fn new(steps: &[Step], image: Image, input: &[f32]) -> Self {
        let (mut image, mut x, mut kept) = (image, input.to_vec(), Vec::new());
        let mut seen = Vec::with_capacity(steps.len());
        for step in steps {
            let from = image;
            let (mut sums, mut out) = (Vec::new(), Vec::new());
            match step {
                Step::Layer(layer) => {
                    image = layer.sums(from, &x, &mut out, &mut Vec::new());
                    if let Some(activation) = layer.activation() {
                        sums.clone_from(&out);
                        out.iter_mut().for_each(|x| *x = activation.of(*x));
                    }
                }
                Step::Keep => {
                    kept.clone_from(&x);
                    out.clone_from(&x);
                }
                Step::Add => out.extend(x.iter().zip(&kept).map(|(x, kept)| x + kept)),
            }
            seen.push(Seen { image: from, input: std::mem::replace(&mut x, out), sums });
        }
        Self { seen, logits: x }
    }

    /// What there is behind step `step`.
    pub(super) fn hidden_behind(&self, step: usize) -> Option<Hidden> {
        let Seen { image, input, .. } = self.seen.get(step + 1)?;
        Some(Hidden { height: image.height, width: image.width, values: input.clone() })
    }

    /// The logit of one class; zeros for the others.
    pub(super) fn seed(&self, class: usize) -> Vec<f32> {
        self.logits.iter().enumerate().map(|(i, logit)| if i == class { *logit } else { 0.0 }).collect()
    }

    /// Gradient of a class's logit by what there is before step `down_to`.
    pub(super) fn gradient(&self, steps: &[Step], class: usize, relu: ReluGradient, down_to: usize) -> Vec<f32> {
        let slopes = (0..self.logits.len()).map(|i| f32::from(u8::from(i == class))).collect();
        self.carry(steps, slopes, relu, down_to)
    }

    /// Carries a gradient by the logits to what there is before step `down_to`.
    pub(super) fn carry(&self, steps: &[Step], mut grad: Vec<f32>, relu: ReluGradient, down_to: usize) -> Vec<f32> {
        // What an addition owes to the image that was kept before.
        let mut owed: Vec<Vec<f32>> = Vec::new();
        for (step, seen) in steps.iter().zip(&self.seen).skip(down_to).rev() {
            match step {
                Step::Layer(layer) => grad = layer.gradient(seen, grad, relu),
                Step::Add => owed.push(grad.clone()),
                Step::Keep => add(&mut grad, owed.pop().as_deref()),
            }
        }
        grad
    }
}

/// Adds, where there is something.
pub(super) fn add(to: &mut [f32], other: Option<&[f32]>) {
    to.iter_mut().zip(other.unwrap_or(&[])).for_each(|(to, other)| *to += other);
}

impl Activation {
    /// Its value.
    fn of(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::Relu => x.max(0.0),
            Self::HardSwish => x * ((x + 3.0).clamp(0.0, 6.0) * (1.0 / 6.0)),
        }
    }

    /// Its slope.
    fn slope(self, x: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f32::from(u8::from(x > 0.0)),
            Self::HardSwish if x <= -3.0 => 0.0,
            Self::HardSwish if x < 3.0 => (2.0 * x + 3.0) / 6.0,
            Self::HardSwish => 1.0,
        }
    }
}

impl Layer {
    /// Gradient by the layer's input, from that by its output. Guided, an activation passes on only what is positive where
    /// its input is positive.
    fn gradient(&self, seen: &Seen, mut grad: Vec<f32>, relu: ReluGradient) -> Vec<f32> {
        match self {
            Self::Mean => mean_gradient(seen.image, &grad),
            Self::Gate { squeeze, squeeze_bias, excite, excite_bias } => {
                gate_gradient(seen, &grad, [squeeze, squeeze_bias, excite, excite_bias])
            }
            _ => {
                let activation = self.activation().unwrap_or(Activation::Identity);
                let guided = relu == ReluGradient::Guided && activation != Activation::Identity;
                for (g, z) in grad.iter_mut().zip(&seen.sums) {
                    *g = if guided && (*g < 0.0 || *z <= 0.0) { 0.0 } else { *g * activation.slope(*z) };
                }
                self.transposed(seen.image, &grad)
            }
        }
    }
}

fn mean_gradient(image: Image, grad: &[f32]) -> Vec<f32> {
    let share: Vec<f32> = grad.iter().map(|g| g / image.positions() as f32).collect();
    share.repeat(image.positions())
}

/// y = x · s(m(x)): one part through the product, one through the means that the factors are made of.
fn gate_gradient(seen: &Seen, grad: &[f32], [squeeze, squeeze_bias, excite, excite_bias]: [&[f32]; 4]) -> Vec<f32> {
    let channels = seen.image.channels;
    let squeezed = dense(&channel_means(seen.image, &seen.input), squeeze, squeeze_bias);
    let active: Vec<f32> = squeezed.iter().map(|x| x.max(0.0)).collect();
    let factors: Vec<f32> = dense(&active, excite, excite_bias).iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
    let mut of_factors = vec![0.0; channels];
    for (grad, x) in grad.chunks_exact(channels).zip(seen.input.chunks_exact(channels)) {
        of_factors.iter_mut().zip(grad.iter().zip(x)).for_each(|(sum, (g, x))| *sum += g * x);
    }
    of_factors.iter_mut().zip(&factors).for_each(|(g, s)| *g *= s * (1.0 - s));
    // Back through both dense layers, whose weights lie input by output.
    let mut of_squeezed: Vec<f32> = excite.chunks_exact(channels).map(|row| dot(row, &of_factors)).collect();
    of_squeezed.iter_mut().zip(&squeezed).for_each(|(g, z)| *g *= f32::from(u8::from(*z > 0.0)));
    let n = seen.image.positions() as f32;
    let of_means: Vec<f32> = squeeze.chunks_exact(squeeze_bias.len()).map(|row| dot(row, &of_squeezed) / n).collect();
    let mut out = Vec::with_capacity(grad.len());
    for grad in grad.chunks_exact(channels) {
        out.extend(grad.iter().zip(&factors).zip(&of_means).map(|((g, s), m)| g * s + m));
    }
    out
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
