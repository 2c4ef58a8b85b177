//! audioLIME, SLIME and occlusion as methods for the model of a package. The classifier is asked through its whole front end, sound by
//! sound, as any other [`Scorer`] would be.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::occlusion::occlude;
use super::parts::{Axes, Parts};
use super::sources::{Dictionary, harmonic_percussive};
use super::{Scorer, Whole, explain};
use crate::dsp::{FrontEnd, FrontEndParams, StftParams};
use crate::interpret::attribution::segment_rng;
use crate::interpret::l2i::is_number;
use crate::interpret::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::classifier::Classifier;
use crate::model::device::ComputeDevice;
use crate::model::package::Package;
use crate::units::ClassId;
use crate::{Error, Result};

/// Most passes for one segment, where a method's options say nothing else.
pub const PASSES: usize = 512;

/// The passes that may be asked for.
pub const PASSES_ALLOWED: std::ops::RangeInclusive<usize> = 16..=100_000;

/// Parts that are an explanation: the strongest of those that speak for the class, so many at least (audioLIME's example
/// takes three) …
const KEPT: usize = 3;

/// … and one of so many, where there are more parts.
const KEPT_OF: usize = 8;

/// Bands of SLIME's segments of frequency …
const BANDS: usize = 8;

/// … and of its boxes.
const BOX_BANDS: usize = 4;

/// Least length of a stretch of time that audioLIME cuts sources into.
const STRETCH_SECS: f64 = 1.0;

/// Occlusion keeps the boxes that matter at least this share of the one that matters most …
const OCCLUDED_LEAST: f64 = 0.1;

/// … and one of so many at most, but always [`KEPT`] where there are so many.
const OCCLUDED_OF: usize = 2;

/// Stretches of time in a segment that occlusion's boxes are about as long as: few, so that an event is explained soon.
const OCCLUDED_SLOTS: usize = 4;

/// What a sound is taken into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// SLIME: stretches of time, as long as the model's stride.
    Time,
    /// SLIME: bands of equal width in mel.
    Frequency,
    /// SLIME: both, as boxes.
    TimeFrequency,
    /// Occlusion: both, as boxes, but of few stretches of time.
    FewBoxes,
    /// audioLIME: what is harmonic and what is percussive, each cut into stretches of a second.
    HarmonicPercussive,
    /// audioLIME: the patterns of the package's dictionary.
    Dictionary,
}

impl Cut {
    /// SLIME's by the names of the options, the first one where none is given.
    pub const SLIME: [(&str, Self); 3] =
        [("time-frequency", Self::TimeFrequency), ("time", Self::Time), ("frequency", Self::Frequency)];
    /// Occlusion's.
    pub const OCCLUSION: [(&str, Self); 3] =
        [("time-frequency", Self::FewBoxes), ("time", Self::Time), ("frequency", Self::Frequency)];
    /// audioLIME's.
    pub const AUDIOLIME: [(&str, Self); 2] =
        [("harmonic-percussive", Self::HarmonicPercussive), ("dictionary", Self::Dictionary)];
}

/// How parts are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Many at random, and a linear model says what each is worth: SLIME and audioLIME.
    Sampled {
        /// Most passes for one segment.
        passes: usize,
        /// For what is drawn.
        seed: u64,
    },
    /// One at a time: occlusion.
    EachOnce,
}

/// One of the methods, for one package.
pub struct Lime {
    cut: Cut,
    ask: Ask,
    model: PackageModel,
    dictionary: Option<Dictionary>,
    stride_frames: usize,
}

impl Lime {
    /// Loads the model to ask.
    ///
    /// # Errors
    /// A model error where the package has no dictionary for [`Cut::Dictionary`], or weights that do not fit.
    pub fn load(package: &Package, device: &ComputeDevice, cut: Cut, ask: Ask) -> Result<Self> {
        let classifier = Classifier::load_on(package, device)?;
        let dictionary = if cut == Cut::Dictionary { Some(dictionary(package)?) } else { None };
        let stride_frames = classifier.stride_frames();
        Ok(Self { cut, ask, model: PackageModel::new(classifier)?, dictionary, stride_frames })
    }

    /// Frames of a stretch of time of [`Cut::FewBoxes`]: whole strides, so that all segments are cut at the same places.
    fn few_frames(&self) -> usize {
        let slots = OCCLUDED_SLOTS * self.stride_frames;
        ((self.model.classifier.n_frames() + slots / 2) / slots).max(1) * self.stride_frames
    }

