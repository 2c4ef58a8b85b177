//! What all methods share that give every value of the classifier's input a share of the decision: the relevance of a class
//! is computed when it is first asked for, kept, and made a mask by one [`RelevanceMask`].

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use siphasher::sip::SipHasher13;

use super::relevance_mask::{MaskForm, RelevanceMask};
use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::dsp::{Complex32, FrontEnd, FrontEndParams, MelScale, window_weights};
use crate::model::backward::{Chain, Reversible};
use crate::model::causal::{CausalConfig, CausalNet};
use crate::model::efficientat::EfficientAt;
use crate::model::manifest::{Architecture, Manifest};
use crate::model::package::Package;
use crate::model::sequential::SequentialConfig;
use crate::model::vgg::VggConfig;
use crate::units::ClassId;
use crate::{Error, Result};

/// What the component is called that speaks against the class.
const AGAINST: &str = "against";

/// How one method shares a logit among the values of the input.
pub(super) trait Attribution: Send + Sync {
    /// Its name in commands and events.
    fn method(&self) -> &'static str;

    /// Forward passes, each with a backward one, for one class.
    fn passes(&self) -> usize;

    /// The share of `class` in each value of `features`: both `[n_frames, n_mels]`.
    fn relevance(&self, net: &Net, features: &[f32], class: usize) -> Result<Vec<f32>>;

    /// The same told apart into parts that sum to it, where the method tells it apart for this class.
    fn parts(&self, features: &[f32], class: usize) -> Result<Vec<Vec<f32>>> {
        let _ = (features, class);
        Ok(Vec::new())
    }

    /// What a person calls a part of `class`; empty where it has no name.
    fn part_name(&self, class: usize, part: usize) -> &str {
        let _ = (class, part);
        ""
    }
}

/// The network of a package with what there is to know of its input.
pub(super) struct Net {
    pub(super) chain: Arc<dyn Reversible>,
    /// What a value of the input is in silence: the smallest that there is.
    pub(super) silence: f32,
    /// The largest value that a sine at full scale gives.
    pub(super) full_scale: f32,
    /// Whether it hears samples.
    hears_samples: bool,
}

impl Net {
    pub(super) fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        if manifest.classifier.architecture == Architecture::Onnx {
            return Err(cannot_run_backward(manifest));
        }
        let weights = package.tensors(&manifest.classifier.weights)?;
        let chain: Arc<dyn Reversible> = match manifest.classifier.architecture {
            Architecture::Vgg => Arc::new(Chain::load(&VggConfig::from_manifest(manifest)?, &weights)?),
            Architecture::Sequential => {
                Arc::new(Chain::sequential(&SequentialConfig::from_manifest(manifest)?, &weights)?)
            }
            Architecture::EfficientAt => Arc::new(EfficientAt::from_manifest(manifest, &weights)?.reversible()),
            Architecture::Causal => {
                Arc::new(CausalNet::load(&CausalConfig::from_manifest(manifest)?, &weights)?.reversible())
            }
            Architecture::Onnx => return Err(cannot_run_backward(manifest)),
        };
        let mut front_end = FrontEnd::new(&manifest.front_end.params()?)?;
        let full_scale = full_scale(&mut front_end);
        let FrontEndParams { compression, mel, .. } = *front_end.params();
        let hears_samples = mel.scale == MelScale::Samples;
        Ok(Self { chain, silence: compression.silence(), full_scale, hears_samples })
    }

    /// Whether there is a block `block`, from 0.
    pub(super) fn check_block(&self, block: usize) -> Result<()> {
        let n_blocks = self.chain.n_blocks();
        if block < n_blocks {
            return Ok(());
        }
        Err(Error::usage(format!(
            "there is no layer block{}; the network has block1 to block{n_blocks}",
            block.saturating_add(1)
        )))
    }

    /// Values of a segment of silence.
    pub(super) fn silent_segment(&self, package: &Package) -> Vec<f32> {
        vec![self.silence; package.manifest().segment.n_frames * self.chain.n_mels()]
    }
}

/// Why no method that needs gradients or layers explains an imported graph.
fn cannot_run_backward(manifest: &Manifest) -> Error {
    Error::usage(format!(
        "the model {} is an ONNX graph, which runs forward only; explain it with occlusion, audiolime or slime",
        manifest.name
    ))
}

