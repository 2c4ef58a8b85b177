//! How good masks are, after every epoch: the figures of the L-MAC paper that are cheap, on masked spectrograms that are not
//! made audible in between. `earwitness evaluate` measures what is heard.

use candle_core::Tensor;
use rayon::prelude::*;

use super::super::augment::AugmentParams;
use super::super::classifier::{Clips, example_rng};
use super::data::{example, hear};
use super::hear::{MaskedFrontEnd, Part};
use super::settings::LmacTraining;
use crate::Result;
use crate::eval::metrics::top_class;
use crate::model::classifier::{Network, probabilities};
use crate::model::lmac::LmacNet;
use crate::model::tensors::Arrays;

/// Figures of section 3.1 of the paper for the likeliest class, means over clips with background, softmax or sigmoid
/// applied once.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LmacFigures {
    /// Average increase, %: how often the mask makes the classifier surer.
    pub average_increase: f64,
    /// Average drop, %: how much surety is lost.
    pub average_drop: f64,
    /// Share of clips whose likeliest class stays so.
    pub input_fidelity: f64,
    /// Mean of the drop of the probability in the rest.
    pub faithfulness: f64,
    /// Mean of the mask.
    pub mask: f64,
    /// The same for the unlikeliest class: as large, where the decoder has not learned what it is asked for.
    pub absent_mask: f64,
}

/// Clips with background at the levels of training, the same after every epoch.
pub(super) fn validate(
    how: &LmacTraining,
    classifier: &dyn Network,
    front_end: &MaskedFrontEnd,
    arrays: &Arrays,
    clips: &Clips,
    noise: &[Vec<f32>],
) -> Result<Option<LmacFigures>> {
    let net = LmacNet::load(&how.net, arrays)?;
    let augment =
        AugmentParams { shift: false, gain_db: (0.0, 0.0), mix_prob: 0.0, noise_prob: 1.0, ..how.augment.clone() };
    let one = |index: usize| -> Result<LmacFigures> {
        let made = example(&augment, &mut example_rng(how.seed, usize::MAX >> 33, index), clips, noise, index);
        let (features, log_magnitude) = hear(how, &[&made.samples], how.clip_frames)?;
        let probs = |features: &Tensor| -> Result<Vec<f32>> {
            let logits = classifier.forward(features)?.logits.flatten_all()?.to_vec1::<f32>()?;
            Ok(probabilities(&logits, how.activation))
        };
        let size =
            |mask: &Tensor| -> Result<f64> { Ok(f64::from(front_end.mean(mask)?.squeeze(0)?.to_scalar::<f32>()?)) };
        let heard = classifier.forward(&features)?;
        let logits = heard.logits.flatten_all()?.to_vec1::<f32>()?;
        let class = top_class(&logits).unwrap_or(0);
        let unlikeliest = top_class(&logits.iter().map(|logit| -logit).collect::<Vec<_>>()).unwrap_or(0);
        let mask = net.forward(&heard.taps, &features, &[class])?;
        let inside = probs(&front_end.features(&mask, &log_magnitude, Part::Inside)?)?;
        let outside = probs(&front_end.features(&mask, &log_magnitude, Part::Outside)?)?;
        let (p, o, q) = (
            f64::from(probabilities(&logits, how.activation)[class]),
            f64::from(inside[class]),
            f64::from(outside[class]),
        );
        Ok(LmacFigures {
            average_increase: if o > p { 100.0 } else { 0.0 },
            average_drop: 100.0 * (p - o).max(0.0) / p.max(1e-10),
            input_fidelity: if top_class(&inside) == Some(class) { 1.0 } else { 0.0 },
            faithfulness: p - q,
            mask: size(&mask)?,
            absent_mask: size(&net.forward(&heard.taps, &features, &[unlikeliest])?)?,
        })
    };
    let all: Vec<Result<LmacFigures>> = (0..clips.samples.len()).into_par_iter().map(one).collect();
    let n = all.len() as f64;
    let mut mean = LmacFigures::default();
    for figures in all {
        let figures = figures?;
        mean.average_increase += figures.average_increase / n;
        mean.average_drop += figures.average_drop / n;
        mean.input_fidelity += figures.input_fidelity / n;
        mean.faithfulness += figures.faithfulness / n;
        mean.mask += figures.mask / n;
        mean.absent_mask += figures.absent_mask / n;
    }
    Ok((n > 0.0).then_some(mean))
}
