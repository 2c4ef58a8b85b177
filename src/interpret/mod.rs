//! Methods that say what a classifier heard.
//!
//! All methods live behind [`Interpreter`]. An interpreter looks at one segment and gives an [`Explanation`]: what all
//! classes share is computed once, what one class needs when it is asked for. `needs()` tells the scheduler what that
//! costs; the scheduler, not the method, decides when it runs. Audio is made elsewhere, in one place for all methods: mask
//! on the complex STFT with the input's phase, inverse STFT, overlap-add.

pub mod apnet;
mod attribution;
pub mod baseline;
pub mod bottleneck;
pub mod concepts;
pub mod flint;
pub mod gradients;
pub mod guided;
pub mod iba;
pub mod l2i;
pub mod lime;
pub mod lmac;
pub mod lrp;
pub mod methods;
mod parts;
pub mod relevance_mask;
pub mod sound_name;
pub mod vibi;

pub use attribution::Attributor;

use std::ops::Range;
use std::sync::Arc;

use crate::Result;
use crate::dsp::{Complex32, MaskScale};
use crate::model::classifier::Classified;
use crate::units::ClassId;

/// What one interpretation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Whether it reads the classifier's hidden layers.
    pub taps: bool,
    /// Whether it runs the classifier backward.
    pub backward: bool,
    /// How often it runs the classifier forward besides the pass that is there already.
    pub forward_passes: u32,
}

impl Needs {
    /// Whether it can be asked at every stride of a live stream: it runs the classifier neither backward nor again.
    #[must_use]
    pub const fn suits_strides(self) -> bool {
        !self.backward && self.forward_passes == 0
    }
}

/// One segment as every method sees it.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// ln(1 + |X|), `[n_frames, n_bins]`. Empty where neither the method [reads it](Interpreter::reads_magnitude) nor anybody
    /// asks for [`Explanation::evidence`].
    pub log_magnitude: &'a [f32],
    /// The classifier's input, `[n_frames, n_mels]`.
    pub features: &'a [f32],
    /// What the classifier made of it.
    pub classified: &'a Classified,
    /// The sound itself, where it is at hand: not at a live stream's strides.
    pub sound: Option<Sound<'a>>,
}

/// The sound of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Sound<'a> {
    /// Its complex STFT, `[n_frames, n_bins]`.
    pub frames: &'a [Complex32],
    /// Which frame of the stream the first one is; negative before the stream.
    pub first_frame: i64,
}

/// A method.
pub trait Interpreter: Send {
    /// Its name in commands and events, as in `l2i`.
    fn method(&self) -> &'static str;

    /// What one call costs.
    fn needs(&self) -> Needs;

    /// Whether its masks depend on ln(1 + |X|) itself, and not only on what the classifier makes of it.
    fn reads_magnitude(&self) -> bool {
        true
    }

    /// Looks at a segment.
    ///
    /// # Errors
    /// If the segment does not have the shape that the model was loaded for.
    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>>;

    /// As [`explain`](Self::explain); a method that runs the classifier again and again tells `goes_on` what share of that is
    /// done (0…1), and `None` comes of a no.
    ///
    /// # Errors
    /// As [`Self::explain`].
    fn explain_watched(
        &mut self,
        segment: &Segment<'_>,
        goes_on: &dyn Fn(f32) -> bool,
    ) -> Result<Option<Box<dyn Explanation>>> {
        let _ = goes_on;
        self.explain(segment).map(Some)
    }

    /// Looks at any number of segments; results in order. One after the other, unless a method knows better.
    ///
    /// # Errors
    /// As [`Self::explain`].
    fn explain_batch(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Box<dyn Explanation>>> {
        segments.iter().map(|segment| self.explain(segment)).collect()
    }
}

/// What a method has to say of one segment. Plain data inside; may be kept and asked later, from another thread.
pub trait Explanation: Send + Sync {
    /// Frames of the segment.
    fn n_frames(&self) -> usize;

    /// Bins of a mask's row.
    fn n_bins(&self) -> usize;

    /// The components that made `class` likely, most relevant first; empty for methods without components.
    fn components(&self, class: ClassId) -> Vec<ComponentShare>;

    /// Whether a component has a name of its own, and not one that was made up for lack of it.
    fn is_named(&self, component: &ComponentShare) -> bool {
        !component.name.is_empty()
    }

    /// Share of the decision for `class` that each frame has, `[n_frames]`; may be negative.
    fn evidence(&self, class: ClassId) -> Vec<f32>;

    /// The method's own answer for every class before sigmoid or softmax, of methods that repeat the classifier's decision;
    /// empty for the others.
    fn decision(&self) -> &[f32] {
        &[]
    }

    /// What the masks do to magnitudes.
    fn mask_scale(&self) -> MaskScale {
        MaskScale::Log
    }

    /// Writes the mask of `class` for some frames: `[frames.len(), n_bins]`, each 0…1.
    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]);

    /// The mask of `class` for the whole segment, `[n_frames, n_bins]`.
    fn whole_mask(&self, class: ClassId) -> Vec<f32> {
        let mut mask = vec![0.0; self.n_frames() * self.n_bins()];
        self.mask(class, 0..self.n_frames(), &mut mask);
        mask
    }

    /// Signed share of the decision for `class` that each value of the classifier's input has, `[n_frames, n_mels]`, for
    /// methods that attribute to the input; `None` for methods that give masks.
    fn relevance(&self, class: ClassId) -> Option<Arc<[f32]>> {
        let _ = class;
        None
    }

    /// The mask of `class` in mel bands, `[n_frames, n_mels]`, each 0…1, for methods whose mask of bins is these bands spread
    /// over the bins; `None` for the others.
    fn band_mask(&self, class: ClassId) -> Option<Vec<f32>> {
        let _ = class;
        None
    }

    /// Signed share of the decision for `class` that each sample has, `[n_frames, samples of a hop]`, the largest magnitude
    /// 1, for networks that hear samples; `None` for the others.
    fn sample_shares(&self, class: ClassId) -> Option<Arc<[f32]>> {
        let _ = class;
        None
    }

    /// Whether the interpretation is the samples times what is positive of their [shares](Self::sample_shares), and not a
    /// mask.
    fn plays_samples(&self) -> bool {
        false
    }

    /// The same in less room, for whoever asks for nothing any more but components, and masks of these classes in these
    /// frames: all else is zeros. Who keeps many explanations keeps these; `None` where there is nothing to gain.
    fn shrunk(&self, classes: &[ClassId], frames: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let _ = (classes, frames);
        None
    }

    /// Writes the mask of one component for some frames, in the same form. Methods whose components are the same for every class
    /// pass over `class`.
    fn component_mask(&self, class: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]);
}

/// One component's share of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentShare {
    /// Column of the dictionary W; number of the class's concept.
    pub index: usize,
    /// What a person calls it, or the dictionary, as in `dog 3`; otherwise where it sounds, as in `2.1 kHz tone`. Empty where
    /// nothing is known.
    pub name: String,
    /// Relevance, normalised so that the largest magnitude is 1 (extended L2I paper, section III-E). Signed.
    pub relevance: f32,
}