/// The largest value of a column that a sine at full scale in the middle of a bin gives, whatever the bin.
fn full_scale(front_end: &mut FrontEnd) -> f32 {
    let stft = front_end.params().stft;
    let magnitude = window_weights(stft.window, stft.win_length).iter().sum::<f32>() / 2.0;
    let (n_bins, n_mels) = (front_end.bank().n_bins(), front_end.n_mels());
    let (mut frame, mut column) = (vec![Complex32::default(); n_bins], vec![0.0; n_mels]);
    let mut largest = front_end.params().compression.silence();
    for bin in 0..n_bins {
        frame[bin] = Complex32::new(magnitude, 0.0);
        front_end.emphasise(&mut frame);
        front_end.column(&frame, &mut column);
        frame[bin] = Complex32::default();
        largest = column.iter().copied().fold(largest, f32::max);
    }
    largest
}

/// A method that attributes, with the network of one package.
pub struct Attributor {
    shared: Arc<Shared>,
}

/// What all explanations of one method and model share.
struct Shared {
    attribution: Box<dyn Attribution>,
    net: Net,
    mask: RelevanceMask,
    /// Whether samples are played in place of a mask.
    audible: bool,
}

impl Attributor {
    pub(super) fn new(
        package: &Package,
        form: MaskForm,
        attribution: impl FnOnce(&Net) -> Result<Box<dyn Attribution>>,
    ) -> Result<Self> {
        let net = Net::load(package)?;
        if form == MaskForm::Audible && !net.hears_samples {
            return Err(Error::usage(format!(
                "'audible' is for networks that hear samples, and the model {} hears spectra; leave it out",
                package.manifest().name
            )));
        }
        let mask = RelevanceMask::new(&package.manifest().front_end.params()?, form)?;
        let audible = form == MaskForm::Audible;
        Ok(Self { shared: Arc::new(Shared { attribution: attribution(&net)?, net, mask, audible }) })
    }
}

impl Interpreter for Attributor {
    fn method(&self) -> &'static str {
        self.shared.attribution.method()
    }

    /// For one class; each further class that is asked for costs as much again.
    fn needs(&self) -> Needs {
        let passes = u32::try_from(self.shared.attribution.passes()).unwrap_or(u32::MAX);
        Needs { taps: false, backward: true, forward_passes: passes }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let chain = &self.shared.net.chain;
        chain.check(segment.features)?;
        let n_frames = segment.features.len() / chain.n_mels();
        if segment.log_magnitude.len() != n_frames * self.shared.mask.n_bins() {
            return Err(Error::bug(format!(
                "a spectrogram of {} values came with features of {n_frames} frames",
                segment.log_magnitude.len()
            )));
        }
        Ok(Box::new(Attributed {
            classes: (0..chain.n_classes()).map(|_| PerClass::default()).collect(),
            features: segment.features.to_vec(),
            log_magnitude: segment.log_magnitude.to_vec(),
            n_frames,
            shared: Arc::clone(&self.shared),
        }))
    }
}

/// One segment, and what was asked of it so far.
struct Attributed {
    classes: Vec<PerClass>,
    features: Vec<f32>,
    log_magnitude: Vec<f32>,
    n_frames: usize,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct PerClass {
    relevance: OnceLock<Arc<[f32]>>,
    mask: OnceLock<Arc<[f32]>>,
    parts: OnceLock<Arc<[Part]>>,
    shares: OnceLock<Arc<[f32]>>,
}

/// One part of a class's relevance.
struct Part {
    /// `[n_frames, n_mels]`.
    relevance: Vec<f32>,
    mask: OnceLock<Arc<[f32]>>,
}

/// The value of a cell, computed if there is none. Nothing is locked meanwhile: methods run passes side by side, and a
/// thread that waits for them may come by here again. Two threads may compute the same value twice.
fn kept<T>(cell: &OnceLock<Arc<[T]>>, compute: impl FnOnce() -> Vec<T>) -> Arc<[T]> {
    if let Some(value) = cell.get() {
        return Arc::clone(value);
    }
    let value: Arc<[T]> = compute().into();
    Arc::clone(cell.get_or_init(|| value))
}

impl Attributed {
    /// Zeros for a class that there is not.
    fn relevance_of(&self, class: ClassId) -> Arc<[f32]> {
        let Shared { attribution, net, .. } = &*self.shared;
        let silent = || vec![0.0; self.features.len()];
        let Some(of) = self.classes.get(class.0) else { return silent().into() };
        let parts = self.parts_of(class);
        kept(&of.relevance, || {
            if parts.is_empty() {
                // The shape was checked when the explanation was made, and nothing else can fail.
                return attribution.relevance(net, &self.features, class.0).unwrap_or_else(|_| silent());
            }
            let mut sum = silent();
            parts.iter().for_each(|part| sum.iter_mut().zip(&part.relevance).for_each(|(sum, r)| *sum += r));
            sum
        })
    }

