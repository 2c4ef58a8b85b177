//! The flags of `monitor`, which are also the keys of the settings file; `config show` takes them too.

use std::ffi::OsString;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::methods::MethodParser;
use super::parse::{dbfs, not_negative, positive, seconds, start_time, threshold, word};
use crate::config::{
    ByteSize, ColorMode, ConfigLayer, InputLayer, QuietMode, SpaceLimit, SpeechMode, ThemeChoice, UiMode,
};

/// Flags that set settings. Absent ones leave the settings file's value, or the default.
#[derive(Debug, Clone, Default, Args)]
pub struct SettingsArgs {
    /// What to listen to: default, device:ID, jack, jack:PATTERN, demo, or the path of a recording, of a named pipe or of a
    /// folder (every recording in it and below, one after another); file:PATH where the name is one of these words;
    /// stdin:auto for a WAV, FLAC, Ogg or MP3 stream; stdin:RATExCHANNELS:FORMAT for raw samples: u8, s16le, s24le (in 4
    /// bytes, as arecord's S24_LE), s24_3le (in 3 bytes, as ffmpeg's s24le), s32le, f32le, f64le; an rtsp://, rtsps://,
    /// http://, https:// or srt:// address, which ffmpeg fetches. May be given again, to listen to several at once
    /// [default: default]
    #[arg(long, value_name = "SPEC", env = "EARWITNESS_INPUT", help_heading = "Sound in")]
    pub input: Vec<OsString>,
    /// How to use an input's channels: mix averages them; each, or a list as in 1,3, makes each of them an input of its own
    /// [default: mix]
    #[arg(long, value_name = "CHANNELS", env = "EARWITNESS_CHANNELS", help_heading = "Sound in")]
    pub channels: Option<String>,
    /// When the recording began, as in 2026-07-02T06:44:04+02:00; recordings of a folder follow one another [default: from its
    /// bext or GUANO chunk or its name, else the file's modification time less its length; for stdin: now]
    #[arg(long, value_name = "RFC3339", env = "EARWITNESS_START_TIME", value_parser = start_time, help_heading = "Sound in")]
    pub start_time: Option<String>,
    /// Remove everything below this frequency first: wind, handling, traffic; 0 removes nothing [default: 0]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_HIGHPASS", value_parser = not_negative, help_heading = "Sound in")]
    pub highpass: Option<f64>,
    /// Amplify the input by this many dB first; negative values attenuate it [default: 0]
    #[arg(long, value_name = "DB", env = "EARWITNESS_GAIN", allow_negative_numbers = true, help_heading = "Sound in")]
    pub gain: Option<f64>,
    /// Add this many dB to sound levels, as `earwitness devices calibrate` measures; 0 leaves them relative to full scale
    /// [default: 0]
    #[arg(
        long,
        value_name = "DB",
        env = "EARWITNESS_CALIBRATION",
        allow_negative_numbers = true,
        help_heading = "Sound in"
    )]
    pub calibration: Option<f64>,
    /// Read recordings, stdin or the demo as fast as possible instead of in real time
    #[arg(
        long,
        env = "EARWITNESS_FAST",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "Sound in"
    )]
    pub fast: Option<bool>,
    /// Stop after this much sound; 0: when the input ends or a signal arrives [default: 0]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_DURATION", value_parser = seconds, help_heading = "Sound in")]
    pub duration: Option<f64>,

    /// The model: a name of `earwitness model list`, or a package's folder [default: everyday]
    #[arg(long, value_name = "NAME|DIR", env = "EARWITNESS_MODEL", help_heading = "Hearing")]
    pub model: Option<OsString>,
    /// The method that explains events, some with options, as in lrp:epsilon-plus; auto takes the most faithful one that the
    /// model has [default: auto]
    #[arg(long, value_name = "METHOD", env = "EARWITNESS_METHOD", value_parser = MethodParser::LIVE, help_heading = "Hearing")]
    pub method: Option<String>,
    /// Where to run the networks: cpu, cuda:N, or auto, which takes a GPU if there is one [default: auto]
    #[arg(long, value_name = "DEVICE", env = "EARWITNESS_DEVICE", help_heading = "Hearing")]
    pub device: Option<String>,

    /// Start an event of this label or group at this probability, as in dog=0.6; repeatable [default: the model's]
    #[arg(long, value_name = "LABEL=P", env = "EARWITNESS_THRESHOLD", value_parser = threshold, value_delimiter = ',', help_heading = "Detection")]
    pub threshold: Vec<(String, f64)>,
    /// Require the threshold in this many of --of-strides successive strides [default: 2]
    #[arg(long, value_name = "K", env = "EARWITNESS_MIN_STRIDES", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Detection")]
    pub min_strides: Option<u32>,
    /// See --min-strides [default: 3]
    #[arg(long, value_name = "N", env = "EARWITNESS_OF_STRIDES", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Detection")]
    pub of_strides: Option<u32>,
    /// Accept a single stride from this probability on; 1 always requires --min-strides [default: 1]
    #[arg(long, value_name = "P", env = "EARWITNESS_SURE_THRESHOLD", value_parser = positive, help_heading = "Detection")]
    pub sure_threshold: Option<f64>,
    /// Drop shorter events [default: 0.1]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_MIN_DURATION", value_parser = seconds, help_heading = "Detection")]
    pub min_duration: Option<f64>,
    /// Join events of a class that are at most this far apart [default: 2]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_MERGE_GAP", value_parser = seconds, help_heading = "Detection")]
    pub merge_gap: Option<f64>,
    /// Report no further event of a class for this long after one [default: 0]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_COOLDOWN", value_parser = seconds, help_heading = "Detection")]
    pub cooldown: Option<f64>,
    /// When two labels of one group cover nearly the same span, drop the one whose score is lower by at least this; 1 keeps both
    /// [default: 0.15]
    #[arg(long, value_name = "MARGIN", env = "EARWITNESS_RIVAL_MARGIN", value_parser = not_negative, help_heading = "Detection")]
    pub rival_margin: Option<f64>,
    /// Split longer events into pieces of this length [default: 30]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_MAX_EVENT", value_parser = positive, help_heading = "Detection")]
    pub max_event: Option<f64>,
    /// Ignore strides below this RMS level; -120 ignores none [default: -120]
    #[arg(long, value_name = "DBFS", env = "EARWITNESS_LEVEL_GATE", value_parser = dbfs, allow_negative_numbers = true, help_heading = "Detection")]
    pub level_gate: Option<f64>,
    /// Also report any sound above this RMS level, as any_loud; 0 turns this off [default: 0]
    #[arg(long, value_name = "DBFS", env = "EARWITNESS_LOUD", value_parser = dbfs, allow_negative_numbers = true, help_heading = "Detection")]
    pub loud: Option<f64>,
    /// Measure these levels above this frequency, so that rumble is not loud; 0 measures everything [default: 30]
    #[arg(long, value_name = "HZ", env = "EARWITNESS_LOW_CUT", value_parser = not_negative, help_heading = "Detection")]
    pub low_cut: Option<f64>,
    /// Report only these labels or groups, as in dog,siren or alarm,people, even those that the model only shows. label:NAME and
    /// group:NAME are never ambiguous
    #[arg(long, value_name = "LABEL,…", env = "EARWITNESS_ONLY", value_delimiter = ',', help_heading = "Detection")]
    pub only: Vec<String>,
    /// Report these labels or groups too, whatever the model, --only or the settings file says
    #[arg(long, value_name = "LABEL,…", env = "EARWITNESS_ENABLE", value_delimiter = ',', help_heading = "Detection")]
    pub enable: Vec<String>,
    /// Never report these labels or groups
    #[arg(long, value_name = "LABEL,…", env = "EARWITNESS_DISABLE", value_delimiter = ',', help_heading = "Detection")]
    pub disable: Vec<String>,
    /// Local hours without alarms, as in 22:00-06:30,13:00-14:00
    #[arg(
        long,
        value_name = "HOURS,…",
        env = "EARWITNESS_QUIET_HOURS",
        value_delimiter = ',',
        help_heading = "Detection"
    )]
    pub quiet_hours: Vec<String>,
    /// Labels or groups that quiet hours apply to [default: all]
    #[arg(
        long,
        value_name = "LABEL,…",
        env = "EARWITNESS_QUIET_LABELS",
        value_delimiter = ',',
        help_heading = "Detection"
    )]
    pub quiet_labels: Vec<String>,
    /// What quiet hours suppress: alarms (events are still recorded and printed), or events [default: alarms]
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_QUIET_WHAT", value_parser = word::<QuietMode>(QuietMode::WORDS), hide_possible_values = true, help_heading = "Detection")]
    pub quiet_what: Option<QuietMode>,
    /// Audio to keep before an event's onset [default: 1]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_PRE_ROLL", value_parser = seconds, help_heading = "Detection")]
    pub pre_roll: Option<f64>,
    /// Audio to keep after an event's offset [default: 1]
    #[arg(long, value_name = "SECS", env = "EARWITNESS_POST_ROLL", value_parser = seconds, help_heading = "Detection")]
    pub post_roll: Option<f64>,

    /// What to display [default: tui on a terminal, jsonl otherwise]
    #[arg(long, value_name = "MODE", env = "EARWITNESS_UI", value_parser = word::<UiMode>(UiMode::WORDS), help_heading = "What comes out")]
    pub ui: Option<UiMode>,
    /// Record events in this folder, each in a folder of its own: clip, interpretation, picture, JSON
    #[arg(long, value_name = "DIR", env = "EARWITNESS_RECORD", help_heading = "What comes out")]
    pub record: Option<OsString>,
    /// Keep audio and pictures of events; --clips=false keeps only figures [default: true]
    #[arg(
        long,
        env = "EARWITNESS_CLIPS",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What is kept"
    )]
    pub clips: Option<bool>,
    /// Never write audio or pictures of this label or group; repeatable
    #[arg(
        long,
        value_name = "LABEL",
        env = "EARWITNESS_NO_AUDIO",
        value_delimiter = ',',
        help_heading = "What is kept"
    )]
    pub no_audio: Vec<String>,
    /// Audio of events during speech: keep, or drop (the event keeps its figures and says why) [default: keep]
    #[arg(long, value_name = "WHAT", env = "EARWITNESS_SPEECH", value_parser = word::<SpeechMode>(SpeechMode::WORDS), hide_possible_values = true, help_heading = "What is kept")]
    pub speech: Option<SpeechMode>,
    /// Make recordings readable by their owner only; --private=false follows the umask [default: true]
    #[arg(
        long,
        env = "EARWITNESS_PRIVATE",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What is kept"
    )]
    pub private: Option<bool>,
    /// Limit all events to this size, as in 20GB, or this share of the disk, as in 10%: the lowest scores and the oldest go first,
    /// starred ones stay; 0: no limit [default: 10%]
    #[arg(long, value_name = "BYTES|PERCENT", env = "EARWITNESS_MAX_BYTES", value_parser = str::parse::<SpaceLimit>, help_heading = "What is kept")]
    pub max_bytes: Option<SpaceLimit>,
    /// Remove events after this many days unless they are starred; after a clock jump, only once the new time has held for six
    /// hours; 0: never [default: 0]
    #[arg(long, value_name = "DAYS", env = "EARWITNESS_MAX_AGE_DAYS", value_parser = seconds, help_heading = "What is kept")]
    pub max_age_days: Option<f64>,
    /// Keep this much of the disk free, as in 1GB, by removing events as --max-bytes does; 0: use all of it [default: 500 MB]
    #[arg(long, value_name = "BYTES", env = "EARWITNESS_MIN_FREE_BYTES", value_parser = str::parse::<ByteSize>, help_heading = "What is kept")]
    pub min_free_bytes: Option<ByteSize>,
    /// Measure sound levels by the second (LAeq, LAFmax, LCeq, LZeq) and keep them below --record; `earwitness levels` shows them
    #[arg(
        long,
        env = "EARWITNESS_LEVELS",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What is kept"
    )]
    pub levels: Option<bool>,
    /// Play the interpretation live: off, device (the default one), device:ID, jack [default: off]
    #[arg(long, value_name = "SPEC", env = "EARWITNESS_LISTEN", help_heading = "What comes out")]
    pub listen: Option<String>,
    /// Serve Prometheus metrics at this address, as in 127.0.0.1:9557, under /metrics
    #[arg(long, value_name = "ADDRESS", env = "EARWITNESS_METRICS", help_heading = "What comes out")]
    pub metrics: Option<String>,
    /// Serve a live page at this address, as in 127.0.0.1:8787, for a browser: waterfall, labels, events and their sounds
    #[arg(long, value_name = "ADDRESS", env = "EARWITNESS_WEB", help_heading = "What comes out")]
    pub web: Option<String>,
    /// File that holds the token (16 letters or more) that changes things on the live page, and opens it from other machines
    #[arg(long, value_name = "FILE", env = "EARWITNESS_WEB_TOKEN_FILE", help_heading = "What comes out")]
    pub web_token_file: Option<String>,
    /// Also report an event as soon as it begins, in a line of type "onset"
    #[arg(
        long,
        env = "EARWITNESS_ONSETS",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What comes out"
    )]
    pub onsets: Option<bool>,
    /// Report why a high-scoring label was suppressed, in a line of type "reason", whenever that changes
    #[arg(
        long,
        env = "EARWITNESS_REASONS",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What comes out"
    )]
    pub reasons: Option<bool>,
    /// When to use colours in the terminal UI [default: auto]
    #[arg(long, value_name = "WHEN", env = "EARWITNESS_COLOR", value_parser = word::<ColorMode>(ColorMode::WORDS), help_heading = "What comes out")]
    pub color: Option<ColorMode>,
    /// Which colours to use in the terminal UI [default: dark]
    #[arg(long, value_name = "THEME", env = "EARWITNESS_THEME", value_parser = word::<ThemeChoice>(ThemeChoice::WORDS), help_heading = "What comes out")]
    pub theme: Option<ThemeChoice>,
    /// Start the terminal UI with the mouse turned on
    #[arg(
        long,
        env = "EARWITNESS_MOUSE",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What comes out"
    )]
    pub mouse: Option<bool>,
    /// Draw the terminal UI in plain ASCII
    #[arg(
        long,
        env = "EARWITNESS_ASCII",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What comes out"
    )]
    pub ascii: Option<bool>,
    /// Leave the terminal UI when the input ends
    #[arg(
        long,
        env = "EARWITNESS_EXIT_ON_END",
        value_parser = BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true,
        help_heading = "What comes out"
    )]
    pub exit_on_end: Option<bool>,
}

