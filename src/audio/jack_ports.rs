//! Which ports of other JACK clients belong to which of ours, and connecting them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jack::{AudioIn, Client, Port, PortFlags, PortSpec, Unowned};
use regex::Regex;

use super::jack_cycle::MAX_PORTS;
use crate::error::{Error, Result};

/// Names of ports that are remembered, so that one that comes back gets its old place. Clients whose names hold a number
/// that changes with each start must not fill the memory.
const MAX_REMEMBERED: usize = 256;

/// Names of this process's clients: none of them listens to another.
static OURS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn ours() -> MutexGuard<'static, Vec<String>> {
    // Nothing panics while it holds this lock.
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a client as ours for as long as it lives.
pub(super) struct OurName(String);

impl OurName {
    pub(super) fn new(client: &Client) -> Self {
        let name = client.name().to_owned();
        ours().push(name.clone());
        Self(name)
    }
}

impl Drop for OurName {
    fn drop(&mut self) {
        let mut names = ours();
        if let Some(at) = names.iter().position(|name| *name == self.0) {
            names.swap_remove(at);
        }
    }
}

fn is_ours(port: &str) -> bool {
    let client = client_of(port);
    ours().iter().any(|name| name == client)
}

/// The client's name in a port's full name.
pub(super) fn client_of(port: &str) -> &str {
    port.split_once(':').map_or(port, |(client, _)| client)
}

/// All audio ports with these flags, by their full names; ours are left out.
pub(super) fn audio_ports(client: &Client, flags: PortFlags) -> Vec<String> {
    let kind = AudioIn::default();
    let mut ports = client.ports(None, Some(kind.jack_port_type()), flags);
    ports.retain(|port| !is_ours(port));
    ports.sort_by(|a, b| natural(a).cmp(natural(b)));
    ports
}

/// The ports that an input listens to.
pub(super) enum Sources {
    /// What the sound card captures.
    Physical,
    /// Output ports whose full name the expression matches, anywhere.
    Matching(Regex),
}

impl Sources {
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for a pattern that is no regular expression.
    pub(super) fn new(pattern: Option<&str>) -> Result<Self> {
        let Some(pattern) = pattern else { return Ok(Self::Physical) };
        let regex = Regex::new(pattern).map_err(|e| {
            // The library draws an arrow below the pattern; its last line says what is wrong.
            let text = e.to_string();
            let why = text.lines().next_back().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::usage(format!("'{pattern}' is no regular expression for JACK ports ({why}); mend it")).with_source(e)
        })?;
        Ok(Self::Matching(regex))
    }

    /// The ports that are there now, in the order of their names, where 2 comes before 10.
    pub(super) fn present(&self, client: &Client) -> Vec<String> {
        match self {
            Self::Physical => audio_ports(client, PortFlags::IS_OUTPUT | PortFlags::IS_PHYSICAL),
            Self::Matching(regex) => {
                let mut ports = audio_ports(client, PortFlags::IS_OUTPUT);
                ports.retain(|port| regex.is_match(port));
                ports
            }
        }
    }
}

/// How many ports of ours so many sources need.
pub(super) fn ports_for(n_sources: usize) -> u16 {
    n_sources.clamp(1, MAX_PORTS) as u16
}

/// Which source goes to which of our ports.
pub(super) struct Patch {
    n_ports: usize,
    /// Of each source that was ever there, how many came before it.
    places: BTreeMap<String, usize>,
}

impl Patch {
    pub(super) fn new(n_ports: usize) -> Self {
        Self { n_ports: n_ports.max(1), places: BTreeMap::new() }
    }

