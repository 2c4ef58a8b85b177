//! The config file.

use std::path::{Path, PathBuf};

use super::settings::{Config, ConfigLayer};
use crate::checked_file::{self, Links};
use crate::error::{Error, ErrorKind, Result};
use crate::toml_text::{BadValue, TomlText};

/// Longest settings file, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// A config file that was read.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    name: String,
    text: String,
}

/// Where the config file lies if no other is named: `~/.config/earwitness/config.toml` (following
/// `XDG_CONFIG_HOME`); `None` for a user without a home.
#[must_use]
pub fn standard_path() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "earwitness").map(|dirs| dirs.config_dir().join("config.toml"))
}

impl ConfigFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if it cannot be read as text.
    pub fn read(path: &Path) -> Result<Self> {
        let text = checked_file::read_text(path, Links::Follow, MAX_BYTES).map_err(|e| {
            Error::usage(format!(
                "the config file {} cannot be read ({e}); name another with --config, or make one with \
                 `earwitness config init`",
                path.display()
            ))
            .with_source(e)
        })?;
        Ok(Self::from_text(path.display().to_string(), text))
    }

    /// A file's text; `name` is what errors call it.
    #[must_use]
    pub const fn from_text(name: String, text: String) -> Self {
        Self { name, text }
    }

    /// The settings it gives, unchecked but of the right types.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] naming line, key, value and remedy.
    pub fn layer(&self) -> Result<ConfigLayer> {
        self.source().parse()
    }

    /// Its settings on the defaults, checked.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] naming line, key, value and remedy.
    pub fn config(&self) -> Result<Config> {
        let mut config = Config::default();
        self.layer()?.put_onto(&mut config);
        config.problem().map_or(Ok(config), |bad| Err(self.value_error(&bad)))
    }

    /// The sentence for a value that cannot be used.
    pub(super) fn value_error(&self, bad: &BadValue) -> Error {
        self.source().value_error(bad)
    }

    fn source(&self) -> TomlText<'_> {
        TomlText { name: &self.name, text: &self.text, kind: ErrorKind::Usage }
    }
}
