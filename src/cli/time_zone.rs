//! A time zone that is not known is UTC for the computer. A person must know that: quiet hours then hold at the wrong hours.

use super::output;
use crate::local_zone::trouble;

/// Warns where the time zone is not known: in the log, and before the terminal UI begins, which hides the log.
pub(super) fn warn(quiet_hours: bool, screen_is_drawn_on: bool) {
    let Some(sentence) = trouble(quiet_hours) else { return };
    tracing::warn!("{sentence}");
    if screen_is_drawn_on {
        output::note(&sentence);
    }
}
