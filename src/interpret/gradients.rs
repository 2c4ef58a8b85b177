//! Methods made of the gradient of a class's logit by the classifier's input.

use rand::RngExt;
use rayon::prelude::*;

use super::attribution::{Attribution, Attributor, Net, normal, segment_rng};
use super::relevance_mask::MaskForm;
use crate::Result;
use crate::model::backward::{ReluGradient, Reversible};
use crate::model::package::Package;

/// Noisy copies that SmoothGrad averages.
pub const SMOOTHGRAD_SAMPLES: usize = 32;

/// Deviation of SmoothGrad's noise as a share of the segment's range (its paper: 0.1 to 0.2).
pub const SMOOTHGRAD_NOISE: f32 = 0.15;

/// Points on the way from silence to the segment at which integrated gradients looks.
pub const INTEGRATION_STEPS: usize = 50;

/// Draws of gradient SHAP.
pub const SHAP_SAMPLES: usize = 32;

/// A method of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradientMethod {
    /// |∂logit/∂x| (Simonyan et al. 2014).
    Saliency,
    /// x ∂logit/∂x (Shrikumar et al. 2016). The input is compressed energy, whose zero means nothing in particular.
    InputXGradient,
    /// |mean ∂logit/∂x| over noisy copies of the segment (Smilkov et al. 2017).
    SmoothGrad,
    /// (x − b) times the mean gradient on the straight way from b to x (Sundararajan et al. 2017), where b is silence. Sums
    /// to logit(x) − logit(b).
    IntegratedGradients,
    /// The mean of (x − b) ∂logit/∂x at random places between random b and x (Erion et al. 2021; Lundberg and Lee 2017). The
    /// baselines b are steady noises with the segment's own colour: each band's mean over time, at random levels down
    /// to silence.
    GradientShap,
}

pub(super) struct Gradient {
    pub(super) method: GradientMethod,
    pub(super) seed: u64,
}

/// A gradient method with the network of a package. `seed` is for what is drawn at random.
///
/// # Errors
/// A model error where the weights do not fit.
pub fn load(package: &Package, method: GradientMethod, form: MaskForm, seed: u64) -> Result<Attributor> {
    Attributor::new(package, form, |_| Ok(Box::new(Gradient { method, seed })))
}

impl Attribution for Gradient {
    fn method(&self) -> &'static str {
        match self.method {
            GradientMethod::Saliency => "saliency",
            GradientMethod::InputXGradient => "input-x-gradient",
            GradientMethod::SmoothGrad => "smoothgrad",
            GradientMethod::IntegratedGradients => "integrated-gradients",
            GradientMethod::GradientShap => "gradient-shap",
        }
    }

    fn passes(&self) -> usize {
        match self.method {
            GradientMethod::Saliency | GradientMethod::InputXGradient => 1,
            GradientMethod::SmoothGrad => SMOOTHGRAD_SAMPLES,
            GradientMethod::IntegratedGradients => INTEGRATION_STEPS,
            GradientMethod::GradientShap => SHAP_SAMPLES,
        }
    }

    fn relevance(&self, net: &Net, x: &[f32], class: usize) -> Result<Vec<f32>> {
        let chain = &*net.chain;
        Ok(match self.method {
            GradientMethod::Saliency => absolute(gradient(chain, x, class)?),
            GradientMethod::InputXGradient => times(gradient(chain, x, class)?, x),
            GradientMethod::SmoothGrad => {
                let (low, high) = x.iter().fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
                let deviation = SMOOTHGRAD_NOISE * (high - low);
                let noises: Vec<Vec<f32>> = (0..SMOOTHGRAD_SAMPLES as u64)
                    .map(|i| {
                        let mut rng = segment_rng(self.seed, x, i);
                        x.iter().map(|_| deviation * normal(&mut rng)).collect()
                    })
                    .collect();
                absolute(noisy_gradient(chain, x, &noises, class)?)
            }
            GradientMethod::IntegratedGradients => {
                integrated(chain, x, &vec![net.silence; x.len()], INTEGRATION_STEPS, class)?
            }
            GradientMethod::GradientShap => {
                let colour = mean_frame(x, chain.n_mels());
                let draws: Vec<(Vec<f32>, f32)> = (0..SHAP_SAMPLES as u64)
                    .map(|i| {
                        let mut rng = segment_rng(self.seed, x, i);
                        let (level, place): (f32, f32) = (rng.random(), rng.random());
                        let band = |mean: &f32| net.silence + level * (mean - net.silence);
                        let frame: Vec<f32> = colour.iter().map(band).collect();
                        (frame.iter().copied().cycle().take(x.len()).collect(), place)
                    })
                    .collect();
                expected(chain, x, &draws, class)?
            }
        })
    }
}

