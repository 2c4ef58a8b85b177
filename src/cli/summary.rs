//! How each input went, in a line for people, and what they can do next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::told::Told;
use crate::engine::report::{Report, StopReport};
use crate::record::Relay;
use crate::record::relay::Aside;

/// Counts what is reported of each recording, and tells of it when it ends.
pub(super) struct Summary {
    told: Arc<Told>,
    /// Of the recordings that are being heard, the events by label.
    open: BTreeMap<String, BTreeMap<String, u64>>,
    total: Arc<Mutex<Total>>,
}

/// All recordings that have ended.
#[derive(Default)]
pub(super) struct Total {
    recordings: usize,
    secs: f64,
    events: BTreeMap<String, u64>,
}

impl Summary {
    /// A summary, and where it adds up.
    pub(super) fn new(told: Arc<Told>) -> (Self, Arc<Mutex<Total>>) {
        let total = Arc::<Mutex<Total>>::default();
        (Self { told, open: BTreeMap::new(), total: Arc::clone(&total) }, total)
    }

    fn ended(&mut self, stop: &StopReport) {
        let events = self.open.remove(&stop.source).unwrap_or_default();
        let secs = stop.clock.secs(stop.position);
        let mut line = format!("{}: {}, {}", stop.source, length(secs), events_text(&events));
        if stop.reason != "end of input" {
            let _ = write!(line, " ({})", stop.reason);
        }
        self.told.say(line);
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.recordings += 1;
        total.secs += secs;
        for (label, n) in events {
            *total.events.entry(label).or_default() += n;
        }
    }
}

impl Relay for Summary {
    fn pass(&mut self, report: &Report, _: &Aside<'_>) {
        match report {
            Report::Event(event) => {
                let of_source = self.open.entry(event.event.source.clone()).or_default();
                *of_source.entry(event.event.label.clone()).or_default() += 1;
            }
            Report::Stop(stop) => self.ended(stop),
            _ => {}
        }
    }
}

impl Total {
    /// All recordings together.
    pub(super) fn line(&self) -> String {
        let Self { recordings, secs, events } = self;
        let inputs = if *recordings == 1 { "input" } else { "inputs" };
        format!("{recordings} {inputs} heard: {}, {}", length(*secs), events_text(events))
    }
}

/// What to do with what was kept in `dir`, which is empty where nothing was to be.
pub(super) fn next_step(dir: &str, n_recorded: u64) -> String {
    match n_recorded {
        _ if dir.is_empty() => "nothing was kept; with --record DIR every event is, with its evidence".to_owned(),
        0 => format!("no event was recorded in {dir}"),
        1 => format!("1 event was recorded; review it with: earwitness review {}", quoted(dir)),
        n => format!("{n} events were recorded; review them with: earwitness review {}", quoted(dir)),
    }
}

/// `text` as a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// As in `12.5 s` or `1:02:03`.
fn length(secs: f64) -> String {
    if secs < 60.0 {
        return format!("{secs:.1} s");
    }
    let whole = secs.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// As in `3 events (dog 2, siren 1)`, the most frequent first.
fn events_text(events: &BTreeMap<String, u64>) -> String {
    let mut by_count: Vec<(&String, &u64)> = events.iter().collect();
    by_count.sort_by(|a, b| b.1.cmp(a.1));
    let each: Vec<String> = by_count.iter().map(|(label, n)| format!("{label} {n}")).collect();
    match events.values().sum::<u64>() {
        0 => "no events".to_owned(),
        1 => format!("1 event ({})", each.join(", ")),
        n => format!("{n} events ({})", each.join(", ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_can_be_pasted_into_a_shell() {
        assert!(next_step("", 0).contains("--record DIR"));
        assert_eq!(next_step("events", 0), "no event was recorded in events");
        assert!(next_step("/srv/records", 1).ends_with("review it with: earwitness review /srv/records"));
        assert!(next_step("it's a folder", 7).ends_with("review them with: earwitness review 'it'\\''s a folder'"));
    }

    #[test]
    fn lengths_and_counts_read_well() {
        let lengths = [0.0, 12.34, 59.94, 60.0, 61.4, 3599.6, 3723.0, 90_000.0].map(length);
        assert_eq!(lengths, ["0.0 s", "12.3 s", "59.9 s", "1:00", "1:01", "1:00:00", "1:02:03", "25:00:00"]);
        let counts =
            |pairs: &[(&str, u64)]| events_text(&pairs.iter().map(|(label, n)| ((*label).to_owned(), *n)).collect());
        assert_eq!(counts(&[]), "no events");
        assert_eq!(counts(&[("dog", 1)]), "1 event (dog 1)");
        assert_eq!(counts(&[("cat", 1), ("dog", 3), ("rain", 3)]), "7 events (dog 3, rain 3, cat 1)");
    }
}
