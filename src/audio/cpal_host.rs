//! The sound systems as cpal shows them: which there are, finding a device, and keeping them quiet. Nothing here is real-time.

use std::sync::Arc;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, HostId, SampleFormat};

use super::device_ids::{same_id, stable_id};
use crate::error::Error;

/// The formats that can be captured, best first: the one that nearly all microphones have, then by what they keep.
pub(super) const FORMATS: [SampleFormat; 12] = [
    SampleFormat::I16,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::F32,
    SampleFormat::F64,
    SampleFormat::I64,
    SampleFormat::U16,
    SampleFormat::U32,
    SampleFormat::U24,
    SampleFormat::U64,
    SampleFormat::I8,
    SampleFormat::U8,
];

pub(super) fn is_pcm(format: SampleFormat) -> bool {
    FORMATS.contains(&format)
}

/// ALSA writes its complaints to stderr, over the terminal UI and beside our own one sentence. On this thread they go to
/// the log from here on: what came by the end of this value's life, at least.
pub(super) struct Complaints {
    #[cfg(target_os = "linux")]
    buffer: Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>>,
}

impl Complaints {
    pub(super) fn catch() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            buffer: alsa::Output::local_error_handler().ok(),
        }
    }
}

impl Drop for Complaints {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(buffer) = &self.buffer {
            buffer.borrow().buffer_string(|text| {
                for line in String::from_utf8_lossy(text).lines() {
                    tracing::debug!("ALSA: {line}");
                }
            });
        }
    }
}

/// Sound systems, the preferred one first: a server that others share comes before the hardware below it.
const PREFERENCE: [&str; 3] = ["pipewire", "pulseaudio", "alsa"];

/// The sound systems of this build, the preferred one first.
pub(super) fn hosts() -> Vec<HostId> {
    let mut hosts = cpal::ALL_HOSTS.to_vec();
    let rank = |id: &HostId| PREFERENCE.iter().position(|name| *name == id.to_string()).unwrap_or(PREFERENCE.len());
    hosts.sort_by_key(rank);
    hosts
}

/// A sound system, where it answers.
pub(super) fn connect(id: HostId) -> Option<Arc<cpal::Host>> {
    #[cfg(all(feature = "pulseaudio", unix))]
    if id.to_string() == "pulseaudio" {
        return pulse::connect(id);
    }
    cpal::host_from_id(id).ok().map(Arc::new)
}

#[cfg(all(feature = "pulseaudio", unix))]
mod pulse {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, Once, PoisonError};

    use cpal::HostId;
    use cpal::traits::HostTrait;

    use super::super::pulse_probe::{self, Server};
    use super::Delivery;

    /// A connection to the PulseAudio server has a thread of its own, which stays when the connection is no longer used. So
    /// there is one connection, for all devices, for as long as it lasts.
    static CONNECTION: Mutex<Option<Arc<cpal::Host>>> = Mutex::new(None);

    /// Whether PipeWire is behind it.
    static ON_PIPEWIRE: AtomicBool = AtomicBool::new(false);

    /// What the server that answered last wants to be asked.
    pub(super) fn delivery() -> Delivery {
        if ON_PIPEWIRE.load(Ordering::Relaxed) { Delivery::Chunks } else { Delivery::Paced }
    }

    pub(super) fn connect(id: HostId) -> Option<Arc<cpal::Host>> {
        let mut connection = CONNECTION.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(server) = pulse_probe::ask() else {
            // The thread of a connection ends with its server.
            *connection = None;
            return None;
        };
        ON_PIPEWIRE.store(server == Server::PipeWire, Ordering::Relaxed);
        if let Some(host) = connection.as_ref().filter(|host| host.devices().is_ok()) {
            return Some(Arc::clone(host));
        }
        *connection = match cpal::host_from_id(id) {
            Ok(host) => Some(Arc::new(host)),
            Err(e) => {
                // It answered just now. The library shows the server no cookie where it finds none.
                static TOLD: Once = Once::new();
                TOLD.call_once(|| {
                    tracing::warn!(
                        "the PulseAudio server does not let this program in ({e}); name its cookie file in PULSE_COOKIE"
                    );
                });
                None
            }
        };
        connection.clone()
    }
}

