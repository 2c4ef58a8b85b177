//! A linear classifier of pooled features: multinomial logistic regression, or one logistic regression a class.

use super::adam::{Adam, AdamParams, one_cycle};
use crate::model::manifest::Activation;
use crate::model::vgg::Param;

/// Steps of the optimiser on all examples at once; the problem is convex and small.
const STEPS: usize = 2000;
/// Highest learning rate of those steps.
const LEARNING_RATE: f32 = 0.1;

/// Logits from features, which are first brought to a common scale.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[n_classes, n_features]`.
    pub weight: Param,
    /// `[n_classes]`.
    pub bias: Param,
    /// Taken from each feature, `[n_features]`.
    pub shift: Vec<f32>,
    /// Then divides it, `[n_features]`, above 0.
    pub scale: Vec<f32>,
    /// From logits to probabilities.
    pub activation: Activation,
}

impl Linear {
    /// One that says nothing yet: weights 0, features as they are.
    #[must_use]
    pub fn new(n_classes: usize, n_features: usize, activation: Activation) -> Self {
        Self {
            weight: Param::new("linear.weight".into(), vec![0.0; n_classes * n_features], true),
            bias: Param::new("linear.bias".into(), vec![0.0; n_classes], false),
            shift: vec![0.0; n_features],
            scale: vec![1.0; n_features],
            activation,
        }
    }

    /// Sets shift and scale to mean and standard deviation of `features`, `[n, n_features]`.
    pub fn standardise(&mut self, features: &[f32]) {
        let k = self.shift.len();
        let n = (features.len() / k.max(1)).max(1) as f64;
        let column = |f: usize| features.iter().skip(f).step_by(k).map(|v| f64::from(*v));
        let means: Vec<f64> = (0..k).map(|f| column(f).sum::<f64>() / n).collect();
        let spreads: Vec<f64> =
            (0..k).map(|f| (column(f).map(|v| (v - means[f]).powi(2)).sum::<f64>() / n).sqrt()).collect();
        // A feature that hardly moves must not be blown up.
        let least = (1e-3 * spreads.iter().copied().fold(0.0, f64::max)).max(f64::from(f32::MIN_POSITIVE));
        self.shift = means.iter().map(|m| *m as f32).collect();
        self.scale = spreads.iter().map(|s| s.max(least) as f32).collect();
    }

    /// Logits `[n, n_classes]` of features `[n, n_features]`.
    #[must_use]
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let k = self.shift.len();
        let row = |x: &[f32]| {
            let x: Vec<f32> = self.scaled(x);
            self.weight
                .values
                .chunks_exact(k)
                .zip(&self.bias.values)
                .map(move |(w, b)| b + w.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>())
                .collect::<Vec<f32>>()
        };
        features.chunks_exact(k).flat_map(row).collect()
    }

    fn scaled(&self, x: &[f32]) -> Vec<f32> {
        x.iter().zip(&self.shift).zip(&self.scale).map(|((x, shift), scale)| (x - shift) / scale).collect()
    }

    /// Mean loss over the examples `[n, n_features]` with targets `[n, n_classes]`, plus `penalty`/2 · ‖weights‖². Fills the
    /// gradients of weights and bias, and gives the loss and its gradient by the features.
    pub fn step(&mut self, features: &[f32], targets: &[f32], penalty: f32) -> (f64, Vec<f32>) {
        let (k, c) = (self.shift.len(), self.bias.values.len());
        let n = (features.len() / k) as f32;
        let logits = self.logits(features);
        self.weight.grad = self.weight.values.iter().map(|w| penalty * w).collect();
        self.bias.grad = vec![0.0; c];
        let size: f64 = self.weight.values.iter().map(|w| f64::from(w * w)).sum();
        let mut loss = 0.5 * f64::from(penalty) * size;
        let mut by_features = vec![0.0; features.len()];
        for (i, x) in features.chunks_exact(k).enumerate() {
            let (example, targets) = (&logits[i * c..][..c], &targets[i * c..][..c]);
            let (of_one, slopes) = loss_and_slopes(example, targets, self.activation);
            loss += of_one / f64::from(n);
            let x = self.scaled(x);
            let by_x = &mut by_features[i * k..][..k];
            for (class, slope) in slopes.iter().map(|s| s / n).enumerate() {
                self.bias.grad[class] += slope;
                let row = class * k..(class + 1) * k;
                self.weight.grad[row.clone()].iter_mut().zip(&x).for_each(|(g, x)| *g += slope * x);
                by_x.iter_mut().zip(&self.weight.values[row]).for_each(|(g, w)| *g += slope * w);
            }
            by_x.iter_mut().zip(&self.scale).for_each(|(g, scale)| *g /= scale);
        }
        (loss, by_features)
    }

    /// Learns from all examples until it rests; returns the loss.
    pub fn fit(&mut self, features: &[f32], targets: &[f32], penalty: f32) -> f64 {
        let mut adam = Adam::new(AdamParams::default());
        let mut loss = 0.0;
        for i in 0..STEPS {
            loss = self.step(features, targets, penalty).0;
            let rate = one_cycle(LEARNING_RATE, i as f32 / STEPS as f32);
            adam.step(rate, &mut [&mut self.weight, &mut self.bias]);
        }
        loss
    }
}

