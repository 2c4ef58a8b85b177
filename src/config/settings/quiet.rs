//! Quiet hours.

use serde::Deserialize;

use super::section::{Entry, PutOnto};
use crate::config::values::QuietMode;

section! {
    /// Hours without alarms, by the local time of an event's onset.
    pub struct QuietConfig / QuietLayer {
        /// The hours, as in ["22:00-06:30", "13:00-14:00"]; [] is never.
        hours: Vec<String> = Vec::new(),
        /// Labels or groups that they apply to; [] is all.
        labels: Vec<String> = Vec::new(),
        /// What they suppress: "alarms" still records events and prints them, marked "quiet"; "events" drops them.
        what: QuietMode = QuietMode::Alarms,
    }
}
