//! Catching up with the folders.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, TransactionBehavior, params};

use super::{
    marks::{Changed, count_doubts, marks_stamp, read_marks, settle_doubts, stamp},
    row::{DOUBTFUL, insert},
};
use crate::archive::{
    event::{StoredEvent, read_event},
    marks::Marks,
    names::{is_day, is_event},
};

/// A folder that was changed this shortly before it was looked at may have been changed again without its time of change
/// having moved on: file systems count time in steps of up to two seconds.
const GRAIN_NS: i64 = 2_000_000_000;

/// Events that are put into the index at once: whoever else writes has to wait for that long.
const AT_ONCE: usize = 256;

/// What catching up found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Days that were looked into, of all that there are.
    pub days: u64,
    /// Events that were new.
    pub added: u64,
    /// Events whose folder had gone.
    pub removed: u64,
    /// Events whose marks had changed.
    pub marked: u64,
    /// Folders in the days looked into that hold no readable event.
    pub unreadable: u64,
    /// Events in all days whose marks cannot be read.
    pub doubtful: u64,
}

/// A day's folder, and what to look at in it.
struct Day {
    name: String,
    stamp: i64,
    seen_ns: i64,
    /// New event folders.
    new: Vec<String>,
    /// Rows whose folder has gone.
    gone: Vec<String>,
    /// Known event folders, with the stamp that their marks had.
    known: Vec<(String, i64)>,
}

/// Makes the rows agree with the folders. `progress` is told how many of how many new events have been read.
pub(super) fn catch_up(
    connection: &mut Connection,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<CatchUp, ScanError> {
    let mut found = CatchUp::default();
    let mut days = Vec::new();
    let present = days_on_disk(dir)?;
    forget_days(connection, &present, &mut found)?;
    found.marked += settle_doubts(connection, dir)?;
    for (name, about) in present {
        days.extend(look_into(connection, dir, name, &about)?);
    }
    let total = days.iter().map(|day| day.new.len() as u64).sum();
    let mut done = 0;
    if total > 0 {
        progress(0, total);
    }
    for day in days {
        found.days += 1;
        for names in day.new.chunks(AT_ONCE) {
            let read: Vec<_> = names.iter().map(|name| read_one(dir, &day.name, name)).collect();
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (name, event) in names.iter().zip(read) {
                let key = format!("{}/{name}", day.name);
                match event {
                    Read::Event(event, marks, stamp) => {
                        insert(&transaction, &key, &event, &marks, stamp)?;
                        transaction.execute("DELETE FROM unreadable WHERE dir = ?1", [&key])?;
                        found.added += 1;
                    }
                    Read::Gone => {}
                    Read::Unreadable(why) => {
                        tracing::debug!("{why}");
                        let statement = "INSERT OR REPLACE INTO unreadable (dir, day, why) VALUES (?1, ?2, ?3)";
                        transaction.execute(statement, params![key, day.name, why])?;
                        found.unreadable += 1;
                    }
                }
            }
            transaction.commit()?;
            done += names.len() as u64;
            progress(done, total);
        }
        finish_day(connection, dir, &day, &mut found)?;
    }
    found.doubtful = count_doubts(connection)?;
    Ok(found)
}

/// What went wrong.
pub(super) enum ScanError {
    /// The folders cannot be read.
    Folders(std::io::Error),
    /// The index cannot be used.
    Index(rusqlite::Error),
}

impl From<std::io::Error> for ScanError {
    fn from(e: std::io::Error) -> Self {
        Self::Folders(e)
    }
}

impl From<rusqlite::Error> for ScanError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Index(e)
    }
}

enum Read {
    Event(Box<StoredEvent>, Marks, i64),
    /// It has just been removed.
    Gone,
    Unreadable(String),
}

fn read_one(dir: &Path, day: &str, name: &str) -> Read {
    let folder = dir.join(day).join(name);
    match read_event(&folder) {
        Ok(event) => {
            let (marks, stamp) = read_marks(&folder).unwrap_or_else(|e| {
                tracing::debug!("{e}");
                (Marks::default(), DOUBTFUL)
            });
            Read::Event(Box::new(event), marks, stamp)
        }
        Err(_) if !folder.exists() => Read::Gone,
        Err(e) => Read::Unreadable(e.to_string()),
    }
}

