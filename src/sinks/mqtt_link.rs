//! The connection to an MQTT broker: one thread keeps it, and comes back with growing pauses; one message at a time is published
//! and waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};
use rumqttc::{
    Broker, Client, ConnectReturnCode, Connection, ConnectionError, Event, LastWill, NoticeFailureReason, Outgoing,
    Packet, PublishOptions, QoS, SubscribeFilter, TlsConfiguration, Transport,
};

use super::client_id::ClientId;
use super::options::MqttOptions;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// How long the broker may take to confirm a message.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection over which nothing goes is tested this often; a broker tells our death after one and a half.
const KEEP_ALIVE_SECS: u16 = 20;

/// The pause before another attempt to connect; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Largest message, in bytes.
const MAX_PACKET: usize = 256 * 1024;

/// Largest picture that is sent, in bytes.
pub(super) const MAX_PICTURE: usize = 4 << 20;

/// Longest message that is sent, in bytes: a picture with what belongs to it.
const MAX_SENT: usize = MAX_PICTURE + 64 * 1024;

/// Longest file of certificates, in bytes; a system's has some 250 kB.
const MAX_CA_BYTES: u64 = 16 << 20;

/// Where distributions keep the certificates that they trust.
const SYSTEM_CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// A connection that is lost so soon after subscribing was probably lost because of it.
const SUSPICION: Duration = Duration::from_secs(3);

/// Hears topic and text.
type Overheard = Box<dyn Fn(&str, &str) + Send>;

/// What a connection stands for at the broker, each time anew.
pub(super) struct Standing {
    /// What the broker publishes when we are gone: topic and text.
    pub(super) will: (String, String),
    /// Topics to listen to.
    pub(super) subscriptions: Vec<String>,
    /// Hears what is published there: topic and text. Runs on the connection's thread and must not wait.
    pub(super) overheard: Overheard,
}

/// What the connection's thread tells.
enum Signal {
    Sent(u16),
    Confirmed(u16),
    Down,
}

/// Whether the broker lets us listen. One that answers a subscription by hanging up (some do where rights are missing, and one
/// message too large does the same) gets a connection without it the next time: to publish matters more.
#[derive(Debug, Default, Clone, Copy)]
enum Subscribed {
    #[default]
    NotYet,
    Since(Instant),
    LeftOut,
}

