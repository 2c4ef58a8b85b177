//! Times in files' names, as recorders and programs write them.
//!
//! A date alone is no time, and most numbers in names are neither: a date and a time count only where they stand together,
//! in full, with nothing but the usual signs between them, and are possible.

use std::time::{Duration, SystemTime};

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::plausible::{YEARS, plausible, wall};

/// Longest name that is looked at, in bytes: file systems have no longer ones.
const MAX_BYTES: usize = 1024;

/// Most of what may stand between a date and a time with colons, as in `2026-07-02-birdnet-06:44:04`.
const MAX_BETWEEN: usize = 32;

/// AudioMoths, which name recordings by the seconds since 1970 in hexadecimal, have existed since 2017.
const FIRST_HEX_SECS: u64 = 1_483_228_800;

/// The time in a file's name, if there is one. One without an offset is in `zone`.
pub(super) fn time_in(name: &str, zone: &TimeZone) -> Option<SystemTime> {
    let name = name.get(..MAX_BYTES.min(name.len()))?;
    let stem = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(name, |(stem, _)| stem);
    if let Some(time) = hexadecimal(stem) {
        return Some(time);
    }
    // A time may end the name behind a dot, where it looks like an extension.
    [stem, name].iter().find_map(|text| {
        let text = text.as_bytes();
        (0..text.len()).find_map(|at| date_and_time(text, at, zone))
    })
}

/// Eight hexadecimal digits and nothing else. Without a letter among them they are more likely a date or a number.
fn hexadecimal(stem: &str) -> Option<SystemTime> {
    let digits = stem.bytes().all(|b| b.is_ascii_hexdigit()) && stem.len() == 8;
    if !digits || !stem.bytes().any(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let secs = u64::from(u32::from_str_radix(stem, 16).ok()?);
    (secs >= FIRST_HEX_SECS).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
}

/// A date that begins at `at`, and the time behind it.
fn date_and_time(text: &[u8], at: usize, zone: &TimeZone) -> Option<SystemTime> {
    if at > 0 && text[at - 1].is_ascii_digit() {
        return None;
    }
    let mut rest = Cursor { text, at };
    let (year, date_sign) = (rest.number(4)?, rest.sign(b"-_."));
    let month = rest.number(2)?;
    if rest.sign(b"-_.") != date_sign {
        return None;
    }
    let date = civil::Date::new(i16::try_from(year).ok()?, i8_of(month)?, i8_of(rest.number(2)?)?).ok()?;
    if !YEARS.contains(&date.year()) {
        return None;
    }
    let (time, rest) = time_behind(rest, date_sign.is_some())?;
    let local = plausible(date.to_datetime(time))?;
    match rest.offset() {
        Some(offset) => Some(offset.to_timestamp(local).ok()?.into()),
        None => wall(local, zone),
    }
}

/// The time of day behind a date, and what follows it. Between a plain date and a plain time stands one sign or nothing; with
/// colons a time is a time wherever it stands.
fn time_behind(after_date: Cursor<'_>, date_has_signs: bool) -> Option<(civil::Time, Cursor<'_>)> {
    let betweens: &[&[u8]] =
        &[b" at ", b"_at_", b"-at-", b"_", b"-", b"T", b"t", b" ", b".", b", ", b",", b"--", b"__"];
    let mut candidates = Vec::new();
    if !date_has_signs {
        candidates.push(after_date);
    }
    candidates.extend(betweens.iter().filter_map(|between| after_date.behind(between)));
    if let Some(found) = candidates.into_iter().find_map(|at| at.time(b":-_.h")) {
        return Some(found);
    }
    let furthest = (after_date.at + MAX_BETWEEN).min(after_date.text.len());
    (after_date.at..furthest).map(|at| Cursor { at, ..after_date }).find_map(|at| at.time(b":"))
}

fn i8_of(number: u32) -> Option<i8> {
    i8::try_from(number).ok()
}

/// A place in a name.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// A number of exactly so many digits, as far as its beginning goes.
    fn number(&mut self, n_digits: usize) -> Option<u32> {
        let digits = self.rest().get(..n_digits)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.at += n_digits;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// One of `signs`, if it stands here.
    fn sign(&mut self, signs: &[u8]) -> Option<u8> {
        let sign = self.rest().first().copied().filter(|b| signs.contains(b))?;
        self.at += 1;
        Some(sign)
    }

    /// The place behind `text`, if that stands here.
    fn behind(self, text: &[u8]) -> Option<Self> {
        self.rest().starts_with(text).then_some(Self { at: self.at + text.len(), ..self })
    }

    /// Hours, minutes and seconds: six digits, or two each with the same sign of `signs` between them.
    fn time(mut self, signs: &[u8]) -> Option<(civil::Time, Self)> {
        if self.at > 0 && self.text[self.at - 1].is_ascii_digit() && signs == b":" {
            return None;
        }
        let (hour, sign) = (self.number(2)?, self.sign(signs));
        let minute = self.number(2)?;
        let second_sign = if sign == Some(b'h') { self.sign(b"m") } else { self.sign(signs) };
        let same = sign.is_none() == second_sign.is_none() && (sign == Some(b'h') || sign == second_sign);
        if !same || (signs == b":" && sign.is_none()) {
            return None;
        }
        let second = self.number(2)?;
        if self.rest().first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let time = civil::Time::new(i8_of(hour)?, i8_of(minute)?, i8_of(second)?, 0).ok()?;
        Some((time, self))
    }

    /// An offset from UTC, as in `Z`, `+0200`, `+02:00`, `-0330` or ` UTC`.
    fn offset(self) -> Option<Offset> {
        let upper = self.rest().iter().take(4).map(u8::to_ascii_uppercase).collect::<Vec<_>>();
        let ends = |n: usize| self.rest().get(n).is_none_or(|b| !b.is_ascii_alphanumeric());
        if upper.first() == Some(&b'Z') && ends(1) {
            return Some(Offset::UTC);
        }
        let skip = usize::from(upper.first().is_some_and(|b| b" _-".contains(b)));
        if upper.get(skip..skip + 3).is_some_and(|word| word == b"UTC" || word == b"GMT") && ends(skip + 3) {
            return Some(Offset::UTC);
        }
        self.numeric_offset()
    }

    /// Behind a minus there may as well be a running number, so what no place has is none.
    fn numeric_offset(mut self) -> Option<Offset> {
        let minus = self.sign(b"+-")? == b'-';
        let hours = self.number(2)?;
        self.sign(b":");
        let minutes = match self.number(2) {
            None if minus => return None,
            minutes => minutes.unwrap_or(0),
        };
        let possible = hours <= 14 && [0, 30, 45].contains(&minutes) && !(minus && (hours == 0 || hours > 12));
        if !possible || self.rest().first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let secs = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        Offset::from_seconds(if minus { -secs } else { secs }).ok()
    }
}
