//! What the live page is served with.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::broadcast::Broadcasts;
use crate::engine::controls::Controls;
use crate::engine::snapshot_slot::SnapshotSlot;
use crate::units::SampleRate;

/// Where the page is served, and the token that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// Address and port, as in `127.0.0.1:8787`.
    pub listen: String,
    /// Who has it may change things; empty where nobody may.
    pub token: String,
}

impl fmt::Debug for WebOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.token.is_empty() { "none" } else { "hidden" };
        f.debug_struct("WebOptions").field("listen", &self.listen).field("token", &token).finish()
    }
}

/// Shortest token that is accepted.
const MIN_TOKEN: usize = 16;

impl WebOptions {
    /// How a token is made.
    pub const TOKEN_REMEDY: &str = "put at least 16 letters into the file, as `openssl rand -hex 16` makes them";

    /// How an address can be served that others reach.
    pub(super) const OPEN_REMEDY: &str = "name a file with a token as token_file (--web-token-file), or listen on 127.0.0.1: others could hear this place";

    /// How to correct the address `listen`, if it cannot be used with a token, or without.
    #[must_use]
    pub fn listen_fault(listen: &str, has_token: bool) -> Option<&'static str> {
        let addresses: Vec<SocketAddr> = listen.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
        if addresses.is_empty() {
            return Some("give an address and a port, as in \"127.0.0.1:8787\", or nothing");
        }
        let is_open = !addresses.iter().all(|address| address.ip().is_loopback());
        (is_open && !has_token).then_some(Self::OPEN_REMEDY)
    }

    /// The first of the settings that cannot be used: its key, and the remedy.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, &'static str)> {
        let has_token = !self.token.is_empty();
        if let Some(remedy) = Self::listen_fault(&self.listen, has_token) {
            return Some(("listen", remedy));
        }
        (has_token && self.token.len() < MIN_TOKEN).then_some(("token_file", Self::TOKEN_REMEDY))
    }
}

/// What the page says of the monitor.
#[derive(Debug, Clone)]
pub struct About {
    /// The model's name.
    pub model: String,
    /// The method that explains.
    pub method: String,
    /// The inputs' names, as far as they are open.
    pub inputs: Vec<String>,
    /// How many classes the detector has.
    pub n_classes: usize,
    /// Where events are recorded, if they are.
    pub record_dir: Option<PathBuf>,
    /// The rate that inputs are heard at: the model's.
    pub sample_rate: SampleRate,
    /// Whether sound levels are kept there.
    pub levels: bool,
    /// Whether the inputs come at the pace of their sound, so that they can be heard.
    pub in_real_time: bool,
}

/// What the page is made of.
#[derive(Debug, Clone)]
pub struct Monitored {
    /// The newest state.
    pub slot: Arc<SnapshotSlot>,
    /// What may be asked of the worker.
    pub controls: Arc<Controls>,
    /// Where inputs can be heard.
    pub broadcasts: Arc<Broadcasts>,
    /// What does not change.
    pub about: About,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_address_needs_a_token() {
        let fault = |listen: &str, token: &str| {
            WebOptions { listen: listen.to_owned(), token: token.to_owned() }.fault().map(|(key, _)| key)
        };
        let token = "0123456789abcdef";
        for listen in ["127.0.0.1:8787", "[::1]:8787", "127.9.9.9:1"] {
            assert_eq!(fault(listen, ""), None, "{listen}");
            assert_eq!(fault(listen, token), None, "{listen}");
        }
        for listen in ["0.0.0.0:8787", "[::]:8787", "192.0.2.1:80"] {
            assert_eq!(fault(listen, ""), Some("listen"), "{listen}");
            assert_eq!(fault(listen, token), None, "{listen}");
        }
        assert_eq!(fault("127.0.0.1:8787", "short"), Some("token_file"));
        assert_eq!(fault("here", ""), Some("listen"));
    }

    #[test]
    fn a_token_does_not_show() {
        let options = WebOptions { listen: "127.0.0.1:1".to_owned(), token: "very-secret-token".to_owned() };
        assert!(!format!("{options:?}").contains("secret"), "{options:?}");
    }
}
