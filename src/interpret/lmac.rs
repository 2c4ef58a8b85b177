//! L-MAC (Paissan et al. 2024): a decoder reads the classifier's hidden layers and says which part of the spectrogram made
//! it decide for a class.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};

use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::dsp::MaskScale;
use crate::model::lmac::{BandSpread, LmacConfig, LmacNet, MaskMemory};
use crate::model::package::Package;
use crate::model::taps::StreamPlace;
use crate::units::ClassId;
use crate::{Error, Result};

/// Classes of streams whose masks are remembered from stride to stride; the one that was asked for longest ago goes first.
const MEMORIES: usize = 32;

/// What all explanations of one model share.
#[derive(Debug)]
struct Shared {
    net: LmacNet,
    scale: MaskScale,
    spread: BandSpread,
    /// What the decoder remembers of each stream and class, the newest last.
    memories: Mutex<Vec<((u64, usize), MaskMemory)>>,
}

impl Shared {
    /// What is remembered of a class in a stream, taken out: nothing else works on it meanwhile.
    fn take_memory(&self, of: (u64, usize)) -> MaskMemory {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let at = memories.iter().position(|(known, _)| *known == of);
        at.map_or_else(MaskMemory::default, |at| memories.remove(at).1)
    }

    fn put_memory(&self, of: (u64, usize), memory: MaskMemory) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        if memories.len() >= MEMORIES {
            memories.remove(0);
        }
        memories.push((of, memory));
    }
}

/// The method, with the decoder of one package. The decoder is small and runs once for each class that is asked for, so it
/// runs on the CPU, wherever the classifier does: nothing can fail once a segment is explained.
#[derive(Debug)]
pub struct LMac {
    shared: Arc<Shared>,
}

impl LMac {
    /// Loads the decoder of a package.
    ///
    /// # Errors
    /// A model error where the package has no `[lmac]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let config = LmacConfig::from_manifest(manifest)?;
        let lmac = manifest.lmac.as_ref().ok_or_else(|| Error::bug("a manifest lost its [lmac]"))?;
        let (net, scale) = (LmacNet::load(&config, &package.tensors(&lmac.weights)?)?, lmac.scale);
        let spread = BandSpread::new(&manifest.front_end.params()?)?;
        Ok(Self { shared: Arc::new(Shared { net, scale, spread, memories: Mutex::default() }) })
    }
}

impl Interpreter for LMac {
    fn method(&self) -> &'static str {
        "lmac"
    }

    fn needs(&self) -> Needs {
        Needs { taps: true, backward: false, forward_passes: 0 }
    }

    fn reads_magnitude(&self) -> bool {
        false
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let (n_mels, n_bins) = (self.shared.spread.n_mels(), self.shared.spread.n_bins());
        let n_frames = segment.features.len() / n_mels;
        if ![0, n_frames * n_bins].contains(&segment.log_magnitude.len()) {
            return Err(Error::bug(format!("a spectrogram of {} values was explained", segment.log_magnitude.len())));
        }
        let explanation = LMacExplanation {
            place: segment.classified.taps.place(),
            taps: segment.classified.taps.on_cpu()?,
            features: Tensor::from_slice(segment.features, (1, n_frames, n_mels), &Device::Cpu)?,
            n_frames,
            log_magnitude: segment.log_magnitude.to_vec(),
            top: ClassId(segment.classified.top()),
            masks: Mutex::default(),
            shared: Arc::clone(&self.shared),
        };
        // Here what does not fit can still be told; the decoder runs when a mask is asked for.
        self.shared.net.check(&explanation.taps, &explanation.features)?;
        Ok(Box::new(explanation))
    }
}

/// One segment's hidden layers, and the masks made of them so far.
struct LMacExplanation {
    place: Option<StreamPlace>,
    taps: Vec<Tensor>,
    /// `[1, n_frames, n_mels]`.
    features: Tensor,
    n_frames: usize,
    /// `[n_frames, n_bins]`, or empty.
    log_magnitude: Vec<f32>,
    /// The likeliest class.
    top: ClassId,
    /// What has been decoded so far, by class.
    masks: Mutex<HashMap<usize, Decoded>>,
    shared: Arc<Shared>,
}

/// A class's mask in some of a segment's frames.
#[derive(Debug, Clone)]
struct Decoded {
    frames: Range<usize>,
    /// In bands, `[frames.len(), n_mels]`.
    bands: Arc<[f32]>,
}

impl Decoded {
    /// The bands of some of these frames.
    fn of(&self, frames: &Range<usize>, n_mels: usize) -> &[f32] {
        &self.bands[(frames.start - self.frames.start) * n_mels..(frames.end - self.frames.start) * n_mels]
    }
}