    /// None for methods that tell nothing apart, and for a class that there is not.
    fn parts_of(&self, class: ClassId) -> Arc<[Part]> {
        let compute = || {
            let parts = self.shared.attribution.parts(&self.features, class.0).unwrap_or_default();
            parts.into_iter().map(|relevance| Part { relevance, mask: OnceLock::new() }).collect()
        };
        self.classes.get(class.0).map_or_else(|| Vec::new().into(), |of| kept(&of.parts, compute))
    }

    /// What speaks against a class, where anything does.
    fn against(&self, class: ClassId) -> Option<ComponentShare> {
        let relevance = self.relevance_of(class);
        let (mut of, mut against) = (0.0_f32, 0.0_f32);
        relevance.iter().for_each(|r| if *r > 0.0 { of += r } else { against -= r });
        let share = || ComponentShare { index: 0, name: AGAINST.to_owned(), relevance: -against / of.max(against) };
        (against > 0.0).then(share)
    }

    fn part_mask(&self, part: &Part) -> Arc<[f32]> {
        kept(&part.mask, || self.shared.mask.mask(&part.relevance, &self.log_magnitude))
    }

    fn mask_of(&self, class: ClassId) -> Arc<[f32]> {
        let mask = || self.shared.mask.mask(&self.relevance_of(class), &self.log_magnitude);
        match self.classes.get(class.0) {
            Some(of) => kept(&of.mask, mask),
            None => mask().into(),
        }
    }
}

impl Explanation for Attributed {
    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn n_bins(&self) -> usize {
        self.shared.mask.n_bins()
    }

    /// The parts with their sums, those that speak against the class too, last; where samples are played, what speaks against
    /// the class.
    fn components(&self, class: ClassId) -> Vec<ComponentShare> {
        if self.shared.audible {
            return self.against(class).into_iter().collect();
        }
        let sums: Vec<f32> = self.parts_of(class).iter().map(|part| part.relevance.iter().sum()).collect();
        let largest = sums.iter().fold(0.0_f32, |most, sum| most.max(sum.abs()));
        let share = |(index, sum): (usize, &f32)| ComponentShare {
            index,
            name: self.shared.attribution.part_name(class.0, index).to_owned(),
            relevance: if largest > 0.0 { sum / largest } else { 0.0 },
        };
        let mut shares: Vec<ComponentShare> = sums.iter().enumerate().map(share).collect();
        shares.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        shares
    }

    /// The positive relevance of each frame.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let relevance = self.relevance_of(class);
        let frames = relevance.chunks_exact(self.shared.net.chain.n_mels());
        frames.map(|frame| frame.iter().map(|r| r.max(0.0)).sum()).collect()
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        let n_bins = self.n_bins();
        out.copy_from_slice(&self.mask_of(class)[frames.start * n_bins..frames.end * n_bins]);
    }

    fn relevance(&self, class: ClassId) -> Option<Arc<[f32]>> {
        Some(self.relevance_of(class))
    }

    fn band_mask(&self, class: ClassId) -> Option<Vec<f32>> {
        self.shared.mask.band_mask(&self.relevance_of(class))
    }

    fn sample_shares(&self, class: ClassId) -> Option<Arc<[f32]>> {
        if !self.shared.net.hears_samples {
            return None;
        }
        let shares = || {
            let relevance = self.relevance_of(class);
            let largest = relevance.iter().fold(f32::MIN_POSITIVE, |most, r| most.max(r.abs()));
            relevance.iter().map(|r| r / largest).collect()
        };
        Some(match self.classes.get(class.0) {
            Some(of) => kept(&of.shares, shares),
            None => shares().into(),
        })
    }

    fn plays_samples(&self) -> bool {
        self.shared.audible
    }

    /// Made of the part's own relevance as the whole mask is of all; 0 for a part that there is not.
    fn component_mask(&self, class: ClassId, index: usize, frames: Range<usize>, out: &mut [f32]) {
        let Some(part) = self.parts_of(class).get(index).map(|part| self.part_mask(part)) else {
            return out.fill(0.0);
        };
        let n_bins = self.n_bins();
        out.copy_from_slice(&part[frames.start * n_bins..frames.end * n_bins]);
    }
}

/// A generator for what is drawn about one segment: the same for the same content and seed, whichever thread asks. `item`
/// tells the independent draws of one segment apart.
pub(super) fn segment_rng(seed: u64, features: &[f32], item: u64) -> ChaCha8Rng {
    // Not the standard library's, which may become another.
    let mut hasher = SipHasher13::new();
    seed.hash(&mut hasher);
    features.iter().for_each(|value| value.to_bits().hash(&mut hasher));
    let mut rng = ChaCha8Rng::seed_from_u64(hasher.finish());
    rng.set_stream(item);
    rng
}

/// A normal number with mean 0 and deviation 1 (Box and Muller).
pub(super) fn normal(rng: &mut impl Rng) -> f32 {
    let (radius, angle): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
