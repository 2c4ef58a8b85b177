//! When a recording began: one rule for everything that reads recordings.
//!
//! What a person says comes first. Then come the times that the recorder left: in a `bext` chunk, in a GUANO chunk, in the
//! file's name. The last resort is the file's time of change less its length. A time that would date the recording's end in
//! the future is wrong (a clock or a time zone was), and the next one is tried.

use std::fs::{File, Metadata};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::error::{Error, Result};
use crate::local_zone::local_zone;

mod chunks;
mod length;
mod name;
mod plausible;

/// Nothing was recorded before this year that a person could tell to the second.
const FIRST_YEAR: i16 = 1900;

/// When a recording began, as a person says it: RFC 3339, with the offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTime(pub SystemTime);

impl FromStr for StartTime {
    type Err = Error;

    /// # Errors
    /// [`crate::ErrorKind::Usage`], saying what was expected.
    fn from_str(text: &str) -> Result<Self> {
        let time = text.trim().parse::<Timestamp>().ok();
        let time = time.filter(|time| Offset::UTC.to_datetime(*time).year() >= FIRST_YEAR).ok_or_else(|| {
            Error::usage(format!(
                "the start time '{text}' cannot be used; give date, time and offset, as in 2026-07-02T06:44:04+02:00, or \
                 2026-07-02T04:44:04Z for UTC"
            ))
        })?;
        Ok(Self(time.into()))
    }
}

impl StartTime {
    /// When the recording that follows the one in `path` without a gap begins; `None` where its length is not known.
    #[must_use]
    pub fn behind(self, path: &Path) -> Option<Self> {
        self.0.checked_add(length::of(path)?).map(Self)
    }
}

/// Where the time of a recording comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFrom {
    /// A person said so.
    Given,
    /// The file's `bext` chunk.
    Bext,
    /// The file's GUANO chunk.
    Guano,
    /// The file's name.
    Name,
    /// The file's time of change less its length.
    Changed,
    /// Nothing is known but that it was over when it was opened.
    Opened,
}

impl TimeFrom {
    /// To stand behind "by".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Given => "the start time given",
            Self::Bext => "its bext chunk",
            Self::Guano => "its GUANO chunk",
            Self::Name => "the time in its name",
            Self::Changed => "its time of change less its length",
            Self::Opened => "its length before now",
        }
    }
}

/// When a recording began, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Began {
    /// Wall time of its first sample.
    pub at: SystemTime,
    /// How that is known.
    pub from: TimeFrom,
}

impl Began {
    /// One sentence about the recording `name`, for a log.
    #[must_use]
    pub fn sentence(&self, name: &str) -> String {
        let at = Timestamp::try_from(self.at).map_or_else(|_| "?".to_owned(), |at| at.to_string());
        format!("{name} began at {at}, by {}", self.from.words())
    }
}

/// When the recording in `path` began. `given` is what a person says of it. `heard` is its length where it has been decoded:
/// that counts where the file does not tell, as of a pipe. Local times are in the system's zone.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] where the time given would date the recording's end in the future.
pub fn recorded_at(path: &Path, given: Option<StartTime>, heard: Option<Duration>) -> Result<Began> {
    let length = length::of(path).or(heard).unwrap_or_default();
    recorded_at_in(path, given, length, (SystemTime::now(), &local_zone()))
}

fn recorded_at_in(
    path: &Path,
    given: Option<StartTime>,
    length: Duration,
    (now, zone): (SystemTime, &TimeZone),
) -> Result<Began> {
    // `None` where no such time exists.
    let latest = now.checked_sub(length);
    let is_past = |at: &SystemTime| latest.is_some_and(|latest| *at <= latest);
    if let Some(StartTime(at)) = given {
        if !is_past(&at) {
            return Err(Error::usage(format!(
                "with this start time {} would end in the future; give the time at which it began",
                path.display()
            )));
        }
        return Ok(Began { at, from: TimeFrom::Given });
    }
    // A pipe would give its sound away.
    let mut file = if path.is_file() { File::open(path).ok() } else { None };
    let chunks = file.as_mut().and_then(|file| chunks::read(file).ok()).unwrap_or_default();
    let bext = || chunks.bext_time(zone);
    let guano = || chunks.guano_time(zone);
    let in_name = || name::time_in(&path.file_name()?.to_string_lossy(), zone);
    let changed = || {
        let changed = file.as_ref().and_then(|file| file.metadata().and_then(|m| Metadata::modified(&m)).ok())?;
        changed.checked_sub(length)
    };
    let sources: [(TimeFrom, &dyn Fn() -> Option<SystemTime>); 4] =
        [(TimeFrom::Bext, &bext), (TimeFrom::Guano, &guano), (TimeFrom::Name, &in_name), (TimeFrom::Changed, &changed)];
    let first = sources.iter().find_map(|(from, time)| Some(Began { at: time().filter(is_past)?, from: *from }));
    Ok(first.unwrap_or(Began { at: latest.unwrap_or(now), from: TimeFrom::Opened }))
}

#[cfg(test)]
mod tests;
