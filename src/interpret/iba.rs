//! IBA (Schulz et al. 2020): how many bits of each place of a hidden layer the decision for a class needs. For each segment and
//! class a bottleneck is fitted: noise with the layer's own mean and deviation replaces what the decision can spare.

use rayon::prelude::*;

use super::attribution::{Attribution, Attributor, Net, normal, segment_rng};
use super::bottleneck::Bottleneck;
use super::guided::Cam;
use super::relevance_mask::MaskForm;
use crate::model::backward::Hidden;
use crate::model::classifier::probabilities;
use crate::model::manifest::Activation;
use crate::model::package::Package;
use crate::{Error, Result};

/// Steps of the optimiser for each segment and class, as published.
pub const STEPS: usize = 10;

/// Draws of the noise in each step, as published.
pub const SAMPLES: usize = 10;

/// What α begins with, as published: nearly everything passes.
const BEGIN: f32 = 5.0;

/// The optimiser's step, and the decays of its two moments (Adam), as published.
const RATE: f32 = 1.0;
const DECAYS: [f32; 2] = [0.9, 0.999];

/// Names of the arrays in a package: mean and deviation of each channel in each band, `[width, channels]`.
pub const STATISTICS: [&str; 2] = ["mean", "deviation"];

struct Iba {
    block: usize,
    beta: f32,
    activation: Activation,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    seed: u64,
}

/// The method with the network and the statistics of a package. `seed` is for the noise.
///
/// # Errors
/// A model error where the package has no `[iba]`, or statistics that do not fit its network.
pub fn load(package: &Package, form: MaskForm, seed: u64) -> Result<Attributor> {
    let manifest = package.manifest();
    let spec = manifest.iba.as_ref().ok_or_else(|| {
        Error::model(format!("the model {} has no [iba]; train one with 'earwitness train iba'", manifest.name))
    })?;
    let outputs = BlockOutputs::open(package, spec.block().ok_or_else(no_block)?)?;
    let arrays = package.tensors(&spec.weights)?;
    let [mean, deviation] = STATISTICS.map(|name| arrays.get(name, &outputs.bands).map(<[f32]>::to_vec));
    let iba = Iba {
        block: outputs.block,
        beta: spec.beta,
        activation: manifest.classifier.activation,
        mean: mean?,
        deviation: deviation?,
        seed,
    };
    Attributor::new(package, form, |_| Ok(Box::new(iba)))
}

/// What a block of a package's network gives.
pub struct BlockOutputs {
    net: Net,
    block: usize,
    bands: [usize; 2],
}

impl BlockOutputs {
    /// Of block `block`, from 0.
    ///
    /// # Errors
    /// A usage error for a block that there is not; a model error where the weights do not fit.
    pub fn open(package: &Package, block: usize) -> Result<Self> {
        let net = Net::load(package)?;
        net.check_block(block)?;
        let silence = net.silent_segment(package);
        let mut outputs = Self { net, block, bands: [0, 0] };
        let hidden = outputs.of(&silence)?;
        outputs.bands = [hidden.width, hidden.values.len() / (hidden.height * hidden.width).max(1)];
        Ok(outputs)
    }

    /// Bands and channels.
    #[must_use]
    pub const fn bands(&self) -> [usize; 2] {
        self.bands
    }

    /// The block's output for a segment `[n_frames, n_mels]`.
    ///
    /// # Errors
    /// If the segment does not fit.
    pub fn of(&self, features: &[f32]) -> Result<Hidden> {
        let above = self.net.chain.above(features, self.block)?.ok_or_else(no_block)?;
        Ok(above.hidden().clone())
    }
}

fn no_block() -> Error {
    Error::bug("a network lost one of its blocks")
}

