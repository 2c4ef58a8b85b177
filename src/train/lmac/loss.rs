//! The masking objective of L-MAC, Eq. 2, and its fine-tuning, with the differences that are named at each term.

use candle_core::{Device, Tensor};

use super::asked::Asked;
use super::hear::{MaskedFrontEnd, Part};
use super::separate::Wanted;
use super::settings::{LmacTraining, Objective};
use crate::Result;
use crate::model::classifier::Network;
use crate::model::manifest::Activation;

/// Keeps logarithms finite.
const EPS: f64 = 1e-6;

/// The terms of the objective, each a mean over the batch: none depends on how many segments are in it (the published
/// program weights the mask's size with the number of segments).
pub struct Losses {
    /// What is minimised.
    pub total: Tensor,
    /// L_in: how little the classifier finds the class in what the mask keeps, over the segments in which it is present.
    pub inside: Tensor,
    /// How much it finds it in the rest.
    pub outside: Tensor,
    /// Mean of the mask.
    pub size: Tensor,
    /// Share of the segments that were guided, or whose part was known.
    pub guided: f64,
}

/// What a batch is judged by.
pub struct Heard<'a> {
    /// The front end behind a mask.
    pub front_end: &'a MaskedFrontEnd,
    /// The frozen classifier.
    pub classifier: &'a dyn Network,
    /// ln(1 + |X|), `[batch, n_frames, n_bins]`.
    pub log_magnitude: &'a Tensor,
    /// The same of the explained class' sound alone, for fine-tuning.
    pub clean: Option<&'a Tensor>,
    /// What masks are to keep, for the separating objective.
    pub wanted: Option<&'a Wanted>,
    /// What was asked of each segment.
    pub asked: &'a [Asked],
}

/// Eq. 2 for a mask in bands, `[batch, n_frames, n_mels]`.
///
/// # Errors
/// If shapes do not fit.
pub fn losses(how: &LmacTraining, mask_bands: &Tensor, heard: &Heard<'_>) -> Result<Losses> {
    let logits = |part: Part| -> Result<Tensor> {
        let features = heard.front_end.features(mask_bands, heard.log_magnitude, part)?;
        Ok(heard.classifier.forward(&features)?.logits)
    };
    let chosen = one_hot(heard.asked, how.net.net.n_classes)?;
    let present: Vec<f32> = heard.asked.iter().map(|asked| f32::from(asked.present)).collect();
    let n_present = present.iter().sum::<f32>();
    let present = Tensor::new(present, &Device::Cpu)?;
    let inside = (recognised(&logits(Part::Inside)?, &chosen, how.activation)? * &present)?;
    let outside = still_recognised(&logits(Part::Outside)?, &chosen, how.activation)?;
    let size = heard.front_end.mean(mask_bands)?;
    let guides = guides(how, mask_bands, heard, &present)?;
    let sparsity = (&size * f64::from(how.sparsity))?;
    let (regulariser, guided) = match guides {
        None => (sparsity, 0.0),
        Some((is_guided, distance)) => {
            let share = f64::from(is_guided.mean_all()?.to_scalar::<f32>()?);
            let free = (1.0 - &is_guided)?;
            (((is_guided * distance)? + (free * sparsity)?)?, share)
        }
    };
    let total = (((&inside * f64::from(how.inside))? + (&outside * f64::from(how.outside))?)? + regulariser)?;
    Ok(Losses {
        total: total.mean_all()?,
        inside: (inside.sum_all()? / f64::from(n_present.max(1.0)))?,
        outside: outside.mean_all()?,
        size: size.mean_all()?,
        guided,
    })
}

