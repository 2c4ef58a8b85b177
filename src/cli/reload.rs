//! SIGHUP for a monitor without a screen: reads the settings again, and applies what can be applied while it listens.
//!
//! Flags and variables still come first. A file that cannot be used changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::outside::Outside;
use super::settings::SettingsArgs;
use super::{Globals, logging, privacy};
use crate::config::{Config, Loaded, RecordConfig};
use crate::engine::controls::{Change, Controls, Settings};
use crate::error::{Error, Result};
use crate::model::manifest::Label;
use crate::record::{FolderOptions, Limits, RecorderHandle, StoreOptions};

/// What takes effect while a monitor listens: sections, and single keys.
const LIVE: &[&str] = &[
    "detector.",
    "quiet.",
    "groups.",
    "class.",
    "monitor.onsets",
    "monitor.reasons",
    "record.clips",
    "record.no_audio",
    "record.speech",
    "record.private",
    "record.max_bytes",
    "record.max_age_days",
    "record.min_free_bytes",
    "mqtt.",
    "webhook",
    "exec",
    "log.level",
];

/// What a running monitor is told when its settings have been read again.
pub(super) struct Reload<'a> {
    asked: Arc<AtomicBool>,
    flags: &'a SettingsArgs,
    globals: &'a Globals,
    /// What is in effect now.
    running: Config,
    model: String,
    labels: Vec<Label>,
    controls: Arc<Controls>,
    recorder: &'a RecorderHandle,
}

impl<'a> Reload<'a> {
    /// Waits for SIGHUP from here on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] where signals cannot be watched.
    pub(super) fn watch(
        flags: &'a SettingsArgs,
        globals: &'a Globals,
        running: Config,
        (model, labels): (String, Vec<Label>),
        controls: Arc<Controls>,
        recorder: &'a RecorderHandle,
    ) -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&asked))
            .map_err(|e| Error::bug(format!("signals cannot be watched ({e}); please report this")))?;
        Ok(Self { asked, flags, globals, running, model, labels, controls, recorder })
    }

    /// Reads the settings again if that was asked for, and says what came of it.
    pub(super) fn look(&mut self, outside: &Outside) {
        if !self.asked.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Err(e) = self.read(outside) {
            tracing::error!("the settings were not read again, and nothing has changed: {e}");
        }
    }

    fn read(&mut self, outside: &Outside) -> Result<()> {
        let loaded = self.globals.loaded(self.flags.layer())?;
        // Everything that can be wrong is found before anything is changed.
        let mut settings = settings(&loaded, &self.model, &self.labels)?;
        let sinks = loaded.config.sinks(&loaded.config.sink_surroundings(&self.model, &self.labels))?;
        settings.onsets |= sinks.wants_onsets();
        let changes = self.running.changes(&loaded.config)?;
        let is_live = |key: &&String| LIVE.iter().any(|live| key.starts_with(live));
        let (applied, later): (Vec<&String>, Vec<&String>) = changes.iter().partition(is_live);
        outside.reconfigure(&loaded.config, &sinks)?;
        self.controls.change(Change::Settings(Box::new(settings)));
        privacy::warn(&loaded.config, &self.model, &self.labels);
        self.recorder.reconfigure(store_options(&loaded.config, &self.model, &self.labels));
        logging::set_level(loaded.config.log.level);
        self.adopt(loaded.config);
        if applied.is_empty() {
            tracing::info!("the settings were read again; nothing that can be applied now has changed");
        } else {
            tracing::info!("the settings were read again and applied: {}", list(&applied));
        }
        if !later.is_empty() {
            tracing::warn!("these settings have changed and take effect after a restart: {}", list(&later));
        }
        Ok(())
    }

    /// What was applied is in effect; the rest stays as it was.
    fn adopt(&mut self, new: Config) {
        let running = &mut self.running;
        running.detector = new.detector;
        running.quiet = new.quiet;
        running.groups = new.groups;
        running.class = new.class;
        running.record = RecordConfig { dir: std::mem::take(&mut running.record.dir), ..new.record };
        (running.mqtt, running.webhook, running.exec) = (new.mqtt, new.webhook, new.exec);
        (running.monitor.onsets, running.monitor.reasons) = (new.monitor.onsets, new.monitor.reasons);
        running.log.level = new.log.level;
    }
}

/// How events of a model of these labels are recorded, as far as it can change while a monitor runs.
pub(super) fn store_options(config: &Config, model: &str, labels: &[Label]) -> StoreOptions {
    let record = &config.record;
    StoreOptions {
        folders: FolderOptions {
            time_zone: None,
            clips: record.clips,
            no_audio: privacy::no_audio(config, model, labels),
            private: record.private,
        },
        limits: Limits {
            max_bytes: record.max_bytes.bytes(),
            max_share: record.max_bytes.percent(),
            max_age_days: record.max_age_days,
            min_free_bytes: record.min_free_bytes.0,
        },
    }
}

/// What the worker goes by, for a model of these labels.
///
/// # Errors
/// As [`Loaded::detector`].
pub(super) fn settings(loaded: &Loaded, model: &str, labels: &[Label]) -> Result<Settings> {
    let config = &loaded.config;
    Ok(Settings {
        detector: loaded.detector(model, labels)?,
        pre_roll_secs: config.detector.pre_roll_secs,
        post_roll_secs: config.detector.post_roll_secs,
        onsets: config.monitor.onsets,
        reasons: config.monitor.reasons,
    })
}

fn list(keys: &[&String]) -> String {
    keys.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ")
}
