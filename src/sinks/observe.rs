//! What sees reports before any queue.

use super::message::Message;
use crate::engine::report::Report;

/// Sees every report, and what passes the filter, before any queue: for state that is not a message.
pub(super) trait Observe: Send {
    /// Any report. Must not block.
    fn report(&self, report: &Report);

    /// An event or onset that the sink wants to know of, however often. Must not block.
    fn message(&self, message: &Message);

    /// What a day was like, as JSON. Must not block.
    fn day(&self, json: &str);
}
