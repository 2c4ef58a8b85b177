//! VIBI (Bang et al. 2021): the chunks of the input that an explainer chooses, from which alone an approximator repeats the
//! classifier's decision. The chosen chunks are the mask, whatever the class.

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::parts::{Parts, PartsExplanation};
use super::relevance_mask::{MaskForm, RelevanceMask};
use super::{ComponentShare, Explanation, Interpreter, Needs, Segment};
use crate::dsp::MelFilterbank;
use crate::model::package::Package;
use crate::model::vibi::{VibiConfig, VibiNet};
use crate::units::ClassId;
use crate::{Error, Result};

/// The method, with the networks of one package. They are small and run on the CPU, wherever the classifier does.
pub struct Vibi {
    net: VibiNet,
    /// What each row of chunks is called, as in `360–1110 Hz`, lowest first.
    names: Arc<[String]>,
    mask: Arc<RelevanceMask>,
}

impl Vibi {
    /// Loads the networks of a package.
    ///
    /// # Errors
    /// A model error where the package has no `[vibi]`, or weights that do not fit.
    pub fn load(package: &Package) -> Result<Self> {
        let manifest = package.manifest();
        let config = VibiConfig::from_manifest(manifest)?;
        let vibi = manifest.vibi.as_ref().ok_or_else(|| Error::bug("a manifest lost its [vibi]"))?;
        let front_end = manifest.front_end.params()?;
        let bank = MelFilterbank::new(&front_end.mel, front_end.sample_rate, front_end.stft.n_fft)?;
        let centres = bank.centre_hz();
        let name = |row: &[f32]| match (row.first(), row.last()) {
            (Some(low), Some(high)) => format!("{low:.0}–{high:.0} Hz"),
            _ => String::new(),
        };
        Ok(Self {
            net: VibiNet::load(&config, &package.tensors(&vibi.weights)?)?,
            names: centres.chunks(config.chunk[1]).map(name).collect(),
            mask: Arc::new(RelevanceMask::new(&front_end, MaskForm::Gain)?),
        })
    }
}

impl Interpreter for Vibi {
    fn method(&self) -> &'static str {
        "vibi"
    }

    fn needs(&self) -> Needs {
        Needs { taps: false, backward: false, forward_passes: 0 }
    }

    fn reads_magnitude(&self) -> bool {
        false
    }

    fn explain(&mut self, segment: &Segment<'_>) -> Result<Box<dyn Explanation>> {
        let config = self.net.config().clone();
        let n_frames = segment.features.len() / config.n_mels;
        let features = Tensor::from_slice(segment.features, (1, n_frames, config.n_mels), &Device::Cpu)?;
        let choice = self.net.explain(&features)?;
        let kept = self.net.likeliest(&choice)?;
        let answer = self.net.approximate(&features, &kept)?.flatten_all()?.to_vec1()?;
        let [logits, kept] = [choice, kept].map(|t| t.flatten_all().and_then(|t| t.to_vec1::<f32>()));
        let (logits, kept) = (logits?, kept?);
        let chosen = (0..kept.len()).filter(|chunk| kept[*chunk] > 0.0).collect();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = logits.iter().map(|l| (l - largest).exp()).collect();
        let (n_mels, mask) = (config.n_mels, Arc::clone(&self.mask));
        let parts = Chunks { chosen, weights, answer, n_frames, config, names: Arc::clone(&self.names) };
        Ok(Box::new(PartsExplanation { parts, n_frames, n_mels, mask }))
    }
}

/// The chosen chunks of one segment. Those of the same bands are one component: it is the same in every segment of a stream,
/// wherever the segment begins.
struct Chunks {
    /// Ascending; numbered time by time.
    chosen: Vec<usize>,
    /// Of every chunk, how likely it is chosen, over the likeliest.
    weights: Vec<f32>,
    answer: Vec<f32>,
    n_frames: usize,
    config: VibiConfig,
    names: Arc<[String]>,
}

impl Chunks {
    /// 1 in the chosen chunks, of one row of chunks or of all, `[n_frames, n_mels]`.
    fn ones(&self, row: Option<usize>) -> Vec<f32> {
        let (n_mels, [frames, bands]) = (self.config.n_mels, self.config.chunk);
        let columns = self.names.len().max(1);
        let mut ones = vec![0.0; self.n_frames * n_mels];
        for chunk in self.chosen.iter().filter(|chunk| row.is_none_or(|row| *chunk % columns == row)) {
            let (from, low) = (chunk / columns * frames, chunk % columns * bands);
            for t in from..(from + frames).min(self.n_frames) {
                ones[t * n_mels + low..t * n_mels + (low + bands).min(n_mels)].fill(1.0);
            }
        }
        ones
    }
}

impl Parts for Chunks {
    fn shares(&self, _: ClassId) -> Vec<ComponentShare> {
        let columns = self.names.len().max(1);
        let mut sums = vec![0.0_f32; columns];
        self.chosen.iter().for_each(|chunk| sums[chunk % columns] += self.weights[*chunk]);
        let largest = sums.iter().copied().fold(0.0, f32::max);
        let share = |(index, sum): (usize, &f32)| ComponentShare {
            index,
            name: self.names.get(index).cloned().unwrap_or_default(),
            relevance: sum / largest,
        };
        let mut shares: Vec<ComponentShare> =
            sums.iter().enumerate().filter(|(_, sum)| **sum > 0.0).map(share).collect();
        shares.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        shares
    }

    fn weights(&self, _: ClassId) -> Vec<f32> {
        self.ones(None)
    }

    fn weights_of(&self, index: usize) -> Vec<f32> {
        self.ones(Some(index))
    }

    fn decision(&self) -> &[f32] {
        &self.answer
    }
}
