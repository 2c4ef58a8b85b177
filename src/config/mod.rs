//! Configuration: built-in defaults, under a strict TOML file, under `EARWITNESS_*` variables, under flags.
//!
//! Three steps: a file is read strictly into a [`ConfigLayer`]; layers are put onto the defaults; [`Config`] is
//! checked as a whole. Variables and flags arrive as one layer from the command line.

mod check;
mod check_sinks;
mod file;
mod render;
mod settings;
mod values;

pub use file::{ConfigFile, standard_path};
pub use settings::{
    Config, ConfigLayer, DetectorConfig, DetectorLayer, ExecConfig, ExecLayer, InputConfig, InputLayer, LogConfig,
    LogLayer, MetricsConfig, MetricsLayer, MonitorConfig, MonitorLayer, MqttConfig, MqttLayer, RecordConfig,
    RecordLayer, SinkSurroundings, UiConfig, UiLayer, WebhookConfig, WebhookLayer,
};
pub use values::{ColorMode, LogLevel, LogTo, METHODS, TellWhen, UiMode};

use std::path::Path;

use crate::error::{Error, Result};

impl Config {
    /// The settings of a run: the defaults, under the file (`file`, or the standard one if there is one), under
    /// `given` (variables and flags).
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`]: a file that cannot be read, is not right TOML, or sets something impossible
    /// (naming line, key, value and remedy); a combination of flags and file that is impossible.
    pub fn load(file: Option<&Path>, given: ConfigLayer) -> Result<Self> {
        let mut config = match file {
            Some(path) => ConfigFile::read(path)?.config()?,
            None => match standard_path().filter(|p| p.is_file()) {
                Some(path) => ConfigFile::read(&path)?.config()?,
                None => Self::default(),
            },
        };
        given.put_onto(&mut config);
        match config.problem() {
            None => Ok(config),
            Some(bad) => Err(Error::usage(format!(
                "with the flags and EARWITNESS_* variables given, {} = {} cannot be used; {}",
                bad.key, bad.value, bad.remedy
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
