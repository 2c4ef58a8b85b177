//! Settings of who is told: MQTT, webhooks, programs, Prometheus.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use super::{Config, Entry, PutOnto};
use crate::audio::source::InputSpec;
use crate::checked_file::{self, Links};
use crate::config::values::TellWhen;
use crate::engine::detector::{ANY_LOUD, ClassParams};
use crate::error::{Error, Result};
use crate::model::manifest::Label;
use crate::sinks::options::{FilterOptions, MqttOptions, Secret, TellOf, WebhookOptions};
use crate::sinks::{ExecOptions, SinksOptions};

section! {
    /// Events to an MQTT broker, as JSON on BASE/event and BASE/onset; BASE/label/LABEL/state is ON while a label sounds.
    /// Home Assistant discovers all of it. A broker that is down is retried and gets the newest state.
    pub struct MqttConfig / MqttLayer {
        /// The broker's host; "" turns MQTT off.
        host: String = String::new(),
        /// Its port; 0 is 1883, or 8883 with tls.
        port: u16 = 0,
        /// Whether the connection is encrypted.
        tls: bool = false,
        /// File (PEM) of the certificates that the broker's is checked against; "" uses the system's.
        ca_file: String = String::new(),
        /// User; "" logs in as no one.
        user: String = String::new(),
        /// File that holds the password; without one, the variable EARWITNESS_MQTT_PASSWORD.
        password_file: String = String::new(),
        /// What every topic begins with. Monitors that share it share their states, too.
        base_topic: String = "earwitness".into(),
        /// Where Home Assistant looks for devices; "" announces nothing.
        discovery_topic: String = "homeassistant".into(),
        /// How long a label stays ON after the end of an event.
        off_delay_secs: f64 = 5.0,
        /// Send only these labels and groups; [] sends all.
        labels: Vec<String> = Vec::new(),
        /// Skip events with a lower score.
        min_score: f64 = 0.0,
        /// Send at most one message about a label on BASE/event in this time; 0 sends all. The next one counts those that were
        /// suppressed. States are always sent.
        per_label_secs: f64 = 0.0,
        /// Drop a message that could not be sent for this long. States are sent however late.
        max_age_secs: f64 = 300.0,
    }
}

section! {
    /// A URL that is called for each event; one table like this for each.
    pub struct WebhookConfig / WebhookLayer {
        /// What the log calls it; "" is "webhook" with a number.
        name: String = String::new(),
        /// The address, as in "https://ntfy.sh/my-topic".
        url: String = String::new(),
        /// POST, PUT, PATCH or GET.
        method: String = "POST".into(),
        /// Header lines; values are templates, as in "Title: {{ label }}".
        headers: Vec<String> = Vec::new(),
        /// File that holds a bearer token for the header Authorization.
        token_file: String = String::new(),
        /// The body, a template with the fields of the event's line, as in "{{ label }} at {{ onset }}"; "" is the JSON.
        template: String = String::new(),
        /// How long a call may take.
        timeout_secs: f64 = 10.0,
        /// What to send: "event" when it is over, "onset" as soon as it begins, or "both".
        tell: TellWhen = TellWhen::Event,
        /// Send only these labels and groups; [] sends all.
        labels: Vec<String> = Vec::new(),
        /// Skip events with a lower score.
        min_score: f64 = 0.0,
        /// Send at most one message about a label in this time; the next one counts those that were suppressed.
        per_label_secs: f64 = 10.0,
        /// Drop a message that could not be sent for this long: a late alarm is worse than none.
        max_age_secs: f64 = 300.0,
    }
}

