//! The name under which a monitor is known to an MQTT broker: the same after a restart, so that the broker ends the session of the
//! run before at once instead of publishing its last will half a minute later; and no other running monitor's, because a
//! broker hangs up on the older of two clients with one name.

use sha2::{Digest, Sha256};

/// Monitors of one host, settings and base topic that run at the same time and keep a name of their own; what comes after them
/// gets a new name at each start.
const SLOTS: u32 = 16;

/// A name that is ours as long as this lives.
#[derive(Debug)]
pub(super) struct ClientId {
    text: String,
    /// Holds the name on this host. The kernel releases it when the process ends, however that happens.
    _claim: Option<Claim>,
}

impl ClientId {
    /// The first free name of this host for `base_topic`.
    pub(super) fn claim(base_topic: &str) -> Self {
        let host = host();
        for slot in 1..=SLOTS {
            let text = name(&[&host, base_topic, &slot.to_string()]);
            if let Some(claim) = Claim::of(&text) {
                return Self { text, _claim: Some(claim) };
            }
        }
        Self { text: name(&[&host, &std::process::id().to_string(), &nanoseconds().to_string()]), _claim: None }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Letters and digits, 22 of them: every broker must accept up to 23.
fn name(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digits: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("earwitness{digits}")
}

/// Distinguishes this host from others. Containers of one image share the machine's id or have none, but not their host name;
/// cloned disks share both, but not the address of a network card.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    ["/etc/machine-id", "/proc/sys/kernel/hostname"].map(read).concat() + &network_card()
}

/// The address of the first card that is hardware, by name.
fn network_card() -> String {
    let Ok(entries) = std::fs::read_dir("/sys/class/net") else { return String::new() };
    let cards = entries.flatten().map(|entry| entry.path()).filter(|path| path.join("device").exists());
    cards.min().and_then(|card| std::fs::read_to_string(card.join("address")).ok()).unwrap_or_default()
}

fn nanoseconds() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

/// A socket in the abstract namespace: it has no file that could stay behind or be missing.
#[cfg(target_os = "linux")]
type Claim = std::os::unix::net::UnixDatagram;

#[cfg(target_os = "linux")]
trait Take: Sized {
    fn of(name: &str) -> Option<Self>;
}

#[cfg(target_os = "linux")]
impl Take for Claim {
    fn of(name: &str) -> Option<Self> {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).ok()?;
        Self::bind_addr(&address).ok()
    }
}

/// Elsewhere nothing is released for sure when a process dies, so every start gets a new name.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Claim;

#[cfg(not(target_os = "linux"))]
impl Claim {
    const fn of(_: &str) -> Option<Self> {
        None
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_after_a_restart_and_no_other_monitors() {
        let base = format!("a test's/{}", nanoseconds());
        let first = ClientId::claim(&base);
        let second = ClientId::claim(&base);
        let elsewhere = ClientId::claim("another base");
        assert!(first.text() != second.text() && first.text() != elsewhere.text());
        let before = first.text().to_owned();
        drop(first);
        assert_eq!(ClientId::claim(&base).text(), before);
    }

    #[test]
    fn every_broker_accepts_the_name_even_when_all_slots_are_taken() {
        let base = format!("a full test's/{}", nanoseconds());
        let all: Vec<ClientId> = (0..SLOTS + 2).map(|_| ClientId::claim(&base)).collect();
        let mut names: Vec<&str> = all.iter().map(ClientId::text).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert!(names.iter().all(|n| n.len() <= 23 && n.chars().all(|c| c.is_ascii_alphanumeric())));
    }
}