/// Which segments are drawn towards a clean sound, `[batch]`, 0 or 1, and by how much each is to be moved; `None` where none is.
fn guides(
    how: &LmacTraining,
    mask_bands: &Tensor,
    heard: &Heard<'_>,
    present: &Tensor,
) -> Result<Option<(Tensor, Tensor)>> {
    if let (Objective::Separate { weight }, Some(wanted)) = (how.objective, heard.wanted) {
        let distance = wanted.distance(&heard.front_end.spread(mask_bands)?, heard.log_magnitude)?;
        return Ok(Some((wanted.known.clone(), (distance * f64::from(weight))?)));
    }
    let Some(clean) = heard.clean.filter(|_| how.guide > 0.0) else { return Ok(None) };
    let (alike, distance) = guide(how, &heard.front_end.spread(mask_bands)?, heard.log_magnitude, clean)?;
    Ok(Some(((alike * present)?, (distance * f64::from(how.guide))?)))
}

/// L_in, `[batch]`: cross-entropy with the explained class. Of a multi-label model, binary cross-entropies summed over the
/// classes: the explained one is to be heard in what the mask keeps, and nothing else, as softmax demands of itself.
fn recognised(logits: &Tensor, chosen: &Tensor, activation: Activation) -> Result<Tensor> {
    let of_chosen = (logits * chosen)?.sum(1)?;
    Ok(match activation {
        Activation::Softmax => (log_sum_exp(logits)? - of_chosen)?,
        Activation::Sigmoid => (softplus(logits)?.sum(1)? - of_chosen)?,
    })
}

/// What is minimised in place of −L_out, `[batch]`: −ln(1 − p) of the explained class in the rest. The published −(−ln p) has
/// no lower bound, so one segment whose rest is well hidden can outweigh all others; this one ends at 0.
fn still_recognised(logits: &Tensor, chosen: &Tensor, activation: Activation) -> Result<Tensor> {
    Ok(match activation {
        // Far below the others, the chosen logit leaves the sum.
        Activation::Softmax => (log_sum_exp(logits)? - log_sum_exp(&(logits - (chosen * 1e4)?)?)?)?,
        Activation::Sigmoid => softplus(&(logits * chosen)?.sum(1)?)?,
    })
}

/// Which segments are to be guided `[batch]`, 0 or 1, where their class is present, and how far each mask is from the loud parts of the clean sound: binary
/// cross-entropy, mean over frames and bins.
///
/// A segment is guided where what its mask keeps resembles the clean sound already (cosine of the two log spectrograms at
/// least the threshold), so that a mask is not led away from what the classifier listens to.
fn guide(how: &LmacTraining, mask: &Tensor, log_magnitude: &Tensor, clean: &Tensor) -> Result<(Tensor, Tensor)> {
    let kept = (mask.detach() * log_magnitude)?;
    let product = |a: &Tensor, b: &Tensor| (a * b)?.sum((1, 2));
    let lengths = ((product(&kept, &kept)? * product(clean, clean)?)?.sqrt()? + EPS)?;
    let cosine = (product(&kept, clean)? / lengths)?;
    let is_guided = cosine.ge(how.crosscor_threshold)?.to_dtype(candle_core::DType::F32)?;
    let loudest = clean.flatten_from(1)?.max_keepdim(1)?.unsqueeze(2)?;
    let loud = clean.broadcast_ge(&(loudest * f64::from(how.bin_threshold))?)?.to_dtype(candle_core::DType::F32)?;
    let ln = |x: &Tensor| (x + EPS)?.log();
    let likely = ((&loud * ln(mask)?)? + ((1.0 - &loud)? * ln(&(1.0 - mask)?)?)?)?;
    Ok((is_guided, likely.mean((1, 2))?.neg()?))
}

fn one_hot(asked: &[Asked], n: usize) -> Result<Tensor> {
    let values: Vec<f32> = asked.iter().flat_map(|asked| (0..n).map(|i| f32::from(i == asked.class))).collect();
    Ok(Tensor::from_vec(values, (asked.len(), n), &Device::Cpu)?)
}

/// ln(1 + e^x), in the form that does not overflow.
fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

/// ln Σ e^x over the classes.
fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    let max = x.max_keepdim(1)?.detach();
    Ok((x.broadcast_sub(&max)?.exp()?.sum_keepdim(1)?.log()? + max)?.squeeze(1)?)
}