section! {
    /// A program that is run for each event, with the event's JSON on stdin and EARWITNESS_EVENT_LABEL, …_SCORE, …_DIR and
    /// others as variables; one table like this for each. What it writes to stderr goes to the log. Exit code 75 asks to be
    /// run again.
    pub struct ExecConfig / ExecLayer {
        /// What the log calls it; "" is "exec" with a number.
        name: String = String::new(),
        /// The program and its arguments, without a shell, as in ["/usr/local/bin/alarm", "--loud"].
        command: Vec<String> = Vec::new(),
        /// How long a run may take; then it and what it started are killed.
        timeout_secs: f64 = 30.0,
        /// Runs at once.
        at_once: u32 = 2,
        /// What to send: "event" when it is over, "onset" as soon as it begins, or "both".
        tell: TellWhen = TellWhen::Event,
        /// Send only these labels and groups; [] sends all.
        labels: Vec<String> = Vec::new(),
        /// Skip events with a lower score.
        min_score: f64 = 0.0,
        /// Run at most once for a label in this time; the next run learns how many were suppressed.
        per_label_secs: f64 = 10.0,
        /// Give up a run that could not begin for this long.
        max_age_secs: f64 = 300.0,
    }
}

section! {
    /// Prometheus metrics.
    pub struct MetricsConfig / MetricsLayer {
        /// Address to serve them at, under /metrics, as in "127.0.0.1:9557"; "" serves nothing.
        listen: String = String::new(),
    }
}

/// What a run knows besides the settings.
#[derive(Debug, Clone)]
pub struct SinkSurroundings {
    /// The labels that the model can hear.
    pub labels: Vec<Label>,
    /// The model's name.
    pub model: String,
    /// The longest event, in seconds.
    pub longest_event_secs: f64,
}

/// Longest time from the end of an event to its report: gaps, what follows an event, computing under load.
const REPORT_SECS: f64 = 30.0;

/// Stands where a secret is not shown.
const HIDDEN: &str = "(hidden)";

/// The variable that holds the broker's password where no file does.
const PASSWORD_VARIABLE: &str = "EARWITNESS_MQTT_PASSWORD";

/// Longest file of a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

impl WebhookLayer {
    pub(super) fn config(self) -> WebhookConfig {
        let mut config = WebhookConfig::default();
        self.put_onto(&mut config);
        config
    }
}

impl ExecLayer {
    pub(super) fn config(self) -> ExecConfig {
        let mut config = ExecConfig::default();
        self.put_onto(&mut config);
        config
    }
}

impl MqttConfig {
    /// What it asks for, without the password.
    pub(in crate::config) fn options(&self) -> MqttOptions {
        let port = match (self.port, self.tls) {
            (0, false) => 1883,
            (0, true) => 8883,
            (port, _) => port,
        };
        MqttOptions {
            filter: FilterOptions {
                labels: self.labels.clone(),
                min_score: self.min_score,
                per_label_secs: self.per_label_secs,
                max_age_secs: self.max_age_secs,
                // The beginning turns a label ON.
                tell: TellOf::Both,
            },
            host: self.host.clone(),
            port,
            tls: self.tls,
            ca_file: self.ca_file.clone(),
            user: self.user.clone(),
            password: Secret::default(),
            base_topic: self.base_topic.clone(),
            discovery_topic: self.discovery_topic.clone(),
            off_delay_secs: self.off_delay_secs,
            longest_on_secs: 0.0,
            all_labels: Vec::new(),
            model: String::new(),
        }
    }
}

impl WebhookConfig {
    /// What it asks for, without the token. `number` counts from 1.
    pub(in crate::config) fn options(&self, number: usize) -> WebhookOptions {
        WebhookOptions {
            name: named("webhook", &self.name, number),
            filter: FilterOptions {
                labels: self.labels.clone(),
                min_score: self.min_score,
                per_label_secs: self.per_label_secs,
                max_age_secs: self.max_age_secs,
                tell: self.tell.into(),
            },
            url: Secret(self.url.clone()),
            method: self.method.clone(),
            headers: self.headers.clone(),
            token: Secret::default(),
            template: self.template.clone(),
            timeout_secs: self.timeout_secs,
        }
    }
}

