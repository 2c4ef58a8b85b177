//! Every setting once: its name, type, default and what the documented config file says of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use self::section::PutOnto;
use super::bytes::{ByteSize, SpaceLimit};
use super::os_text::OsText;
use super::values::{ColorMode, LogLevel, LogTo, SpeechMode, ThemeChoice, UiMode};
use crate::engine::detector::LOW_CUT_HZ;

#[macro_use]
mod section;

mod classes;
mod quiet;
mod secret;
mod sink_options;
mod sinks;
mod web;
mod web_options;

pub(in crate::config) use classes::ABOUT_GROUPS;
pub use classes::{ClassConfig, Classes, Groups};
pub use quiet::{QuietConfig, QuietLayer};
pub(in crate::config) use section::Entry;
pub use sink_options::SinkSurroundings;
pub use sinks::{
    ExecConfig, ExecLayer, MetricsConfig, MetricsLayer, MqttConfig, MqttLayer, WebhookConfig, WebhookLayer,
};
pub use web::{WebConfig, WebLayer};

/// The settings of a run, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// See [`MonitorConfig`].
    pub monitor: MonitorConfig,
    /// Several inputs, instead of the one in [`MonitorConfig`].
    pub input: Vec<InputConfig>,
    /// See [`DetectorConfig`].
    pub detector: DetectorConfig,
    /// See [`QuietConfig`].
    pub quiet: QuietConfig,
    /// Names for several labels.
    pub groups: Groups,
    /// See [`ClassConfig`].
    pub class: Classes,
    /// See [`RecordConfig`].
    pub record: RecordConfig,
    /// See [`MqttConfig`].
    pub mqtt: MqttConfig,
    /// URLs that are called for each event.
    pub webhook: Vec<WebhookConfig>,
    /// Programs that are run for each event.
    pub exec: Vec<ExecConfig>,
    /// See [`MetricsConfig`].
    pub metrics: MetricsConfig,
    /// See [`WebConfig`].
    pub web: WebConfig,
    /// See [`UiConfig`].
    pub ui: UiConfig,
    /// See [`LogConfig`].
    pub log: LogConfig,
}

/// Settings as far as they are given, by a file or by variables and flags.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigLayer {
    /// See [`MonitorConfig`].
    pub monitor: MonitorLayer,
    /// See [`InputConfig`]. All of them replace all that were below.
    pub input: Option<Vec<InputLayer>>,
    /// See [`DetectorConfig`].
    pub detector: DetectorLayer,
    /// See [`QuietConfig`].
    pub quiet: QuietLayer,
    /// Names for several labels.
    pub groups: Groups,
    /// See [`ClassConfig`].
    pub class: Classes,
    /// See [`RecordConfig`].
    pub record: RecordLayer,
    /// See [`MqttConfig`].
    pub mqtt: MqttLayer,
    /// See [`WebhookConfig`]. All of them replace all that were below.
    pub webhook: Option<Vec<WebhookLayer>>,
    /// See [`ExecConfig`]. All of them replace all that were below.
    pub exec: Option<Vec<ExecLayer>>,
    /// See [`MetricsConfig`].
    pub metrics: MetricsLayer,
    /// See [`WebConfig`].
    pub web: WebLayer,
    /// See [`UiConfig`].
    pub ui: UiLayer,
    /// See [`LogConfig`].
    pub log: LogLayer,
}

impl ConfigLayer {
    /// Puts what is given onto `config`. Tables are put together key by key.
    pub fn put_onto(self, config: &mut Config) {
        self.monitor.put_onto(&mut config.monitor);
        if let Some(inputs) = self.input {
            config.input = inputs.into_iter().map(InputLayer::config).collect();
        }
        self.detector.put_onto(&mut config.detector);
        self.quiet.put_onto(&mut config.quiet);
        self.groups.put_onto(&mut config.groups);
        for (label, class) in self.class {
            class.put_onto(config.class.entry(label).or_default());
        }
        self.record.put_onto(&mut config.record);
        self.mqtt.put_onto(&mut config.mqtt);
        if let Some(webhooks) = self.webhook {
            config.webhook = webhooks.into_iter().map(WebhookLayer::config).collect();
        }
        if let Some(execs) = self.exec {
            config.exec = execs.into_iter().map(ExecLayer::config).collect();
        }
        self.metrics.put_onto(&mut config.metrics);
        self.web.put_onto(&mut config.web);
        self.ui.put_onto(&mut config.ui);
        self.log.put_onto(&mut config.log);
    }
}

