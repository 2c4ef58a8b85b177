//! Who is told besides folders and lines: MQTT brokers, webhooks, programs, and the figures for Prometheus.
//!
//! Each sink has a bounded queue and threads of its own. Handing a report over never blocks: a sink that is slow, hangs or has
//! gone loses its oldest messages, counted and said once, and holds up neither the monitor nor the other sinks.

#[cfg(feature = "net")]
mod board;
#[cfg(feature = "net")]
mod client_id;
#[cfg(feature = "net")]
mod evidence;
mod exec;
mod filter;
#[cfg(feature = "net")]
mod home_assistant;
mod hub;
mod message;
#[cfg_attr(not(feature = "net"), allow(dead_code))]
pub mod metrics;
#[cfg(feature = "net")]
mod metrics_server;
#[cfg(feature = "net")]
mod mqtt;
#[cfg(feature = "net")]
mod mqtt_link;
#[cfg(feature = "net")]
mod mqtt_pictures;
mod observe;
pub mod options;
mod runner;
mod serving;
mod stats;
#[cfg(feature = "net")]
mod template;
#[cfg(feature = "net")]
mod topics;
#[cfg(feature = "net")]
mod webhook;
#[cfg(feature = "net")]
mod webhook_body;
mod webhook_check;

pub use hub::{SinkWatch, Sinks};
pub use metrics::Metrics;
pub use options::{ExecOptions, FilterOptions, MqttOptions, SinksOptions, TellOf, WebhookOptions};