    /// The parts of one segment.
    fn parts(&self, log_magnitude: &[f32], first_frame: i64) -> Parts {
        let front_end = self.model.front_end.params();
        let n_bins = front_end.stft.n_bins();
        let axes = Axes::new(front_end, log_magnitude.len() / n_bins, first_frame);
        match self.cut {
            Cut::Time => Parts::boxes(&axes, Some(self.stride_frames), 1),
            Cut::Frequency => Parts::boxes(&axes, None, BANDS),
            Cut::TimeFrequency => Parts::boxes(&axes, Some(self.stride_frames), BOX_BANDS),
            Cut::FewBoxes => Parts::boxes(&axes, Some(self.few_frames()), BOX_BANDS),
            Cut::HarmonicPercussive => {
                // Whole strides, so that all segments are cut at the same places.
                let stride_secs = front_end.sample_rate.secs((self.stride_frames * front_end.stft.hop) as u64);
                let strides = (STRETCH_SECS / stride_secs).round().max(1.0) as usize;
                let sources = harmonic_percussive(log_magnitude, n_bins);
                Parts::sources(&axes, &sources, Some(strides * self.stride_frames))
            }
            Cut::Dictionary => {
                let sources = self.dictionary.as_ref().map_or_else(Vec::new, |d| d.sources(log_magnitude));
                Parts::sources(&axes, &sources, None)
            }
        }
    }
}

/// The package's dictionary W.
fn dictionary(package: &Package) -> Result<Dictionary> {
    let manifest = package.manifest();
    let l2i = manifest.l2i.as_ref().ok_or_else(|| {
        Error::model(format!(
            "the model {} has no dictionary; give audiolime:harmonic-percussive, or make one with 'earwitness train dictionary'",
            manifest.name
        ))
    })?;
    let n_components = l2i.n_components;
    let tensors = package.tensors(&l2i.dictionary)?;
    let w = tensors.get("W", &[manifest.front_end.n_bins(), n_components])?.to_vec();
    // What has no name but a number is named by where and when it sounds, once that is known.
    let name = |c: usize| l2i.component_names.get(c).filter(|name| !is_number(name, c)).cloned().unwrap_or_default();
    Ok(Dictionary { w, names: (0..n_components).map(name).collect(), n_components })
}

impl Interpreter for Lime {
    fn method(&self) -> &'static str {
        match self.cut {
            _ if self.ask == Ask::EachOnce => "occlusion",
            Cut::Time | Cut::Frequency | Cut::TimeFrequency | Cut::FewBoxes => "slime",
            Cut::HarmonicPercussive | Cut::Dictionary => "audiolime",
        }
    }

    /// At most: where there are few parts, every combination of them needs fewer.
    fn needs(&self) -> Needs {
        let slots = |length: usize| self.model.classifier.n_frames().div_ceil(length) + 1;
        let passes = match (self.ask, self.cut) {
            (Ask::Sampled { passes, .. }, _) => passes,
            (Ask::EachOnce, Cut::Frequency) => BANDS + 1,
            (Ask::EachOnce, Cut::Time) => slots(self.stride_frames) + 1,
            (Ask::EachOnce, _) => slots(self.few_frames()) * BOX_BANDS + 1,
        };
        let passes = u32::try_from(passes).unwrap_or(u32::MAX);
        Needs { taps: false, backward: false, forward_passes: passes }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let explained = self.explain_watched(segment, &|_| true)?;
        explained.ok_or_else(|| Error::bug("an explanation that nobody called off was not made"))
    }

    fn explain_watched(
        &mut self,
        segment: &Segment<'_>,
        goes_on: &dyn Fn(f32) -> bool,
    ) -> Result<Option<Box<dyn Explanation>>> {
        let sound = segment.sound.ok_or_else(|| {
            Error::bug(format!("{} was to explain a segment without its sound; please report this", self.method()))
        })?;
        let stft = &self.model.front_end.params().stft;
        let parts = self.parts(segment.log_magnitude, sound.first_frame);
        let n_frames = parts.n_frames();
        let n_samples = stft.n_fft + n_frames.saturating_sub(1) * stft.hop;
        let whole = Whole { stft, frames: sound.frames, n_samples };
        let worth = match self.ask {
            Ask::Sampled { passes, seed } => {
                let mut rng = segment_rng(seed, segment.features, 0);
                let fits = explain(&whole, &parts, &self.model, passes, &mut rng, goes_on)?;
                fits.map(|fits| fits.into_iter().map(|fit| fit.coefficients).collect())
            }
            Ask::EachOnce => occlude(&whole, &parts, &self.model, goes_on)?,
        };
        let Some(worth): Option<Vec<Vec<f64>>> = worth else { return Ok(None) };
        Ok(Some(Box::new(LimeExplanation {
            parts,
            ask: self.ask,
            worth: worth.into(),
            log_magnitude: segment.log_magnitude.to_vec(),
        })))
    }
}

