//! Hours of the local day in which no alarms are wanted, or no events at all.
//!
//! The time that counts is the local time of an event's onset, by the capture clock: never the moment of processing. The zone's
//! rules decide what the local time is, so hours that a change of the clocks skips do not come, and those that it repeats
//! come twice.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::local_zone::local_zone;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// What is not wanted in quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hush {
    /// Events are recorded and told in lines, but nobody is alarmed.
    Alarms,
    /// Events are not reported at all.
    Events,
}

/// A stretch of the local day, as in `22:00-06:30`; its end is not part of it, and may lie on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Minutes since midnight.
    from: u16,
    to: u16,
}

impl Hours {
    /// Whether the minute of the day lies in it.
    #[must_use]
    pub const fn hold(self, minute: u16) -> bool {
        if self.from < self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let remedy = || "give hours of the day, as in \"22:00-06:30\"; 00:00-24:00 is the whole day".to_owned();
        let (from, to) = text.split_once('-').ok_or_else(remedy)?;
        let (from, to) = (minute(from).ok_or_else(remedy)?, minute(to).ok_or_else(remedy)?);
        if from == to || from == DAY { Err(remedy()) } else { Ok(Self { from, to }) }
    }
}

/// `HH:MM` in minutes, up to 24:00.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()).then_some(())?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY).then_some(total)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

/// Quiet hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Quiet {
    /// When.
    pub hours: Vec<Hours>,
    /// What is not wanted then.
    pub hush: Hush,
    /// The zone whose local time counts; none is the system's, which is looked up anew every few minutes.
    pub zone: Option<TimeZone>,
}

impl Quiet {
    /// What is not wanted at a wall time, if anything; a time that no calendar has is not quiet.
    #[must_use]
    pub fn at(&self, wall: SystemTime) -> Option<Hush> {
        let zone = self.zone.clone().unwrap_or_else(local_zone);
        let local = Timestamp::try_from(wall).ok()?.to_zoned(zone);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.hours.iter().any(|hours| hours.hold(minute)).then_some(self.hush)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn quiet(hours: &[&str], zone: &str) -> Quiet {
        Quiet {
            hours: hours.iter().map(|h| h.parse().unwrap()).collect(),
            hush: Hush::Alarms,
            zone: Some(TimeZone::get(zone).unwrap()),
        }
    }

    fn is_quiet(quiet: &Quiet, utc: &str) -> bool {
        quiet.at(utc.parse::<Timestamp>().unwrap().into()).is_some()
    }

    #[test]
    fn hours_are_read_and_what_is_none_is_refused() {
        for text in ["22:00-06:30", "00:00-24:00", "09:05-09:06", "23:59-00:00"] {
            assert_eq!(text.parse::<Hours>().unwrap().to_string(), text);
        }
        assert_eq!("7:00 - 8:00".parse::<Hours>().unwrap().to_string(), "07:00-08:00");
        for wrong in [
            "",
            "22-6",
            "22:00",
            "22:00-22:00",
            "24:00-01:00",
            "22:60-23:00",
            "25:00-1:00",
            "-1:00-2:00",
            "a:b-c:d",
            "٣:00-4:00",
        ] {
            assert!(wrong.parse::<Hours>().unwrap_err().contains("22:00-06:30"), "{wrong}");
        }
    }

    #[test]
    fn a_night_reaches_across_midnight_and_ends_before_its_last_minute() {
        let night: Hours = "22:00-06:30".parse().unwrap();
        for (minute, want) in
            [(21 * 60 + 59, false), (22 * 60, true), (0, true), (6 * 60 + 29, true), (6 * 60 + 30, false), (720, false)]
        {
            assert_eq!(night.hold(minute), want, "{minute}");
        }
        let all: Hours = "00:00-24:00".parse().unwrap();
        assert!((0..DAY).all(|minute| all.hold(minute)));
    }

    #[test]
    fn the_local_time_counts_in_summer_and_in_winter() {
        let quiet = quiet(&["22:00-06:30"], "Europe/Berlin");
        // UTC+2 in summer, UTC+1 in winter.
        assert!(is_quiet(&quiet, "2026-07-01T20:00:00Z") && !is_quiet(&quiet, "2026-07-01T19:59:59Z"));
        assert!(is_quiet(&quiet, "2026-12-01T21:00:00Z") && !is_quiet(&quiet, "2026-12-01T20:59:59Z"));
        assert!(!is_quiet(&quiet, "2026-07-02T04:30:00Z") && !is_quiet(&quiet, "2026-12-02T05:30:00Z"));
    }

    #[test]
    fn hours_that_the_clocks_skip_do_not_come_and_those_they_repeat_come_twice() {
        let quiet = quiet(&["02:00-03:00"], "Europe/Berlin");
        // On 2026-03-29 the clocks go from 2 to 3 at 01:00 UTC; on 2026-10-25 from 3 to 2 at 01:00 UTC.
        let count = |day: &str| {
            (0..24 * 60).filter(|m| is_quiet(&quiet, &format!("{day}T{:02}:{:02}:00Z", m / 60, m % 60))).count()
        };
        assert_eq!((count("2026-03-29"), count("2026-10-25"), count("2026-06-01")), (0, 120, 60));
    }
}
