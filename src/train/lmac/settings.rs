//! How a decoder is trained.

use super::super::augment::AugmentParams;
use crate::dsp::{FrontEndParams, MaskScale};
use crate::model::lmac::LmacConfig;
use crate::model::manifest::Activation;

/// What masks are to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// The classifier recognises the class in what they keep and not in the rest (Eq. 2 of the paper). They scale logarithms,
    /// as in the paper.
    Mask,
    /// The same, and where a mixture's parts are known they keep the part that has the class. They are gains.
    Separate {
        /// Weight of the part beside the terms of Eq. 2; it takes the place of the mask's mean.
        weight: f32,
    },
}

impl Objective {
    /// What the masks do to magnitudes.
    #[must_use]
    pub const fn scale(self) -> MaskScale {
        match self {
            Self::Mask => MaskScale::Log,
            Self::Separate { .. } => MaskScale::Gain,
        }
    }
}

/// How to train the decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct LmacTraining {
    /// Shape of the decoder.
    pub net: LmacConfig,
    /// The classifier's front end.
    pub front_end: FrontEndParams,
    /// The classifier's last step.
    pub activation: Activation,
    /// What masks are to do.
    pub objective: Objective,
    /// Frames of a clip, a multiple of the classifier's time pooling.
    pub clip_frames: usize,
    /// Frames of a window, a part of a clip as a monitor hears it; a multiple as well.
    pub window_frames: usize,
    /// Share of the batches that are windows, 0…1.
    pub window_share: f64,
    /// Passes over the data.
    pub epochs: usize,
    /// Clips in a batch.
    pub batch: usize,
    /// Highest learning rate of the one-cycle schedule.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// λ_in of Eq. 2: weight of recognising the class in what the mask keeps.
    pub inside: f32,
    /// λ_out: weight of not recognising it in the rest.
    pub outside: f32,
    /// λ_s: weight of the mean of the mask.
    pub sparsity: f32,
    /// λ_g: weight of the guide towards the clean sound; 0 but for fine-tuning.
    pub guide: f32,
    /// Least cosine of what the mask keeps and the clean sound, for a segment to be guided, −1…1.
    pub crosscor_threshold: f32,
    /// Bins of the clean log spectrogram from this share of its loudest on are to be kept, 0…1.
    pub bin_threshold: f32,
    /// Share of the examples that are asked for a class that the classifier rules out, 0…1; of multi-label models with
    /// masks for each class only.
    pub absent: f64,
    /// Augmentation of the clips; masks and examples of background alone are not used, and a second clip is always of
    /// another class.
    pub augment: AugmentParams,
    /// Seed of everything random.
    pub seed: u64,
}
