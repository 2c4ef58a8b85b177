//! Every setting once: its name, type, default and what the documented config file says of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bytes::{ByteSize, SpaceLimit};
use super::os_text::OsText;
use super::values::{ColorMode, LogLevel, LogTo, QuietMode, SpeechMode, TellWhen, ThemeChoice, UiMode};
use crate::engine::detector::LOW_CUT_HZ;

/// How a given value is put onto the one below it.
trait PutOnto: Sized {
    fn put_onto(self, below: &mut Self);
}

macro_rules! replaces {
    ($($t:ty),+) => { $(impl PutOnto for $t { fn put_onto(self, below: &mut Self) { *below = self; } })+ };
}
replaces!(
    String,
    OsText,
    bool,
    u32,
    f64,
    UiMode,
    ColorMode,
    ThemeChoice,
    LogLevel,
    Vec<String>,
    ByteSize,
    SpaceLimit,
    QuietMode,
    SpeechMode,
    u16,
    LogTo,
    TellWhen
);

/// Tables are put together key by key.
impl<V> PutOnto for BTreeMap<String, V> {
    fn put_onto(self, below: &mut Self) {
        below.extend(self);
    }
}

/// A setting for the documented file: its comment, name and value.
pub(in crate::config) struct Entry {
    pub(super) doc: &'static [&'static str],
    pub(super) name: &'static str,
    pub(super) value: Result<toml::Value, toml::ser::Error>,
}