/// Loss of one example, and its gradient by the logits: p − t in both cases.
fn loss_and_slopes(logits: &[f32], targets: &[f32], activation: Activation) -> (f64, Vec<f32>) {
    match activation {
        Activation::Softmax => {
            let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = logits.iter().map(|l| (l - top).exp()).sum();
            let log: Vec<f32> = logits.iter().map(|l| l - top - sum.ln()).collect();
            let loss = -log.iter().zip(targets).map(|(l, t)| f64::from(l * t)).sum::<f64>();
            let mass: f32 = targets.iter().sum();
            (loss, log.iter().zip(targets).map(|(l, t)| mass * l.exp() - t).collect())
        }
        Activation::Sigmoid => {
            let one = |(l, t): (&f32, &f32)| f64::from(l.max(0.0) - l * t + (-l.abs()).exp().ln_1p());
            let loss = logits.iter().zip(targets).map(one).sum();
            (loss, logits.iter().zip(targets).map(|(l, t)| 1.0 / (1.0 + (-l).exp()) - t).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> (Vec<f32>, Vec<f32>) {
        let features = (0..36).map(|i| ((i * 7) % 17) as f32 / 8.5).collect();
        let targets = (0..36).map(|i| f32::from(u8::from((i / 3 * 5 % 7) % 3 == i % 3))).collect();
        (features, targets)
    }

    /// ```python
    /// X = ((np.arange(36)*7) % 17 / 8.5).reshape(12, 3); y = (np.arange(12)*5 % 7) % 3
    /// m = sklearn.linear_model.LogisticRegression(C=1/(12*0.05), tol=1e-12, max_iter=10000).fit(X, y)
    /// print(m.coef_, m.intercept_)
    /// ```
    #[test]
    fn it_ends_where_scikit_learn_ends() {
        let (features, targets) = examples();
        let mut linear = Linear::new(3, 3, Activation::Softmax);
        linear.fit(&features, &targets, 0.05);
        let want = [-0.24462, -0.287287, 0.944284, -0.130572, -0.174402, -0.710061, 0.375192, 0.461689, -0.234223];
        assert!(linear.weight.values.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-3), "{:?}", linear.weight.values);
        // What all have in common is free; scikit-learn has the mean 0.
        let mean = linear.bias.values.iter().sum::<f32>() / 3.0;
        let bias = [0.117699, 0.659203, -0.776902];
        assert!(
            linear.bias.values.iter().zip(bias).all(|(g, w)| (g - mean - w).abs() < 2e-3),
            "{:?}",
            linear.bias.values
        );
    }

    #[test]
    fn its_gradients_agree_with_finite_differences() {
        for activation in [Activation::Softmax, Activation::Sigmoid] {
            let (mut features, targets) = examples();
            let mut linear = Linear::new(3, 3, activation);
            linear.standardise(&features);
            linear.weight.values = (0..9).map(|i| ((i * 5) % 7) as f32 / 7.0 - 0.4).collect();
            let (_, by_features) = linear.step(&features, &targets, 0.1);
            let by_weights = linear.weight.grad.clone();
            let step = 1e-2_f32;
            for (i, got) in by_weights.iter().enumerate() {
                let at = |by: f32| {
                    let mut shifted = linear.clone();
                    shifted.weight.values[i] += by;
                    shifted.step(&features, &targets, 0.1).0
                };
                let want = (at(step) - at(-step)) / f64::from(2.0 * step);
                assert!((f64::from(*got) - want).abs() < 1e-3, "{activation:?} weight {i}: {want}");
            }
            for i in 0..features.len() {
                let mut at = |by: f32| {
                    features[i] += by;
                    let loss = linear.step(&features, &targets, 0.1).0;
                    features[i] -= by;
                    loss
                };
                let want = (at(step) - at(-step)) / f64::from(2.0 * step);
                assert!((f64::from(by_features[i]) - want).abs() < 1e-3, "{activation:?} feature {i}: {want}");
            }
        }
    }

    #[test]
    fn a_feature_that_never_moves_stays_small() {
        let mut linear = Linear::new(2, 2, Activation::Softmax);
        linear.standardise(&[1.0, 5.0, 3.0, 5.0]);
        assert_eq!(linear.shift, [2.0, 5.0]);
        assert_eq!(linear.scale, [1.0, 1e-3]);
    }
}
