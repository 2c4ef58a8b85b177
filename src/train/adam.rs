//! AdamW with the one-cycle schedule.

use rayon::prelude::*;

use crate::model::vgg::Param;

/// Values that one thread takes at a time: dense layers of millions of weights are more than one can move.
const CHUNK: usize = 1 << 16;

/// Settings that stay fixed over a training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamParams {
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay; 0 makes it plain Adam.
    pub weight_decay: f32,
}

impl Default for AdamParams {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// The optimiser's memory: moments of every parameter in order, and how many steps were made.
#[derive(Debug, Clone, Default)]
pub struct Adam {
    params: AdamParams,
    /// Steps made.
    pub steps: u64,
    /// First and second moment of each parameter.
    pub moments: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Adam {
    /// A fresh optimiser.
    #[must_use]
    pub fn new(params: AdamParams) -> Self {
        Self { params, steps: 0, moments: Vec::new() }
    }

    /// Moves every parameter along its gradient.
    pub fn step(&mut self, learning_rate: f32, params: &mut [&mut Param]) {
        self.moments.resize_with(params.len(), Default::default);
        self.steps += 1;
        let AdamParams { beta1, beta2, eps, weight_decay } = self.params;
        let power = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let (fix1, fix2) = (1.0 - beta1.powi(power), 1.0 - beta2.powi(power));
        for (param, (m, v)) in params.iter_mut().zip(&mut self.moments) {
            m.resize(param.values.len(), 0.0);
            v.resize(param.values.len(), 0.0);
            let shrink = if param.decays { 1.0 - learning_rate * weight_decay } else { 1.0 };
            let values = param.values.par_chunks_mut(CHUNK).zip(param.grad.par_chunks(CHUNK));
            let moments = m.par_chunks_mut(CHUNK).zip(v.par_chunks_mut(CHUNK));
            values.zip(moments).for_each(|((values, grad), (m, v))| {
                for (((p, g), m), v) in values.iter_mut().zip(grad).zip(m).zip(v) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *p = *p * shrink - learning_rate * (*m / fix1) / ((*v / fix2).sqrt() + eps);
                }
            });
        }
    }
}

/// Smith's one-cycle schedule with cosines: up from `peak / 25` over the first 30 % of the run, then down to nearly 0.
/// `progress` is 0…1.
#[must_use]
pub fn one_cycle(peak: f32, progress: f32) -> f32 {
    const WARM_UP: f32 = 0.3;
    const START: f32 = 1.0 / 25.0;
    const END: f32 = START * 1e-4;
    let cosine = |from: f32, to: f32, x: f32| to + (from - to) * 0.5 * (1.0 + (std::f32::consts::PI * x).cos());
    if progress < WARM_UP {
        peak * cosine(START, 1.0, progress / WARM_UP)
    } else {
        peak * cosine(1.0, END, ((progress - WARM_UP) / (1.0 - WARM_UP)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// p = torch.tensor([1.0, -2.0], requires_grad=True)
    /// o = torch.optim.AdamW([p], lr=0.1, weight_decay=0.01)
    /// for _ in range(3):
    ///     o.zero_grad(); (p ** 2 * torch.tensor([1.0, 3.0])).sum().backward(); o.step()
    /// print(p)
    /// ```
    #[test]
    fn three_steps_equal_pytorch() {
        let mut p = Param { name: "p".into(), values: vec![1.0, -2.0], grad: vec![0.0; 2], decays: true };
        let mut adam = Adam::new(AdamParams { weight_decay: 0.01, ..AdamParams::default() });
        for _ in 0..3 {
            p.grad = vec![2.0 * p.values[0], 6.0 * p.values[1]];
            adam.step(0.1, &mut [&mut p]);
        }
        assert!((p.values[0] - 0.698_911_25).abs() < 2e-5, "{:?}", p.values);
        assert!((p.values[1] + 1.694_944_6).abs() < 2e-5, "{:?}", p.values);
    }

    #[test]
    fn the_schedule_rises_and_falls() {
        assert!((one_cycle(1.0, 0.0) - 0.04).abs() < 1e-6);
        assert!((one_cycle(1.0, 0.3) - 1.0).abs() < 1e-6);
        assert!(one_cycle(1.0, 1.0) < 1e-5);
        assert!(one_cycle(1.0, 2.0) < 1e-5);
    }
}
