//! The settings of a run, and the file that some of them come from.

use std::path::Path;

use super::file::{ConfigFile, standard_path};
use super::settings::{Config, ConfigLayer};
use crate::engine::detector::DetectorParams;
use crate::error::{Error, Result};
use crate::model::manifest::Label;
use crate::toml_text::BadValue;

/// Settings and their file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, checked as far as that goes without a model.
    pub config: Config,
    file: Option<ConfigFile>,
}

impl Loaded {
    /// The settings of a run: the defaults, under the file (`file`, or the standard one if there is one), under
    /// `given` (variables and flags).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`]: a file that cannot be read, is not right TOML, or sets something impossible
    /// (naming line, key, value and remedy); a combination of flags and file that is impossible.
    pub fn read(file: Option<&Path>, given: ConfigLayer) -> Result<Self> {
        let file = match file {
            Some(path) => Some(ConfigFile::read(path)?),
            None => standard_path().filter(|p| p.is_file()).map(|path| ConfigFile::read(&path)).transpose()?,
        };
        let mut config = file.as_ref().map_or_else(|| Ok(Config::default()), ConfigFile::config)?;
        given.put_onto(&mut config);
        match config.problem() {
            None => Ok(Self { config, file }),
            Some(bad) => Err(of_flags(&bad)),
        }
    }

    /// The settings of a file alone.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_file(file: ConfigFile) -> Result<Self> {
        Ok(Self { config: file.config()?, file: Some(file) })
    }

    /// When scores become an event, for a model of these labels.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], naming the setting that speaks of a label or group which does not exist (with its line,
    /// where the file has it), and those that do.
    pub fn detector(&self, model: &str, labels: &[Label]) -> Result<DetectorParams> {
        self.config.detector(model, labels).map_err(|bad| {
            let of_file = self.file.as_ref().and_then(|file| {
                let same = file.config().ok()?.detector(model, labels).err()? == bad;
                same.then(|| file.value_error(&bad))
            });
            of_file.unwrap_or_else(|| of_flags(&bad))
        })
    }
}

/// The sentence for what flags and variables make impossible.
fn of_flags(bad: &BadValue) -> Error {
    Error::usage(format!(
        "with the flags and EARWITNESS_* variables given, {} = {} cannot be used; {}",
        bad.key, bad.value, bad.remedy
    ))
}

impl Config {
    /// As [`Loaded::read`], without the file.
    ///
    /// # Errors
    /// As [`Loaded::read`].
    pub fn load(file: Option<&Path>, given: ConfigLayer) -> Result<Self> {
        Loaded::read(file, given).map(|loaded| loaded.config)
    }
}
