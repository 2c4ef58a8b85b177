//! The figures for Prometheus, where there is a network to serve them.

use super::metrics::Metrics;
#[cfg(feature = "net")]
use super::metrics_server;
use crate::error::Result;

impl Metrics {
    /// Serves them at `address`, as in `127.0.0.1:9557`, under `/metrics`, for as long as the program runs.
    ///
    /// # Errors
    /// `Output` where the address cannot be had, `Usage` for a build without network.
    #[cfg(feature = "net")]
    pub fn serve(&self, address: &str) -> Result<()> {
        metrics_server::serve(self.clone(), address)
    }

    /// This build cannot serve anything.
    ///
    /// # Errors
    /// `Usage`.
    #[cfg(not(feature = "net"))]
    pub fn serve(&self, _: &str) -> Result<()> {
        Err(crate::Error::usage(
            "this build has no network; build it with the feature net, or take away listen in [metrics]",
        ))
    }
}
