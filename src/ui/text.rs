//! Fitting words and numbers into cells.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use ratatui::text::Span;

use crate::units::{SamplePos, StreamClock};

/// `text` with `?` for control characters, which file names and labels may hold and no terminal should see.
fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) { Cow::Owned(text.replace(char::is_control, "?")) } else { Cow::Borrowed(text) }
}

/// Cells that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The beginning of `text` in at most `max` cells; `…` stands for what was cut.
pub(crate) fn clip(text: &str, max: usize) -> String {
    let text = printable(text);
    if width(&text) <= max {
        return text.into_owned();
    }
    if max == 0 {
        return String::new();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept) > max - 1 {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// The end of `text` in at most `max` cells: of a path, the end says more.
pub(crate) fn clip_start(text: &str, max: usize) -> String {
    let text = printable(text);
    if width(&text) <= max {
        return text.into_owned();
    }
    if max == 0 {
        return String::new();
    }
    let cut = text.char_indices().map(|(at, _)| &text[at..]).find(|tail| width(tail) < max).unwrap_or("");
    format!("…{cut}")
}

/// `text` in exactly `cells` cells, cut or filled with spaces behind it.
pub(crate) fn pad(text: &str, cells: usize) -> String {
    let mut text = clip(text, cells);
    text.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&text))));
    text
}

/// `text` in at least `cells` cells, with spaces before it.
pub(crate) fn pad_start(text: &str, cells: usize) -> String {
    format!("{}{text}", " ".repeat(cells.saturating_sub(width(text))))
}

/// `text` in lines of at most `max` cells, broken at spaces where there are any; at least one line.
pub(crate) fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(1);
    let mut lines = vec![String::new()];
    for word in printable(text).split_whitespace() {
        let line = lines.last().map_or(0, |line| width(line));
        if line > 0 && line + 1 + width(word) <= max {
            push(&mut lines, " ");
        } else if line > 0 {
            lines.push(String::new());
        }
        // A word longer than a line, as a path is, breaks anywhere.
        for c in word.chars() {
            let c = c.to_string();
            if lines.last().is_some_and(|line| !line.is_empty() && width(line) + width(&c) > max) {
                lines.push(String::new());
            }
            push(&mut lines, &c);
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// `value` with `decimals` places, or `?` where it is no number.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "?".to_owned() }
}

/// A count with spaces between thousands, as in `12 345`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A duration of `secs` seconds in few cells, as in `1.8s`, `75s`, `12m`, `26h`.
pub(crate) fn short_secs(secs: f64) -> String {
    if !secs.is_finite() {
        "?".to_owned()
    } else if secs < 9.95 {
        format!("{secs:.1}s")
    } else if secs < 599.5 {
        format!("{secs:.0}s")
    } else if secs < 5970.0 {
        format!("{:.0}m", secs / 60.0)
    } else {
        format!("{:.0}h", secs / 3600.0)
    }
}

/// A place in a recording, `secs` behind its beginning, in few cells: `0:42.3`, `12:00.0`, `1:02:03`.
pub(crate) fn in_file(secs: f64) -> String {
    let tenths = (secs.max(0.0) * 10.0).floor() as u64;
    let (secs, tenths) = (tenths / 10, tenths % 10);
    match secs / 3600 {
        0 => format!("{}:{:02}.{tenths}", secs / 60, secs % 60),
        hours => format!("{hours}:{:02}:{:02}", secs / 60 % 60, secs % 60),
    }
}

/// Stream time as `h:mm:ss.s`.
pub(crate) fn stream_time(secs: f64) -> String {
    let tenths = (secs.max(0.0) * 10.0).floor() as u64;
    let (secs, tenths) = (tenths / 10, tenths % 10);
    format!("{}:{:02}:{:02}.{tenths}", secs / 3600, secs / 60 % 60, secs % 60)
}

/// Wall time of `pos`; `None` where there is no such time (a broken clock must not break the screen).
pub(crate) fn wall_time(clock: &StreamClock, pos: SamplePos) -> Option<SystemTime> {
    clock.start.checked_add(Duration::try_from_secs_f64(clock.secs(pos)).ok()?)
}

/// Wall time of `pos` in `zone`; `None` outside the calendar.
pub(crate) fn local_time(clock: &StreamClock, pos: SamplePos, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::try_from(wall_time(clock, pos)?).ok()?.to_zoned(zone.clone()))
}

/// `time` by jiff's strftime `format`, or `?`.
pub(crate) fn format_time(time: Option<&Zoned>, format: &str) -> String {
    time.and_then(|time| jiff::fmt::strtime::format(format, time).ok()).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::units::SampleRate;

    #[test]
    fn clipping_counts_cells_not_bytes() {
        assert_eq!(clip("glass_breaking", 8), "glass_b…");
        assert_eq!(clip("dog", 3), "dog");
        assert_eq!(clip("dog", 0), "");
        assert_eq!(clip("do\x1b[2Jg", 9), "do?[2Jg");
        assert_eq!(clip("日本語", 4), "日…", "a wide character takes two cells");
        assert_eq!(clip_start("/srv/records/yard", 8), "…ds/yard");
        assert_eq!(clip_start("日本語", 4), "…語");
        assert_eq!(pad("日本語", 4), "日… ");
        assert_eq!(pad_start("7", 3), "  7");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_long_words() {
        assert_eq!(wrap("the device has gone away", 10), ["the device", "has gone", "away"]);
        assert_eq!(wrap("in /srv/records", 6), ["in", "/srv/r", "ecords"]);
        assert_eq!(wrap("", 6), [""]);
        assert_eq!(wrap("日本", 1), ["日", "本"], "what is wider than the line still gets on");
    }

    #[test]
    fn numbers_stay_readable() {
        assert_eq!(number(f64::NAN, 2), "?");
        assert_eq!(number(0.126, 2), "0.13");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(123), "123");
        assert_eq!(short_secs(1.84), "1.8s");
        assert_eq!(short_secs(9.97), "10s");
        assert_eq!(short_secs(3600.0), "60m");
        assert_eq!(short_secs(f64::INFINITY), "?");
        assert_eq!(stream_time(3723.46), "1:02:03.4");
        assert_eq!(stream_time(f64::NAN), "0:00:00.0");
        assert_eq!([0.0, 42.39, 3599.99, 3723.9].map(in_file), ["0:00.0", "0:42.3", "59:59.9", "1:02:03"]);
        assert_eq!(in_file(f64::NAN), "0:00.0");
    }

    #[test]
    fn impossible_times_are_none() {
        let clock = StreamClock { start: SystemTime::UNIX_EPOCH, sample_rate: SampleRate::new(1).unwrap() };
        assert_eq!(format_time(local_time(&clock, SamplePos(61), &TimeZone::UTC).as_ref(), "%H:%M:%S"), "00:01:01");
        assert!(local_time(&clock, SamplePos(u64::MAX), &TimeZone::UTC).is_none());
        assert_eq!(format_time(None, "%H:%M:%S"), "?");
    }
}
