//! The figures for Prometheus: kept from the reports that pass by, and written when someone asks. The worker is never asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::hub::SinkWatch;
use crate::engine::report::{ModelRef, Report, StatusReport, Totals};
use crate::record::relay::Aside;
use crate::record::store::RecordingState;
use crate::record::{Relay, SinkState};
use crate::units::SecondLevels;

/// What is known of an input.
#[derive(Debug, Clone, Default)]
pub(super) struct InputFigures {
    pub(super) running: bool,
    pub(super) rate_hz: u32,
    pub(super) totals: Totals,
    pub(super) status: Option<StatusReport>,
    /// When the newest report came.
    pub(super) told: f64,
    pub(super) n_troubles: u64,
    /// Of the newest second, where levels are measured.
    pub(super) levels: Option<SecondLevels>,
}

/// What reports have told so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) model: Option<ModelRef>,
    pub(super) inputs: BTreeMap<String, InputFigures>,
    /// Events by source and label.
    pub(super) events: BTreeMap<(String, String), u64>,
    /// Events whose folder was written.
    pub(super) recorded: u64,
    /// How recording goes, where events are recorded.
    pub(super) recording: Option<RecordingState>,
}

/// All figures. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    heard: Arc<Mutex<Heard>>,
    sinks: SinkWatch,
    /// When the program started, in seconds since 1970.
    pub(super) started: f64,
}

impl Metrics {
    /// Figures from now on.
    #[must_use]
    pub fn new(sinks: SinkWatch) -> Self {
        Self { heard: Arc::default(), sinks, started: now() }
    }

    /// Where the recorder hands its reports over; never blocks.
    #[must_use]
    pub fn relay(&self) -> Box<dyn Relay> {
        Box::new(self.clone())
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sinks(&self) -> Vec<SinkState> {
        self.sinks.states()
    }
}

impl Relay for Metrics {
    fn pass(&mut self, report: &Report, aside: &Aside<'_>) {
        let mut heard = self.heard();
        match report {
            Report::Start(start) => {
                heard.model = Some(start.model.clone());
                let input = heard.input(&start.source);
                (input.running, input.rate_hz) = (true, start.input_rate.hz());
            }
            Report::Onset(_) | Report::Reason(_) | Report::Explained(_) => {}
            Report::Levels(levels) => {
                heard.input(&levels.source).levels = levels.seconds.last().map(|last| last.levels)
            }
            Report::Event(event) => {
                let event = &event.event;
                *heard.events.entry((event.source.clone(), event.label.clone())).or_default() += 1;
            }
            Report::Status(status) => {
                heard.recorded = aside.recording.map_or(0, |recording| recording.recorded);
                heard.recording = aside.recording.cloned();
                let input = heard.input(&status.source);
                let before = input.status.as_ref().and_then(|before| before.trouble.as_ref());
                input.n_troubles += u64::from(before.is_none() && status.trouble.is_some());
                input.totals = status.totals;
                input.status = Some(status.clone());
            }
            Report::Stop(stop) => {
                let input = heard.input(&stop.source);
                (input.running, input.totals) = (false, stop.totals);
            }
        }
    }
}

impl Heard {
    fn input(&mut self, source: &str) -> &mut InputFigures {
        let input = self.inputs.entry(source.to_owned()).or_default();
        input.told = now();
        input
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
