//! What devices the sound systems have.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{HostId, SupportedStreamConfigRange};

use super::cpal_host::{Complaints, connect, converts, hosts, id_of, is_pcm};
use super::devices::{DeviceInfo, Direction};
use crate::error::{Error, Result};

/// How long the sound systems may take, together. Some drivers and plug-ins wait for ever for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// No converter is faster; a device that says so converts by itself, and says nothing of its own.
const FASTEST_HZ: u32 = 768_000;

/// What is said in its place.
const CLAMPED_HZ: u32 = 192_000;

/// What one sound system has.
struct Answer {
    host: HostId,
    /// Devices, and whether the system thinks them its default.
    devices: Result<Vec<DeviceInfo>>,
}

/// See [`super::devices::list_devices`].
pub(super) fn list() -> Result<Vec<DeviceInfo>> {
    let (answered, answers) = channel();
    let hosts = hosts();
    for &host in &hosts {
        let answered = answered.clone();
        // Each on a thread of its own: one that hangs must not hide the others.
        let spawned = thread::Builder::new().name("device-list".to_owned()).spawn(move || ask(host, &answered));
        spawned
            .map_err(|e| Error::input(format!("cannot start a thread to list devices: {e}; close other programs")))?;
    }
    drop(answered);
    let deadline = Instant::now() + PATIENCE;
    let mut all: Vec<Answer> = Vec::new();
    while let Ok(answer) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        all.push(answer);
    }
    for host in hosts.iter().filter(|host| !all.iter().any(|answer| answer.host == **host)) {
        tracing::warn!("{host} does not answer, so its devices are left out");
    }
    all.sort_by_key(|answer| hosts.iter().position(|host| *host == answer.host));
    merge(all.into_iter().map(|answer| answer.devices).collect())
}

/// Capture first, each sound system's default first of its own, and one default a direction: what `default` means is the
/// default of the first system that has one.
fn merge(answers: Vec<Result<Vec<DeviceInfo>>>) -> Result<Vec<DeviceInfo>> {
    let (answered, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    if answered.is_empty()
        && let Some(Err(e)) = failed.into_iter().next()
    {
        return Err(e);
    }
    let devices: Vec<DeviceInfo> = answered.into_iter().flatten().flatten().collect();
    let mut list = Vec::new();
    for direction in [Direction::Capture, Direction::Playback] {
        let mut has_default = false;
        for mut device in devices.iter().filter(|device| device.direction == direction).cloned() {
            device.is_default &= !has_default;
            has_default |= device.is_default;
            list.push(device);
        }
    }
    Ok(list)
}

fn ask(host: HostId, answered: &Sender<Answer>) {
    let _complaints = Complaints::catch();
    // One that is not there has nothing to list.
    let devices = connect(host).map_or_else(|| Ok(Vec::new()), |system| devices(host, &system));
    let _ = answered.send(Answer { host, devices });
}

fn devices(host: HostId, system: &cpal::Host) -> Result<Vec<DeviceInfo>> {
    let failed = |e: cpal::Error| {
        Error::input(format!("cannot list the devices of {host} ({e}); restart its server")).with_source(e)
    };
    let default_in = system.default_input_device();
    let default_out = system.default_output_device();
    let (in_id, out_id) = (default_in.as_ref().and_then(id_of), default_out.as_ref().and_then(id_of));
    // The default device comes first, and a system may leave it out of its own list.
    let mut devices: Vec<(String, cpal::Device)> = Vec::new();
    for device in default_in.into_iter().chain(default_out).chain(system.devices().map_err(failed)?) {
        if let Some(id) = id_of(&device).filter(|id| !devices.iter().any(|(other, _)| other == id)) {
            devices.push((id, device));
        }
    }
    let mut list = Vec::new();
    for (direction, default) in [(Direction::Capture, &in_id), (Direction::Playback, &out_id)] {
        let describe = |(id, device): &(String, cpal::Device)| {
            let is_default = default.as_ref() == Some(id);
            Some(DeviceInfo { id: id.clone(), is_default, ..describe(host, device, direction)? })
        };
        list.extend(devices.iter().filter_map(describe));
    }
    Ok(list)
}

/// All but the id and whether it is the default; `None` for a device that does not do this direction, or does not say.
fn describe(host: HostId, device: &cpal::Device, direction: Direction) -> Option<DeviceInfo> {
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
    let counts = ranges.iter().map(SupportedStreamConfigRange::channels);
    let mut channels = (counts.clone().min()?, counts.max()?);
    let mut rates = (
        ranges.iter().map(SupportedStreamConfigRange::min_sample_rate).min()?,
        clamped(ranges.iter().map(SupportedStreamConfigRange::max_sample_rate).max()?),
    );
    // A server that converts offers everything of every device: what the device has itself says more.
    if converts(host) {
        let own = match direction {
            Direction::Capture => device.default_input_config(),
            Direction::Playback => device.default_output_config(),
        };
        if let Ok(own) = own {
            (channels, rates) = ((own.channels(), own.channels()), (own.sample_rate(), own.sample_rate()));
            let first = own.sample_format().to_string();
            formats.sort_by_key(|format| *format != first);
        }
    }
    let name = device.description().map_or_else(|_| String::new(), |d| d.name().to_owned());
    Some(DeviceInfo {
        id: String::new(),
        name,
        host: host.to_string(),
        direction,
        is_default: false,
        channels,
        rates,
        formats,
    })
}

fn clamped(max_hz: u32) -> u32 {
    if max_hz > FASTEST_HZ { CLAMPED_HZ } else { max_hz }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn device(host: &str, id: &str, direction: Direction, is_default: bool) -> DeviceInfo {
        DeviceInfo {
            id: id.to_owned(),
            name: id.to_owned(),
            host: host.to_owned(),
            direction,
            is_default,
            channels: (1, 2),
            rates: (8000, 48_000),
            formats: vec!["i16".to_owned()],
        }
    }

    #[test]
    fn one_default_a_direction_and_capture_first() {
        use Direction::{Capture, Playback};
        let failed = || Err(Error::input("no answer; restart it"));
        let pulse = vec![device("pulseaudio", "p", Playback, true)];
        let alsa = vec![
            device("alsa", "a", Capture, true),
            device("alsa", "b", Capture, false),
            device("alsa", "a", Playback, true),
        ];
        let list = merge(vec![failed(), Ok(pulse), Ok(alsa)]).unwrap();
        let rows: Vec<_> = list.iter().map(|d| (d.id.as_str(), d.direction, d.is_default)).collect();
        assert_eq!(rows, [("a", Capture, true), ("b", Capture, false), ("p", Playback, true), ("a", Playback, false)]);
        assert!(merge(vec![failed()]).is_err() && merge(vec![failed(), Ok(Vec::new())]).unwrap().is_empty());
    }

    #[test]
    fn rates_that_no_converter_has_are_clamped() {
        assert_eq!([48_000, 384_000, u32::MAX].map(clamped), [48_000, 384_000, 192_000]);
    }
}
