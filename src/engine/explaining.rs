//! The worker's side of explaining events after they were reported.

use std::sync::atomic::Ordering;

use super::explainer::Explainer;
use super::inference::Inference;
use super::outside::{NAP, Outside, SNAPSHOT_EVERY};
use super::report::{EventReport, Report};
use super::worker::Worker;
use crate::Result;

impl Worker {
    /// Explains events after they were reported, on a thread of its own with the networks and the method of `inference`.
    /// For methods that are too slow for every stride; the worker's own, if there is one, then finds onsets and is played.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] where the system gives no thread.
    pub fn with_explainer(mut self, inference: Inference) -> Result<Self> {
        self.inputs.iter_mut().for_each(|input| input.pipeline.set_method(inference.method()));
        self.explained_by = Some(inference.method().to_owned());
        self.explainer = Some(Explainer::start(inference, self.options.max_components)?);
        Ok(self)
    }

    /// What has become of events that were to be explained.
    pub(super) fn report_explained(&mut self, outside: &Outside<'_>) -> Result<()> {
        let Some(explainer) = &mut self.explainer else { return Ok(()) };
        let mut back = explainer.explained();
        if self.controls.take_call_off() {
            back.extend(explainer.call_off());
        }
        back.into_iter().try_for_each(|event| self.explained(event, outside))
    }

    /// Waits until nothing is pending any more. Whoever stops the worker does not want to wait.
    pub(super) fn finish_explaining(&mut self, outside: &Outside<'_>) -> Result<()> {
        while self.explainer.as_mut().is_some_and(Explainer::is_at_work) {
            if outside.stop.load(Ordering::Relaxed) {
                self.controls.call_off_explanations();
            }
            self.report_explained(outside)?;
            if self.options.snapshots && self.gauge.snapshot_due(SNAPSHOT_EVERY) {
                self.publish(outside);
            }
            std::thread::sleep(NAP);
        }
        self.report_explained(outside)
    }

    pub(super) fn explained(&mut self, event: EventReport, outside: &Outside<'_>) -> Result<()> {
        self.gauge.explained(&event.event);
        self.send(outside, Report::Explained(Box::new(event)))
    }
}