impl ExecConfig {
    /// What it asks for. `number` counts from 1.
    pub(in crate::config) fn options(&self, number: usize) -> ExecOptions {
        ExecOptions {
            name: named("exec", &self.name, number),
            filter: FilterOptions {
                labels: self.labels.clone(),
                min_score: self.min_score,
                per_label_secs: self.per_label_secs,
                max_age_secs: self.max_age_secs,
                tell: self.tell.into(),
            },
            command: self.command.clone(),
            timeout_secs: self.timeout_secs,
            at_once: self.at_once as usize,
        }
    }
}

impl From<TellWhen> for TellOf {
    fn from(when: TellWhen) -> Self {
        match when {
            TellWhen::Event => Self::Event,
            TellWhen::Onset => Self::Onset,
            TellWhen::Both => Self::Both,
        }
    }
}

impl Config {
    /// The same settings with what may be a secret replaced by a word or left out: users, passwords and paths of addresses,
    /// and the values of webhooks' headers. For people to read.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut config = self.clone();
        let specs = config.input.iter_mut().map(|input| &mut input.spec);
        for spec in specs.chain([&mut config.monitor.input]) {
            // Of an address, what events show of it.
            if let Ok(InputSpec::Network(address)) = InputSpec::parse(spec.as_os_str()) {
                *spec = OsString::from(address.to_string()).into();
            }
        }
        for webhook in &mut config.webhook {
            webhook.url = host_alone(&webhook.url);
            for header in &mut webhook.headers {
                let name = header.split_once(':').map_or("", |(name, _)| name);
                *header = format!("{name}: {HIDDEN}");
            }
        }
        config
    }

    /// Who is told, with the passwords and tokens read from their files.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] where such a file cannot be read.
    pub fn sinks(&self, surroundings: &SinkSurroundings) -> Result<SinksOptions> {
        let known = |name: &str, labels: &[String]| self.known_labels(name, labels, surroundings);
        let mut mqtt = None;
        if !self.mqtt.host.is_empty() {
            let mut options = self.mqtt.options();
            options.filter.labels = known("[mqtt]", &self.mqtt.labels)?;
            options.password = match self.mqtt.password_file.as_str() {
                "" => Secret(std::env::var(PASSWORD_VARIABLE).unwrap_or_default()),
                file => secret(file, "password_file in [mqtt]")?,
            };
            options.longest_on_secs = surroundings.longest_event_secs + REPORT_SECS;
            let loud = (self.detector.loud_dbfs < 0.0).then(|| ANY_LOUD.to_owned());
            options.all_labels = self.reported_labels(surroundings).into_iter().chain(loud).collect();
            options.model.clone_from(&surroundings.model);
            mqtt = Some(options);
        }
        let webhook = |(i, config): (usize, &WebhookConfig)| {
            let mut options = config.options(i + 1);
            options.filter.labels = known(&options.name, &config.labels)?;
            if !config.token_file.is_empty() {
                options.token = secret(&config.token_file, "token_file in [[webhook]]")?;
            }
            Ok(options)
        };
        let webhooks = self.webhook.iter().enumerate().map(webhook).collect::<Result<_>>()?;
        let exec = |(i, config): (usize, &ExecConfig)| {
            let mut options = config.options(i + 1);
            options.filter.labels = known(&options.name, &config.labels)?;
            Ok(options)
        };
        let execs = self.exec.iter().enumerate().map(exec).collect::<Result<_>>()?;
        Ok(SinksOptions { mqtt, webhooks, execs })
    }

    /// What sinks have to know of this run.
    #[must_use]
    pub fn sink_surroundings(&self, model: &str, labels: &[Label]) -> SinkSurroundings {
        let of_classes = self.class.values().filter_map(|class| class.max_event_secs);
        SinkSurroundings {
            labels: labels.to_vec(),
            model: model.to_owned(),
            longest_event_secs: of_classes.fold(self.detector.max_event_secs, f64::max),
        }
    }

    /// The labels that become events: one that is only shown would be a sensor that is never on. All of them where settings do
    /// not fit the model; whoever starts the detector reports that.
    fn reported_labels(&self, surroundings: &SinkSurroundings) -> Vec<String> {
        let detector = self.detector(&surroundings.model, &surroundings.labels).ok();
        let class = |index: usize| detector.as_ref().and_then(|detector| detector.classes.get(index));
        let labels = surroundings.labels.iter().enumerate();
        let reported = labels.filter(|(index, _)| class(*index).is_none_or(ClassParams::is_reported));
        reported.map(|(_, label)| label.name.clone()).collect()
    }

    /// The labels that a sink's list of labels and groups stands for.
    fn known_labels(&self, sink: &str, names: &[String], surroundings: &SinkSurroundings) -> Result<Vec<String>> {
        let known = self.names(&surroundings.model, &surroundings.labels);
        let mut labels = Vec::new();
        for name in names {
            let classes = known.one(name).ok_or_else(|| Error::usage(format!("{sink}: {}", known.nothing(name))))?;
            labels.extend(classes.into_iter().map(|class| known.label_of(class).to_owned()));
        }
        Ok(labels)
    }
}

