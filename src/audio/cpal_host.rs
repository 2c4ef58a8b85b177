//! The sound system as cpal shows it: finding and listing devices, and keeping it quiet. Nothing here is real-time.

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, SampleFormat, SupportedStreamConfigRange};

use super::devices::{DeviceInfo, Direction};
use crate::error::{Error, Result};

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

fn is_pcm(format: SampleFormat) -> bool {
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

/// The sound system that this machine prefers. (`cpal::default_host` panics where there is none.)
fn host() -> Result<cpal::Host> {
    cpal::available_hosts().into_iter().find_map(|id| cpal::host_from_id(id).ok()).ok_or_else(|| {
        Error::input("this machine has no sound system that answers; use --input file:, stdin: or demo instead")
    })
}

pub(super) fn find(id: Option<&str>, name: &str) -> Result<cpal::Device> {
    let host = host()?;
    let missing = || Error::input(format!("cannot find {name}; `earwitness devices` lists what there is"));
    let Some(id) = id else { return host.default_input_device().ok_or_else(missing) };
    if let Some(device) = id.parse().ok().and_then(|id| host.device_by_id(&id)) {
        return Ok(device);
    }
    // The system's own name, without the sound system in front of it, is what people know.
    let default = host.default_input_device().into_iter();
    let mut all = default.chain(host.devices().into_iter().flatten());
    let is_it = |device: &cpal::Device| device.id().is_ok_and(|full| full.id() == id || full.to_string() == id);
    all.find(is_it).ok_or_else(missing)
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

/// See [`super::devices::list_devices`].
pub(super) fn list() -> Result<Vec<DeviceInfo>> {
    let _complaints = Complaints::catch();
    let host = host()?;
    let failed = |e: cpal::Error| Error::input(format!("cannot list the sound devices ({e})")).with_source(e);
    let default_in = host.default_input_device();
    let default_out = host.default_output_device();
    let id_of = |device: Option<&cpal::Device>| device.and_then(|d| d.id().ok());
    let (in_id, out_id) = (id_of(default_in.as_ref()), id_of(default_out.as_ref()));
    // The default device comes first, and a system may leave it out of its own list.
    let mut devices: Vec<cpal::Device> = Vec::new();
    for device in default_in.into_iter().chain(default_out).chain(host.devices().map_err(failed)?) {
        if !devices.iter().any(|d| d.id().ok() == device.id().ok()) {
            devices.push(device);
        }
    }
    let mut list = Vec::new();
    for direction in [Direction::Capture, Direction::Playback] {
        let default = if direction == Direction::Capture { &in_id } else { &out_id };
        list.extend(devices.iter().filter_map(|device| describe(device, direction, default.as_ref())));
    }
    Ok(list)
}

fn describe(device: &cpal::Device, direction: Direction, default: Option<&cpal::DeviceId>) -> Option<DeviceInfo> {
    let id = device.id().ok()?;
    let ranges: Vec<SupportedStreamConfigRange> = match direction {
        Direction::Capture => device.supported_input_configs().ok()?.collect(),
        Direction::Playback => device.supported_output_configs().ok()?.collect(),
    };
    let mut ranges: Vec<_> = ranges.into_iter().filter(|range| is_pcm(range.sample_format())).collect();
    ranges.sort_by(|a, b| b.cmp_default_heuristics(a));
    let mut formats: Vec<String> = Vec::new();
    for range in &ranges {
        let format = range.sample_format().to_string();
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    let channels = ranges.iter().map(SupportedStreamConfigRange::channels);
    let name = device.description().map_or_else(|_| id.to_string(), |d| d.name().to_owned());
    Some(DeviceInfo {
        id: id.to_string(),
        name,
        direction,
        is_default: default == Some(&id),
        channels: (channels.clone().min()?, channels.max()?),
        rates: (
            ranges.iter().map(SupportedStreamConfigRange::min_sample_rate).min()?,
            ranges.iter().map(SupportedStreamConfigRange::max_sample_rate).max()?,
        ),
        formats,
    })
}