impl Subscribed {
    /// What is to become of the next connection's subscription when one is lost.
    fn after_a_loss(self) -> Self {
        match self {
            Self::Since(when) if when.elapsed() < SUSPICION => Self::LeftOut,
            _ => Self::NotYet,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// Counts connections; 0 while there is none.
    generation: AtomicU64,
    trouble: Mutex<String>,
    subscribed: Mutex<Subscribed>,
}

/// A connection that is kept.
pub(super) struct Link {
    client: Client,
    subscriptions: Vec<String>,
    shared: Arc<Shared>,
    signals: Receiver<Signal>,
    /// Dropped at the end.
    _stop: Sender<()>,
}

impl Link {
    /// Connects, and again whenever the connection is lost; `wake` hears of both.
    ///
    /// # Errors
    /// `Usage` for certificates that cannot be used, `Output` when the system gives no thread.
    pub(super) fn start(options: &MqttOptions, standing: Standing, wake: Sender<()>) -> Result<Self> {
        let id = ClientId::claim(&options.base_topic);
        let mut mqtt = rumqttc::MqttOptions::new(id.text(), Broker::tcp(options.host.clone(), options.port));
        mqtt.set_keep_alive(KEEP_ALIVE_SECS);
        mqtt.set_max_packet_size(MAX_PACKET, MAX_SENT);
        let (topic, text) = standing.will;
        mqtt.set_last_will(LastWill::new(topic, text, QoS::AtLeastOnce, true));
        if !options.user.is_empty() {
            mqtt.set_credentials(options.user.clone(), options.password.0.clone());
        }
        if options.tls {
            mqtt.set_transport(encrypted(options)?);
        }
        let (client, connection) = Client::builder(mqtt).capacity(16).build();
        let (stop, stopped) = channel::bounded(0);
        let (signal, signals) = channel::bounded(256);
        let shared = Arc::new(Shared::default());
        let keeper = Keeper {
            connection,
            overheard: standing.overheard,
            shared: Arc::clone(&shared),
            signal,
            wake,
            stopped,
            connections: 0,
            _id: id,
        };
        Builder::new().name("mqtt".to_owned()).spawn(move || keeper.run()).map_err(|e| {
            Error::output(format!("the connection to MQTT could not start ({e}); end other programs")).with_source(e)
        })?;
        Ok(Self { client, subscriptions: standing.subscriptions, shared, signals, _stop: stop })
    }

    /// The number of the connection, or why there is none; no reason is given before the first attempt has ended.
    pub(super) fn connection(&self) -> Result<u64, String> {
        match self.shared.generation.load(Ordering::Acquire) {
            0 => Err(self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            number => Ok(number),
        }
    }

    /// Asks to hear what is published under the subscribed topics; once for each connection.
    pub(super) fn listen(&self) {
        let mut subscribed = self.shared.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*subscribed, Subscribed::LeftOut) {
            return;
        }
        let filters = self.subscriptions.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
        if self.client.try_subscribe_many(filters).is_ok() {
            *subscribed = Subscribed::Since(Instant::now());
        }
    }

    /// Publishes and waits until the broker has confirmed it.
    pub(super) fn publish(&self, topic: &str, payload: &[u8], retain: bool) -> Result<(), String> {
        self.connection()?;
        // What is left of an earlier message that was given up.
        self.signals.try_iter().for_each(drop);
        self.client
            .try_publish(topic, payload.to_vec(), PublishOptions::at_least_once().retain(retain))
            .map_err(|_| "the connection takes no more messages".to_owned())?;
        let deadline = Instant::now() + PATIENCE;
        let mut number = None;
        loop {
            match self.signals.recv_deadline(deadline) {
                Ok(Signal::Sent(id)) => number = Some(id),
                Ok(Signal::Confirmed(id)) if number == Some(id) => return Ok(()),
                Ok(Signal::Confirmed(_)) => {}
                Ok(Signal::Down) | Err(channel::RecvTimeoutError::Disconnected) => {
                    return Err(self.connection().err().unwrap_or_else(|| "the connection was lost".to_owned()));
                }
                Err(channel::RecvTimeoutError::Timeout) => {
                    return Err(format!("the broker has not confirmed a message within {} s", PATIENCE.as_secs()));
                }
            }
        }
    }

    /// Says goodbye, so that the broker does not tell our death.
    pub(super) fn disconnect(&self) {
        let _ = self.client.try_disconnect();
    }
}

/// The connection's thread.
struct Keeper {
    connection: Connection,
    overheard: Overheard,
    shared: Arc<Shared>,
    signal: Sender<Signal>,
    wake: Sender<()>,
    stopped: Receiver<()>,
    connections: u64,
    /// Ours as long as the thread lives.
    _id: ClientId,
}

impl Keeper {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let happened = match self.connection.recv() {
                Ok(happened) => happened,
                // No one is left who could publish anything.
                Err(_) => return,
            };
            match happened {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    self.connections += 1;
                    pause = FIRST_PAUSE;
                    self.shared.generation.store(self.connections, Ordering::Release);
                    let _ = self.wake.try_send(());
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let utf8 = |bytes| std::str::from_utf8(bytes).ok();
                    if let (Some(topic), Some(text)) = (utf8(&publish.topic), utf8(&publish.payload)) {
                        (self.overheard)(topic, text);
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.tell(Signal::Confirmed(ack.pkid)),
                Ok(Event::Outgoing(Outgoing::Publish(id))) => self.tell(Signal::Sent(id)),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(e) => {
                    *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = sentence(&e);
                    self.shared.generation.store(0, Ordering::Release);
                    // Whoever waits for a confirmation tries again, and knows better what is still worth telling.
                    self.connection.eventloop.drain_pending_as_failed(NoticeFailureReason::SessionReset);
                    self.doubt_subscription();
                    self.tell(Signal::Down);
                    let _ = self.wake.try_send(());
                    if self.stopped.recv_timeout(pause) != Err(channel::RecvTimeoutError::Timeout) {
                        return;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The connection was lost.
    fn doubt_subscription(&self) {
        let mut subscribed = self.shared.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        *subscribed = subscribed.after_a_loss();
        if matches!(*subscribed, Subscribed::LeftOut) {
            tracing::debug!("the broker hung up after a subscription; the next connection does without it");
        }
    }

    fn tell(&self, signal: Signal) {
        // No one waits where so many are unread.
        let _ = self.signal.try_send(signal);
    }
}

/// Why there is no connection. Never with user or password.
fn sentence(e: &ConnectionError) -> String {
    match e {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses the user or the password; correct user and password_file in [mqtt]".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("the broker refuses the connection ({code:?})"),
        ConnectionError::Io(e) => format!("the broker cannot be reached ({e})"),
        ConnectionError::Tls(e) => {
            format!("no encrypted connection to the broker ({e}); check tls and ca_file in [mqtt]")
        }
        ConnectionError::NetworkTimeout => "the broker cannot be reached (no answer)".to_owned(),
        e => format!("the connection to the broker was lost ({e})"),
    }
}

fn encrypted(options: &MqttOptions) -> Result<Transport> {
    // The MQTT client brings no cryptographic library of its own; another part may have named this one already.
    let _ = rumqttc::tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let from_variable = std::env::var("SSL_CERT_FILE").unwrap_or_default();
    let system = std::iter::once(from_variable.as_str()).chain(SYSTEM_CERTIFICATES.iter().copied());
    let file = match options.ca_file.as_str() {
        "" => system.into_iter().find(|file| std::path::Path::new(file).is_file()),
        file => Some(file),
    };
    let Some(file) = file else {
        return Err(Error::usage(
            "this system's certificates were not found; name a file of them as ca_file in [mqtt]",
        ));
    };
    let ca = checked_file::read(std::path::Path::new(file), Links::Follow, MAX_CA_BYTES).map_err(|e| {
        Error::usage(format!("the certificates in {file} cannot be read ({e}); correct ca_file in [mqtt]"))
            .with_source(e)
    })?;
    Ok(Transport::tls_with_config(TlsConfiguration::Simple { ca, alpn: None, client_auth: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_hangs_up_on_a_subscription_is_not_asked_twice_in_a_row() {
        let now = Instant::now();
        assert!(matches!(Subscribed::Since(now).after_a_loss(), Subscribed::LeftOut));
        assert!(matches!(Subscribed::LeftOut.after_a_loss(), Subscribed::NotYet));
        if let Some(long_ago) = now.checked_sub(SUSPICION * 2) {
            assert!(matches!(Subscribed::Since(long_ago).after_a_loss(), Subscribed::NotYet));
        }
    }
}
