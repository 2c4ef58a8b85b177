//! What can be asked of the index.

use jiff::Timestamp;
use rusqlite::{
    Connection, OptionalExtension, ToSql, params_from_iter,
    types::{Null, Value},
};

use super::row::{COLUMNS, Row};
use crate::units::EvidenceVerdict;

/// Which events are wanted. The default wants all; each field narrows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Labels or groups, of which an event has to have one; empty: any.
    pub labels: Vec<String>,
    /// First day, in UTC, as in `2026-11-20`.
    pub from_day: Option<String>,
    /// Last day, in UTC.
    pub to_day: Option<String>,
    /// Lowest score.
    pub min_score: Option<f64>,
    /// Highest score.
    pub max_score: Option<f64>,
    /// Whether the interpretation alone has to give the same label.
    pub agrees: Option<bool>,
    /// What their evidence comes to.
    pub evidence: Option<EvidenceVerdict>,
    /// What people have to have said.
    pub judged: Option<Judged>,
    /// Whether it has to be starred.
    pub starred: Option<bool>,
    /// The input, to the letter.
    pub source: Option<String>,
    /// A text that has to be in label, source, note or in what it was instead; capitals of ASCII do not matter.
    pub text: Option<String>,
    /// The event's id, or the beginning of it.
    pub id: Option<String>,
    /// Keys of events, of which it has to be one.
    pub among: Option<Vec<String>>,
}

/// What people said of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// Right or wrong.
    Yes,
    /// Neither.
    No,
    /// Right.
    Right,
    /// Wrong.
    Wrong,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Events to pass over.
    pub skip: u64,
    /// Events wanted at most.
    pub limit: u64,
}

impl Page {
    /// Everything.
    pub const ALL: Self = Self { skip: 0, limit: u64::MAX };
}

/// What the index holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events.
    pub events: u64,
    /// Length of their files together, in bytes.
    pub bytes: u64,
    /// Events that are starred.
    pub starred_events: u64,
    /// Length of their files together, in bytes.
    pub starred_bytes: u64,
}

/// A condition and its values.
struct Where {
    text: String,
    values: Vec<Value>,
}

impl Where {
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(if self.text.is_empty() { " WHERE " } else { " AND " });
        self.text.push_str(condition);
        self.values.extend(values);
    }

    fn of(filter: &Filter) -> Self {
        let mut all = Self { text: String::new(), values: Vec::new() };
        let text = |text: &String| Value::Text(text.clone());
        if !filter.labels.is_empty() {
            let marks = vec!["?"; filter.labels.len()].join(", ");
            let group = "instr(char(10) || groups || char(10), char(10) || ? || char(10)) > 0";
            let groups = vec![group; filter.labels.len()].join(" OR ");
            let twice = filter.labels.iter().chain(&filter.labels);
            all.and(&format!("(label IN ({marks}) OR (groups <> '' AND ({groups})))"), twice.map(text));
        }
        let texts = [("day >= ?", &filter.from_day), ("day <= ?", &filter.to_day), ("source = ?", &filter.source)];
        for (condition, value) in texts {
            if let Some(value) = value {
                all.and(condition, [text(value)]);
            }
        }
        for (condition, value) in [("score >= ?", filter.min_score), ("score <= ?", filter.max_score)] {
            if let Some(value) = value {
                all.and(condition, [Value::Real(value)]);
            }
        }
        for (condition, value) in [("agrees = ?", filter.agrees), ("starred = ?", filter.starred)] {
            if let Some(value) = value {
                all.and(condition, [Value::Integer(value.into())]);
            }
        }
        if let Some(evidence) = filter.evidence {
            all.and("evidence = ?", [Value::Text(evidence.word().to_owned())]);
        }
        match filter.judged {
            None => {}
            Some(Judged::Yes) => all.and("verdict IS NOT NULL", []),
            Some(Judged::No) => all.and("verdict IS NULL", []),
            Some(Judged::Right) => all.and("verdict = 'right'", []),
            Some(Judged::Wrong) => all.and("verdict = 'wrong'", []),
        }
        if let Some(part) = &filter.text {
            let like = Value::Text(format!("%{}%", escaped(part)));
            let columns = ["note", "was", "label", "source"];
            let any = columns.map(|column| format!("{column} LIKE ? ESCAPE '\\'")).join(" OR ");
            all.and(&format!("({any})"), std::iter::repeat_n(like, columns.len()));
        }
        if let Some(keys) = &filter.among {
            let marks = vec!["?"; keys.len()].join(", ");
            all.and(&format!("dir IN ({marks})"), keys.iter().map(text));
        }
        if let Some(part) = &filter.id {
            all.and("id LIKE ? ESCAPE '\\'", [Value::Text(format!("{}%", escaped(part)))]);
        }
        all
    }
}