/// Declares a section twice, as checked settings with defaults and as a layer in which each may be absent; the doc
/// comments are also what the documented file says.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $config:ident / $layer:ident {
            $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $config { $($(#[doc = $doc])+ pub $name: $type,)+ }

        impl Default for $config {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl $config {
            pub(in crate::config) const ABOUT: &[&str] = &[$($about),+];

            pub(in crate::config) fn entries(&self) -> Vec<Entry> {
                vec![$(Entry {
                    doc: &[$($doc),+],
                    name: stringify!($name),
                    value: toml::Value::try_from(&self.$name),
                }),+]
            }
        }

        #[doc = concat!("[`", stringify!($config), "`] as far as it is given.")]
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $layer { $(
            #[doc = concat!("See [`", stringify!($config), "::", stringify!($name), "`].")]
            pub $name: Option<$type>,
        )+ }

        impl $layer {
            pub(in crate::config) fn put_onto(self, config: &mut $config) {
                $(if let Some(value) = self.$name {
                    value.put_onto(&mut config.$name);
                })+
            }
        }
    };
}

mod classes;
mod quiet;
mod sinks;

pub(in crate::config) use classes::ABOUT_GROUPS;
pub use classes::{ClassConfig, Classes, Groups};
pub use quiet::{QuietConfig, QuietLayer};
pub use sinks::{
    ExecConfig, ExecLayer, MetricsConfig, MetricsLayer, MqttConfig, MqttLayer, SinkSurroundings, WebhookConfig,
    WebhookLayer,
};

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
            return vec![InputConfig { spec, channels, start_time, highpass_hz, gain_db, ..InputConfig::default() }];
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
    /// What listens, and what comes out.
    pub struct MonitorConfig / MonitorLayer {
        /// What to listen to: "default", "device:ID" (see `earwitness devices`), "jack" or "jack:PATTERN", "demo"; the path
        /// of a recording, or of a folder: every recording in it and below, one after another; "file:PATH", also where
        /// PATH is a named pipe or one of these words. "stdin:auto" reads a WAV, FLAC, Ogg or MP3 stream,
        /// "stdin:RATExCHANNELS:FORMAT" raw samples: u8, s16le, s24le (in 4 bytes, as arecord's S24_LE), s24_3le (in 3,
        /// as ffmpeg's s24le), s32le, f32le, f64le. Rates are 8000 to 500000 Hz. An rtsp://, rtsps://, http://, https:// or
        /// srt:// address is fetched by ffmpeg. For several at once, see [[input]].
        input: OsText = "default".into(),
        /// What to do with its channels: "mix" hears their mean; "each" makes every one an input of its own, as does a
        /// list, as in "1,3", with some of them.
        channels: String = "mix".into(),
        /// When the recording began (RFC 3339), as in "2026-07-02T06:44:04+02:00"; "" goes by its bext or GUANO chunk or its
        /// name, else by the file's time of change less its length. Not for devices.
        start_time: String = String::new(),
        /// Take away what is below so many Hz (24 dB an octave) before anything hears it; 0 does not.
        highpass_hz: f64 = 0.0,
        /// Make the sound louder, or softer, by so many dB before anything hears it.
        gain_db: f64 = 0.0,
        /// Read files, stdin and the demo as quickly as possible, not at the pace of the sound.
        fast: bool = false,
        /// What to show: "tui", "jsonl", "silent"; "auto" is tui on a terminal and jsonl otherwise.
        ui: UiMode = UiMode::Auto,
        /// Tell of an event as soon as it has begun, too, in a line of type "onset" with the id that the event will have.
        onsets: bool = false,
        /// Tell, in a line of type "reason", why a label with a noteworthy score is not reported, whenever that changes.
        reasons: bool = false,
        /// The model: a name of `earwitness model list`, or a package's folder.
        model: OsText = crate::model::package::DEFAULT_MODEL.into(),
        /// The method that says what the classifier heard: "lmac", "l2i", …, or "auto", the most faithful one that the model has.
        method: String = crate::interpret::methods::AUTO.into(),
        /// Where the networks run: "cpu", "cuda:0" (a build with the feature cuda), or "auto": a GPU where there is one.
        device: String = "auto".into(),
        /// Where the interpretation is played while it happens: "off", "device" (the default one), "device:ID", "jack".
        listen: String = "off".into(),
        /// Stop after so many seconds of sound; 0 listens until the input ends or a signal comes.
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
        /// What events call it; "" is what `spec` says.
        name: String = String::new(),
    }
}

section! {
    /// When scores become an event.
    pub struct DetectorConfig / DetectorLayer {
        /// A class must reach its threshold in at least this many …
        min_strides: u32 = 2,
        /// … of so many successive strides.
        of_strides: u32 = 3,
        /// From this probability on one stride is enough; 1 always asks for min_strides.
        sure_threshold: f64 = 1.0,
        /// Shorter events are not reported.
        min_duration_secs: f64 = 0.1,
        /// Two events of a class with no more than this between them are one.
        merge_gap_secs: f64 = 2.0,
        /// Labels of one group of the model often mean one sound. Of two that are heard over nearly the same span (they share more
        /// than half of the time that both take together), the one whose score is lower by at least this is not reported;
        /// 1 reports both. Labels of different groups are independent, and what was reported stays reported.
        rival_margin: f64 = 0.15,
        /// After an event, the same class stays silent for so long.
        cooldown_secs: f64 = 0.0,
        /// A longer event is reported in pieces of this length.
        max_event_secs: f64 = 30.0,
        /// Strides that are quieter than this (RMS, in dB full scale), and come after others that are, speak for no class;
        /// -120 lets everything through.
        level_gate_dbfs: f64 = -120.0,
        /// Report any sound that is at least this loud (RMS of a stride, in dB full scale) as a class of its own, "any_loud";
        /// 0 does not.
        loud_dbfs: f64 = 0.0,
        /// Take these levels of what is above so many Hz, so that the rumble of wind and traffic is not loud; 0 takes them of
        /// everything.
        low_cut_hz: f64 = LOW_CUT_HZ,
        /// Labels or groups: nothing else is reported, and these are even where the model only shows them; [] is everything but
        /// what is only shown. As in: ["dog", "siren"]
        only: Vec<String> = Vec::new(),
        /// Labels or groups that are reported although the model, `only` or a [class] table says otherwise.
        enable: Vec<String> = Vec::new(),
        /// Labels or groups that are not reported, whatever else is said.
        disable: Vec<String> = Vec::new(),
        /// Audio kept before the onset.
        pre_roll_secs: f64 = 1.0,
        /// Audio kept after the offset.
        post_roll_secs: f64 = 1.0,
        /// Probabilities at which an event starts, by label or group; labels that are not here use the model's own.
        /// As in: dog = 0.6
        thresholds: BTreeMap<String, f64> = BTreeMap::new(),
    }
}

section! {
    /// Where the evidence goes.
    pub struct RecordConfig / RecordLayer {
        /// Folder for one folder an event (clip, interpretation, picture, JSON); "" records nothing.
        dir: OsText = OsText::default(),
        /// Keep audio and pictures; without them an event is its figures: what, when, how sure.
        clips: bool = true,
        /// Labels and groups whose audio and picture are never written, as in ["speech"].
        no_audio: Vec<String> = Vec::new(),
        /// What becomes of the audio and picture of an event, whatever its label, while somebody speaks: "keep" keeps them;
        /// "drop" does not, where a label of speech (speech, conversation, ...) reached the probability at which its events
        /// end in a segment that overlaps what would be kept. The event says so: no_audio = "speech".
        speech: SpeechMode = SpeechMode::Keep,
        /// Folders and files are for their owner alone; without it, the umask decides.
        private: bool = true,
        /// All event folders together: what comes beyond it removes the events of the lowest score (in tenths), and of
        /// those the oldest; starred ones never. As in "20 GB", or "10%" of the whole disk; "0" is no limit.
        max_bytes: SpaceLimit = SpaceLimit::Share(10.0),
        /// Events older than so many days are removed, unless they are starred; 0 keeps them. While the clock is more than a
        /// day ahead of where it should be (at a start: more than half of these days), the old time goes on for this, until
        /// the new one has held for six hours: a clock that jumps removes nothing.
        max_age_days: f64 = 0.0,
        /// So much of the disk stays free: before it is used up, events are removed as with max_bytes; "0" uses it up.
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
        /// Take the mouse from the start (the key m turns it on and off); text is then selected with Shift held.
        mouse: bool = false,
        /// Draw with ASCII only; without it, the locale decides.
        ascii: bool = false,
        /// Leave the terminal UI as soon as the input has ended.
        exit_on_end: bool = false,
    }
}

section! {
    /// What the program tells of itself.
    pub struct LogConfig / LogLayer {
        /// "off", "error", "warn", "info", "debug" or "trace".
        level: LogLevel = LogLevel::Warn,
        /// Where to: "stderr", "journald", "file"; "auto" is the file where one is named, the journal where stderr goes there
        /// (as in a service), and stderr otherwise, or nowhere while the terminal UI runs.
        to: LogTo = LogTo::Auto,
        /// File to append to. One that is moved away or removed (logrotate) is made anew.
        file: OsText = OsText::default(),
    }
}