impl LMacExplanation {
    /// At least these frames of a class's mask; of a decoder that is not conditioned, always of the likeliest class. Only frames
    /// that were not asked for before are decoded, with those between.
    fn decoded(&self, class: ClassId, frames: &Range<usize>) -> Result<Decoded> {
        let config = self.shared.net.config();
        let class = if config.conditioned { class } else { self.top };
        // A mask is whole or not there, so what a panicking thread left is as good as any.
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted = frames.clone();
        if let Some(decoded) = masks.get(&class.0) {
            wanted = wanted.start.min(decoded.frames.start)..wanted.end.max(decoded.frames.end);
            if wanted == decoded.frames {
                return Ok(decoded.clone());
            }
        }
        let of = self.place.map(|place| (place.stream, class.0));
        let mut memory = of.map(|of| self.shared.take_memory(of));
        let remembered = memory.as_mut().zip(self.place.map(|place| place.end));
        let mask = self.shared.net.forward_in(&self.taps, &self.features, &[class.0], wanted.clone(), remembered)?;
        if let (Some(of), Some(memory)) = (of, memory) {
            self.shared.put_memory(of, memory);
        }
        let decoded = Decoded { frames: wanted, bands: mask.flatten_all()?.to_vec1::<f32>()?.into() };
        masks.insert(class.0, decoded.clone());
        Ok(decoded)
    }
}

impl Explanation for LMacExplanation {
    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn n_bins(&self) -> usize {
        self.shared.spread.n_bins()
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn mask_scale(&self) -> MaskScale {
        self.shared.scale
    }

    /// What the mask lets through of each frame's ln(1 + |X|), in the mean over the bins; the mask's own mean where the
    /// segment came without.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let (n_bins, mask) = (self.n_bins(), self.whole_mask(class));
        if self.log_magnitude.is_empty() {
            return mask.chunks_exact(n_bins).map(|m| m.iter().sum::<f32>() / n_bins as f32).collect();
        }
        let frames = mask.chunks_exact(n_bins).zip(self.log_magnitude.chunks_exact(n_bins));
        frames.map(|(m, x)| m.iter().zip(x).map(|(m, x)| m * x).sum::<f32>() / n_bins as f32).collect()
    }

    /// Zeros for a class that the model does not have.
    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        match self.decoded(class, &frames) {
            Ok(decoded) => self.shared.spread.apply(decoded.of(&frames, self.shared.spread.n_mels()), out),
            Err(_) => out.fill(0.0),
        }
    }

    fn shrunk(&self, classes: &[ClassId], frames: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let n_mels = self.shared.spread.n_mels();
        let mut masks = HashMap::new();
        for class in classes {
            // A mask that cannot be made is one of zeros, here as above.
            if let Ok(decoded) = self.decoded(*class, &frames) {
                masks.insert(class.0, decoded.of(&frames, n_mels).into());
            }
        }
        Some(Arc::new(Shrunk { n_frames: self.n_frames(), frames, masks, shared: Arc::clone(&self.shared) }))
    }

    /// Zeros: there are no components.
    fn component_mask(&self, _: ClassId, _: usize, _: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
    }
}

/// The masks of some classes in some frames, and nothing else of the segment.
struct Shrunk {
    n_frames: usize,
    frames: Range<usize>,
    /// Masks in bands `[frames.len(), n_mels]`, by class.
    masks: HashMap<usize, Box<[f32]>>,
    shared: Arc<Shared>,
}

impl Explanation for Shrunk {
    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn n_bins(&self) -> usize {
        self.shared.spread.n_bins()
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    fn mask_scale(&self) -> MaskScale {
        self.shared.scale
    }

    fn evidence(&self, _: ClassId) -> Vec<f32> {
        vec![0.0; self.n_frames]
    }

    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
        let Some(bands) = self.masks.get(&class.0) else { return };
        let held = frames.start.max(self.frames.start)..frames.end.min(self.frames.end);
        if held.is_empty() {
            return;
        }
        let (n_mels, n_bins) = (self.shared.spread.n_mels(), self.n_bins());
        let bands = &bands[(held.start - self.frames.start) * n_mels..(held.end - self.frames.start) * n_mels];
        self.shared
            .spread
            .apply(bands, &mut out[(held.start - frames.start) * n_bins..(held.end - frames.start) * n_bins]);
    }

    /// Zeros: there are no components.
    fn component_mask(&self, _: ClassId, _: usize, _: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
    }

    fn shrunk(&self, classes: &[ClassId], frames: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let n_mels = self.shared.spread.n_mels();
        let start = frames.start.clamp(self.frames.start, self.frames.end);
        let frames = start..frames.end.clamp(start, self.frames.end);
        let rows = (frames.start - self.frames.start) * n_mels..(frames.end - self.frames.start) * n_mels;
        let masks = self.masks.iter().filter(|(class, _)| classes.contains(&ClassId(**class)));
        let masks = masks.map(|(class, bands)| (*class, bands[rows.clone()].into())).collect();
        Some(Arc::new(Self { n_frames: self.n_frames, frames, masks, shared: Arc::clone(&self.shared) }))
    }
}
