//! Events leave the pipeline: they get their ids when they begin, and their evidence when all of it is known.

use std::ops::Range;

use super::detector::{ANY_LOUD, Detection, Reason};
use super::inference::Inference;
use super::pipeline::Pipeline;
use super::quiet::Hush;
use super::report::{Event, EventReport, Explained, Handling, OnsetReport};
use super::segment_work::{classify, explain};
use super::stride_level::score_level;
use crate::Result;
use crate::units::{ClassId, SamplePos};

/// What events of any loud sound are explained by: nothing but their level.
const LEVEL: &str = "level";

impl Pipeline {
    /// Events that go on after they were over come again as one: what still waits is called back, and what was reported goes on
    /// unreported.
    pub(super) fn take_up_again(&mut self) {
        for (class, onset) in self.detector.resumed() {
            let before = self.waiting.len();
            self.waiting.retain(|detection| (detection.class, detection.onset) != (class, onset));
            if self.waiting.len() == before {
                self.detector.is_told(class);
            }
        }
    }

    /// Gives the events that begin with the stride that ends at `end` their ids, and a report each, where they are wanted.
    pub(super) fn begin_events(&mut self, end: u64, lag_secs: f64) {
        // Of an event that came to nothing.
        let detector = &self.detector;
        let waiting = |class: ClassId, onset: u64| {
            self.waiting.iter().chain(&self.over).any(|d| (d.class, d.onset) == (class, onset))
        };
        self.begun.open.retain(|(class, onset), _| detector.is_open(*class) || waiting(*class, *onset));
        for opening in self.detector.openings() {
            let onset = self.origin.plus(self.sample(opening.onset));
            let Some(handling) = self.handling(opening.class, onset) else { continue };
            let id = self.begun.ids.next(self.params.clock.wall(onset));
            self.begun.open.insert((opening.class, opening.onset), id.clone());
            self.begun.onsets.push(OnsetReport {
                id,
                label: self.label(opening.class),
                class: opening.class,
                score: opening.score,
                onset,
                in_file: self.in_file(onset),
                source: self.params.source.clone(),
                latency_secs: self.params.clock.sample_rate.secs(self.origin.plus(self.sample(end)).since(onset)),
                lag_secs,
                handling,
                clock: self.params.clock,
            });
        }
    }

    /// The events that have begun since this was last asked.
    pub fn take_onsets(&mut self) -> Vec<OnsetReport> {
        std::mem::take(&mut self.begun.onsets)
    }

    pub(super) fn label(&self, class: ClassId) -> String {
        self.labels.get(class.0).map_or_else(|| ANY_LOUD.to_owned(), |label| label.name.clone())
    }

    /// What is not wanted of a class's event with this onset, if anything.
    pub(super) fn hush(&self, class: ClassId, onset: SamplePos) -> Option<Hush> {
        let params = self.detector.params();
        let quiet = params.quiet.as_ref().filter(|_| params.class(class).is_some_and(|class| class.obeys_quiet))?;
        quiet.at(self.params.clock.wall(onset))
    }

    /// Whether an event would be reported at all.
    pub(super) fn is_wanted(&self, detection: &Detection) -> bool {
        self.handling(detection.class, self.origin.plus(self.sample(detection.onset))).is_some()
    }

    /// What is to be done with a class's event; nothing at all in hours that are quiet in this way.
    pub(super) fn handling(&self, class: ClassId, onset: SamplePos) -> Option<Handling> {
        let hush = self.hush(class, onset);
        if hush == Some(Hush::Events) {
            return None;
        }
        let params = self.detector.params().class(class);
        let of_class = params.map(|params| Handling {
            groups: params.groups.clone(),
            quiet: hush == Some(Hush::Alarms),
            record: params.record,
        });
        Some(of_class.unwrap_or_default())
    }

    /// One past the last frame whose mask an event's evidence depends on.
    pub(super) fn needed_end(&self, detection: &Detection) -> u64 {
        let geometry = self.ears.history.geometry();
        let clip = self.clip_span(detection);
        let peak = geometry.span(&geometry.segment(detection.peak_end));
        geometry.frames_touching(&(clip.start as i64..clip.end as i64)).end.max(geometry.frames_touching(&peak).end)
    }

    /// Samples from pre-roll to post-roll.
    fn clip_span(&self, detection: &Detection) -> Range<u64> {
        let rate = self.params.clock.sample_rate;
        let (onset, offset) = (self.sample(detection.onset), self.sample(detection.offset));
        onset.saturating_sub(rate.samples(self.params.pre_roll_secs))..offset + rate.samples(self.params.post_roll_secs)
    }

