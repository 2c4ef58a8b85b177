//! The segments that a class's concepts are learned from.

use crate::Result;
use crate::eval::faithfulness::Listener;
use crate::eval::workers::for_each;
use crate::model::classifier::Classifier;

/// Of each clip (mono, at the model's rate) the `n_segments` segments, a stride apart, in which the classifier is surest of
/// `class`: their features, `[n_frames, n_mels]` each. The rest of a clip is often silence, which says nothing of the class.
///
/// # Errors
/// As [`Listener::hear`].
pub fn surest(classifier: &Classifier, clips: &[&[f32]], class: usize, n_segments: usize) -> Result<Vec<Vec<f32>>> {
    let hop = classifier.front_end().stft.hop;
    let (length, stride) = (classifier.n_frames().saturating_sub(1) * hop + 1, classifier.stride_frames() * hop);
    let of_clip = |clip: usize| {
        let clip = clips[clip];
        let mut listener = Listener::new(classifier)?;
        let starts = (0..=clip.len().saturating_sub(length)).step_by(stride.max(1));
        let mut heard = starts
            .map(|start| {
                let heard = listener.hear(&clip[start..clip.len().min(start + length)])?;
                let logit = heard.classified.logits.get(class).copied().unwrap_or(f32::MIN);
                Ok((logit, heard.features))
            })
            .collect::<Result<Vec<_>>>()?;
        heard.sort_by(|a, b| b.0.total_cmp(&a.0));
        heard.truncate(n_segments);
        Ok(heard.into_iter().map(|(_, features)| features).collect::<Vec<_>>())
    };
    Ok(for_each(clips.len(), of_clip, &mut |_, _| {})?.into_iter().flatten().collect())
}