impl Config {
    /// What to listen to: the `[[input]]` tables, or where there are none the one input of `[monitor]`.
    #[must_use]
    pub fn inputs(&self) -> Vec<InputConfig> {
        if self.input.is_empty() {
            let (spec, channels) = (self.monitor.input.clone(), self.monitor.channels.clone());
            let start_time = self.monitor.start_time.clone();
            let (highpass_hz, gain_db) = (self.monitor.highpass_hz, self.monitor.gain_db);
            let calibration_db = self.monitor.calibration_db;
            let rest = InputConfig::default();
            return vec![InputConfig { spec, channels, start_time, highpass_hz, gain_db, calibration_db, ..rest }];
        }
        self.input.clone()
    }
}

impl InputLayer {
    fn config(self) -> InputConfig {
        let mut config = InputConfig::default();
        self.put_onto(&mut config);
        config
    }
}

section! {
    /// Input, model and output.
    pub struct MonitorConfig / MonitorLayer {
        /// What to listen to: "default", "device:ID" (see `earwitness devices`), "jack" or "jack:PATTERN", "demo"; the path
        /// of a recording, or of a folder: every recording in it and below, one after another; "file:PATH", also where
        /// PATH is a named pipe or one of these words. "stdin:auto" reads a WAV, FLAC, Ogg or MP3 stream,
        /// "stdin:RATExCHANNELS:FORMAT" raw samples: u8, s16le, s24le (in 4 bytes, as arecord's S24_LE), s24_3le (in 3,
        /// as ffmpeg's s24le), s32le, f32le, f64le. Rates are 8000 to 500000 Hz. An rtsp://, rtsps://, http://, https:// or
        /// srt:// address is fetched by ffmpeg. For several at once, see [[input]].
        input: OsText = "default".into(),
        /// How to use its channels: "mix" averages them; "each" makes each of them an input of its own; a list, as in "1,3",
        /// does so for some of them.
        channels: String = "mix".into(),
        /// When the recording began (RFC 3339), as in "2026-07-02T06:44:04+02:00"; "" takes its bext or GUANO chunk or its name,
        /// else the file's modification time less its length. Not for devices.
        start_time: String = String::new(),
        /// Remove everything below this frequency first (24 dB an octave); 0 removes nothing.
        highpass_hz: f64 = 0.0,
        /// Amplify the input by this many dB first; negative values attenuate it.
        gain_db: f64 = 0.0,
        /// Add this many dB to sound levels (see `levels` of [record]), so that they are sound pressure levels; `earwitness devices
        /// calibrate` measures it. 0 leaves levels relative to full scale.
        calibration_db: f64 = 0.0,
        /// Read files, stdin and the demo as fast as possible instead of in real time.
        fast: bool = false,
        /// What to display: "tui", "jsonl", "silent"; "auto" is tui on a terminal and jsonl otherwise.
        ui: UiMode = UiMode::Auto,
        /// Also report an event as soon as it begins, in a line of type "onset" with the event's id.
        onsets: bool = false,
        /// Report why a high-scoring label was suppressed, in a line of type "reason", whenever that changes.
        reasons: bool = false,
        /// The model: a name of `earwitness model list`, or a package's folder.
        model: OsText = crate::model::package::DEFAULT_MODEL.into(),
        /// The method that explains events: "lmac", "l2i", …, or "auto", the most faithful one that the model has.
        method: String = crate::interpret::methods::AUTO.into(),
        /// Where to run the networks: "cpu", "cuda:0" (a build with the feature cuda), or "auto", which takes a GPU if there is
        /// one.
        device: String = "auto".into(),
        /// Where to play the interpretation live: "off", "device" (the default one), "device:ID", "jack".
        listen: String = "off".into(),
        /// Stop after this much sound; 0 listens until the input ends or a signal arrives.
        duration_secs: f64 = 0.0,
    }
}

section! {
    /// Several inputs at once: one table like this for each. They replace those of [monitor].
    pub struct InputConfig / InputLayer {
        /// As `input` of [monitor].
        spec: OsText = "default".into(),
        /// As `channels` of [monitor].
        channels: String = "mix".into(),
        /// As `start_time` of [monitor].
        start_time: String = String::new(),
        /// As `highpass_hz` of [monitor].
        highpass_hz: f64 = 0.0,
        /// As `gain_db` of [monitor].
        gain_db: f64 = 0.0,
        /// As `calibration_db` of [monitor].
        calibration_db: f64 = 0.0,
        /// Its name in events; "" takes that of `spec`.
        name: String = String::new(),
    }
}

