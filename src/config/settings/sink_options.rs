//! What the sinks are started with, for a model, and what of their settings a person may read.

use std::ffi::OsString;

use super::Config;
use super::secret::secret;
use super::sinks::{ExecConfig, WebhookConfig};
use crate::audio::source::InputSpec;
use crate::engine::detector::{ANY_LOUD, ClassParams};
use crate::error::{Error, Result};
use crate::model::manifest::Label;
use crate::sinks::SinksOptions;
use crate::sinks::options::Secret;

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
            for part in &mut webhook.form {
                let name = part.split_once('=').map_or("", |(name, _)| name);
                *part = format!("{name}={HIDDEN}");
            }
        }
        config
    }

    /// The sinks that receive events, with the passwords and tokens read from their files.
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

/// Longest time from the end of an event to its report: gaps, what follows an event, computing under load.
const REPORT_SECS: f64 = 30.0;

/// Stands where a secret is not shown.
const HIDDEN: &str = "(hidden)";

/// The variable that holds the broker's password where no file does.
const PASSWORD_VARIABLE: &str = "EARWITNESS_MQTT_PASSWORD";

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
            form: vec!["token=abc".into()],
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
