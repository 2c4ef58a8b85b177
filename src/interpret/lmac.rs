//! L-MAC (Paissan et al. 2024): a decoder reads the classifier's hidden layers and says which part of the spectrogram made
//! it decide for a class.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let inputs = Inputs {
            taps,
            features: Tensor::from_slice(segment.features, (1, n_frames, n_mels), &Device::Cpu)?,
            log_magnitude: segment.log_magnitude.to_vec(),
        };
        // Here what does not fit can still be told; the decoder runs when a mask is asked for.
        self.shared.net.check(&inputs.taps, &inputs.features)?;
        Ok(Box::new(LMacExplanation {
            n_frames,
            top: ClassId(segment.classified.top()),
            state: Mutex::new(State { inputs: Some(inputs), masks: HashMap::new() }),
            shared: Arc::clone(&self.shared),
        }))
    }
}

/// One segment's hidden layers, and the masks made of them so far.
struct LMacExplanation {
    n_frames: usize,
    /// The likeliest class.
    top: ClassId,
    state: Mutex<State>,
    shared: Arc<Shared>,
}

struct State {
    /// What masks are made from; gone once the explanation has settled.
    inputs: Option<Inputs>,
    /// Masks in bands `[n_frames, n_mels]`, by class.
    masks: HashMap<usize, Arc<[f32]>>,
}

struct Inputs {
    taps: Vec<Tensor>,
    /// `[1, n_frames, n_mels]`.
    features: Tensor,
    /// `[n_frames, n_bins]`.
    log_magnitude: Vec<f32>,
}

impl LMacExplanation {
    /// The mask of a class in bands; of a decoder that is not conditioned, always that of the likeliest class. None of a class
    /// that it has not settled for.
    fn bands_of(&self, class: ClassId, state: &mut State) -> Result<Option<Arc<[f32]>>> {
        let config = self.shared.net.config();
        let class = if config.conditioned { class } else { self.top };
        if let Some(mask) = state.masks.get(&class.0) {
            return Ok(Some(Arc::clone(mask)));
        }
        let Some(inputs) = &state.inputs else { return Ok(None) };
        let mask = self.shared.net.forward(&inputs.taps, &inputs.features, &[class.0])?;
        let mask: Arc<[f32]> = mask.flatten_all()?.to_vec1::<f32>()?.into();
        state.masks.insert(class.0, Arc::clone(&mask));
        Ok(Some(mask))
    }

    /// A mask is whole or not there, so what a panicking thread left is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// What the mask lets through of each frame's ln(1 + |X|), in the mean over the bins; zeros once it has settled.
    fn evidence(&self, class: ClassId) -> Vec<f32> {
        let (n_bins, mask) = (self.n_bins(), self.whole_mask(class));
        let state = self.state();
        let Some(inputs) = &state.inputs else { return vec![0.0; self.n_frames] };
        let frames = mask.chunks_exact(n_bins).zip(inputs.log_magnitude.chunks_exact(n_bins));
        frames.map(|(m, x)| m.iter().zip(x).map(|(m, x)| m * x).sum::<f32>() / n_bins as f32).collect()
    }

    /// Zeros for a class that the model does not have.
    fn mask(&self, class: ClassId, frames: Range<usize>, out: &mut [f32]) {
        match self.bands_of(class, &mut self.state()) {
            Ok(Some(bands)) => {
                let n_mels = self.shared.spread.n_mels();
                self.shared.spread.apply(&bands[frames.start * n_mels..frames.end * n_mels], out);
            }
            Ok(None) | Err(_) => out.fill(0.0),
        }
    }

    fn settle(&self, classes: &[ClassId]) {
        let mut state = self.state();
        // A mask that cannot be made is one of zeros, here as above.
        let keys: Vec<_> = classes.iter().filter(|class| self.bands_of(**class, &mut state).is_ok()).collect();
        let config = self.shared.net.config();
        state.masks.retain(|class, _| !config.conditioned || keys.iter().any(|key| key.0 == *class));
        state.inputs = None;
    }

    /// Zeros: there are no components.
    fn component_mask(&self, _: usize, _: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
    }
}