section! {
    /// When scores become events.
    pub struct DetectorConfig / DetectorLayer {
        /// Require the threshold in at least this many …
        min_strides: u32 = 2,
        /// … of this many successive strides.
        of_strides: u32 = 3,
        /// Accept a single stride from this probability on; 1 always requires min_strides.
        sure_threshold: f64 = 1.0,
        /// Drop shorter events.
        min_duration_secs: f64 = 0.1,
        /// Join events of a class that are at most this far apart.
        merge_gap_secs: f64 = 2.0,
        /// Labels of one group of the model often mean one sound. When two of them cover nearly the same span (they share more than
        /// half of their common time), drop the one whose score is lower by at least this; 1 keeps both. Labels of different groups
        /// are independent, and what was reported stays reported.
        rival_margin: f64 = 0.15,
        /// Report no further event of a class for this long after one.
        cooldown_secs: f64 = 0.0,
        /// Split longer events into pieces of this length.
        max_event_secs: f64 = 30.0,
        /// Ignore strides below this level (RMS, in dB full scale) that follow others below it; -120 ignores none.
        level_gate_dbfs: f64 = -120.0,
        /// Also report any sound above this level (RMS of a stride, in dB full scale), as "any_loud"; 0 turns this off.
        loud_dbfs: f64 = 0.0,
        /// Measure these levels above this frequency, so that the rumble of wind and traffic is not loud; 0 measures everything.
        low_cut_hz: f64 = LOW_CUT_HZ,
        /// Report only these labels or groups, even those that the model only shows; [] reports everything that the model reports.
        /// As in: ["dog", "siren"]
        only: Vec<String> = Vec::new(),
        /// Report these labels or groups too, whatever the model, `only` or a [class] table says.
        enable: Vec<String> = Vec::new(),
        /// Never report these labels or groups.
        disable: Vec<String> = Vec::new(),
        /// Audio kept before the onset.
        pre_roll_secs: f64 = 1.0,
        /// Audio kept after the offset.
        post_roll_secs: f64 = 1.0,
        /// Start an event of a label or group at this probability; labels that are not listed use the model's own.
        /// As in: dog = 0.6
        thresholds: BTreeMap<String, f64> = BTreeMap::new(),
    }
}

section! {
    /// Where evidence is kept.
    pub struct RecordConfig / RecordLayer {
        /// Record events in this folder, each in a folder of its own (clip, interpretation, picture, JSON); "" records nothing.
        dir: OsText = OsText::default(),
        /// Keep audio and pictures; otherwise keep only figures: what, when, how sure.
        clips: bool = true,
        /// Never write audio or pictures of these labels and groups, as in ["speech"].
        no_audio: Vec<String> = Vec::new(),
        /// Audio and pictures of events during speech, whatever their label: "keep" keeps them. "drop" drops them if a label of
        /// speech (speech, conversation, ...) reached its off threshold in a segment that overlaps the clip. The event then says
        /// no_audio = "speech".
        speech: SpeechMode = SpeechMode::Keep,
        /// Make folders and files readable by their owner only; otherwise the umask decides.
        private: bool = true,
        /// Limit all event folders together to this size, as in "20 GB", or "10%" of the whole disk; "0" is no limit. The events of
        /// the lowest score (in tenths) go first, and of those the oldest; starred ones stay.
        max_bytes: SpaceLimit = SpaceLimit::Share(10.0),
        /// Remove events after this many days unless they are starred; 0 keeps them. If the clock jumps ahead by more than a day (at
        /// a start: by more than half of these days), the old time counts until the new one has held for six hours, so that a jump
        /// removes nothing.
        max_age_days: f64 = 0.0,
        /// Measure sound levels by the second (LAeq, LAFmax, LCeq, LZeq). They are kept in a file a day below DIR/levels for
        /// max_age_days, are in lines of type "levels", and in Prometheus.
        levels: bool = false,
        /// Keep this much of the disk free by removing events as max_bytes does; "0" uses all of it.
        min_free_bytes: ByteSize = ByteSize(500_000_000),
    }
}

section! {
    /// The terminal.
    pub struct UiConfig / UiLayer {
        /// Colours: "auto" (unless NO_COLOR is set), "always", "never".
        color: ColorMode = ColorMode::Auto,
        /// "dark", "light", "contrast" (bright, nothing dim), "safe" (for people who confuse red and green).
        theme: ThemeChoice = ThemeChoice::Dark,
        /// Start with the mouse turned on (the key m toggles it); hold Shift to select text then.
        mouse: bool = false,
        /// Draw in plain ASCII; otherwise the locale decides.
        ascii: bool = false,
        /// Leave the terminal UI when the input ends.
        exit_on_end: bool = false,
    }
}

section! {
    /// The program's own log.
    pub struct LogConfig / LogLayer {
        /// "off", "error", "warn", "info", "debug" or "trace".
        level: LogLevel = LogLevel::Warn,
        /// Where to log: "stderr", "journald", "file"; "auto" takes the file if one is named, the journal if stderr goes there (as
        /// in a service), and stderr otherwise, or nothing while the terminal UI runs.
        to: LogTo = LogTo::Auto,
        /// File to append to. If it is moved or removed (logrotate), a new one is created.
        file: OsText = OsText::default(),
    }
}
