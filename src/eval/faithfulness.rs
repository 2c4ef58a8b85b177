//! What becomes of the classifier's answer when components are taken out of a sound, or when only they are left
//! (extended L2I paper, section III-E, Algorithm 1 and Eq. 7).
//!
//! A component's share of the sound is `X_l = M_l ⊙ ln(1 + |X|)` with its soft mask `M_l`; taking out a set means
//! `ln(1 + |X₂|) = ln(1 + |X|) − Σ X_l`. Both become sound again, with magnitude `exp(·) − 1`, the input's phase and the
//! inverse STFT, and the classifier hears that sound through its whole front end, as it would hear a recording of it.
//!
//! The L-MAC paper leaves the sound out and gives the masked spectrum to the rest of the front end:
//! [`Listener::masked_features`].

use std::ops::Range;

use super::domain::{Domain, mask_mel};
use crate::dsp::{
    Complex32, FrontEnd, MaskScale, MelFilterbank, Spectrogram, apply_mask, istft, log1p_magnitude, stft,
};
use crate::interpret::l2i::L2iExplanation;
use crate::interpret::{Segment, Sound};
use crate::model::classifier::{Classified, Classifier};
use crate::units::ClassId;
use crate::{Error, Result};

/// What an interpreter that explains by components says of one segment: as much of it as the figures need.
pub trait ComponentExplanation {
    /// The interpreter's own answer, Θ(H) before sigmoid or softmax, `[n_classes]`.
    fn logits(&self) -> &[f32];

    /// Relevance of every component for `class`, `[n_components]`; signed, the largest magnitude is 1.
    fn relevance(&self, class: ClassId) -> Vec<f32>;

    /// Writes the soft mask of a set of components for some frames, `[frames.len(), n_bins]`, each 0…1; of an empty set,
    /// zeros.
    fn mask_of(&self, components: &[usize], frames: Range<usize>, out: &mut [f32]);
}

impl ComponentExplanation for L2iExplanation {
    fn logits(&self) -> &[f32] {
        &self.logits
    }

    fn relevance(&self, class: ClassId) -> Vec<f32> {
        self.relevance(class)
    }

    fn mask_of(&self, components: &[usize], frames: Range<usize>, out: &mut [f32]) {
        self.mask_of(components, frames, out);
    }
}

/// The components whose relevance is above `threshold`: L of the paper, ascending. Relevance that is not a number is
/// below everything.
#[must_use]
pub fn relevant(relevance: &[f32], threshold: f32) -> Vec<usize> {
    (0..relevance.len()).filter(|&k| relevance[k] > threshold).collect()
}

/// Which side of a mask is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// What the mask covers: the interpretation.
    Inside,
    /// What is left without it.
    Outside,
}

impl Keep {
    /// The mask that keeps this side.
    fn share(self, mask: &[f32]) -> Vec<f32> {
        match self {
            Self::Inside => mask.to_vec(),
            Self::Outside => mask.iter().map(|mask| 1.0 - mask).collect(),
        }
    }
}

/// One segment of sound as the classifier hears it.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The complex STFT, one frame for each of the segment's.
    pub spectrogram: Spectrogram,
    /// `ln(1 + |X|)`, `[n_frames, n_bins]`.
    pub log_magnitude: Vec<f32>,
    /// The classifier's input, `[n_frames, n_mels]`.
    pub features: Vec<f32>,
    /// What the classifier made of it.
    pub classified: Classified,
    n_samples: usize,
}

impl Heard {
    /// The segment as interpreters see it.
    #[must_use]
    pub fn segment(&self) -> Segment<'_> {
        let sound = Sound { frames: &self.spectrogram.frames, first_frame: 0 };
        Segment {
            log_magnitude: &self.log_magnitude,
            features: &self.features,
            classified: &self.classified,
            sound: Some(sound),
        }
    }

    /// Lays one side of a mask on the magnitudes, keeping the phase: `[n_frames, n_bins]` of complex values.
    #[must_use]
    pub fn masked(&self, mask: &[f32], scale: MaskScale, keep: Keep) -> Spectrogram {
        let share = keep.share(mask);
        let mut frames = vec![Complex32::default(); self.spectrogram.frames.len()];
        apply_mask(&self.spectrogram.frames, &share, scale, &mut frames);
        Spectrogram { n_bins: self.spectrogram.n_bins, frames }
    }

    /// The energy that a mask keeps of one part of the sound, bin by bin: `masked` is the whole sound behind the mask, and the
    /// gain |X'| ÷ |X| that the mask is there is laid on the part.
    pub(super) fn kept_energy(&self, masked: &Spectrogram, part: impl Iterator<Item = Complex32>) -> f64 {
        let bins = self.spectrogram.frames.iter().zip(&masked.frames).zip(part);
        bins.map(|((x, masked), part)| {
            let power = energy(x);
            let gain = if power > 0.0 { energy(masked) / power } else { 0.0 };
            gain * energy(&part)
        })
        .sum()
    }
}

/// |x|², in double precision.
pub(super) fn energy(x: &Complex32) -> f64 {
    f64::from(x.re).powi(2) + f64::from(x.im).powi(2)
}

/// A classifier with its front end, for one segment at a time.
pub struct Listener<'a> {
    classifier: &'a Classifier,
    front_end: FrontEnd,
}

impl<'a> Listener<'a> {
    /// A listener with this classifier.
    ///
    /// # Errors
    /// As [`FrontEnd::new`].
    pub fn new(classifier: &'a Classifier) -> Result<Self> {
        Ok(Self { classifier, front_end: FrontEnd::new(classifier.front_end())? })
    }