    /// The sample that frame `t` is centred on.
    pub(super) fn sample(&self, t: u64) -> u64 {
        self.ears.history.geometry().centre(t as i64).unsigned_abs()
    }

    /// Reports an event of which all is known, where it is wanted.
    pub(super) fn hand_over(
        &mut self,
        inference: &mut Inference,
        detection: &Detection,
        events: &mut Vec<EventReport>,
    ) -> Result<()> {
        let rate = self.params.clock.sample_rate;
        let mut span = self.clip_span(detection);
        span.end = span.end.min(self.n_samples);
        let onset = self.sample(detection.onset);
        // Where a longer pre-roll was asked for a moment ago, it may not be there yet.
        span.start = span.start.max(self.ears.history.samples().first().min(onset));
        let offset = self.sample(detection.offset).min(self.n_samples);
        if offset <= onset {
            // Only in the silence behind the end, where there is nothing to hear.
            return Ok(());
        }
        let known = self.begun.open.remove(&(detection.class, detection.onset));
        let Some(mut handling) = self.handling(detection.class, self.origin.plus(onset)) else {
            tracing::debug!("an event of {} fell into quiet hours and is not reported", self.label(detection.class));
            self.detector.not_reported(detection.class, Reason::Quiet);
            return Ok(());
        };
        if let Some(why) = self.outdone(detection) {
            tracing::debug!("an event of {} is not reported: {why}", self.label(detection.class));
            self.detector.not_reported(detection.class, why);
            return Ok(());
        }
        self.told.push(detection.clone());
        self.explain_late(inference, detection, &span)?;
        handling.record = self.without_speech(handling.record, &span);
        let mut evidence = self.clips.evidence(&self.ears.history, inference, detection, &span)?;
        evidence.clip.start = self.origin.plus(evidence.clip.start.0);
        let (onset, offset) = (self.origin.plus(onset), self.origin.plus(offset));
        let label = self.label(detection.class);
        let sure = self.sample(detection.sure_end);
        let of_model = self.ears.history.is_of_model(detection.class);
        let event = Event {
            id: known.unwrap_or_else(|| self.begun.ids.next(self.params.clock.wall(onset))),
            label,
            class: detection.class,
            score: detection.score,
            onset,
            offset,
            in_file: self.in_file(onset),
            source: self.params.source.clone(),
            model: self.params.model.clone(),
            method: if of_model { self.method() } else { LEVEL }.to_owned(),
            components: evidence.components,
            faithfulness: evidence.faithfulness,
            explanation: Explained::Done,
            latency_secs: rate.secs(self.origin.plus(sure).since(onset)),
            lag_secs: self.lag_secs(detection.sure_end),
            level_dbfs: (!of_model).then(|| score_level(detection.score)),
            handling,
            clock: self.params.clock,
        };
        events.push(EventReport { event, clip: evidence.clip });
        Ok(())
    }

    /// How far behind the capture the stride came whose segment ends at frame `end`.
    fn lag_secs(&self, end: u64) -> f64 {
        self.ears.history.strides().iter().find(|stride| stride.end == end).map_or(0.0, |stride| stride.lag_secs)
    }

    /// Classifies and explains the segments that an event's evidence rests on, where that was not done at their stride.
    fn explain_late(&mut self, inference: &mut Inference, detection: &Detection, clip: &Range<u64>) -> Result<()> {
        if !inference.can_explain() || !self.ears.history.is_of_model(detection.class) {
            return Ok(());
        }
        let history = &mut self.ears.history;
        let geometry = *history.geometry();
        let peak = geometry.span(&geometry.segment(detection.peak_end));
        let mut ends = vec![detection.peak_end];
        for samples in [clip.start as i64..clip.end as i64, peak] {
            let frames = history.clamp_frames(&geometry.frames_touching(&samples));
            let of = |t: u64| history.stride_for(t);
            if let (Some(first), Some(last)) = (of(frames.start), of(frames.end.saturating_sub(1))) {
                // The first one's mask fades in from the one before.
                ends.extend(history.strides().range(first.saturating_sub(1)..=last).map(|stride| stride.end));
            }
        }
        let unexplained = |end: &u64| {
            let stride = history.strides().iter().find(|stride| stride.end == *end);
            stride.is_some_and(|s| {
                let prob = s.probs.get(detection.class.0).copied().unwrap_or(0.0);
                let matters = *end == detection.peak_end || history.decided(detection.class, prob);
                s.explanation.is_none() && (matters || !s.classified)
            })
        };
        ends.retain(unexplained);
        ends.sort_unstable();
        ends.dedup();
        for end in ends {
            let classified = classify(inference, history, end)?;
            let explanation = explain(inference, history, end, &classified)?;
            history.complete(end, classified.probs, explanation);
        }
        Ok(())
    }
}
