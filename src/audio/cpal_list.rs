//! What devices the sound systems have.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{HostId, SupportedStreamConfigRange};

use super::cpal_host::{Complaints, connect, converts, hosts, id_of, is_pcm};
use super::device_info::{DeviceInfo, Direction};
use crate::error::{Error, Result};

/// How long to wait for the next device. Some drivers and plug-ins wait for ever for a server that hangs.
const PATIENCE: Duration = Duration::from_millis(1200);

/// No converter is faster; a device that says so converts by itself, and says nothing of its own.
const FASTEST_HZ: u32 = 768_000;

/// What is said in its place.
const CLAMPED_HZ: u32 = 192_000;

/// What the thread of a sound system says, in this order.
enum Word {
    Device(DeviceInfo),
    /// That is all, or it cannot be listed.
    Done(Result<()>),
}

/// What is known of one sound system.
#[derive(Default)]
struct Answer {
    devices: Vec<DeviceInfo>,
    /// `None`: it has not answered to the end.
    done: Option<Result<()>>,
}

/// See [`super::devices::list_devices`].
pub(super) fn list() -> Result<Vec<DeviceInfo>> {
    let (tell, told) = channel();
    let hosts = hosts();
    for (index, &host) in hosts.iter().enumerate() {
        let tell = tell.clone();
        // Each on a thread of its own: one that hangs must not hide the others.
        let body = move || ask(host, &|word| tell.send((index, word)).is_ok());
        let spawned = thread::Builder::new().name("device-list".to_owned()).spawn(body);
        spawned
            .map_err(|e| Error::input(format!("cannot start a thread to list devices: {e}; close other programs")))?;
    }
    drop(tell);
    let mut answers: Vec<Answer> = hosts.iter().map(|_| Answer::default()).collect();
    // Ends when all have said all, too.
    while let Ok((index, word)) = told.recv_timeout(PATIENCE) {
        let Some(answer) = answers.get_mut(index) else { continue };
        match word {
            Word::Device(device) => answer.devices.push(device),
            Word::Done(result) => answer.done = Some(result),
        }
    }
    for (host, answer) in hosts.iter().zip(&answers) {
        if answer.done.is_none() {
            tracing::warn!("{host} does not answer, so devices of it may be missing here");
        }
    }
    merge(answers)
}

/// Capture first, each sound system's default first of its own, and one default a direction: what `default` means is the
/// default of the first system that has one. Fails where all have.
fn merge(answers: Vec<Answer>) -> Result<Vec<DeviceInfo>> {
    let mut devices = Vec::new();
    let (mut n_failed, mut failure) = (0, None);
    let n = answers.len();
    for answer in answers {
        devices.extend(answer.devices);
        if let Some(Err(e)) = answer.done {
            n_failed += 1;
            failure = failure.or(Some(e));
        }
    }
    if let Some(e) = failure.filter(|_| n_failed == n) {
        return Err(e);
    }
    let mut list = Vec::new();
    // Stable: the systems stay in their order.
    let order = |device: &DeviceInfo| devices.iter().position(|other: &DeviceInfo| other.host == device.host);
    let mut sorted: Vec<&DeviceInfo> = devices.iter().collect();
    sorted.sort_by_key(|device| (order(device), !device.is_default));
    for direction in [Direction::Capture, Direction::Playback] {
        let mut has_default = false;
        for mut device in sorted.iter().filter(|device| device.direction == direction).copied().cloned() {
            device.is_default &= !has_default;
            has_default |= device.is_default;
            list.push(device);
        }
    }
    Ok(list)
}

/// Says what a sound system has until no one listens.
fn ask(host: HostId, say: &dyn Fn(Word) -> bool) {
    let _complaints = Complaints::catch();
    // One that is not there has nothing to list.
    let done = connect(host).map_or(Ok(()), |system| devices(host, &system, say));
    say(Word::Done(done));
}

fn devices(host: HostId, system: &cpal::Host, say: &dyn Fn(Word) -> bool) -> Result<()> {
    let failed = |e: cpal::Error| {
        Error::input(format!("cannot list the devices of {host} ({e}); restart its server")).with_source(e)
    };
    let default_in = system.default_input_device();
    let default_out = system.default_output_device();
    let (in_id, out_id) = (default_in.as_ref().and_then(id_of), default_out.as_ref().and_then(id_of));
    // A system may leave its default device out of its own list.
    let mut devices: Vec<(String, cpal::Device)> = Vec::new();
    for device in default_in.into_iter().chain(default_out).chain(system.devices().map_err(failed)?) {
        if let Some(id) = id_of(&device).filter(|id| !devices.iter().any(|(other, _)| other == id)) {
            devices.push((id, device));
        }
    }
    // Looking at a device opens it. One of a card does not hang; one that only has a name may lead to a server.
    devices.sort_by_key(|(id, _)| !id.contains("CARD="));
    for (id, device) in &devices {
        for (direction, default) in [(Direction::Capture, &in_id), (Direction::Playback, &out_id)] {
            let Some(info) = describe(host, device, direction) else { continue };
            let is_default = default.as_ref() == Some(id);
            if !say(Word::Device(DeviceInfo { id: id.clone(), is_default, ..info })) {
                return Ok(());
            }
        }
    }
    Ok(())
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
        let failed = || Answer { devices: Vec::new(), done: Some(Err(Error::input("no answer; restart it"))) };
        let all = |devices| Answer { devices, done: Some(Ok(())) };
        let pulse = vec![device("pulseaudio", "p", Playback, true)];
        let alsa = vec![
            device("alsa", "b", Capture, false),
            device("alsa", "a", Capture, true),
            device("alsa", "a", Playback, true),
        ];
        let list = merge(vec![failed(), all(pulse), all(alsa)]).unwrap();
        let rows: Vec<_> = list.iter().map(|d| (d.id.as_str(), d.direction, d.is_default)).collect();
        assert_eq!(rows, [("a", Capture, true), ("b", Capture, false), ("p", Playback, true), ("a", Playback, false)]);
        assert!(merge(vec![failed(), failed()]).is_err());
        assert!(merge(vec![failed(), all(Vec::new())]).unwrap().is_empty());
        // What came before a system hung is kept.
        let hung = Answer { devices: vec![device("alsa", "a", Capture, false)], done: None };
        assert_eq!(merge(vec![failed(), hung]).unwrap().len(), 1);
    }

    #[test]
    fn rates_that_no_converter_has_are_clamped() {
        assert_eq!([48_000, 384_000, u32::MAX].map(clamped), [48_000, 384_000, 192_000]);
    }
}
