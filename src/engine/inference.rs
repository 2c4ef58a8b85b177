//! The networks that all inputs share: classifier and method, asked for batches of segments.

use std::sync::Arc;

use crate::interpret::{Explanation, Interpreter, Segment};
use crate::model::classifier::{Classified, Classifier};
use crate::{Error, Result};

/// Classifier and method. Segments of any number of inputs go in as one batch, results come back in order.
pub struct Inference {
    classifier: Classifier,
    interpreter: Option<Box<dyn Interpreter>>,
}

impl Inference {
    /// Networks that are loaded already; without a method nothing is explained.
    #[must_use]
    pub fn new(classifier: Classifier, interpreter: Option<Box<dyn Interpreter>>) -> Self {
        Self { classifier, interpreter }
    }

    /// The classifier.
    #[must_use]
    pub const fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The method's name; `none` without one.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.interpreter.as_ref().map_or("none", |interpreter| interpreter.method())
    }

    /// Where the networks run: `cpu`, or as in `cuda:0`.
    #[must_use]
    pub const fn device_name(&self) -> &'static str {
        "cpu"
    }

    /// Whether there is a method.
    #[must_use]
    pub fn can_explain(&self) -> bool {
        self.interpreter.is_some()
    }

    /// Whether the method can be asked at every stride: it runs the classifier neither backward nor again.
    #[must_use]
    pub fn explains_strides(&self) -> bool {
        self.interpreter.as_ref().is_some_and(|interpreter| {
            let needs = interpreter.needs();
            needs.forward_passes == 0 && !needs.backward
        })
    }

    /// Classifies segments, each `[n_frames, n_mels]`, in order.
    ///
    /// # Errors
    /// If a segment has another shape.
    pub fn classify(&mut self, segments: &[&[f32]]) -> Result<Vec<Classified>> {
        segments.iter().map(|features| self.classifier.classify(features)).collect()
    }

    /// Explains segments that this has classified, in order.
    ///
    /// # Errors
    /// If there is no method, or a segment has another shape.
    pub fn explain(&mut self, segments: &[Segment<'_>]) -> Result<Vec<Arc<dyn Explanation>>> {
        let Some(interpreter) = &mut self.interpreter else {
            return Err(Error::bug("an explanation was asked for and there is no method"));
        };
        segments.iter().map(|segment| interpreter.explain(segment).map(Arc::from)).collect()
    }
}
