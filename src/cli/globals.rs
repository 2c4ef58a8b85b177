//! Flags that every command takes.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Args;

use super::parse::word;
use super::{logging, output};
use crate::config::{Config, ConfigLayer, Loaded, LogLevel, LogTo, standard_path};
use crate::error::Result;
use crate::model::learned::Versions;
use crate::model::own_label::OwnLabels;
use crate::model::package::{Package, find_model};

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "General")]
pub struct Globals {
    /// Settings file to use instead of the standard one
    #[arg(long, global = true, value_name = "FILE", env = "EARWITNESS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the labels of your own that `earwitness enroll` learned [default: labels beside the settings file]
    #[arg(long, global = true, value_name = "DIR", env = "EARWITNESS_LABELS")]
    pub labels: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug or trace [default: warn]
    #[arg(long, global = true, value_name = "LEVEL", env = "EARWITNESS_LOG_LEVEL", value_parser = word::<LogLevel>(LogLevel::WORDS), hide_possible_values = true)]
    pub log_level: Option<LogLevel>,
    /// Where to log to: stderr, journald, file, or auto, what fits [default: auto]
    #[arg(long, global = true, value_name = "WHERE", env = "EARWITNESS_LOG_TO", value_parser = word::<LogTo>(LogTo::WORDS), hide_possible_values = true)]
    pub log_to: Option<LogTo>,
    /// File to append the log to, instead of stderr
    #[arg(long, global = true, value_name = "FILE", env = "EARWITNESS_LOG_FILE")]
    pub log_file: Option<OsString>,
}

impl Globals {
    /// The settings of a run: defaults, settings file, then `given` and these flags. `given` is what the command's own
    /// variables and flags say.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn settings(&self, given: ConfigLayer) -> Result<Config> {
        self.loaded(given).map(|loaded| loaded.config)
    }

    /// The same, with the file that they come from.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(super) fn loaded(&self, mut given: ConfigLayer) -> Result<Loaded> {
        given.log.level = self.log_level;
        given.log.to = self.log_to;
        given.log.file = self.log_file.clone().map(Into::into);
        Loaded::read(self.config.as_deref(), given)
    }

    /// The folder of the user's own labels; `None` for a user without a home.
    pub(super) fn labels_dir(&self) -> Option<PathBuf> {
        let beside = || Some(self.config.clone().or_else(standard_path)?.parent()?.join("labels"));
        self.labels.clone().or_else(beside)
    }

    /// The package that `model` names, with the labels of the user's own that were learned on it, and what marks have taught
    /// it. A note names what was learned on an earlier version of it.
    pub(super) fn open_model(&self, model: impl AsRef<OsStr>) -> Result<Package> {
        let (package, network) = self.open_untaught(model)?;
        let Some(dir) = self.labels_dir() else { return Ok(package) };
        let Some(learned) = Versions::open(&dir, &package.manifest().name)?.newest()? else { return Ok(package) };
        let (package, left_out) = package.with_learned(&learned, &network)?;
        left_out.iter().for_each(|sentence| output::note(sentence));
        Ok(package)
    }

    /// As [`Self::open_model`], without what marks have taught; and the name of its network.
    pub(super) fn open_untaught(&self, model: impl AsRef<OsStr>) -> Result<(Package, String)> {
        let package = Package::open(&find_model(model)?)?;
        let network = package.network_sha256()?;
        let Some(dir) = self.labels_dir() else { return Ok((package, network)) };
        let attached = package.with_own_labels(OwnLabels::read(&dir)?.labels())?;
        attached.left_out.iter().for_each(|sentence| output::note(sentence));
        Ok((attached.package, network))
    }

    /// Starts the log of a command that reads no settings file.
    pub(super) fn start_log(&self) -> Result<()> {
        let mut given = ConfigLayer::default();
        given.log.level = self.log_level;
        given.log.to = self.log_to;
        given.log.file = self.log_file.clone().map(Into::into);
        let mut config = Config::default();
        given.put_onto(&mut config);
        logging::start(&config.log, false)
    }
}
