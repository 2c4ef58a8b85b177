//! What a day comes to.

use std::collections::BTreeMap;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::archive::level_day::LevelDay;
use crate::archive::{Row, Verdict};

/// Hours that events are counted in.
const HOURS: usize = 24;
/// Minutes that are named as the loudest.
const LOUDEST: usize = 5;
/// A hole in the levels of so many seconds is an outage.
const OUTAGE_SECS: i64 = 5;

/// A day.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Daily {
    pub(super) day: String,
    pub(super) n_events: usize,
    /// Most frequent first.
    pub(super) events: Vec<Label>,
    pub(super) inputs: Vec<Input>,
}

impl Daily {
    /// The most events that a label has in an hour, at least 1.
    pub(super) fn most(&self) -> usize {
        self.events.iter().flat_map(|label| label.by_hour).max().unwrap_or(1).max(1)
    }
}

/// Events of a label.
#[derive(Debug, Serialize)]
pub(super) struct Label {
    pub(super) label: String,
    pub(super) n: usize,
    /// How many people marked wrong.
    pub(super) wrong: usize,
    pub(super) by_hour: [usize; HOURS],
    pub(super) first: String,
    pub(super) last: String,
}

/// An input's levels.
#[derive(Debug, Serialize)]
pub(super) struct Input {
    pub(super) input: String,
    pub(super) unit: &'static str,
    pub(super) laeq_db: f64,
    pub(super) lafmax_db: f64,
    pub(super) l90_db: f64,
    pub(super) loudest: Vec<Minute>,
    pub(super) outages: Vec<Outage>,
}

#[derive(Debug, Serialize)]
pub(super) struct Minute {
    pub(super) time: String,
    pub(super) laeq_db: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Outage {
    pub(super) from: String,
    pub(super) seconds: i64,
}

/// Events by label, most frequent first.
pub(super) fn labels(rows: &[Row], local: impl Fn(Timestamp) -> Zoned) -> Vec<Label> {
    let mut by_label: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    rows.iter().for_each(|row| by_label.entry(&row.label).or_default().push(row));
    let clock = |row: &Row| local(row.onset).strftime("%H:%M:%S").to_string();
    let one = |(label, mut rows): (&str, Vec<&Row>)| {
        rows.sort_by_key(|row| row.onset);
        let mut by_hour = [0; HOURS];
        rows.iter().for_each(|row| by_hour[usize::try_from(local(row.onset).hour()).unwrap_or(0) % HOURS] += 1);
        Some(Label {
            label: label.to_owned(),
            n: rows.len(),
            wrong: rows.iter().filter(|row| row.marks.verdict == Some(Verdict::Wrong)).count(),
            by_hour,
            first: clock(rows.first()?),
            last: clock(rows.last()?),
        })
    };
    let mut labels: Vec<Label> = by_label.into_iter().filter_map(one).collect();
    labels.sort_by_key(|label| std::cmp::Reverse(label.n));
    labels
}

/// The levels of an input's day.
pub(super) fn input(day: &LevelDay) -> Option<Input> {
    let whole = day.whole()?;
    let rounded = |db: f64| (db * 10.0).round() / 10.0;
    Some(Input {
        input: day.source.name.clone(),
        unit: day.source.unit(),
        laeq_db: rounded(whole.laeq_db),
        lafmax_db: rounded(whole.lafmax_db),
        l90_db: rounded(whole.exceeded_db[2]),
        loudest: day
            .loudest(LOUDEST)
            .into_iter()
            .map(|(at, minute)| Minute { time: day.clock(at, "%H:%M"), laeq_db: rounded(minute.laeq_db) })
            .collect(),
        outages: day
            .holes(OUTAGE_SECS)
            .into_iter()
            .map(|(at, seconds)| Outage { from: day.clock(at, "%H:%M:%S"), seconds })
            .collect(),
    })
}
