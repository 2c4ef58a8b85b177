//! An EfficientAT that hears the student's scenes and says what it hears.

use std::cell::RefCell;

use super::{Lesson, LessonShape, Teacher};
use crate::dsp::{FrontEnd, FrontEndParams, resample};
use crate::model::classifier::probabilities;
use crate::model::efficientat::{EfficientAt, FRAMES_PER_COLUMN};
use crate::model::manifest::Activation;
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
    lessons: LessonShape,
}

impl EfficientAtTeacher {
    /// A teacher of scenes at `scene_rate`.
    ///
    /// # Errors
    /// Where it cannot hear at all.
    pub fn new(net: EfficientAt, front_end: FrontEndParams, scene_rate: SampleRate) -> Result<Self> {
        let column_secs = front_end.sample_rate.secs((FRAMES_PER_COLUMN * front_end.stft.hop) as u64);
        let width = net.config().embedding();
        let lessons = LessonShape { n_probs: net.config().n_classes, width, column_secs };
        let teacher = Self { net, front_end, scene_rate, lessons };
        let second = usize::try_from(scene_rate.samples(1.0)).unwrap_or(usize::MAX);
        teacher.hear(&vec![0.0; second])?;
        Ok(teacher)
    }
}

impl Teacher for EfficientAtTeacher {
    fn lesson_shape(&self) -> LessonShape {
        self.lessons
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
        Ok(Lesson { probs: probabilities(&heard.logits, Activation::Sigmoid), columns: heard.columns })
    }
}