    /// The complex STFT of the first segment of `samples`, as it is heard.
    ///
    /// # Errors
    /// As [`stft`].
    pub fn spectrogram(&self, samples: &[f32]) -> Result<Spectrogram> {
        let mut spectrogram = stft(&self.front_end.params().stft, samples)?;
        spectrogram.frames.resize(self.classifier.n_frames() * spectrogram.n_bins, Complex32::default());
        Ok(spectrogram)
    }

    /// Hears the first segment of `samples` (mono, at the model's rate); silence follows samples that are too few.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn hear(&mut self, samples: &[f32]) -> Result<Heard> {
        let n_frames = self.classifier.n_frames();
        let spectrogram = self.spectrogram(samples)?;
        let n_bins = spectrogram.n_bins;
        let n_mels = self.front_end.n_mels();
        let mut log_magnitude = vec![0.0; n_frames * n_bins];
        for (i, column) in log_magnitude.chunks_exact_mut(n_bins).enumerate() {
            log1p_magnitude(spectrogram.frame(i), column);
        }
        let mut features = self.front_end.batch(samples)?;
        features.truncate(n_frames * n_mels);
        let silence = self.front_end.params().compression.silence();
        features.resize(n_frames * n_mels, silence);
        let classified = self.classifier.classify(&features)?;
        Ok(Heard { spectrogram, log_magnitude, features, classified, n_samples: samples.len() })
    }

    /// Makes sound of one side of `mask` (`[n_frames, n_bins]`), lined up with the samples that were heard and as long.
    /// What lay past the segment becomes silence.
    ///
    /// # Errors
    /// Where the mask has another shape.
    pub fn audio(&self, heard: &Heard, mask: &[f32], scale: MaskScale, keep: Keep) -> Result<Vec<f32>> {
        if mask.len() != heard.log_magnitude.len() {
            return Err(Error::bug(format!(
                "a mask of {} values was laid on a segment of {}",
                mask.len(),
                heard.log_magnitude.len()
            )));
        }
        self.sound(heard, &heard.masked(mask, scale, keep))
    }

    /// Makes sound of a masked spectrogram, as [`Self::audio`] does.
    ///
    /// # Errors
    /// As [`istft`].
    pub(super) fn sound(&self, heard: &Heard, masked: &Spectrogram) -> Result<Vec<f32>> {
        istft(&self.front_end.params().stft, masked, heard.n_samples)
    }

    /// The mel filterbank of the classifier's front end.
    #[must_use]
    pub const fn bank(&self) -> &MelFilterbank {
        self.front_end.bank()
    }

    /// The classifier that listens.
    #[must_use]
    pub const fn classifier(&self) -> &'a Classifier {
        self.classifier
    }

    /// The classifier's input, `[n_frames, n_mels]`, with one side of `mask` only and without making sound of it: the mask
    /// is laid on the magnitudes of the STFT ([`Domain::Stft`], `[n_frames, n_bins]`) or of the mel bands ([`Domain::Mel`],
    /// `[n_frames, n_mels]`), and the rest of the front end follows.
    ///
    /// # Errors
    /// Where the mask has another shape.
    pub fn masked_features(
        &mut self,
        heard: &Heard,
        domain: Domain,
        mask: &[f32],
        scale: MaskScale,
        keep: Keep,
    ) -> Result<Vec<f32>> {
        let n_mels = self.front_end.n_mels();
        let wanted = if domain == Domain::Stft { heard.log_magnitude.len() } else { heard.features.len() };
        if mask.len() != wanted {
            return Err(Error::bug(format!("a mask of {} values was laid on a segment of {wanted}", mask.len())));
        }
        match domain {
            Domain::Stft => Ok(self.features_of(heard.masked(mask, scale, keep))),
            Domain::Mel => {
                let mut features = vec![0.0; heard.features.len()];
                let share = keep.share(mask);
                let columns = features.chunks_exact_mut(n_mels).zip(share.chunks_exact(n_mels));
                let mut frame = vec![Complex32::default(); heard.spectrogram.n_bins];
                for (i, (column, share)) in columns.enumerate() {
                    frame.copy_from_slice(heard.spectrogram.frame(i));
                    self.front_end.emphasise(&mut frame);
                    self.front_end.mel(&frame, column);
                    mask_mel(column, share, scale, self.front_end.params().power);
                    self.front_end.compress(column);
                }
                Ok(features)
            }
        }
    }

    /// The classifier's input of plain frames, `[n_frames, n_mels]`, without making sound of them.
    pub(super) fn features_of(&mut self, mut frames: Spectrogram) -> Vec<f32> {
        let n_mels = self.front_end.n_mels();
        let mut features = vec![0.0; frames.n_frames() * n_mels];
        for (i, column) in features.chunks_exact_mut(n_mels).enumerate() {
            self.front_end.emphasise(frames.frame_mut(i));
            self.front_end.column(frames.frame(i), column);
        }
        features
    }

    /// What the classifier makes of one side of `mask`, as sound.
    ///
    /// # Errors
    /// As [`Self::audio`] and [`Self::hear`].
    pub fn classify_masked(&mut self, heard: &Heard, mask: &[f32], scale: MaskScale, keep: Keep) -> Result<Classified> {
        let samples = self.audio(heard, mask, scale, keep)?;
        Ok(self.hear(&samples)?.classified)
    }
}
