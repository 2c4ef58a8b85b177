//! Starts the live page, where there is a network to serve it.

use super::options::{Monitored, WebOptions};
use crate::error::{Error, Result};

/// Serves the live page, for as long as the program runs.
///
/// # Errors
/// `Output` where the address cannot be had, `Usage` for a build without network.
#[cfg(feature = "net")]
pub fn start(options: &WebOptions, monitored: Monitored) -> Result<()> {
    let failed = |e: std::io::Error| {
        let listen = &options.listen;
        Error::output(format!(
            "the live page cannot be served at {listen} ({e}); give another address with --web or as listen in [web]"
        ))
        .with_source(e)
    };
    let listener = std::net::TcpListener::bind(&options.listen).map_err(failed)?;
    // A name may lead elsewhere by now than when the settings were checked: what is bound counts.
    let is_loopback = listener.local_addr().map_err(failed)?.ip().is_loopback();
    if options.token.is_empty() && !is_loopback {
        let (listen, remedy) = (&options.listen, WebOptions::OPEN_REMEDY);
        return Err(Error::usage(format!("the live page cannot be served at {listen} without a token; {remedy}")));
    }
    let served = super::served::Served::new(super::access::Access::new(&options.token, is_loopback), monitored);
    let bounds = super::routes::BOUNDS;
    crate::http::serve("web", "the live page is", listener, super::routes::router(served), bounds).map_err(failed)
}

/// This build cannot serve anything.
///
/// # Errors
/// `Usage`.
#[cfg(not(feature = "net"))]
pub fn start(_: &WebOptions, _: Monitored) -> Result<()> {
    Err(Error::usage("this build has no network; build it with the feature net, or leave out --web"))
}
