//! Who may look, and who may change something.
//!
//! Without a token one may look from this machine alone: through a loopback address *and* under a loopback name. The name
//! matters, because a page from elsewhere can make its own name lead to 127.0.0.1 and would then read as if it were this
//! page. A proxy hands requests of others on from this machine; where one says so, or passes on the name that was asked
//! for, the token is needed to look, too. Changes always need it.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, FORWARDED, HOST, VIA};
use sha2::{Digest, Sha256};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token came, or a wrong one.
    WrongToken,
    /// There is no token, so nobody may.
    NoToken,
}

/// What opens the page.
pub(super) struct Access {
    /// Hash of the token: comparing hashes tells nothing of how much of a guess was right.
    token: Option<[u8; 32]>,
    loopback: bool,
}

impl Access {
    /// With `token`, which is empty where there is none; `loopback` says whether only this machine can connect.
    pub(super) fn new(token: &str, loopback: bool) -> Self {
        let token = (!token.is_empty()).then(|| Sha256::digest(token.as_bytes()).into());
        Self { token, loopback }
    }

    /// Whether there is a token, so that something can be changed.
    pub(super) const fn can_change(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request with these headers may look.
    pub(super) fn look(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.loopback && is_from_here(headers) { Ok(()) } else { self.change(headers) }
    }

    /// Whether it may change something.
    pub(super) fn change(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let token = self.token.ok_or(Refusal::NoToken)?;
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let is_right = given.is_some_and(|given| <[u8; 32]>::from(Sha256::digest(given.trim().as_bytes())) == token);
        if is_right { Ok(()) } else { Err(Refusal::WrongToken) }
    }
}

/// Whether a request asks for a loopback name and came through no proxy that says so.
fn is_from_here(headers: &HeaderMap) -> bool {
    let proxied = [FORWARDED.as_str(), VIA.as_str(), "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    host.is_some_and(is_loopback_name) && !proxied.iter().any(|name| headers.contains_key(*name))
}

/// Whether `host`, as in `localhost:8787`, names this machine alone.
fn is_loopback_name(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(ip, _)| ip == "::1");
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn one_may_look_from_this_machine_alone_without_a_token() {
        let open = Access::new("", true);
        for host in ["localhost:8787", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST"] {
            assert_eq!(open.look(&headers(&[("host", host)])), Ok(()), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8787", "192.168.0.2:8787", ""] {
            assert_eq!(open.look(&headers(&[("host", host)])), Err(Refusal::NoToken), "{host}");
        }
        assert_eq!(open.look(&headers(&[])), Err(Refusal::NoToken));
        for proxied in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
            let refused = open.look(&headers(&[("host", "localhost"), (proxied, "x")]));
            assert_eq!(refused, Err(Refusal::NoToken), "{proxied}");
        }
        let everywhere = Access::new(TOKEN, false);
        assert_eq!(
            everywhere.look(&headers(&[("host", "localhost")])),
            Err(Refusal::WrongToken),
            "a name can be made up"
        );
    }

    #[test]
    fn changes_need_the_token() {
        let (without, with) = (Access::new("", true), Access::new(TOKEN, true));
        let bearer = |token: &str| headers(&[("host", "evil.example"), ("authorization", &format!("Bearer {token}"))]);
        assert_eq!(without.change(&bearer("")), Err(Refusal::NoToken));
        assert_eq!(with.change(&headers(&[("host", "localhost")])), Err(Refusal::WrongToken));
        assert_eq!(with.change(&bearer("0123456789abcdeF")), Err(Refusal::WrongToken));
        assert_eq!((with.change(&bearer(TOKEN)), with.look(&bearer(TOKEN))), (Ok(()), Ok(())));
        assert!(with.can_change() && !without.can_change());
    }
}
