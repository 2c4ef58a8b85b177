//! The tables of the index, and whether those in a file are really these.
//!
//! A recording folder from someone else brings its index along, and SQL in a file is a program: a trigger could run when an
//! event is removed, and a view could replace a table and answer forever. So a file is used
//! only if its schema is ours to the letter, and the constraints hold what a row may say: `quick_check` tries them on every
//! row.

use std::sync::OnceLock;

use rusqlite::Connection;

/// Changed with every change of the tables below; an index of another version is set aside.
pub(super) const VERSION: i64 = 4;

/// `bytes` and `events` are kept by triggers, so that whoever shares the index has the same totals without counting.
///
/// Times are within the years -9999 to 9999, as `jiff` has them, and no folder has more than a pebibyte.
pub(super) const TABLES: &str = "
CREATE TABLE events (
    dir TEXT PRIMARY KEY NOT NULL CHECK (substr(dir, 1, 11) = day || '/' AND substr(dir, 12) GLOB '[^.]*'
        AND substr(dir, 12) NOT GLOB '*/*' AND instr(CAST(dir AS BLOB), x'00') = 0),
    day TEXT NOT NULL CHECK (length(day) = 10 AND day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    id TEXT NOT NULL,
    label TEXT NOT NULL,
    groups TEXT NOT NULL,
    score REAL CHECK (score BETWEEN 0 AND 1),
    tenths INTEGER NOT NULL CHECK (tenths BETWEEN 0 AND 10),
    onset_ms INTEGER NOT NULL CHECK (onset_ms BETWEEN -377705023201000 AND 253402207200999),
    duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
    local_offset_s INTEGER CHECK (local_offset_s BETWEEN -100000 AND 100000),
    source TEXT NOT NULL,
    method TEXT NOT NULL,
    agrees INTEGER CHECK (agrees IN (0, 1)),
    prob REAL,
    prob_in REAL,
    prob_out REAL,
    has_clip INTEGER NOT NULL CHECK (has_clip IN (0, 1)),
    continues TEXT,
    bytes INTEGER NOT NULL CHECK (bytes BETWEEN 0 AND 1125899906842624),
    verdict TEXT,
    was TEXT,
    starred INTEGER NOT NULL CHECK (starred IN (0, 1)),
    note TEXT NOT NULL,
    marked_ms INTEGER CHECK (marked_ms BETWEEN -377705023201000 AND 253402207200999),
    marks_stamp INTEGER NOT NULL,
    in_file_ms INTEGER CHECK (in_file_ms >= 0),
    evidence TEXT CHECK (evidence IN ('enough_and_needed', 'enough', 'not_enough'))
) STRICT;
CREATE INDEX by_time ON events (onset_ms, dir);
CREATE INDEX by_day ON events (day);
CREATE INDEX by_id ON events (id);
CREATE INDEX by_worth ON events (starred, tenths, onset_ms);
CREATE INDEX by_age ON events (starred, onset_ms);
CREATE INDEX doubtful ON events (dir) WHERE marks_stamp < 0;
CREATE TABLE days (
    day TEXT PRIMARY KEY NOT NULL,
    stamp INTEGER NOT NULL,
    seen_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE unreadable (
    dir TEXT PRIMARY KEY NOT NULL,
    day TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
CREATE TABLE totals (
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    starred_events INTEGER NOT NULL,
    starred_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (0, 0, 0, 0);
CREATE TABLE proven (
    ms INTEGER NOT NULL CHECK (ms BETWEEN -377705023201000 AND 253402207200999)
) STRICT;
CREATE TRIGGER counts_in AFTER INSERT ON events BEGIN
    UPDATE totals SET events = events + 1, bytes = bytes + new.bytes,
        starred_events = starred_events + new.starred, starred_bytes = starred_bytes + new.starred * new.bytes;
END;
CREATE TRIGGER counts_out AFTER DELETE ON events BEGIN
    UPDATE totals SET events = events - 1, bytes = bytes - old.bytes,
        starred_events = starred_events - old.starred, starred_bytes = starred_bytes - old.starred * old.bytes;
END;
CREATE TRIGGER counts_on AFTER UPDATE OF bytes, starred ON events BEGIN
    UPDATE totals SET bytes = bytes - old.bytes + new.bytes,
        starred_events = starred_events - old.starred + new.starred,
        starred_bytes = starred_bytes - old.starred * old.bytes + new.starred * new.bytes;
END;
";

/// One entry of a schema: type, name, table, SQL.
type Entry = (String, String, String, Option<String>);

/// Makes the tables in a database that has none.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)
}

/// Whether the database `name` of a connection (`main`, or one that is attached) holds our tables, and nothing else.
pub(super) fn are_ours(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let ours = ours()?;
    Ok(schema(connection, name, ours.len())? == *ours)
}

/// The schema that [`TABLES`] makes.
fn ours() -> rusqlite::Result<&'static Vec<Entry>> {
    static OURS: OnceLock<Vec<Entry>> = OnceLock::new();
    if let Some(ours) = OURS.get() {
        return Ok(ours);
    }
    let connection = Connection::open_in_memory()?;
    create(&connection)?;
    let made = schema(&connection, "main", usize::MAX)?;
    Ok(OURS.get_or_init(|| made))
}

/// The schema of a database; one entry more than `most` is enough to tell that it is another.
fn schema(connection: &Connection, name: &str, most: usize) -> rusqlite::Result<Vec<Entry>> {
    let text = format!("SELECT type, name, tbl_name, sql FROM {name}.sqlite_schema ORDER BY type, name LIMIT ?1");
    let mut statement = connection.prepare(&text)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    statement.query_map([most], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?.collect()
}

/// Whether the file is whole, and every row is one that we could have written.
pub(super) fn are_sound(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sound: String = connection.query_row(&format!("PRAGMA {name}.quick_check(1)"), [], |row| row.get(0))?;
    if sound != "ok" {
        tracing::debug!("the index is damaged: {sound}");
    }
    Ok(sound == "ok")
}

/// Makes the totals agree with the rows: limits are kept by them. Whether they did.
pub(super) fn reconcile(connection: &Connection) -> rusqlite::Result<bool> {
    let counted = "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(starred), 0), coalesce(sum(starred * bytes), 0) FROM events";
    let kept = "SELECT events, bytes, starred_events, starred_bytes FROM totals";
    let four = |row: &rusqlite::Row<'_>| -> rusqlite::Result<[i64; 4]> {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    };
    let counted = connection.query_row(counted, [], four)?;
    let kept: Vec<[i64; 4]> = connection.prepare(kept)?.query_map([], four)?.take(2).collect::<Result<_, _>>()?;
    if kept == [counted] {
        return Ok(true);
    }
    connection.execute("DELETE FROM totals", [])?;
    connection.execute("INSERT INTO totals VALUES (?1, ?2, ?3, ?4)", counted)?;
    Ok(false)
}
