//! The masking objective of L-MAC, Eq. 2, and its fine-tuning, with the differences that are named at each term.

use candle_core::{Device, Tensor};
use rand::{Rng, RngExt};

use super::hear::{MaskedFrontEnd, Part};
use super::separate::Wanted;
use super::{LmacTraining, Objective};
use crate::Result;
use crate::eval::metrics::top_class;
use crate::model::classifier::{Network, probabilities};
use crate::model::manifest::Activation;

/// From this probability on a class of a multi-label model is active.
const ACTIVE: f32 = 0.5;

/// From this probability on a class that the sound was made from may be asked for, so that hearing one sound behind another
/// is learned: of two sounds at once the classifier is sure of both in one pair of six.
const PRESENT: f32 = 0.1;

/// Below this probability a class counts as absent, also where its clip is in the sound: it was not heard.
const ABSENT: f32 = 0.01;

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

/// The class that a mask of one segment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its index.
    pub class: usize,
    /// Whether it is to be heard in what the mask keeps. Of an absent one, what is kept is not judged: the mask is to be small,
    /// and the class not to appear in the rest.
    pub present: bool,
}

/// What to ask of a segment that sounds of the classes `made_of` are in.
///
/// The published objective explains the likeliest class. A model of several labels is asked for any that it is sure of, or
/// finds possible and is in the sound; and, so often as [`LmacTraining::absent`] says, for one that it rules out: how masks of classes differ is then to be learned from every sound, and not only from the few in which two are
/// active.
pub fn ask(how: &LmacTraining, logits: &[f32], made_of: &[usize], rng: &mut impl Rng) -> Asked {
    let likeliest = Asked { class: top_class(logits).unwrap_or(0), present: true };
    if how.activation == Activation::Softmax || !how.net.conditioned {
        return likeliest;
    }
    let probs = probabilities(logits, how.activation);
    let mut any = |fits: &dyn Fn(usize) -> bool, present: bool| {
        let classes: Vec<usize> = (0..probs.len()).filter(|class| fits(*class)).collect();
        (!classes.is_empty()).then(|| Asked { class: classes[rng.random_range(0..classes.len())], present })
    };
    let absent = any(&|class| probs[class] < ABSENT, false);
    let present = any(&|class| probs[class] >= ACTIVE || made_of.contains(&class) && probs[class] >= PRESENT, true);
    if rng.random_bool(how.absent) { absent } else { present }.unwrap_or(likeliest)
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
        let distance = wanted.distance(&heard.front_end.spread(mask_bands)?)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Logits of 4 classes: sure, possible, unlikely, ruled out.
    const LOGITS: [f32; 4] = [3.0, -1.0, -3.0, -9.0];

    /// Everything that is asked for in 300 draws.
    fn drawn(activation: Activation, conditioned: bool, absent: f64, logits: &[f32], made_of: &[usize]) -> Vec<Asked> {
        let mut how = super::super::tests::settings();
        (how.activation, how.net.conditioned, how.absent) = (activation, conditioned, absent);
        let rng = &mut ChaCha8Rng::seed_from_u64(4);
        let all: BTreeSet<(usize, bool)> =
            (0..300).map(|_| ask(&how, logits, made_of, rng)).map(|asked| (asked.class, asked.present)).collect();
        all.into_iter().map(|(class, present)| Asked { class, present }).collect()
    }

    const fn heard(class: usize) -> Asked {
        Asked { class, present: true }
    }

    #[test]
    fn what_sounds_is_asked_for_and_what_is_ruled_out() {
        let sigmoid = |absent, made_of: &[usize]| drawn(Activation::Sigmoid, true, absent, &LOGITS, made_of);
        assert_eq!(sigmoid(0.0, &[]), [heard(0)], "what the classifier is sure of");
        assert_eq!(sigmoid(0.0, &[1, 2]), [heard(0), heard(1)], "and what is there and possible");
        assert_eq!(sigmoid(1.0, &[1, 3]), [Asked { class: 3, present: false }], "not heard, though its clip is there");
        assert_eq!(sigmoid(0.5, &[]), [heard(0), Asked { class: 3, present: false }]);
    }

    #[test]
    fn otherwise_the_likeliest_class_is_explained_as_published() {
        assert_eq!(drawn(Activation::Softmax, true, 1.0, &LOGITS, &[1]), [heard(0)]);
        assert_eq!(drawn(Activation::Sigmoid, false, 1.0, &LOGITS, &[1]), [heard(0)]);
        let unsure = [-2.0, -3.0, -4.0, -4.5];
        assert_eq!(drawn(Activation::Sigmoid, true, 0.0, &unsure, &[]), [heard(0)], "nothing is sure");
        assert_eq!(drawn(Activation::Sigmoid, true, 1.0, &unsure, &[]), [heard(0)], "nothing is ruled out");
    }
}
