//! Addresses of network streams, and what of them may be shown: a camera's address holds its password.

use std::fmt;

use crate::error::{Error, Result};

/// What an address can begin with.
pub(super) const SCHEMES: [&str; 5] = ["rtsp", "rtsps", "http", "https", "srt"];

/// Longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// Words in a path or user part that stand before a secret, as some cameras have it (`/user=admin_password=tlJwpbo6_…`).
const SECRET_WORDS: [&str; 5] = ["pass", "pwd", "token", "key", "secret"];

/// The address of a network stream. Displays and prints without user, password, query and whatever else may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct NetAddress {
    url: String,
    shown: String,
}

impl NetAddress {
    /// Whether `text` is an address, of a scheme that can be opened or of another.
    pub(super) fn looks_like_one(text: &str) -> bool {
        text.contains("://")
    }

    /// Reads an address.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`], which shows nothing but the scheme.
    pub fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let scheme = scheme.to_ascii_lowercase();
        if !SCHEMES.contains(&scheme.as_str()) {
            return Err(Error::usage(format!(
                "--input takes addresses that begin with {}://, and not with {}://; pipe others in, as in \
                 ffmpeg -i ADDRESS -f wav - | earwitness monitor --input stdin:auto",
                SCHEMES.join("://, "),
                scheme.escape_default()
            )));
        }
        let (user, host, path) = split(rest);
        if host.is_empty() || text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Error::usage(format!(
                "the {scheme}:// address of an input is not one that can be opened; give it without spaces, as in \
                 {scheme}://camera.lan/stream"
            )));
        }
        let tail_len = path.len();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let lower = path.to_ascii_lowercase();
        let path = if SECRET_WORDS.iter().any(|word| lower.contains(word)) { "/…" } else { path };
        // People write passwords as they are; for whoever opens the address, these characters would end it.
        let user = user.map(|user| user.replace('#', "%23").replace('?', "%3F") + "@").unwrap_or_default();
        let tail = &rest[rest.len() - tail_len..];
        Ok(Self { url: format!("{scheme}://{user}{host}{tail}"), shown: format!("{scheme}://{host}{path}") })
    }

    /// The whole address: for whoever opens it, and for nobody else.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `text` with the address, and the parts of it that are secret, replaced by what may be shown.
    pub(super) fn hide_in(&self, text: &str) -> String {
        let mut hidden = text.replace(&self.url, &self.shown);
        let (user, _, tail) = split(self.url.split_once("://").map_or("", |(_, rest)| rest));
        let mut secrets = Vec::new();
        if let Some(user) = user {
            secrets.push(user);
            secrets.extend(user.split_once(':').map(|(_, password)| password));
        }
        if !self.shown.ends_with(tail) {
            secrets.push(tail);
            secrets.extend(tail.split_once(['?', '#']).map(|(_, query)| query));
        }
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            hidden = hidden.replace(secret, "…");
        }
        hidden
    }
}

/// User and password, host and port, and what is behind them. A password may hold `#` and `?`.
fn split(rest: &str) -> (Option<&str>, &str, &str) {
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let (user, rest) = match authority.rsplit_once('@') {
        Some((user, _)) => (Some(user), &rest[user.len() + 1..]),
        None => (None, rest),
    };
    let (host, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    (user, host, tail)
}

impl fmt::Display for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for NetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetAddress({})", self.shown)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_neither_user_nor_password_nor_query() {
        for (text, shown) in [
            ("rtsp://camera.lan/stream1", "rtsp://camera.lan/stream1"),
            ("RTSP://admin:s3:cr@t@10.0.0.7:554/h264?channel=1", "rtsp://10.0.0.7:554/h264"),
            ("rtsps://[fe80::1]:322/x", "rtsps://[fe80::1]:322/x"),
            ("http://radio.lan:8000/live.ogg#now", "http://radio.lan:8000/live.ogg"),
            ("https://u@host", "https://host"),
            ("srt://host:9000?passphrase=abcdefghij&mode=caller", "srt://host:9000"),
            ("rtsp://host:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp", "rtsp://host:554/…"),
        ] {
            let address = NetAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("NetAddress({shown})"));
            assert_eq!(address.url().split_once("://").unwrap().1, text.split_once("://").unwrap().1);
        }
        let odd = NetAddress::parse("rtsp://me:p#ss?w@rd@cam:554/live?x=1").unwrap();
        assert_eq!(
            (odd.url(), odd.to_string().as_str()),
            ("rtsp://me:p%23ss%3Fw@rd@cam:554/live?x=1", "rtsp://cam:554/live")
        );
    }

    #[test]
    fn what_another_program_says_of_it_shows_no_secret_either() {
        let address = NetAddress::parse("rtsp://admin:s3cret@cam/live?token=42").unwrap();
        let said = "rtsp://admin:s3cret@cam/live?token=42: 401 for admin:s3cret (s3cret) at /live?token=42, token=42";
        assert_eq!(address.hide_in(said), "rtsp://cam/live: 401 for … (…) at …, …");
        let plain = NetAddress::parse("http://radio/live.mp3").unwrap();
        assert_eq!(
            plain.hide_in("http://radio/live.mp3: Connection refused"),
            "http://radio/live.mp3: Connection refused"
        );
        assert_eq!(plain.hide_in("GET /live.mp3"), "GET /live.mp3");
    }

    #[test]
    fn what_cannot_be_opened_is_refused_without_showing_it() {
        for text in [
            "ftp://u:pass@host/x",
            "file:///etc/passwd",
            "concat://a|b",
            "rtsp://",
            "rtsp://u:pass@/x",
            "http://ho st/pass",
            "http://host/\npass",
            &format!("http://host/{}", "pass".repeat(1000)),
        ] {
            let e = NetAddress::parse(text).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Usage);
            assert!(!e.to_string().contains("pass"), "{e}");
        }
    }
}
