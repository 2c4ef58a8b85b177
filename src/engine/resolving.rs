//! One batch of segments, one of each input: through the networks, and back to their inputs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outside::Outside;
use super::pipeline::Due;
use super::report::EventReport;
use super::segment_work::magnitude;
use super::worker::Worker;
use crate::Result;
use crate::interpret::{Explanation, Segment};
use crate::model::classifier::Classified;

/// What the networks say of one segment.
struct Heard {
    classified: Classified,
    /// Where anyone looks at it.
    explanation: Option<Arc<dyn Explanation>>,
}

impl Worker {
    /// One batch: the segments that are due, one of each input in `due`. `waited` grows by the time for which nobody took the
    /// reports.
    pub(super) fn resolve(&mut self, due: &[usize], waited: &mut Duration, outside: &Outside<'_>) -> Result<()> {
        let shown = self.controls.focus().min(self.inputs.len().saturating_sub(1));
        let (inputs, snapshots) = (&mut self.inputs, self.options.snapshots);
        let watched = outside.slot.watched();
        due.iter().for_each(|i| inputs[*i].pipeline.set_shown(snapshots && *i == shown || watched.contains(i)));
        for (index, heard) in due.iter().zip(self.hear_segments(due)?) {
            let mut found = Vec::new();
            let done = self.take(*index, heard, &mut found);
            // At once, and not with those of all inputs together: an event's clips are large.
            let began = Instant::now();
            self.report(*index, found, outside)?;
            *waited += began.elapsed();
            done?;
        }
        Ok(())
    }

    /// What the networks say of the segments that are due, in the order of `due`; explanations where anyone looks at them.
    fn hear_segments(&mut self, due: &[usize]) -> Result<Vec<Heard>> {
        let classified = self.hear_streams(due)?;
        let Self { inputs, inference, .. } = self;
        let mut features = Vec::with_capacity(due.len());
        let mut ends = Vec::with_capacity(due.len());
        for input in due.iter().map(|i| &inputs[*i]) {
            if let Some(due) = input.pipeline.due() {
                features.push(input.pipeline.history().segment_features(due.end)?);
                ends.push(due);
            }
        }
        let batch: Vec<&[f32]> = features.iter().map(|f| &**f).collect();
        let classified = match classified {
            Some(heard) => heard,
            None => inference.classify(&batch)?,
        };
        let mut spectra = Vec::new();
        for ((index, due), classified) in due.iter().zip(&mut ends).zip(&classified) {
            let pipeline = &inputs[*index].pipeline;
            due.explain &= pipeline.wants_explanation(&classified.probs);
            if due.explain {
                spectra.push(magnitude(inference, pipeline.history(), due.end)?);
            }
        }
        let explained = ends.iter().zip(batch.iter().zip(&classified)).filter(|(due, _)| due.explain);
        let segments: Vec<Segment<'_>> = explained
            .zip(&spectra)
            .map(|((_, (features, classified)), spectrum)| Segment {
                log_magnitude: spectrum,
                features,
                classified,
                sound: None,
            })
            .collect();
        let mut explanations = if segments.is_empty() { Vec::new() } else { inference.explain(&segments)? }.into_iter();
        drop(segments);
        let heard = |(due, classified): (&Due, Classified)| {
            let explanation = if due.explain { explanations.next() } else { None };
            Heard { classified, explanation }
        };
        Ok(ends.iter().zip(classified).map(heard).collect())
    }

    /// What a network that hears streams says of the segments that are due; `None` of other networks.
    fn hear_streams(&mut self, due: &[usize]) -> Result<Option<Vec<Classified>>> {
        let Self { inputs, inference, .. } = self;
        let mut ears = Vec::with_capacity(due.len());
        for index in due {
            let pipeline = &mut inputs[*index].pipeline;
            let Some(end) = pipeline.due().map(|due| due.end) else { continue };
            let Some(ear) = pipeline.history_mut().take_ear(inference.classifier(), end) else { return Ok(None) };
            ears.push((*index, end, ear));
        }
        let mut heard = Vec::with_capacity(ears.len());
        for (index, end, ear) in &mut ears {
            let columns = inputs[*index].pipeline.history().unheard(ear, *end)?;
            heard.push((ear, columns));
        }
        let classified = inference.hear(&mut heard)?;
        for (index, _, ear) in ears {
            inputs[index].pipeline.history_mut().put_ear(ear);
        }
        Ok(Some(classified))
    }

    /// An input takes what was made of its segment; the events that are complete with it are appended to `found`.
    fn take(&mut self, index: usize, heard: Heard, found: &mut Vec<EventReport>) -> Result<()> {
        let Heard { classified, explanation } = heard;
        let listened_to = self.is_listened_to(index);
        let Self { inputs, inference, options, live, lanes, .. } = self;
        let lag_secs = if options.fast { 0.0 } else { inputs[index].lag_secs() };
        let done = inputs[index].pipeline.resolve(inference, classified, explanation, lag_secs, found);
        // To whoever listens, a lane is one stream.
        let secs_before = lanes.get(inputs[index].lane).map_or(0.0, |lane| lane.secs_before);
        let pipeline = &inputs[index].pipeline;
        let origin = pipeline.origin().plus(pipeline.params().clock.sample_rate.samples(secs_before));
        let played = match live.as_mut().filter(|_| listened_to) {
            Some(live) => live.listener.stride(pipeline.history(), origin, &pipeline.open_classes()),
            None => Ok(()),
        };
        done.and(played).and(self.broadcast(index, origin))
    }
}
