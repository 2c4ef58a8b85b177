//! Configuration: built-in defaults, under a strict TOML file, under `EARWITNESS_*` variables, under flags.
//!
//! Three steps: a file is read strictly into a [`ConfigLayer`]; layers are put onto the defaults; [`Config`] is
//! checked as a whole. Variables and flags arrive as one layer from the command line.

mod bytes;
mod changes;
mod check;
mod check_classes;
mod check_sinks;
mod detector;
mod file;
mod loaded;
mod names;
mod os_text;
mod render;
mod settings;
mod values;

pub use bytes::{ByteSize, SpaceLimit};
pub use file::{ConfigFile, MAX_BYTES as MAX_SETTINGS_BYTES, standard_path};
pub use loaded::Loaded;
pub use os_text::OsText;
pub use settings::{
    ClassConfig, Classes, Config, ConfigLayer, DetectorConfig, DetectorLayer, ExecConfig, ExecLayer, Groups,
    InputConfig, InputLayer, LogConfig, LogLayer, MetricsConfig, MetricsLayer, MonitorConfig, MonitorLayer, MqttConfig,
    MqttLayer, QuietConfig, QuietLayer, RecordConfig, RecordLayer, SinkSurroundings, UiConfig, UiLayer, WebConfig,
    WebLayer, WebhookConfig, WebhookLayer,
};
pub use values::{ColorMode, KeepMode, LogLevel, LogTo, QuietMode, SpeechMode, TellWhen, ThemeChoice, UiMode};

#[cfg(test)]
mod tests;
