//! Numbers, times and paths as JSON has them.

use std::{path::Path, time::SystemTime};

use jiff::{
    Timestamp, Unit,
    tz::{Offset, TimeZone},
};

use crate::units::{SamplePos, StreamClock};

/// `value` rounded to `decimals`; `None` (JSON `null`) where it is not finite. Never `-0.0`.
pub(crate) fn rounded(value: f64, decimals: i32) -> Option<f64> {
    let scale = 10f64.powi(decimals);
    let scaled = (value * scale).round() / scale;
    // A value too large to scale has no decimals to lose.
    let result = if scaled.is_finite() { scaled } else { value };
    result.is_finite().then_some(result + 0.0)
}

/// Seconds as the contract writes them: 6 decimals.
pub(crate) fn secs(value: f64) -> Option<f64> {
    rounded(value, 6)
}

/// Scores, probabilities, relevances: 4 decimals.
pub(super) fn share(value: f32) -> Option<f64> {
    rounded(f64::from(value), 4)
}

/// A level in dB, 1 decimal. Digital silence has no level: it is written as -200, so that a script can compare it.
pub(super) fn level_db(value: f32) -> Option<f64> {
    if value.is_nan() { None } else { rounded(f64::from(value.clamp(-200.0, 200.0)), 1) }
}

/// Wall time to the millisecond, the resolution of everything written; `None` outside the years 0 to 9999.
pub(crate) fn timestamp(wall: SystemTime) -> Option<Timestamp> {
    let exact = Timestamp::try_from(wall).ok()?;
    let rounded = exact.round(Unit::Millisecond).ok()?;
    (0..=9999).contains(&Offset::UTC.to_datetime(rounded).year()).then_some(rounded)
}

/// RFC 3339 in UTC with milliseconds, as in `2026-11-20T15:00:12.341Z`.
pub(crate) fn rfc3339(clock: &StreamClock, pos: SamplePos) -> Option<String> {
    timestamp(clock.wall(pos)).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// The zone's offset from UTC at `pos`, as in `+01:00`.
pub(crate) fn local_offset(clock: &StreamClock, pos: SamplePos, zone: &TimeZone) -> Option<String> {
    timestamp(clock.wall(pos)).map(|at| at.to_zoned(zone.clone()).strftime("%:z").to_string())
}

/// Whether a field can be left out.
// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}

/// A path as JSON can hold it.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
