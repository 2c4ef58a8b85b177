//! The connection to an MQTT broker: one thread keeps it, and comes back with growing pauses; one message at a time is published
//! and waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};
use rumqttc::{
    Client, ConnectReturnCode, Connection, ConnectionError, Event, LastWill, Outgoing, Packet, QoS, TlsConfiguration,
    Transport,
};

use super::options::MqttOptions;
use crate::error::{Error, Result};

/// How long the broker may take to confirm a message.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection over which nothing goes is tested this often; a broker tells our death after one and a half.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The pause before another attempt to connect; it doubles …
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Largest message, in bytes.
const MAX_PACKET: usize = 256 * 1024;

/// Where distributions keep the certificates that they trust.
const SYSTEM_CERTIFICATES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// What the connection's thread tells.
enum Signal {
    Sent(u16),
    Confirmed(u16),
    Down,
}

#[derive(Debug, Default)]
struct Shared {
    /// Counts connections; 0 while there is none.
    generation: AtomicU64,
    trouble: Mutex<String>,
}

/// A connection that is kept.
pub(super) struct Link {
    client: Client,
    shared: Arc<Shared>,
    signals: Receiver<Signal>,
    /// Dropped at the end.
    _stop: Sender<()>,
}

impl Link {
    /// Connects, and again whenever the connection is lost; `wake` hears of both. `will` is what the broker publishes when we
    /// are gone: topic and text.
    ///
    /// # Errors
    /// `Usage` for certificates that cannot be used, `Output` when the system gives no thread.
    pub(super) fn start(options: &MqttOptions, will: (String, String), wake: Sender<()>) -> Result<Self> {
        let id = format!("earwitness-{}-{:08x}", std::process::id(), id_of_now());
        let mut mqtt = rumqttc::MqttOptions::new(id, options.host.clone(), options.port);
        mqtt.set_keep_alive(KEEP_ALIVE);
        mqtt.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        mqtt.set_last_will(LastWill::new(will.0, will.1, QoS::AtLeastOnce, true));
        if !options.user.is_empty() {
            mqtt.set_credentials(options.user.clone(), options.password.0.clone());
        }
        if options.tls {
            mqtt.set_transport(encrypted(options)?);
        }
        let (client, connection) = Client::new(mqtt, 16);
        let (stop, stopped) = channel::bounded(0);
        let (signal, signals) = channel::bounded(256);
        let shared = Arc::new(Shared::default());
        let keeper = Keeper { connection, shared: Arc::clone(&shared), signal, wake, stopped, connections: 0 };
        Builder::new().name("mqtt".to_owned()).spawn(move || keeper.run()).map_err(|e| {
            Error::output(format!("the connection to MQTT could not start ({e}); end other programs")).with_source(e)
        })?;
        Ok(Self { client, shared, signals, _stop: stop })
    }

    /// The number of the connection, or why there is none; no reason is given before the first attempt has ended.
    pub(super) fn connection(&self) -> Result<u64, String> {
        match self.shared.generation.load(Ordering::Acquire) {
            0 => Err(self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            number => Ok(number),
        }
    }

    /// Publishes and waits until the broker has confirmed it.
    pub(super) fn publish(&self, topic: &str, text: &str, retain: bool) -> Result<(), String> {
        self.connection()?;
        // What is left of an earlier message that was given up.
        self.signals.try_iter().for_each(drop);
        self.client
            .try_publish(topic, QoS::AtLeastOnce, retain, text)
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
    shared: Arc<Shared>,
    signal: Sender<Signal>,
    wake: Sender<()>,
    stopped: Receiver<()>,
    connections: u64,
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
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.tell(Signal::Confirmed(ack.pkid)),
                Ok(Event::Outgoing(Outgoing::Publish(id))) => self.tell(Signal::Sent(id)),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(e) => {
                    *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner) = sentence(&e);
                    self.shared.generation.store(0, Ordering::Release);
                    // Whoever waits for a confirmation tries again, and knows better what is still worth telling.
                    self.connection.eventloop.pending.clear();
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
    let ca = std::fs::read(file).map_err(|e| {
        Error::usage(format!("the certificates in {file} cannot be read ({e}); correct ca_file in [mqtt]"))
            .with_source(e)
    })?;
    Ok(Transport::tls_with_config(TlsConfiguration::Simple { ca, alpn: None, client_auth: None }))
}

/// Something that another monitor with the same process id, in another container, does not have.
fn id_of_now() -> u32 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos())
}