/// Gradient of a class's logit by the input.
///
/// # Errors
/// As [`Reversible::check`]; so also below.
pub fn gradient(chain: &dyn Reversible, x: &[f32], class: usize) -> Result<Vec<f32>> {
    chain.input_gradient(x, class, ReluGradient::Plain)
}

/// Mean gradient over `x` with each of `noises` added.
///
/// # Errors
/// As [`gradient`].
pub fn noisy_gradient(chain: &dyn Reversible, x: &[f32], noises: &[Vec<f32>], class: usize) -> Result<Vec<f32>> {
    mean(x.len(), noises, |noise| {
        let noisy: Vec<f32> = x.iter().zip(noise).map(|(x, n)| x + n).collect();
        gradient(chain, &noisy, class)
    })
}

/// Integrated gradients from `baseline`, at the middle of each of `steps` equal parts of the way.
///
/// # Errors
/// As [`gradient`].
pub fn integrated(chain: &dyn Reversible, x: &[f32], baseline: &[f32], steps: usize, class: usize) -> Result<Vec<f32>> {
    let places: Vec<f32> = (0..steps).map(|i| (i as f32 + 0.5) / steps as f32).collect();
    let mean = mean(x.len(), &places, |place| gradient(chain, &between(baseline, x, *place), class))?;
    Ok(times(mean, &difference(x, baseline)))
}

/// Expected gradients over draws of a baseline and a place on the way from it to `x` (0…1).
///
/// # Errors
/// As [`gradient`].
pub fn expected(chain: &dyn Reversible, x: &[f32], draws: &[(Vec<f32>, f32)], class: usize) -> Result<Vec<f32>> {
    mean(x.len(), draws, |(baseline, place)| {
        Ok(times(gradient(chain, &between(baseline, x, *place), class)?, &difference(x, baseline)))
    })
}

/// The mean of `of` over all items, which run side by side; summed in order, so that the number of threads changes nothing.
fn mean<T: Sync>(len: usize, items: &[T], of: impl Fn(&T) -> Result<Vec<f32>> + Send + Sync) -> Result<Vec<f32>> {
    let all: Vec<Vec<f32>> = items.par_iter().map(of).collect::<Result<_>>()?;
    let mut sum = vec![0.0; len];
    for one in &all {
        sum.iter_mut().zip(one).for_each(|(sum, v)| *sum += v / items.len() as f32);
    }
    Ok(sum)
}

fn mean_frame(x: &[f32], n_mels: usize) -> Vec<f32> {
    let n_frames = (x.len() / n_mels).max(1) as f32;
    (0..n_mels).map(|m| x[m..].iter().step_by(n_mels).sum::<f32>() / n_frames).collect()
}

fn between(from: &[f32], to: &[f32], place: f32) -> Vec<f32> {
    from.iter().zip(to).map(|(from, to)| from + place * (to - from)).collect()
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn times(mut a: Vec<f32>, b: &[f32]) -> Vec<f32> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a *= b);
    a
}

fn absolute(mut a: Vec<f32>) -> Vec<f32> {
    a.iter_mut().for_each(|a| *a = a.abs());
    a
}