fn days_on_disk(dir: &Path) -> std::io::Result<Vec<(String, Metadata)>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Links are not followed: what lies elsewhere is not ours.
        if is_day(&name)
            && let Ok(about) = entry.metadata()
            && about.is_dir()
        {
            days.push((name, about));
        }
    }
    days.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(days)
}

/// Removes the rows of days that have gone.
fn forget_days(
    connection: &mut Connection,
    present: &[(String, Metadata)],
    found: &mut CatchUp,
) -> rusqlite::Result<()> {
    let known: Vec<String> = {
        let mut statement = connection.prepare("SELECT DISTINCT day FROM events UNION SELECT day FROM days")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    let present: HashSet<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
    for day in known.iter().filter(|day| !present.contains(day.as_str())) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        found.removed += transaction.execute("DELETE FROM events WHERE day = ?1", [day])? as u64;
        transaction.execute("DELETE FROM unreadable WHERE day = ?1", [day])?;
        transaction.execute("DELETE FROM days WHERE day = ?1", [day])?;
        transaction.commit()?;
    }
    Ok(())
}

/// What is to be done in a day; none where nothing has changed since it was looked at.
fn look_into(connection: &Connection, dir: &Path, name: String, about: &Metadata) -> Result<Option<Day>, ScanError> {
    let (stamp, seen_ns) = (stamp(about), now_ns());
    let then: Option<(i64, i64)> = {
        let mut statement = connection.prepare_cached("SELECT stamp, seen_ns FROM days WHERE day = ?1")?;
        let mut rows = statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.next().transpose()?
    };
    let changed_ns = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
    if then.is_some_and(|(was, seen)| was == stamp && seen.saturating_sub(changed_ns) > GRAIN_NS) {
        return Ok(None);
    }
    // The rows before the folders: what a recorder adds in between has a folder and is not taken for gone.
    let mut rows: HashMap<String, i64> = {
        let mut statement = connection.prepare_cached("SELECT dir, marks_stamp FROM events WHERE day = ?1")?;
        let rows = statement.query_map([&name], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let (mut new, mut known) = (Vec::new(), Vec::new());
    let entries = match fs::read_dir(dir.join(&name)) {
        Ok(entries) => entries,
        // Its last event has just been removed.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(event) = entry.file_name().into_string() else { continue };
        if !is_event(&event) || !entry.file_type()?.is_dir() {
            continue;
        }
        match rows.remove(&format!("{name}/{event}")) {
            Some(marks) => known.push((event, marks)),
            None => new.push(event),
        }
    }
    new.sort_unstable();
    Ok(Some(Day { name, stamp, seen_ns, new, gone: rows.into_keys().collect(), known }))
}

/// Removes what has gone, reads marks that have changed, and notes that the day was looked at.
fn finish_day(connection: &mut Connection, dir: &Path, day: &Day, found: &mut CatchUp) -> rusqlite::Result<()> {
    let mut changed = Vec::new();
    for (event, was) in &day.known {
        let folder = dir.join(&day.name).join(event);
        if *was != DOUBTFUL && marks_stamp(&folder) != *was {
            changed.push(Changed::read(format!("{}/{event}", day.name), &folder));
        }
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for key in &day.gone {
        found.removed += transaction.execute("DELETE FROM events WHERE dir = ?1", [key])? as u64;
    }
    for changed in &changed {
        found.marked += u64::from(changed.put_into(&transaction)?);
    }
    let listed: HashSet<&str> = day.new.iter().map(String::as_str).collect();
    let unreadable: Vec<String> = {
        let mut statement = transaction.prepare_cached("SELECT dir FROM unreadable WHERE day = ?1")?;
        statement.query_map([&day.name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    for key in unreadable.iter().filter(|key| key.split_once('/').is_none_or(|(_, name)| !listed.contains(name))) {
        transaction.execute("DELETE FROM unreadable WHERE dir = ?1", [key])?;
    }
    let unreadable: i64 =
        transaction.query_row("SELECT count(*) FROM unreadable WHERE day = ?1", [&day.name], |row| row.get(0))?;
    // Rights that are given to an event's folder do not change its day: what could not be read is tried again.
    let seen_ns = if unreadable > 0 { 0 } else { day.seen_ns };
    let statement = "INSERT OR REPLACE INTO days (day, stamp, seen_ns) VALUES (?1, ?2, ?3)";
    transaction.execute(statement, params![day.name, day.stamp, seen_ns])?;
    transaction.commit()
}

fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
