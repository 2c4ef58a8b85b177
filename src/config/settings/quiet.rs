//! Quiet hours.

use serde::Deserialize;

use super::{Entry, PutOnto};
use crate::config::values::QuietMode;

section! {
    /// Hours in which nobody wants to be alarmed, by the local time of an event's onset.
    pub struct QuietConfig / QuietLayer {
        /// As in ["22:00-06:30", "13:00-14:00"]; [] is never.
        hours: Vec<String> = Vec::new(),
        /// The labels or groups that they hold for; [] is all.
        labels: Vec<String> = Vec::new(),
        /// What is not wanted: "alarms" records events and tells them in lines, marked "quiet", but alarms nobody; "events"
        /// does not report them at all.
        what: QuietMode = QuietMode::Alarms,
    }
}
