//! Which method finds which object (the synthetic set of the thesis on concept-based explanations, section 4.1): where each object
//! of a clip is known alone, what an explanation keeps can be compared with it. The thesis shows this as pictures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Progress;
use super::batch::{Pool, hear};
use crate::Result;
use crate::dsp::Spectrogram;
use crate::eval::faithfulness::{Heard, Keep, Listener};
use crate::eval::mask_metrics::si_sdr_db;
use crate::eval::metrics;
use crate::eval::workers::for_each;
use crate::interpret::Explanation;
use crate::model::classifier::Classifier;
use crate::model::package::Package;
use crate::units::ClassId;

/// One clip and the objects in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectClip {
    /// The clip, at the model's rate.
    pub samples: Vec<f32>,
    /// Each object's number, from 1, and its sound in the clip, as long.
    pub objects: Vec<(usize, Vec<f32>)>,
}

/// What one method makes of the objects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectFinding {
    /// The method.
    pub method: String,
    /// Each class and object, in order.
    pub objects: Vec<ObjectFigures>,
}

/// One object of a class: means over the clips that hold it and whose top class it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectFigures {
    /// The label.
    pub label: String,
    /// The object's number.
    pub object: usize,
    /// The part of the explanation that stands for it, from 1: the one that keeps the largest share of it on every other of the
    /// clips, which are not measured. None where the method makes one mask.
    pub part: Option<usize>,
    /// Clips that were measured.
    pub n: usize,
    /// The object's share of the clip's energy, 0…1.
    pub share_in_clip: Option<f64>,
    /// Its share of the energy that the part keeps.
    pub share_in_part: Option<f64>,
    /// SI-SDR of the part for the object, less that of the clip, in dB.
    pub si_sdr_improvement_db: Option<f64>,
}

/// One object under one part of one clip's explanation.
struct Match {
    class: usize,
    object: usize,
    share_in_clip: f64,
    /// Of each part of the explanation.
    parts: Vec<PartMatch>,
}

/// One object under one part of an explanation.
struct PartMatch {
    /// The object's share of the energy that the part keeps.
    share: Option<f64>,
    /// SI-SDR of the part for the object, less that of the clip.
    improvement_db: Option<f64>,
}

/// Compares what the parts of each method (as [`crate::interpret::methods`] names them) keep of the top class with the objects
/// of each clip.
///
/// # Errors
/// Where a method cannot be loaded or fails, or a clip does not fit.
pub fn find(
    package: &Package,
    methods: &[String],
    clips: &[ObjectClip],
    seed: u64,
    progress: Progress<'_>,
) -> Result<Vec<ObjectFinding>> {
    let classifier = Classifier::load(package)?;
    let heard = hear(&classifier, &clips.iter().map(|clip| clip.samples.as_slice()).collect::<Vec<_>>())?;
    let mut results = Vec::with_capacity(methods.len());
    for (k, method) in methods.iter().enumerate() {
        let pool = Pool::new(package, method, seed);
        let one = |i: usize| {
            let explanation = pool.with(|interpreter| interpreter.explain(&heard[i].segment()))?;
            clip_matches(&Listener::new(&classifier)?, &clips[i], &heard[i], explanation.as_ref())
        };
        let mut told = |done: usize, _: usize| progress(k * clips.len() + done, methods.len() * clips.len());
        let matches: Vec<Match> = for_each(clips.len(), one, &mut told)?.into_iter().flatten().collect();
        results.push(ObjectFinding { method: method.clone(), objects: by_object(&classifier, &matches) });
    }
    Ok(results)
}

fn by_object(classifier: &Classifier, matches: &[Match]) -> Vec<ObjectFigures> {
    let mut grouped: BTreeMap<(usize, usize), Vec<&Match>> = BTreeMap::new();
    matches.iter().for_each(|m| grouped.entry((m.class, m.object)).or_default().push(m));
    let figures = grouped.into_iter().map(|((class, object), matches)| {
        let label = classifier.labels().get(class).map_or_else(String::new, |label| label.name.clone());
        figures(label, object, &matches)
    });
    figures.collect()
}

