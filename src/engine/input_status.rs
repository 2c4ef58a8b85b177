//! The status of one input: its counters, its state, and its line in a list.

use super::input::Input;
use super::report::{Latency, StatusReport, Totals};
use super::snapshot::InputSummary;

/// The part of a status that describes the whole worker.
pub(super) struct OfWorker {
    pub(super) load: f64,
    pub(super) latency: Option<Latency>,
    pub(super) shed: &'static [&'static str],
    pub(super) device: String,
    /// Why it is not the device that was asked for.
    pub(super) trouble: Option<String>,
}

impl Input {
    /// As a list of inputs shows it.
    pub(super) fn summary(&self) -> InputSummary {
        let level = self.level();
        InputSummary {
            source: self.pipeline.params().source.clone(),
            level_dbfs: level.rms_dbfs,
            peak_dbfs: level.peak_dbfs,
            health: self.health,
            phase: self.phase(),
            open: self.pipeline.open_events(),
            totals: self.totals(),
        }
    }

    /// Counters since the stream began.
    pub(super) fn totals(&self) -> Totals {
        let account = self.capture.account();
        // What a source has read ahead of an end that was asked for is no part of the stream.
        let waiting = if self.ended.is_some() { 0 } else { account.pending };
        Totals {
            captured_samples: account.captured - (account.pending - waiting),
            analysed_samples: self.analysed,
            dropped_samples: account.dropped,
            waiting_samples: waiting,
            away_samples: self.capture.away(),
            xruns: account.xruns,
            invalid_samples: account.invalid,
            events: self.events,
            shed_strides: self.pipeline.n_shed(),
        }
    }

    /// The status as it is now.
    pub(super) fn status(&self, of_worker: &OfWorker) -> StatusReport {
        let params = self.pipeline.params();
        StatusReport {
            source: params.source.clone(),
            position: self.pipeline.position(),
            clock: params.clock,
            level_dbfs: self.pipeline.level(self.pipeline.stride_secs()).rms_dbfs,
            load: of_worker.load,
            totals: self.totals(),
            lag_secs: self.lag_secs(),
            latency: of_worker.latency,
            health: self.health,
            trouble: self.trouble.clone().or_else(|| of_worker.trouble.clone()),
            shed: of_worker.shed,
            device: of_worker.device.clone(),
        }
    }
}
