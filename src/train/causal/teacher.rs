//! An EfficientAT that hears the student's scenes and says what it hears.

use std::cell::RefCell;

use super::{Lesson, Teacher};
use crate::dsp::{
    Compression, FrontEnd, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind,
    resample,
};
use crate::model::efficientat::EfficientAt;
use crate::units::SampleRate;
use crate::{Error, Result};

thread_local! {
    static FRONT_END: RefCell<Option<FrontEnd>> = const { RefCell::new(None) };
}

/// The network with its front end, for scenes at another rate.
pub struct EfficientAtTeacher {
    net: EfficientAt,
    front_end: FrontEndParams,
    scene_rate: SampleRate,
    sizes: [usize; 2],
}

impl EfficientAtTeacher {
    /// A teacher of scenes at `scene_rate`.
    ///
    /// # Errors
    /// Where it cannot hear at all.
    pub fn new(net: EfficientAt, front_end: FrontEndParams, scene_rate: SampleRate) -> Result<Self> {
        let mut teacher = Self { net, front_end, scene_rate, sizes: [0, 0] };
        let second = usize::try_from(scene_rate.samples(1.0)).unwrap_or(usize::MAX);
        let first = teacher.hear(&vec![0.0; second])?;
        teacher.sizes = [first.probs.len(), first.embedding.len()];
        Ok(teacher)
    }
}

impl Teacher for EfficientAtTeacher {
    fn sizes(&self) -> [usize; 2] {
        self.sizes
    }

    fn hear(&self, samples: &[f32]) -> Result<Lesson> {
        let samples = resample(samples, self.scene_rate, self.front_end.sample_rate)?;
        let columns = FRONT_END.with_borrow_mut(|kept| {
            if kept.as_ref().is_none_or(|f| f.params() != &self.front_end) {
                *kept = Some(FrontEnd::new(&self.front_end)?);
            }
            let front_end = kept.as_mut().ok_or_else(|| Error::bug("the teacher has no front end"))?;
            front_end.batch(&samples)
        })?;
        let heard = self.net.forward(&columns)?;
        let probs = heard.logits.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        Ok(Lesson { probs, embedding: heard.embedding })
    }
}

/// The front end of the published networks.
///
/// # Errors
/// None: its numbers are good.
pub fn published_front_end() -> Result<FrontEndParams> {
    let sample_rate = SampleRate::new(32_000).ok_or_else(|| Error::bug("32 kHz is no sample rate"))?;
    Ok(FrontEndParams {
        sample_rate,
        stft: StftParams { n_fft: 1024, hop: 320, win_length: 800, window: WindowKind::SymmetricHann, centred: true },
        pre_emphasis: 0.97,
        mel: MelParams { n_mels: 128, scale: MelScale::Kaldi, norm: MelNorm::None, f_min_hz: 0.0, f_max_hz: 15_000.0 },
        power: SpectrumPower::Power,
        compression: Compression::Ln { floor: 1e-5, scale: 0.2, offset: 0.9 },
    })
}