impl Attribution for Iba {
    fn method(&self) -> &'static str {
        "iba"
    }

    fn passes(&self) -> usize {
        STEPS * SAMPLES
    }

    /// The bits of each place, enlarged to the input.
    fn relevance(&self, net: &Net, features: &[f32], class: usize) -> Result<Vec<f32>> {
        let above = net.chain.above(features, self.block)?.ok_or_else(no_block)?;
        let Hidden { height, width, values } = above.hidden();
        let size = [*height, *width, values.len() / (height * width).max(1)];
        let bottleneck = Bottleneck::new(size, values, &self.mean, &self.deviation, self.beta);
        let slopes = |logits: &[f32]| loss_slopes(logits, class, self.activation);
        let (mut alpha, mut adam) = (vec![BEGIN; values.len()], Adam::default());
        for step in 0..STEPS {
            let lambda = bottleneck.passing(&alpha);
            let draw = |sample: usize| {
                let mut rng = segment_rng(self.seed, features, (step * SAMPLES + sample) as u64);
                let noise: Vec<f32> = values.iter().map(|_| normal(&mut rng)).collect();
                let back = above.gradient(&bottleneck.mixed(&lambda, &noise), &slopes);
                (noise, back)
            };
            let (noises, backs): (Vec<_>, Vec<_>) = (0..SAMPLES).into_par_iter().map(draw).unzip();
            let gradient = bottleneck.gradient(&alpha, &lambda, &noises, &backs);
            adam.step(&mut alpha, &gradient);
        }
        let values = bottleneck.bits(&bottleneck.passing(&alpha));
        let n_mels = net.chain.n_mels();
        Ok(Cam { height: *height, width: *width, values }.enlarged(features.len() / n_mels, n_mels))
    }
}

/// Gradient by the logits of −ln p of a class; zeros for a class that there is not.
fn loss_slopes(logits: &[f32], class: usize, activation: Activation) -> Vec<f32> {
    if class >= logits.len() {
        return vec![0.0; logits.len()];
    }
    let mut slopes = probabilities(logits, activation);
    if activation == Activation::Sigmoid {
        slopes.iter_mut().enumerate().filter(|(i, _)| *i != class).for_each(|(_, p)| *p = 0.0);
    }
    slopes[class] -= 1.0;
    slopes
}

/// Adam for one array.
#[derive(Default)]
struct Adam {
    steps: i32,
    moments: Vec<[f32; 2]>,
}

impl Adam {
    fn step(&mut self, values: &mut [f32], grad: &[f32]) {
        self.steps += 1;
        self.moments.resize(values.len(), [0.0; 2]);
        let fix = DECAYS.map(|decay| 1.0 - decay.powi(self.steps));
        for ((value, g), moments) in values.iter_mut().zip(grad).zip(&mut self.moments) {
            for ((moment, decay), new) in moments.iter_mut().zip(DECAYS).zip([*g, g * g]) {
                *moment = decay * *moment + (1.0 - decay) * new;
            }
            *value -= RATE * (moments[0] / fix[0]) / ((moments[1] / fix[1]).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_loss_by_finite_differences() {
        for activation in [Activation::Sigmoid, Activation::Softmax] {
            let logits = [0.3_f32, -1.2, 2.0];
            let got = loss_slopes(&logits, 1, activation);
            for i in 0..3 {
                let loss = |by: f32| {
                    let mut moved = logits;
                    moved[i] += by;
                    -probabilities(&moved, activation)[1].ln()
                };
                let want = (loss(1e-2) - loss(-1e-2)) / 2e-2;
                assert!((got[i] - want).abs() < 1e-3, "{activation:?} {i}: {} is not {want}", got[i]);
            }
        }
        assert_eq!(loss_slopes(&[1.0, 2.0], 9, Activation::Softmax), [0.0, 0.0]);
    }

    /// PyTorch's first step of Adam moves every value by the rate, against its gradient.
    #[test]
    fn the_first_step_is_as_long_as_the_rate() {
        let (mut values, mut adam) = (vec![1.0, 2.0], Adam::default());
        adam.step(&mut values, &[0.5, -3.0]);
        assert!((values[0] - 0.0).abs() < 1e-4 && (values[1] - 3.0).abs() < 1e-4, "{values:?}");
    }
}
