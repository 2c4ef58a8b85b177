//! L-MAC (Paissan et al. 2024): a decoder reads the classifier's hidden layers and says which part of the spectrogram made
//! it decide for a class.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Tensor};

use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::model::lmac::{BandSpread, LmacConfig, LmacNet};
use crate::model::package::Package;
use crate::model::taps::Taps;
use crate::units::ClassId;
use crate::{Error, Result};

/// What all explanations of one model share.
#[derive(Debug)]
struct Shared {
    net: LmacNet,
    spread: BandSpread,
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
        let net = LmacNet::load(&config, &package.tensors(&lmac.weights)?)?;
        let spread = BandSpread::new(&manifest.front_end.params()?)?;
        Ok(Self { shared: Arc::new(Shared { net, spread }) })
    }
}

impl Interpreter for LMac {
    fn method(&self) -> &'static str {
        "lmac"
    }

    fn needs(&self) -> Needs {
        Needs { taps: true, backward: false, forward_passes: 0 }
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let (n_mels, n_bins) = (self.shared.spread.n_mels(), self.shared.spread.n_bins());
        let n_frames = segment.features.len() / n_mels;
        if segment.log_magnitude.len() != n_frames * n_bins {
            return Err(Error::bug(format!("a spectrogram of {} values was explained", segment.log_magnitude.len())));
        }
        let taps = Taps::gather(&[&segment.classified.taps])?;
        let taps = taps.iter().map(|tap| tap.to_device(&Device::Cpu)).collect::<candle_core::Result<_>>()?;
        let explanation = LMacExplanation {
            taps,
            features: Tensor::from_slice(segment.features, (1, n_frames, n_mels), &Device::Cpu)?,
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
    taps: Vec<Tensor>,
    /// `[1, n_frames, n_mels]`.
    features: Tensor,
    /// `[n_frames, n_bins]`.
    log_magnitude: Vec<f32>,
    /// The likeliest class.
    top: ClassId,
    /// Masks in bands `[n_frames, n_mels]`, by class.
    masks: Mutex<HashMap<usize, Arc<[f32]>>>,
    shared: Arc<Shared>,
}

impl LMacExplanation {
    /// The mask of a class in bands; of a decoder that is not conditioned, always that of the likeliest class.
    fn bands_of(&self, class: ClassId) -> Result<Arc<[f32]>> {
        let config = self.shared.net.config();
        let class = if config.conditioned { class } else { self.top };
        // A mask is whole or not there, so what a panicking thread left is as good as any.
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mask) = masks.get(&class.0) {
            return Ok(Arc::clone(mask));
        }
        let mask = self.shared.net.forward(&self.taps, &self.features, &[class.0])?;
        let mask: Arc<[f32]> = mask.flatten_all()?.to_vec1::<f32>()?.into();
        masks.insert(class.0, Arc::clone(&mask));
        Ok(mask)
    }
}

impl Explanation for LMacExplanation {
    fn n_frames(&self) -> usize {
        self.log_magnitude.len() / self.n_bins()
    }

    fn n_bins(&self) -> usize {
        self.shared.spread.n_bins()
    }

    fn components(&self, _: ClassId) -> Vec<ComponentShare> {
        Vec::new()
    }

    /// What the mask lets through of each frame's ln(1 + |X|), in the mean over the bins.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let (n_bins, mask) = (self.n_bins(), self.whole_mask(class));
        let frames = mask.chunks_exact(n_bins).zip(self.log_magnitude.chunks_exact(n_bins));
        frames.map(|(m, x)| m.iter().zip(x).map(|(m, x)| m * x).sum::<f32>() / n_bins as f32).collect()
    }

    /// Zeros for a class that the model does not have.
    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        match self.bands_of(class) {
            Ok(bands) => {
                let n_mels = self.shared.spread.n_mels();
                self.shared.spread.apply(&bands[frames.start * n_mels..frames.end * n_mels], out);
            }
            Err(_) => out.fill(0.0),
        }
    }

    fn shrunk(&self, classes: &[ClassId], frames: Range<usize>) -> Option<Arc<dyn Explanation>> {
        let n_mels = self.shared.spread.n_mels();
        let mut masks = HashMap::new();
        for class in classes {
            // A mask that cannot be made is one of zeros, here as above.
            if let Ok(bands) = self.bands_of(*class) {
                masks.insert(class.0, bands[frames.start * n_mels..frames.end * n_mels].into());
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