/// `text` without any meaning to LIKE.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

pub(super) fn rows(connection: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Row>> {
    let mut all = Where::of(filter);
    let number = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    all.values.extend([number(page.limit), number(page.skip)]);
    let text = format!("SELECT {COLUMNS} FROM events{} ORDER BY onset_ms DESC, dir DESC LIMIT ? OFFSET ?", all.text);
    let mut statement = connection.prepare_cached(&text)?;
    statement.query_map(params_from_iter(all.values), Row::read)?.collect()
}

pub(super) fn row(connection: &Connection, key: &str) -> rusqlite::Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE dir = ?1"))?;
    statement.query_map([key], Row::read)?.next().transpose()
}

pub(super) fn count(connection: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let all = Where::of(filter);
    let text = format!("SELECT count(*) FROM events{}", all.text);
    connection.prepare_cached(&text)?.query_row(params_from_iter(all.values), |row| count_of(row, 0))
}

/// How many events there are for each value of `column`.
pub(super) fn counts(connection: &Connection, column: &str, filter: &Filter) -> rusqlite::Result<Vec<(String, u64)>> {
    let all = Where::of(filter);
    let text = format!("SELECT {column}, count(*) FROM events{} GROUP BY {column} ORDER BY {column}", all.text);
    let mut statement = connection.prepare_cached(&text)?;
    statement.query_map(params_from_iter(all.values), |row| Ok((row.get(0)?, count_of(row, 1)?)))?.collect()
}

pub(super) fn totals(connection: &Connection) -> rusqlite::Result<Totals> {
    let text = "SELECT events, bytes, starred_events, starred_bytes FROM totals";
    connection.prepare_cached(text)?.query_row([], |row| {
        Ok(Totals {
            events: count_of(row, 0)?,
            bytes: count_of(row, 1)?,
            starred_events: count_of(row, 2)?,
            starred_bytes: count_of(row, 3)?,
        })
    })
}

/// Events that may be removed, the least worth first: those from before `before`, or, without it, by score in tenths and
/// then by age. Starred ones never, and not those that are passed over until after `now_ms`.
pub(super) fn removable(
    connection: &Connection,
    before: Option<Timestamp>,
    limit: u64,
    now_ms: i64,
) -> rusqlite::Result<Vec<(String, u64)>> {
    connection.prepare_cached("DELETE FROM temp.passed_over WHERE until_ms <= ?1")?.execute([now_ms])?;
    let limit = Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX));
    let (text, first) = match before {
        Some(before) => (
            "SELECT dir, bytes FROM events WHERE starred = 0 AND dir NOT IN (SELECT dir FROM temp.passed_over) AND onset_ms < ?1
             ORDER BY onset_ms LIMIT ?2",
            Value::Integer(before.as_millisecond()),
        ),
        None => (
            "SELECT dir, bytes FROM events WHERE starred = 0 AND dir NOT IN (SELECT dir FROM temp.passed_over) AND ?1 IS NULL
             ORDER BY tenths, onset_ms LIMIT ?2",
            Value::from(Null),
        ),
    };
    let mut statement = connection.prepare_cached(text)?;
    let values: [&dyn ToSql; 2] = [&first, &limit];
    statement.query_map(values, |row| Ok((row.get(0)?, count_of(row, 1)?)))?.collect()
}

/// Passes the event `key` over until `until_ms`.
pub(super) fn pass_over(connection: &Connection, key: &str, until_ms: i64, why: &str) -> rusqlite::Result<()> {
    let text = "INSERT OR REPLACE INTO temp.passed_over (dir, until_ms, why) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(text)?.execute((key, until_ms, why)).map(drop)
}

/// How many events are passed over for a reason, and the newest reason; none where there are none.
pub(super) fn passed_over(connection: &Connection) -> rusqlite::Result<Option<(u64, String)>> {
    let text =
        "SELECT (SELECT count(*) FROM temp.passed_over WHERE why <> ''), why FROM temp.passed_over WHERE why <> ''
                ORDER BY rowid DESC LIMIT 1";
    connection.prepare_cached(text)?.query_row([], |row| Ok((count_of(row, 0)?, row.get(1)?))).optional()
}

pub(super) fn unreadable(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("SELECT dir, why FROM unreadable ORDER BY dir")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// A count, which is never negative.
fn count_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}
