//! Reads what a day comes to from a recording folder.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;

use super::figures::{Daily, input, labels};
use crate::archive::glance::holds_events;
use crate::archive::level_day::span_of;
use crate::archive::{Filter, Index, Page, Row};
use crate::cli::level_day::level_days;
use crate::error::{Error, Result};
use crate::local_zone::local_zone;

/// The local day `day` in the folder `dir`; a day without events and levels is empty.
///
/// # Errors
/// Where the folder cannot be read, or the day is outside the calendar.
pub(in crate::cli) fn of_day(dir: &Path, day: Date) -> Result<Daily> {
    let zone = local_zone();
    let (from, to) =
        span_of(day, &zone).ok_or_else(|| Error::usage(format!("{day} is outside the calendar; give another day")))?;
    let during = |row: &Row| (from..to).contains(&row.onset.as_second());
    let rows: Vec<Row> = events(dir, from, to)?.into_iter().filter(during).collect();
    Ok(Daily {
        day: day.to_string(),
        n_events: rows.len(),
        events: labels(&rows, |at| at.to_zoned(zone.clone())),
        inputs: level_days(dir, Some(day))?.iter().filter_map(input).collect(),
    })
}

/// Reads the events of the UTC days that overlap the local day; none if the folder holds no recorded event.
fn events(dir: &Path, from: i64, to: i64) -> Result<Vec<Row>> {
    // The index would be a file that is left in the folder.
    if !matches!(holds_events(dir), Ok(true)) {
        return Ok(Vec::new());
    }
    let utc = |at: i64| Timestamp::from_second(at).ok().map(|at| at.strftime("%Y-%m-%d").to_string());
    let filter = Filter { from_day: utc(from), to_day: utc(to), ..Filter::default() };
    Index::open(dir)?.query(&filter, Page::ALL)
}
