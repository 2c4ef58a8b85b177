//! What is done with one segment: the networks hear and explain it, the detector sees its stride.

use std::borrow::Cow;
use std::sync::Arc;

use super::detector::{Detection, Detector, StrideInput};
use super::evidence::{LoudnessOf, evidence};
use super::history::{History, Stride};
use super::inference::Inference;
use super::stride_level::{StrideLevels, level_score, score_level};
use crate::interpret::{Explanation, Segment};
use crate::model::classifier::Classified;
use crate::units::ClassId;
use crate::{Error, Result};

/// Classifies the segment that ends at frame `end`, in a batch of its own.
pub(super) fn classify(inference: &mut Inference, history: &mut History, end: u64) -> Result<Classified> {
    let mut one = match history.take_ear(inference.classifier(), end) {
        Some(mut ear) => {
            let columns = history.unheard(&ear, end)?;
            let classified = inference.hear(&mut [(&mut ear, columns)])?;
            history.put_ear(ear);
            classified
        }
        None => inference.classify(&[&history.segment_features(end)?])?,
    };
    one.pop().ok_or_else(|| Error::bug("a segment was classified and nothing came back"))
}

/// ln(1 + |X|) of the segment that ends at frame `end`; empty where nobody reads it.
pub(super) fn magnitude(inference: &Inference, history: &History, end: u64) -> Result<Vec<f32>> {
    if inference.needs_magnitude() { history.segment_log_magnitude(end) } else { Ok(Vec::new()) }
}

/// Explains it, in a batch of its own.
pub(super) fn explain(
    inference: &mut Inference,
    history: &History,
    end: u64,
    classified: &Classified,
) -> Result<Arc<dyn Explanation>> {
    let log_magnitude = magnitude(inference, history, end)?;
    let features = history.segment_features(end)?;
    let segment = Segment { log_magnitude: &log_magnitude, features: &features, classified, sound: None };
    let mut one = inference.explain(&[segment])?;
    one.pop().ok_or_else(|| Error::bug("a segment was explained and nothing came back"))
}

/// Shows the detector a stride; gives the score of any loud sound, where that is asked for.
pub(super) fn detect(
    detector: &mut Detector,
    history: &History,
    stride: &Stride,
    over: &mut Vec<Detection>,
) -> Result<Option<f32>> {
    let features = history.segment_features(stride.end)?;
    let geometry = history.geometry();
    let n_padded = usize::try_from(-geometry.segment(stride.end).start).unwrap_or(0);
    let segment = LoudnessOf::new(&features, geometry, n_padded);
    let params = detector.params();
    let (tuning, of_strides) = (params.localisation, params.of_strides);
    let levels = StrideLevels::of(history, stride.end);
    let gate_dbfs = params.gate_dbfs.filter(|gate| levels.loudest_stride(of_strides) < *gate);
    let mut probs = Cow::Borrowed(stride.probs.as_slice());
    // As a class's score remembers a sound for as long as a segment is long, so does this one.
    let loud = params.any_loud.as_ref().map(|class| (level_score(levels.loudest_stride(usize::MAX)), class.off));
    if let Some((score, _)) = loud {
        probs.to_mut().push(score);
    }
    let evidence = |class: ClassId| match loud {
        Some((_, off)) if !history.is_of_model(class) => levels.evidence(score_level(off)),
        _ => evidence(class, stride.frames.as_ref(), stride.explanation.as_deref(), &segment, &tuning),
    };
    detector.stride(&StrideInput { end: stride.end, probs: &probs, gate_dbfs, evidence: &evidence }, over);
    Ok(loud.map(|(score, _)| score))
}
