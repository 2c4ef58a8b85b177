//! What can be wrong with a webhook's settings.

use super::options::{Fault, WebhookOptions};
#[cfg(feature = "net")]
use super::webhook;

impl WebhookOptions {
    /// What is wrong with it; templates are tried on an event.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        if !(0.1..=600.0).contains(&self.timeout_secs) {
            return Some(("timeout_secs", "give 0.1 to 600 seconds".into()));
        }
        if !["POST", "PUT", "PATCH", "GET"].contains(&self.method.as_str()) {
            return Some(("method", "give POST, PUT, PATCH or GET".into()));
        }
        #[cfg(feature = "net")]
        if let Some(fault) = webhook::fault(self) {
            return Some(fault);
        }
        self.filter.fault()
    }
}