/// How a sound system is to be asked to deliver soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As its driver likes: it is soon enough.
    Driver,
    /// In chunks of some length.
    Chunks,
    /// A PulseAudio server delivers every two seconds, unless chunks are asked for; but then it loses whatever comes while a
    /// single one waits for its main loop. A second stream that asks for chunks, and drops them, makes the source deliver them
    /// to the first one, too.
    Paced,
}

pub(super) fn delivery(host: HostId) -> Delivery {
    #[cfg(all(feature = "pulseaudio", unix))]
    if host.to_string() == "pulseaudio" {
        return pulse::delivery();
    }
    let _ = host;
    Delivery::Driver
}

/// Whether a sound system converts, so that each of its devices offers every rate and every number of channels.
pub(super) fn converts(host: HostId) -> bool {
    matches!(host.to_string().as_str(), "pulseaudio" | "pipewire")
}

/// A device and the sound system that it belongs to.
pub(super) struct Found {
    pub(super) device: cpal::Device,
    pub(super) host: HostId,
}

/// Finds the capture device `id`, or the default one: of the sound system `only`, or of the first that has it.
pub(super) fn find(id: Option<&str>, only: Option<HostId>) -> Option<Found> {
    find_by(id, only, HostTrait::default_input_device)
}

/// As [`find`], for playback.
pub(super) fn find_playback(id: Option<&str>) -> Option<cpal::Device> {
    find_by(id, None, HostTrait::default_output_device).map(|found| found.device)
}

fn find_by(id: Option<&str>, only: Option<HostId>, default: fn(&cpal::Host) -> Option<cpal::Device>) -> Option<Found> {
    // What stands before the first colon may name a sound system, or belong to the device's own name.
    let named =
        id.and_then(|id| id.split_once(':')).and_then(|(host, rest)| Some((host.parse::<HostId>().ok()?, rest)));
    let candidates = hosts().into_iter().filter(|host| only.is_none_or(|only| only == *host));
    candidates.filter(|host| named.is_none_or(|(named, _)| named == *host)).find_map(|host| {
        let system = connect(host)?;
        let device = match (id, named) {
            (None, _) => default(&system)?,
            (Some(_), Some((_, id))) | (Some(id), None) => {
                let mut all = default(&system).into_iter().chain(system.devices().into_iter().flatten());
                all.find(|device| device.id().is_ok_and(|full| is_it(&full, id)))?
            }
        };
        Some(Found { device, host })
    })
}

/// Whether a device's id is what a person calls `id`. Only ALSA numbers its devices and knows several spellings.
fn is_it(full: &cpal::DeviceId, id: &str) -> bool {
    full.id() == id || (full.host().to_string() == "alsa" && same_id(full.id(), id))
}

/// What `device:ID` takes, the same across reboots.
pub(super) fn id_of(device: &cpal::Device) -> Option<String> {
    let id = device.id().ok()?;
    let host = id.host().to_string();
    Some(if host == "alsa" { format!("{host}:{}", stable_id(id.id())) } else { id.to_string() })
}

pub(super) fn missing(name: &str) -> Error {
    Error::input(format!("cannot find {name}; `earwitness devices` lists what there is"))
}

/// Whether a device is not there, rather than not to be opened.
pub(super) fn is_missing(e: &cpal::Error) -> bool {
    matches!(e.kind(), ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated)
}

pub(super) fn cannot_open(name: &str, e: cpal::Error) -> Error {
    let remedy = match e.kind() {
        ErrorKind::DeviceBusy => "close the program that uses it",
        ErrorKind::PermissionDenied => "add this user to the group audio",
        ErrorKind::HostUnavailable => "start the sound system",
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation => "choose a device that captures",
        _ => "connect it, choose another (`earwitness devices` lists what there is), or use file:, stdin: or demo",
    };
    let why = e.to_string();
    Error::input(format!("cannot open {name} ({}); {remedy}", why.trim_end_matches('.'))).with_source(e)
}
