//! What sinks can be told, checked: the settings of `[mqtt]`, `[[webhook]]` and `[[exec]]` as plain data.

use std::fmt;

/// Which messages of an event a sink gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TellOf {
    /// One when it is over, with all there is to say of it.
    #[default]
    Event,
    /// One as soon as it has begun.
    Onset,
    /// Both, under the same id.
    Both,
}

/// Which events a sink is told of. Quiet events never are.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterOptions {
    /// Labels wanted; none means all.
    pub labels: Vec<String>,
    /// Events whose score is lower are not told, 0…1.
    pub min_score: f64,
    /// At most one event of a label in so many seconds; 0 is no limit.
    pub per_label_secs: f64,
    /// A message that could not be told for so many seconds is dropped.
    pub max_age_secs: f64,
    /// What is told of an event.
    pub tell: TellOf,
}

impl Default for FilterOptions {
    fn default() -> Self {
        Self { labels: Vec::new(), min_score: 0.0, per_label_secs: 0.0, max_age_secs: 300.0, tell: TellOf::Event }
    }
}

/// A password, or another secret: it does not show in debug output.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "hidden" })
    }
}

/// An MQTT broker, and what it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttOptions {
    /// Which events.
    pub filter: FilterOptions,
    /// The broker's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The certificates (PEM) that its own is checked against; "" uses the system's.
    pub ca_file: String,
    /// User, "" for none.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Every topic begins with it.
    pub base_topic: String,
    /// Where Home Assistant looks for devices; "" announces none.
    pub discovery_topic: String,
    /// Whether the picture of each recorded event is published.
    pub pictures: bool,
    /// How long a label stays ON after the end of its event, in seconds.
    pub off_delay_secs: f64,
    /// A label whose event is not told to be over turns OFF after so many seconds.
    pub longest_on_secs: f64,
    /// The labels that can be heard.
    pub all_labels: Vec<String>,
    /// The model, for the device's description.
    pub model: String,
}

/// A URL that is called for each event.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookOptions {
    /// What log and figures call it.
    pub name: String,
    /// Which events.
    pub filter: FilterOptions,
    /// Where to.
    pub url: Secret,
    /// The HTTP method.
    pub method: String,
    /// Header lines, as in `Title: {{ label }}`; each is a template.
    pub headers: Vec<String>,
    /// The bearer token; "" for none.
    pub token: Secret,
    /// The body as a template, or a file as in `@picture`; "" is the event's JSON.
    pub template: String,
    /// The body as the parts of a form, as in `body={{ label }}` and `attach=@picture`; none is `template`.
    pub form: Vec<String>,
    /// Longest time for a call, in seconds.
    pub timeout_secs: f64,
}

/// A program that is run for each event.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecOptions {
    /// What log and figures call it.
    pub name: String,
    /// Which events.
    pub filter: FilterOptions,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Longest time for a run, in seconds; then it is killed.
    pub timeout_secs: f64,
    /// Runs at once.
    pub at_once: usize,
}

/// All sinks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SinksOptions {
    /// The broker, if there is one.
    pub mqtt: Option<MqttOptions>,
    /// URLs.
    pub webhooks: Vec<WebhookOptions>,
    /// Programs.
    pub execs: Vec<ExecOptions>,
}

impl SinksOptions {
    /// Whether anyone wants to know of an event before it is over.
    #[must_use]
    pub fn wants_onsets(&self) -> bool {
        let filters = self.webhooks.iter().map(|w| &w.filter).chain(self.execs.iter().map(|e| &e.filter));
        self.mqtt.is_some() || filters.into_iter().any(|filter| filter.tell != TellOf::Event)
    }
}

/// A setting of a sink that cannot be used: its key within the sink, and what would be right.
pub type Fault = (&'static str, String);

impl FilterOptions {
    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        if !(0.0..=1.0).contains(&self.min_score) {
            return Some(("min_score", "give 0 to 1".into()));
        }
        if !(0.0..=86_400.0).contains(&self.per_label_secs) {
            return Some(("per_label_secs", "give 0 to 86400 seconds".into()));
        }
        (!(1.0..=86_400.0).contains(&self.max_age_secs)).then(|| ("max_age_secs", "give 1 to 86400 seconds".into()))
    }
}

impl MqttOptions {
    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        let bad_topic =
            |topic: &str| topic.contains(['+', '#', '\0']) || topic.starts_with('/') || topic.ends_with('/');
        if self.base_topic.is_empty() || bad_topic(&self.base_topic) {
            return Some(("base_topic", "give a topic without + and #, as in earwitness or house/earwitness".into()));
        }
        if bad_topic(&self.discovery_topic) {
            return Some(("discovery_topic", "give a topic without + and #, as in homeassistant, or nothing".into()));
        }
        if self.host.contains("://") || self.host.contains(char::is_whitespace) {
            return Some((
                "host",
                "give the host's name alone, as in broker.lan; port and tls are settings of their own".into(),
            ));
        }
        if !(0.0..=86_400.0).contains(&self.off_delay_secs) {
            return Some(("off_delay_secs", "give 0 to 86400 seconds".into()));
        }
        self.filter.fault()
    }
}

impl ExecOptions {
    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        if self.command.first().is_none_or(String::is_empty) {
            return Some((
                "command",
                "give a program, and its arguments, as in [\"/usr/local/bin/alarm\", \"--loud\"]".into(),
            ));
        }
        if self.command.iter().any(|part| part.contains('\0')) {
            return Some(("command", "leave out the zero byte".into()));
        }
        if !(0.1..=3600.0).contains(&self.timeout_secs) {
            return Some(("timeout_secs", "give 0.1 to 3600 seconds".into()));
        }
        if !(1..=16).contains(&self.at_once) {
            return Some(("at_once", "give 1 to 16".into()));
        }
        self.filter.fault()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret("hunter2".into())), "hidden");
        assert_eq!(format!("{:?}", Secret::default()), "none");
    }
}