impl SettingsArgs {
    /// What is given here, as a layer for [`crate::config::Config::load`].
    #[must_use]
    pub fn layer(&self) -> ConfigLayer {
        let mut layer = ConfigLayer::default();
        let monitor = &mut layer.monitor;
        monitor.channels.clone_from(&self.channels);
        monitor.start_time.clone_from(&self.start_time);
        monitor.device.clone_from(&self.device);
        monitor.listen.clone_from(&self.listen);
        monitor.highpass_hz = self.highpass;
        monitor.gain_db = self.gain;
        monitor.calibration_db = self.calibration;
        monitor.fast = self.fast;
        monitor.duration_secs = self.duration;
        monitor.model = self.model.clone().map(Into::into);
        monitor.method.clone_from(&self.method);
        monitor.ui = self.ui;
        monitor.onsets = self.onsets;
        monitor.reasons = self.reasons;
        // Inputs given here replace all that the settings file has.
        match self.input.as_slice() {
            [] => {}
            [one] => {
                monitor.input = Some(one.clone().into());
                layer.input = Some(Vec::new());
            }
            several => {
                let input = |spec: &OsString| InputLayer {
                    spec: Some(spec.clone().into()),
                    channels: self.channels.clone(),
                    start_time: self.start_time.clone(),
                    highpass_hz: self.highpass,
                    gain_db: self.gain,
                    calibration_db: self.calibration,
                    name: None,
                };
                layer.input = Some(several.iter().map(input).collect());
            }
        }
        let detector = &mut layer.detector;
        if !self.threshold.is_empty() {
            detector.thresholds = Some(self.threshold.iter().cloned().collect());
        }
        detector.min_strides = self.min_strides;
        detector.of_strides = self.of_strides;
        detector.sure_threshold = self.sure_threshold;
        detector.min_duration_secs = self.min_duration;
        detector.merge_gap_secs = self.merge_gap;
        detector.rival_margin = self.rival_margin;
        detector.cooldown_secs = self.cooldown;
        detector.max_event_secs = self.max_event;
        detector.pre_roll_secs = self.pre_roll;
        detector.post_roll_secs = self.post_roll;
        detector.level_gate_dbfs = self.level_gate;
        detector.low_cut_hz = self.low_cut;
        detector.loud_dbfs = self.loud;
        detector.only = some(&self.only);
        detector.enable = some(&self.enable);
        detector.disable = some(&self.disable);
        layer.quiet.hours = some(&self.quiet_hours);
        layer.quiet.labels = some(&self.quiet_labels);
        layer.quiet.what = self.quiet_what;
        let record = &mut layer.record;
        record.dir = self.record.clone().map(Into::into);
        record.clips = self.clips;
        record.no_audio = (!self.no_audio.is_empty()).then(|| self.no_audio.clone());
        record.speech = self.speech;
        record.private = self.private;
        record.max_bytes = self.max_bytes;
        record.max_age_days = self.max_age_days;
        record.levels = self.levels;
        record.min_free_bytes = self.min_free_bytes;
        layer.metrics.listen.clone_from(&self.metrics);
        layer.web.listen.clone_from(&self.web);
        layer.web.token_file.clone_from(&self.web_token_file);
        layer.ui.color = self.color;
        layer.ui.theme = self.theme;
        layer.ui.mouse = self.mouse;
        layer.ui.ascii = self.ascii;
        layer.ui.exit_on_end = self.exit_on_end;
        layer
    }
}

/// A list, where one is given.
fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}