fn figures(label: String, object: usize, matches: &[&Match]) -> ObjectFigures {
    let n_parts = matches.iter().map(|m| m.parts.len()).min().unwrap_or(0);
    let every_other = |first: usize| matches.iter().skip(first).step_by(2).copied().collect::<Vec<&Match>>();
    let (choosing, measured) = (every_other(0), every_other(1));
    let mean_share =
        |part: usize| metrics::mean(&choosing.iter().filter_map(|m| m.parts[part].share).collect::<Vec<_>>());
    let best = (0..n_parts).max_by(|a, b| mean_share(*a).unwrap_or(-1.0).total_cmp(&mean_share(*b).unwrap_or(-1.0)));
    let of_best = |which: fn(&PartMatch) -> Option<f64>| {
        let found = measured.iter().filter_map(|m| which(m.parts.get(best?)?));
        metrics::mean(&found.collect::<Vec<_>>())
    };
    ObjectFigures {
        label,
        object,
        part: best.filter(|_| n_parts > 1).map(|part| part + 1),
        n: measured.len(),
        share_in_clip: metrics::mean(&measured.iter().map(|m| m.share_in_clip).collect::<Vec<_>>()),
        share_in_part: of_best(|part| part.share),
        si_sdr_improvement_db: of_best(|part| part.improvement_db),
    }
}

fn clip_matches(
    listener: &Listener<'_>,
    clip: &ObjectClip,
    heard: &Heard,
    explanation: &dyn Explanation,
) -> Result<Vec<Match>> {
    let class = heard.classified.top();
    let one = |mask: Vec<f32>| {
        let masked = heard.masked(&mask, explanation.mask_scale(), Keep::Inside);
        Ok((listener.sound(heard, &masked)?, masked))
    };
    let kept: Vec<(Vec<f32>, Spectrogram)> =
        part_masks(explanation, ClassId(class)).into_iter().map(one).collect::<Result<_>>()?;
    let mut matches = Vec::with_capacity(clip.objects.len());
    for (object, sound) in &clip.objects {
        let alone = listener.spectrogram(sound)?;
        let of_clip = si_sdr_db(&clip.samples, sound);
        let parts = kept.iter().map(|(audio, masked)| {
            let improvement_db = si_sdr_db(audio, sound).zip(of_clip).map(|(part, clip)| part - clip);
            PartMatch { share: share(heard, masked, &alone), improvement_db }
        });
        let parts = parts.collect();
        let whole = share(heard, &heard.spectrogram, &alone).unwrap_or(0.0);
        matches.push(Match { class, object: *object, share_in_clip: whole, parts });
    }
    Ok(matches)
}

/// The masks of a class's components, by their index; the whole mask where there are none.
fn part_masks(explanation: &dyn Explanation, class: ClassId) -> Vec<Vec<f32>> {
    let mut indices: Vec<usize> = explanation.components(class).iter().map(|component| component.index).collect();
    indices.sort_unstable();
    if indices.is_empty() || explanation.plays_samples() {
        return vec![explanation.whole_mask(class)];
    }
    let mask = |index: usize| {
        let mut mask = vec![0.0; explanation.n_frames() * explanation.n_bins()];
        explanation.component_mask(class, index, 0..explanation.n_frames(), &mut mask);
        mask
    };
    indices.into_iter().map(mask).collect()
}

/// The share of the energy in `masked` that is the object's.
fn share(heard: &Heard, masked: &Spectrogram, object: &Spectrogram) -> Option<f64> {
    let rest = heard.spectrogram.frames.iter().zip(&object.frames).map(|(x, object)| x - object);
    let of_object = heard.kept_energy(masked, object.frames.iter().copied());
    let all = of_object + heard.kept_energy(masked, rest);
    (all > 0.0).then(|| of_object / all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn matched(object: usize, shares: [f64; 2], gain: f64) -> Match {
        let parts = shares.iter().map(|share| PartMatch { share: Some(*share), improvement_db: Some(gain) }).collect();
        Match { class: 0, object, share_in_clip: 0.25, parts }
    }

    #[test]
    fn the_part_is_chosen_on_clips_that_are_not_measured() {
        let matches = [
            matched(1, [0.1, 0.8], 9.0),
            matched(1, [0.9, 0.3], 2.0),
            matched(1, [0.3, 0.7], 9.0),
            matched(1, [0.9, 0.5], 4.0),
        ];
        let figures = figures("toy".to_owned(), 1, &matches.iter().collect::<Vec<_>>());
        assert_eq!((figures.part, figures.n), (Some(2), 2));
        assert_eq!((figures.share_in_part, figures.si_sdr_improvement_db), (Some(0.4), Some(3.0)));
        assert_eq!(figures.share_in_clip, Some(0.25));
    }

    #[test]
    fn a_method_of_one_mask_has_no_part_to_choose() {
        let mut one = matched(2, [0.6, 0.0], 1.0);
        one.parts.truncate(1);
        let figures = figures("toy".to_owned(), 2, &[&one, &one]);
        assert_eq!((figures.part, figures.share_in_part), (None, Some(0.6)));
    }
}
