//! Settings of who is told: MQTT, webhooks, programs, Prometheus.

use serde::Deserialize;

use super::section::{Entry, PutOnto};
use crate::config::values::TellWhen;
use crate::sinks::ExecOptions;
use crate::sinks::options::{FilterOptions, MqttOptions, Secret, TellOf, WebhookOptions};

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
        /// Whether to publish the picture of each recorded event, for Home Assistant as an image: what was heard, and why.
        pictures: bool = false,
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
        /// "@picture", "@clip" or "@interpretation" sends that file of the recorded event, which is waited for.
        template: String = String::new(),
        /// The parts of a form to send in place of the template, as in ["body={{ label }}", "attach=@picture"].
        form: Vec<String> = Vec::new(),
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
            pictures: self.pictures,
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
            form: self.form.clone(),
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

fn named(kind: &str, name: &str, number: usize) -> String {
    if name.is_empty() { format!("{kind} {number}") } else { format!("{kind} {name}") }
}
