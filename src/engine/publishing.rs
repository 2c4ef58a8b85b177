//! What a screen is shown of a worker, and what it may turn.

use std::sync::Arc;

use super::controls::TakenSound;
use super::outside::Outside;
use super::report::Totals;
use super::snapshot::{ListenSummary, Snapshot};
use super::worker::Worker;
use crate::units::SamplePos;

/// Longest sound that is handed to a person who asks for the last seconds, in seconds.
const TAKEN_SECS: f64 = 5.0;

impl Worker {
    /// Shows the state as it is now, of the input that is looked at; nothing before one is open.
    pub(super) fn publish(&self, outside: &Outside<'_>) {
        if let Some(snapshot) = self.snapshot(self.controls.focus()) {
            outside.slot.publish(snapshot);
        }
    }

    /// The state as it is now, of the input of that index, or of the last; none before one is open.
    pub(super) fn snapshot(&self, index: usize) -> Option<Snapshot> {
        let focus = index.min(self.inputs.len().checked_sub(1)?);
        let input = self.inputs.get(focus)?;
        let pipeline = &input.pipeline;
        let params = pipeline.params();
        let level = input.level();
        let summaries = self.summaries();
        Some(Snapshot {
            source: params.source.clone(),
            model: params.model.name.clone(),
            method: pipeline.method().to_owned(),
            position: pipeline.position(),
            clock: params.clock,
            level_dbfs: level.rms_dbfs,
            peak_dbfs: level.peak_dbfs,
            classes: pipeline.class_states(),
            explained: pipeline.explained(),
            components: pipeline.components(),
            waterfall: Arc::new(pipeline.waterfall()),
            events: self.gauge.newest_events(),
            load: self.gauge.load(),
            lag_secs: if self.options.fast || input.ended.is_some() { 0.0 } else { input.lag_secs() },
            latency: self.gauge.latency(),
            totals: summaries.get(focus).map_or_else(Totals::default, |summary| summary.totals),
            shed: self.shed_words(),
            health: input.health,
            trouble: input.trouble.clone().or_else(|| self.inference.fell_back().map(str::to_owned)),
            inputs: summaries,
            focus,
            listen: self.listening(),
            device: self.inference.device_name().to_owned(),
            record_dir: self.options.record_dir.clone(),
            // The slot knows.
            recording_fails: None,
            phase: input.phase(),
        })
    }

    /// A screen may have asked for something else to be played.
    pub(super) fn turn_listening(&mut self) {
        let Some(live) = &self.live else { return };
        let control = live.listener.push().control();
        for _ in 0..self.controls.take_listen_steps() {
            control.set_mode(control.mode().next());
        }
    }

    /// A person may have asked for the last seconds of the input that is shown.
    pub(super) fn hand_sound_over(&self) {
        if !self.controls.take_asked() {
            return;
        }
        let focus = self.controls.focus().min(self.inputs.len().saturating_sub(1));
        let Some(input) = self.inputs.get(focus) else { return };
        let (samples, clock) = (input.pipeline.history().samples(), input.pipeline.params().clock);
        let end = samples.end();
        let held = samples.clamp(end.saturating_sub(clock.sample_rate.samples(TAKEN_SECS))..end);
        if held.is_empty() {
            // Nothing was heard yet; what comes first is handed over.
            self.controls.take_sound();
        } else if let Some(taken) = samples.slice(held.clone()) {
            let (samples, from) = (taken.to_vec(), SamplePos(held.start));
            self.controls.hand_over(TakenSound { samples, from, clock });
        }
    }

    /// What is played live, for screens.
    pub(super) fn listening(&self) -> Option<ListenSummary> {
        let live = self.live.as_ref()?;
        let control = live.listener.push().control();
        Some(ListenSummary {
            output: live.output.clone(),
            mode: control.mode().as_str(),
            delay_secs: live.delay_secs,
            underruns: control.underruns(),
            trouble: (live.trouble)(),
        })
    }
}
