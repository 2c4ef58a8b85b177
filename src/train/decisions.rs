//! How an interpreter decides beside the classifier that it reads, measured after every epoch.

use std::fmt;

use candle_core::{Device, Tensor};
use serde::Serialize;

use super::classifier::{Clips, segment_features};
use crate::Result;
use crate::dsp::{FrontEnd, FrontEndParams};
use crate::eval::metrics;
use crate::model::classifier::Network;

/// How the interpreter decides, beside the classifier, on clips as they are: a row of Table VIII of the extended paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Decisions {
    /// Share of clips where the interpreter's top class is right, if there are any.
    pub accuracy: Option<f64>,
    /// Macro-AUPRC of the interpreter.
    pub macro_auprc: Option<f64>,
    /// Share of clips where the classifier's top class is right.
    pub classifier_accuracy: Option<f64>,
    /// Macro-AUPRC of the classifier.
    pub classifier_macro_auprc: Option<f64>,
    /// Share of clips where the interpreter's top class is the classifier's.
    pub fidelity_top1: Option<f64>,
    /// Share of clips where the classifier's top class is among the interpreter's five.
    pub fidelity_top5: Option<f64>,
}

impl fmt::Display for Decisions {
    /// What a line of progress ends with; nothing where there were no clips.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(fidelity), Some(own), Some(of_classifier)) =
            (self.fidelity_top1, self.accuracy, self.classifier_accuracy)
        else {
            return Ok(());
        };
        let [fidelity, own, of_classifier] = [fidelity, own, of_classifier].map(|share| 100.0 * share);
        write!(f, ", top-1 fidelity {fidelity:.1} %, accuracy {own:.1} % (classifier {of_classifier:.1} %)")
    }
}

/// The interpreter's logits, from the classifier's input `[1, n_frames, n_mels]` and its taps, earliest first.
pub(super) type Answer<'a> = &'a dyn Fn(&Tensor, &[Tensor]) -> Result<Tensor>;

/// What an interpreter and the classifier say of clips as they are, each `n_frames` long.
///
/// # Errors
/// If the networks do not fit the front end.
pub(super) fn decisions(
    front_end: &FrontEndParams,
    n_frames: usize,
    classifier: &dyn Network,
    answer: Answer<'_>,
    clips: &Clips,
) -> Result<Decisions> {
    let mut front_end = FrontEnd::new(front_end)?;
    let (mut reference, mut other, mut n) = (Vec::new(), Vec::new(), 1);
    for samples in &clips.samples {
        let columns = segment_features(&mut front_end, samples, n_frames)?;
        let x = Tensor::from_vec(columns, (1, n_frames, front_end.n_mels()), &Device::Cpu)?;
        let decision = classifier.forward(&x)?;
        n = decision.logits.dim(1)?;
        reference.extend(decision.logits.flatten_all()?.to_vec1::<f32>()?);
        other.extend(answer(&x, &decision.taps)?.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(Decisions {
        accuracy: metrics::accuracy(&other, n, &clips.targets),
        macro_auprc: metrics::macro_auprc(&other, n, &clips.targets),
        classifier_accuracy: metrics::accuracy(&reference, n, &clips.targets),
        classifier_macro_auprc: metrics::macro_auprc(&reference, n, &clips.targets),
        fidelity_top1: metrics::top_k_fidelity(&reference, &other, n, 1),
        fidelity_top5: metrics::top_k_fidelity(&reference, &other, n, 5),
    })
}
