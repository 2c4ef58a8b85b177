//! What can be listened to through JACK.

use std::sync::mpsc::channel;
use std::time::Duration;

use jack::PortFlags;

use super::device_info::{DeviceInfo, Direction};
use super::jack_client::new_client;
use super::jack_cycle::MAX_PORTS;
use super::jack_log;
use super::jack_ports::{OurName, audio_ports, client_of};
use super::jack_thread::JackThread;

/// How long the server may take to answer. It does within milliseconds, or hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Every client with audio output ports, in the order of their names; none, without a word, where no server runs.
pub(super) fn list() -> Vec<DeviceInfo> {
    jack_log::catch();
    let (answer, answered) = channel();
    let ask = move || {
        let Ok(client) = new_client() else { return };
        let _name = OurName::new(&client);
        let ports = audio_ports(&client, PortFlags::IS_OUTPUT);
        let _ = answer.send((ports, client.sample_rate()));
    };
    let Ok(thread) = JackThread::spawn(PATIENCE, ask) else {
        return Vec::new();
    };
    if !thread.wait(PATIENCE) {
        tracing::warn!("the JACK server does not answer, so its ports are left out");
    }
    answered.try_recv().map_or_else(|_| Vec::new(), |(ports, hz)| group(&ports, hz))
}

/// One device a client.
fn group(ports: &[String], hz: u32) -> Vec<DeviceInfo> {
    let mut clients: Vec<(&str, usize)> = Vec::new();
    for client in ports.iter().map(|port| client_of(port)) {
        match clients.iter_mut().find(|(name, _)| *name == client) {
            Some((_, n)) => *n += 1,
            None => clients.push((client, 1)),
        }
    }
    let device = |(client, n): (&str, usize)| DeviceInfo {
        id: format!("jack:^{}:", regex::escape(client)),
        name: format!("{client} ({n} {})", if n == 1 { "port" } else { "ports" }),
        host: "jack".to_owned(),
        direction: Direction::Capture,
        is_default: false,
        channels: (1, n.min(MAX_PORTS) as u16),
        rates: (hz, hz),
        formats: vec!["f32".to_owned()],
    };
    clients.into_iter().map(device).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_grouped_by_client_and_ids_match_that_client_only() {
        let names = ["a.b:out", "axb:out", "system:capture_1", "system:capture_2", "a.b:out:2"];
        let ports = names.map(str::to_owned);
        let devices = group(&ports, 44_100);
        let ids: Vec<(&str, u16)> = devices.iter().map(|d| (d.id.as_str(), d.channels.1)).collect();
        assert_eq!(ids, [(r"jack:^a\.b:", 2), ("jack:^axb:", 1), ("jack:^system:", 2)]);
        let pattern = regex::Regex::new(devices[0].id.strip_prefix("jack:").unwrap()).unwrap();
        let matching: Vec<&str> = names.into_iter().filter(|port| pattern.is_match(port)).collect();
        assert_eq!(matching, ["a.b:out", "a.b:out:2"]);
        assert_eq!(devices[0].rates, (44_100, 44_100));
    }
}
