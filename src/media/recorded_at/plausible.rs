//! Which dates may be a recording's.

use std::time::SystemTime;

use jiff::civil;
use jiff::tz::TimeZone;

/// Years in which there are recordings: a number that gives another year is no date.
pub(super) const YEARS: std::ops::RangeInclusive<i16> = 1990..=2100;

/// Whether a date and time may be a recording's.
pub(super) fn plausible(time: civil::DateTime) -> Option<civil::DateTime> {
    YEARS.contains(&time.year()).then_some(time)
}

/// A local time as a wall time.
pub(super) fn wall(time: civil::DateTime, zone: &TimeZone) -> Option<SystemTime> {
    Some(plausible(time)?.to_zoned(zone.clone()).ok()?.timestamp().into())
}