    /// The index of our port for each of these sources. The first ones go to the ports in turn; later ones take the first
    /// free place, and one that comes back gets the place that it had.
    pub(super) fn assign<'a>(&mut self, present: &'a [String]) -> Vec<(&'a str, usize)> {
        if self.places.len() > MAX_REMEMBERED {
            self.places.retain(|name, _| present.contains(name));
        }
        let mut taken: Vec<usize> = present.iter().filter_map(|name| self.places.get(name).copied()).collect();
        let mut place_of = |name: &String| {
            *self.places.entry(name.clone()).or_insert_with(|| {
                let free = (0..).find(|place| !taken.contains(place)).unwrap_or(0);
                taken.push(free);
                free
            })
        };
        present.iter().map(|name| (name.as_str(), place_of(name) % self.n_ports)).collect()
    }

    /// Connects what is not connected yet, and says how many could not be: a client that has not begun to run, for
    /// instance, can not be connected.
    pub(super) fn connect(&mut self, client: &Client, sources: &Sources, inputs: &[Port<Unowned>]) -> usize {
        let present = sources.present(client);
        let mut refused = 0;
        for (source, index) in self.assign(&present) {
            let Some(input) = inputs.get(index) else { continue };
            if input.is_connected_to(source).unwrap_or(false) {
                continue;
            }
            let connected = input.name().and_then(|name| client.connect_ports_by_name(source, &name));
            match connected {
                Ok(()) | Err(jack::Error::PortAlreadyConnected(..)) => {
                    tracing::info!("JACK: {source} goes to in_{}", index + 1);
                }
                Err(e) => {
                    tracing::debug!("JACK: {source} does not connect yet: {e}");
                    refused += 1;
                }
            }
        }
        refused
    }
}

/// A key that sorts `capture_2` before `capture_10`.
fn natural(name: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (part, others) = rest.split_at(end);
        rest = others;
        // A number stands before text, as its digits do.
        Some(if digits { (part.parse().unwrap_or(u64::MAX - 1), part) } else { (u64::MAX, part) })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ports_are_sorted_as_people_count() {
        let mut ports = ["system:capture_10", "b:out", "system:capture_2", "a10:x", "a9:x", "system:capture_1", "a:x"];
        ports.sort_by(|a, b| natural(a).cmp(natural(b)));
        let sorted = ["a9:x", "a10:x", "a:x", "b:out", "system:capture_1", "system:capture_2", "system:capture_10"];
        assert_eq!(ports, sorted);
    }

    #[test]
    fn sources_go_to_the_ports_in_turn_and_keep_their_place() {
        let mut patch = Patch::new(2);
        assert_eq!(patch.assign(&names(&["a:1", "a:2", "b:1"])), [("a:1", 0), ("a:2", 1), ("b:1", 0)]);
        // Another one comes, sorted before them; a:2 goes and comes back.
        assert_eq!(patch.assign(&names(&["a:0", "a:1", "b:1"])), [("a:0", 1), ("a:1", 0), ("b:1", 0)]);
        assert_eq!(patch.assign(&names(&["a:1", "a:2"])), [("a:1", 0), ("a:2", 1)]);
    }

    #[test]
    fn a_client_that_changes_its_name_with_each_start_gets_the_same_port_and_is_forgotten() {
        let mut patch = Patch::new(2);
        for start in 0..10_000 {
            let present = [format!("player-{start}:left"), format!("player-{start}:right")];
            let assigned: Vec<usize> = patch.assign(&present).into_iter().map(|(_, port)| port).collect();
            assert_eq!(assigned, [0, 1]);
        }
        assert!(patch.places.len() <= MAX_REMEMBERED + 2);
    }

    #[test]
    fn a_wrong_pattern_is_told_with_its_reason() {
        let error = Sources::new(Some("system:(capture")).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        assert!(error.to_string().contains("'system:(capture' is no regular expression"), "{error}");
        assert!(error.to_string().contains("unclosed group"), "{error}");
        assert!(matches!(Sources::new(None), Ok(Sources::Physical)));
    }

    #[test]
    fn the_number_of_ports_stays_in_bounds() {
        assert_eq!([0, 1, 2, 8, 100].map(ports_for), [1, 1, 2, 8, 8]);
    }
}
