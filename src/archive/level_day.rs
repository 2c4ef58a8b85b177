//! One input's levels of a day in local time.

use std::io;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::level_summary::{LevelSummary, Seconds, newest_second, read_seconds};
use super::levels::LevelSource;
use crate::units::SecondLevels;

/// A day of an input.
#[derive(Debug)]
pub struct LevelDay {
    /// The input.
    pub source: LevelSource,
    /// Which day, in local time.
    pub day: Date,
    /// The zone that it is local in.
    pub zone: TimeZone,
    /// How long the day is, in seconds.
    pub n_secs: i64,
    /// Its seconds that have levels, at least one.
    pub seconds: Seconds,
}

/// When a local day begins and when it is over, in seconds since 1970; none beyond the calendar.
#[must_use]
pub fn span_of(day: Date, zone: &TimeZone) -> Option<(i64, i64)> {
    let begin = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.timestamp().as_second());
    Some((begin(day)?, begin(day.checked_add(1.day()).ok()?)?))
}

impl LevelDay {
    /// Reads the day of an input whose folder in `dir` has this name; without a `day`, its newest. None if it has no levels then.
    ///
    /// # Errors
    /// Where a file cannot be read or is damaged.
    pub fn read(dir: &Path, folder: &str, day: Option<Date>, zone: &TimeZone) -> io::Result<Option<Self>> {
        let local_day = |at: i64| Some(Timestamp::from_second(at).ok()?.to_zoned(zone.clone()).date());
        let newest = || newest_second(dir, folder).map(|at| at.and_then(local_day));
        let Some(day) = day.map_or_else(newest, |day| Ok(Some(day)))? else { return Ok(None) };
        let Some((from, to)) = span_of(day, zone) else { return Ok(None) };
        let found = read_seconds(dir, folder, from, to)?.filter(|(_, seconds)| !seconds.is_empty());
        let zone = zone.clone();
        Ok(found.map(|(source, seconds)| Self { source, day, zone, n_secs: to - from, seconds }))
    }

    /// The seconds in spans of `secs`, each with its beginning, in seconds since 1970, and what they come to.
    #[must_use]
    pub fn spans(&self, secs: i64) -> Vec<(i64, LevelSummary)> {
        let offset = self.seconds.first().map_or(0, |(at, _)| self.offset(*at));
        let span = |at: i64| (at + offset).div_euclid(secs);
        let chunks = self.seconds.chunk_by(|(a, _), (b, _)| span(*a) == span(*b));
        let one = |chunk: &[(i64, SecondLevels)]| {
            let levels: Vec<SecondLevels> = chunk.iter().map(|(_, levels)| *levels).collect();
            Some((span(chunk.first()?.0) * secs - offset, LevelSummary::of(&levels)?))
        };
        chunks.filter_map(one).collect()
    }

    /// The loudest `n` minutes, loudest first, each with its beginning.
    #[must_use]
    pub fn loudest(&self, n: usize) -> Vec<(i64, LevelSummary)> {
        let mut minutes = self.spans(60);
        minutes.sort_by(|a, b| b.1.laeq_db.total_cmp(&a.1.laeq_db));
        minutes.truncate(n);
        minutes
    }

    /// Where levels are missing between the first second and the last: the beginning and the seconds of each hole that is at
    /// least `least` long.
    #[must_use]
    pub fn holes(&self, least: i64) -> Vec<(i64, i64)> {
        let between = |pair: &[(i64, SecondLevels)]| (pair[0].0 + 1, pair[1].0 - pair[0].0 - 1);
        self.seconds.windows(2).map(between).filter(|(_, secs)| *secs >= least).collect()
    }

    /// All of it together.
    #[must_use]
    pub fn whole(&self) -> Option<LevelSummary> {
        LevelSummary::of(&self.seconds.iter().map(|(_, levels)| *levels).collect::<Vec<_>>())
    }

    /// A time of the day, as in `%H:%M`.
    #[must_use]
    pub fn clock(&self, at: i64, form: &str) -> String {
        Timestamp::from_second(at).unwrap_or_default().to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    /// Seconds that the zone is ahead of UTC.
    fn offset(&self, at: i64) -> i64 {
        let at = Timestamp::from_second(at).unwrap_or_default();
        i64::from(self.zone.to_offset(at).seconds())
    }
}
