//! What the settings of sinks and figures must be.

use std::net::ToSocketAddrs;

use super::settings::Config;
use super::values::LogTo;
use crate::sinks::options::Fault;
use crate::toml_text::BadValue;
use crate::web::WebOptions;

impl Config {
    /// The first setting about who is told that cannot be used.
    pub(super) fn sink_problem(&self) -> Option<BadValue> {
        if self.log.to == LogTo::File && self.log.file.is_empty() {
            return Some(BadValue::new("log.to", "\"file\"", "name the file as log.file"));
        }
        let listen = &self.metrics.listen;
        if !listen.is_empty() && listen.to_socket_addrs().is_err() {
            let remedy = "give an address and a port, as in \"127.0.0.1:9557\", or nothing";
            return Some(BadValue::new("metrics.listen", format!("{listen:?}"), remedy));
        }
        // The token itself is read when it is used.
        let web = &self.web;
        if !web.listen.is_empty()
            && let Some(remedy) = WebOptions::listen_fault(&web.listen, !web.token_file.is_empty())
        {
            return Some(BadValue::new("web.listen", format!("{:?}", web.listen), remedy));
        }
        if !self.mqtt.host.is_empty()
            && let Some(fault) = self.mqtt.options().fault()
        {
            return Some(bad("mqtt", &fault, self.mqtt.entries()));
        }
        let webhooks = self.webhook.iter().enumerate();
        let wrong = webhooks.filter_map(|(i, w)| {
            w.options(i + 1).fault().map(|fault| bad(&format!("webhook[{i}]"), &fault, w.entries()))
        });
        if let Some(bad) = wrong.into_iter().next() {
            return Some(bad);
        }
        let execs = self.exec.iter().enumerate();
        execs
            .filter_map(|(i, e)| e.options(i + 1).fault().map(|fault| bad(&format!("exec[{i}]"), &fault, e.entries())))
            .next()
    }
}

/// The sentence's parts, with the value as it is written in TOML.
fn bad(table: &str, (key, remedy): &Fault, entries: Vec<super::settings::Entry>) -> BadValue {
    let value = entries.into_iter().find(|entry| entry.name == *key).and_then(|entry| entry.value.ok());
    // An address may hold a secret.
    let written = value.filter(|_| *key != "url").map_or_else(|| "…".to_owned(), |value| value.to_string());
    BadValue::new(format!("{table}.{key}"), written, remedy.clone())
}
