//! What the worker tells the outside: events, onsets and reasons as they come, a status every second and where something
//! turned, a snapshot for the screen.

use crossbeam::channel::TrySendError;

use super::input::{Ended, Input};
use super::input_status::OfWorker;
use super::outside::{Outside, SNAPSHOT_EVERY};
use super::report::{EventReport, Explained, Report, StopReport};
use super::worker::Worker;
use crate::{Error, Result};

impl Worker {
    pub(super) fn stop_report(&self, input: &Input) -> StopReport {
        StopReport {
            source: input.pipeline.params().source.clone(),
            position: input.pipeline.position(),
            clock: input.pipeline.params().clock,
            reason: match &input.ended {
                Some(Ended::Well(reason)) => (*reason).to_owned(),
                Some(Ended::Broken(sentence)) => sentence.clone(),
                None => String::new(),
            },
            totals: input.totals(),
            busy_secs: self.gauge.busy_secs() - input.before.busy_secs,
            wall_secs: self.gauge.wall_secs() - input.before.wall_secs,
        }
    }

    pub(super) fn report_onsets(&mut self, outside: &Outside<'_>) -> Result<()> {
        let onsets: Vec<_> = self.inputs.iter_mut().flat_map(|input| input.pipeline.take_onsets()).collect();
        if self.options.onsets {
            for onset in onsets {
                self.send(outside, Report::Onset(onset))?;
            }
        }
        Ok(())
    }

    pub(super) fn report_reasons(&mut self, outside: &Outside<'_>) -> Result<()> {
        let reasons: Vec<_> = self.inputs.iter_mut().flat_map(|input| input.pipeline.take_reasons()).collect();
        if self.options.reasons {
            for reason in reasons {
                self.send(outside, Report::Reason(reason))?;
            }
        }
        Ok(())
    }

    pub(super) fn report(&mut self, index: usize, events: Vec<EventReport>, outside: &Outside<'_>) -> Result<()> {
        for mut event in events {
            self.inputs[index].events += 1;
            if self.explainer.is_some() && self.inputs[index].pipeline.history().is_of_model(event.event.class) {
                event.postpone_explanation();
            }
            self.gauge.event(&event.event);
            if event.event.explanation != Explained::Pending {
                self.send(outside, Report::Event(Box::new(event)))?;
                continue;
            }
            self.send(outside, Report::Event(Box::new(event.clone())))?;
            if let Some(explainer) = &mut self.explainer
                && let Some(given_up) = explainer.push(event, self.options.fast)
            {
                self.explained(given_up, outside)?;
            }
        }
        Ok(())
    }

    /// The levels that an input has measured since they were reported last.
    pub(super) fn report_levels(&mut self, index: usize, outside: &Outside<'_>) -> Result<()> {
        match self.inputs[index].take_levels() {
            Some(levels) => self.send(outside, Report::Levels(levels)),
            None => Ok(()),
        }
    }

    /// Status and snapshot, where they are due.
    pub(super) fn tell(&mut self, outside: &Outside<'_>) -> Result<()> {
        self.turn_listening();
        self.hand_sound_over();
        let of_worker = OfWorker {
            load: self.gauge.load(),
            latency: self.gauge.latency(),
            shed: self.shed_words(),
            device: self.inference.device_name().to_owned(),
            trouble: self.inference.fell_back().map(str::to_owned),
        };
        let may_tell = self.gauge.a_second_since_told();
        for index in 0..self.inputs.len() {
            let input = &mut self.inputs[index];
            if input.ended.is_some() {
                continue;
            }
            let totals = input.totals();
            let lost =
                (totals.dropped_samples, totals.xruns) != (input.last_status.dropped_samples, input.last_status.xruns);
            let channels = input.look_after_channels();
            let turned = input.look_after_health();
            input.say(channels.as_deref(), turned);
            if input.status_due() || turned || channels.is_some() || (lost && may_tell) {
                input.last_status = totals;
                let mut report = input.status(&of_worker);
                if self.options.fast {
                    // What waits, waits for us by design.
                    report.lag_secs = 0.0;
                }
                self.gauge.told();
                self.send(outside, Report::Status(report))?;
                self.report_levels(index, outside)?;
            }
        }
        if self.options.snapshots && self.gauge.snapshot_due(SNAPSHOT_EVERY) {
            self.publish(outside);
        }
        self.publish_watched(outside);
        Ok(())
    }

    pub(super) fn send(&mut self, outside: &Outside<'_>, report: Report) -> Result<()> {
        let gone = || Error::output("the recorder has ended, so events have nowhere to go; see what it said before");
        match outside.reports.try_send(report) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
            Err(TrySendError::Full(report)) => {
                if !self.options.fast && !std::mem::replace(&mut self.warned_slow, true) {
                    tracing::warn!("events are written more slowly than they come; waiting for the recorder");
                }
                outside.reports.send(report).map_err(|_| gone())
            }
        }
    }
}