/// An address without user, password, path and query: on services for notifications, the path is the password.
fn host_alone(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let hidden = if path.trim_matches('/').is_empty() && host == authority { "" } else { HIDDEN };
    format!("{scheme}://{host}/{hidden}")
}

fn named(kind: &str, name: &str, number: usize) -> String {
    if name.is_empty() { format!("{kind} {number}") } else { format!("{kind} {name}") }
}

/// The first line of a file that holds nothing else.
fn secret(file: &str, key: &str) -> Result<Secret> {
    let text = checked_file::read_text(Path::new(file), Links::Follow, MAX_SECRET_BYTES).map_err(|e| {
        Error::usage(format!("{file} cannot be read ({e}); correct {key}, or let this user read the file"))
            .with_source(e)
    })?;
    Ok(Secret(text.lines().next().unwrap_or_default().trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::InputConfig;
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (url, shown) in [
            ("https://ntfy.sh/my-topic", "https://ntfy.sh/(hidden)"),
            ("https://user:pass@host:8443/x?token=1", "https://host:8443/(hidden)"),
            ("http://u:p@host", "http://host/(hidden)"),
            ("http://host?key=1", "http://host/(hidden)"),
            ("http://host/", "http://host/"),
            ("nonsense", "(hidden)"),
        ] {
            assert_eq!(host_alone(url), shown);
        }
    }

    #[test]
    fn settings_are_shown_without_secrets() {
        let webhook = WebhookConfig {
            url: "https://u:hunter2@ntfy.sh/secret-topic".into(),
            headers: vec!["Authorization: Bearer abc".into()],
            ..WebhookConfig::default()
        };
        let camera = InputConfig { spec: "rtsp://me:hunter2@cam/live?abc".into(), ..InputConfig::default() };
        let config = Config { webhook: vec![webhook], input: vec![camera], ..Config::default() };
        let shown = config.without_secrets().to_toml().unwrap_or_default();
        assert!(shown.contains("https://ntfy.sh/(hidden)") && shown.contains("Authorization: (hidden)"), "{shown}");
        assert!(shown.contains("rtsp://cam/live"), "{shown}");
        assert!(!["hunter2", "secret-topic", "abc"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }

    #[test]
    fn a_label_that_is_only_shown_is_no_sensor_until_it_is_enabled() {
        let labels = [Label::new("dog", 0.6, 0.4), Label { alarm: false, ..Label::new("wind", 0.6, 0.4) }];
        let mut config = Config::default();
        config.mqtt.host = "broker".into();
        let announced = |config: &Config| {
            let sinks = config.sinks(&config.sink_surroundings("mine", &labels));
            sinks.ok().and_then(|sinks| sinks.mqtt).map(|mqtt| mqtt.all_labels)
        };
        assert_eq!(announced(&config), Some(vec!["dog".to_owned()]));
        config.detector.enable = vec!["wind".into()];
        assert_eq!(announced(&config), Some(vec!["dog".to_owned(), "wind".into()]));
    }
}