/// A package's classifier as a function from sounds to probabilities.
struct PackageModel {
    classifier: Classifier,
    front_end: FrontEnd,
}

impl PackageModel {
    fn new(classifier: Classifier) -> Result<Self> {
        let params = *classifier.front_end();
        // A segment's own samples hold its frames without any padding.
        let params = FrontEndParams { stft: StftParams { centred: false, ..params.stft }, ..params };
        Ok(Self { classifier, front_end: FrontEnd::new(&params)? })
    }
}

impl Scorer for PackageModel {
    fn scores(&self, sounds: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        let features = sounds.par_iter().map(|sound| self.front_end.clone().batch(sound));
        let features: Vec<Vec<f32>> = features.collect::<Result<_>>()?;
        let features: Vec<&[f32]> = features.iter().map(Vec::as_slice).collect();
        let classified = self.classifier.classify_batch(&features)?;
        Ok(classified.into_iter().map(|classified| classified.probs).collect())
    }
}

/// One segment's parts and what they are worth to each class.
struct LimeExplanation {
    parts: Parts,
    ask: Ask,
    /// What each part is worth, for each class.
    worth: Arc<[Vec<f64>]>,
    /// `[n_frames, n_bins]`; empty where nobody asks for evidence any more.
    log_magnitude: Vec<f32>,
}

impl LimeExplanation {
    /// The parts that speak for a class, by their places, the strongest first: of sampled ones three, or an eighth of all where
    /// that is more; of those that were taken out one at a time all that matter, half of all at most.
    fn kept(&self, class: ClassId) -> Vec<usize> {
        let Some(worth) = self.worth.get(class.0) else { return Vec::new() };
        let largest = worth.iter().fold(0.0_f64, |most, c| most.max(*c));
        let (least, of) = match self.ask {
            Ask::Sampled { .. } => (0.0, KEPT_OF),
            Ask::EachOnce => (OCCLUDED_LEAST * largest, OCCLUDED_OF),
        };
        let mut kept: Vec<usize> = (0..worth.len()).filter(|i| worth[*i] > 0.0 && worth[*i] >= least).collect();
        kept.sort_by(|a, b| worth[*b].total_cmp(&worth[*a]));
        kept.truncate(KEPT.max(worth.len() / of));
        kept
    }
}

impl Explanation for LimeExplanation {
    fn n_frames(&self) -> usize {
        self.parts.n_frames()
    }

    fn n_bins(&self) -> usize {
        self.parts.n_bins()
    }

    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        let Some(worth) = self.worth.get(class.0) else { return Vec::new() };
        let largest = worth.iter().fold(0.0_f64, |most, c| most.max(c.abs()));
        let parts = self.parts.as_slice();
        let share = |i: usize| ComponentShare {
            index: parts[i].index,
            name: parts[i].name.clone(),
            relevance: (worth[i] / largest) as f32,
        };
        self.kept(class).into_iter().map(share).collect()
    }

    /// What the parts that speak for the class have of each frame's ln(1 + |X|), each times what it is worth.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let mut evidence = vec![0.0; self.n_frames()];
        let Some(worth) = self.worth.get(class.0).filter(|_| !self.log_magnitude.is_empty()) else { return evidence };
        for (i, worth) in worth.iter().enumerate().filter(|(_, worth)| **worth > 0.0) {
            let strength = self.parts.strength(i, &self.log_magnitude);
            evidence.iter_mut().zip(strength).for_each(|(e, s)| *e += *worth as f32 * s);
        }
        evidence
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        self.parts.mask(self.kept(class), frames, out);
    }

    /// Zeros for a part that the segment does not have.
    fn component_mask(&self, _: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]) {
        let part = self.parts.as_slice().iter().position(|part| part.index == index);
        self.parts.mask(part, frames, out);
    }

    fn shrunk(&self, classes: &[ClassId], _: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let needed: Vec<usize> = classes.iter().flat_map(|class| self.kept(*class)).collect();
        let mut parts = self.parts.clone();
        parts.keep_only(&needed);
        Some(Arc::new(Self { parts, ask: self.ask, worth: Arc::clone(&self.worth), log_magnitude: Vec::new() }))
    }
}
