//! Who is told besides folders, lines and screen: sinks, Prometheus, the service manager.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::service::Service;
use super::yesterday;
use crate::config::Config;
use crate::engine::progress::Progress;
use crate::error::Result;
use crate::record::Relay;
use crate::sinks::{Metrics, Sinks, SinksOptions};

/// How long the program's end waits for sinks that have something to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of them, running.
pub(super) struct Outside {
    sinks: Sinks,
    metrics: Option<Metrics>,
    service: Option<Service>,
    onset_lines: Arc<AtomicBool>,
}

impl Outside {
    /// Starts them. Whoever cannot be reached now is tried again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for what cannot be used, [`crate::ErrorKind::Output`] where the address for Prometheus is
    /// taken.
    pub(super) fn start(config: &Config, options: &SinksOptions, progress: Arc<Progress>) -> Result<Self> {
        let sinks = Sinks::start(options)?;
        let mut metrics = None;
        if !config.metrics.listen.is_empty() {
            let figures = Metrics::new(sinks.watch());
            figures.serve(&config.metrics.listen)?;
            metrics = Some(figures);
        }
        let watch = sinks.watch();
        let onset_lines = Arc::new(AtomicBool::new(config.monitor.onsets));
        Ok(Self { sinks, metrics, service: Service::start(progress, watch), onset_lines })
    }

    /// Sends what each day in `dir` was like, once it is over.
    ///
    /// # Errors
    /// As [`yesterday::watch`].
    pub(super) fn summarise_days(&self, dir: &Path) -> Result<()> {
        yesterday::watch(dir.to_path_buf(), self.sinks.clone())
    }

    /// Who listens to the recorder.
    pub(super) fn relays(&self) -> Vec<Box<dyn Relay>> {
        let metrics = self.metrics.iter().map(Metrics::relay);
        let service = self.service.iter().map(Service::relay);
        std::iter::once(self.sinks.relay()).chain(metrics).chain(service).collect()
    }

    /// Whether lines of type `onset` are wanted; the sinks may want these reports where no one wants the lines.
    pub(super) fn onset_lines(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.onset_lines)
    }

    /// Takes other settings: `options` for the sinks, of which those that did not change go on. What cannot be had leaves
    /// all as it was. The address for Prometheus stays.
    ///
    /// # Errors
    /// As [`Outside::start`].
    pub(super) fn reconfigure(&self, config: &Config, options: &SinksOptions) -> Result<()> {
        self.sinks.reconfigure(options)?;
        self.onset_lines.store(config.monitor.onsets, Ordering::Relaxed);
        Ok(())
    }

    /// The monitor has been told to end.
    pub(super) fn stopping(&mut self) {
        if let Some(service) = self.service.take() {
            service.stopping();
        }
    }

    /// Tells what waits, for a few seconds at most.
    pub(super) fn finish(self) {
        self.sinks.finish(PATIENCE);
    }
}
