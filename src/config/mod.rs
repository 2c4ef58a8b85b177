//! Configuration: built-in defaults, under a strict TOML file, under `EARWITNESS_*` variables, under flags.
//!
//! Three steps: a file is read strictly into a [`ConfigLayer`]; layers are put onto the defaults; [`Config`] is
//! checked as a whole. Variables and flags arrive as one layer from the command line.

mod changes;
mod check;
mod check_classes;
mod detector;
mod file;
mod loaded;
mod render;
mod settings;
mod values;

pub use file::{ConfigFile, standard_path};
pub use loaded::Loaded;
pub use settings::{
    ClassConfig, Classes, Config, ConfigLayer, DetectorConfig, DetectorLayer, Groups, InputConfig, InputLayer,
    LogConfig, LogLayer, MonitorConfig, MonitorLayer, QuietConfig, QuietLayer, RecordConfig, RecordLayer, UiConfig,
    UiLayer,
};
pub use values::{ByteSize, ColorMode, KeepMode, LogLevel, METHODS, QuietMode, ThemeChoice, UiMode};

#[cfg(test)]
mod tests;
