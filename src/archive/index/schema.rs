//! The tables, and how a connection to them is made.

use std::{
    fs::{File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::archive::names::{INDEX, is_day};

/// Changed with every change of the tables below; an index of another version is set aside.
const VERSION: i64 = 2;

/// How long one writer waits for another.
const PATIENCE: Duration = Duration::from_secs(15);

/// `bytes` and `events` are kept by triggers, so that whoever shares the index has the same totals without counting.
const TABLES: &str = "
CREATE TABLE events (
    dir TEXT PRIMARY KEY NOT NULL,
    day TEXT NOT NULL,
    id TEXT NOT NULL,
    label TEXT NOT NULL,
    groups TEXT NOT NULL,
    score REAL,
    tenths INTEGER NOT NULL,
    onset_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    local_offset_s INTEGER,
    source TEXT NOT NULL,
    method TEXT NOT NULL,
    agrees INTEGER,
    prob REAL,
    prob_in REAL,
    prob_out REAL,
    has_clip INTEGER NOT NULL,
    continues TEXT,
    bytes INTEGER NOT NULL,
    verdict TEXT,
    was TEXT,
    starred INTEGER NOT NULL,
    note TEXT NOT NULL,
    marked_ms INTEGER,
    marks_stamp INTEGER NOT NULL,
    in_file_ms INTEGER
);
CREATE INDEX by_time ON events (onset_ms, dir);
CREATE INDEX by_day ON events (day);
CREATE INDEX by_id ON events (id);
CREATE INDEX by_worth ON events (starred, tenths, onset_ms);
CREATE INDEX by_age ON events (starred, onset_ms);
CREATE TABLE days (
    day TEXT PRIMARY KEY NOT NULL,
    stamp INTEGER NOT NULL,
    seen_ns INTEGER NOT NULL
);
CREATE TABLE unreadable (
    dir TEXT PRIMARY KEY NOT NULL,
    day TEXT NOT NULL,
    why TEXT NOT NULL
);
CREATE TABLE totals (
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    starred_events INTEGER NOT NULL,
    starred_bytes INTEGER NOT NULL
);
INSERT INTO totals VALUES (0, 0, 0, 0);
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

/// Why there is no connection to the file.
pub(super) enum Unopened {
    /// The file is damaged, or of another version: it can be set aside.
    Unusable(String),
    /// There cannot be one here: the disk is read-only, full, or has no locks.
    Impossible(String),
}

/// Opens the index of `dir`, and makes its tables where there are none. `private`: for its owner alone; without it, a new
/// one may be read by those who may read the days' folders.
pub(super) fn open_file(dir: &Path, private: Option<bool>) -> Result<Connection, Unopened> {
    let path = dir.join(INDEX);
    // SQLite gives its helper files the mode of this one.
    create(dir, &path, private).map_err(|e| Unopened::Impossible(e.to_string()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(unopened)?;
    connection.busy_timeout(PATIENCE).map_err(unopened)?;
    prepare(connection).map_err(unopened)?.ok_or_else(|| Unopened::Unusable("it is of another version".into()))
}

/// An index in memory, with what can be taken over from the file in `dir` without writing there.
pub(super) fn open_memory(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    if let Err(e) = copy_from(&connection, &dir.join(INDEX)) {
        tracing::debug!("nothing is taken over from the index in {} ({e})", dir.display());
        connection.execute_batch("DELETE FROM events; DELETE FROM days; DELETE FROM unreadable;")?;
    }
    Ok(connection)
}

/// Moves an index that cannot be used out of the way, in place of the one that was moved before.
pub(super) fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let (path, aside) = (dir.join(INDEX), dir.join(format!("{INDEX}.aside")));
    std::fs::rename(&path, &aside)?;
    for helper in ["-wal", "-shm"] {
        match std::fs::remove_file(dir.join(format!("{INDEX}{helper}"))) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(aside)
}

/// Whether `e` says that the file itself is damaged.
pub(super) fn is_damage(e: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    match e.sqlite_error_code() {
        // `Unknown` is an error in a statement, and the statements are right: the tables are not ours.
        Some(code) => matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown),
        // They hold what is never written here.
        None => matches!(e, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)),
    }
}

fn unopened(e: rusqlite::Error) -> Unopened {
    if is_damage(&e) { Unopened::Unusable(e.to_string()) } else { Unopened::Impossible(e.to_string()) }
}

/// Makes an empty file where there is none.
fn create(dir: &Path, path: &Path, private: Option<bool>) -> io::Result<()> {
    let mode = match private {
        Some(true) => 0o600,
        Some(false) => 0o666,
        None => {
            let days = || std::fs::read_dir(dir).into_iter().flatten().flatten();
            let day = days().find(|entry| is_day(&entry.file_name().to_string_lossy()));
            day.map_or_else(|| std::fs::metadata(dir), |day| day.metadata())?.mode() & 0o666
        }
    };
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) if private != Some(false) => file.set_permissions(Permissions::from_mode(mode)),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Whoever cannot write it wants one in memory.
            let file = OpenOptions::new().write(true).open(path)?;
            if private == Some(true) { tighten(&file) } else { Ok(()) }
        }
        Err(e) => Err(e),
    }
}

/// Takes the rights of others from a file that was made when they had some.
fn tighten(file: &File) -> io::Result<()> {
    if file.metadata()?.mode() & 0o077 == 0 {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode(0o600)) {
        // It is another user's: theirs to decide.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// Sets a connection up and makes the tables; none if there are others already.
fn prepare(mut connection: Connection) -> rusqlite::Result<Option<Connection>> {
    write_ahead(&connection)?;
    // What is lost with the power is found again in the folders.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (version, tables) {
        (VERSION, _) => {}
        (0, 0) => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        _ => return Ok(None),
    }
    transaction.commit()?;
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        tracing::debug!("the index is damaged: {sound}");
        return Ok(None);
    }
    Ok(Some(connection))
}

/// Readers and one writer at a time do not wait for each other. Changing to this mode needs the file for oneself, and SQLite
/// does not wait for that by itself.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            // A file system without shared memory keeps the old mode, which works too.
            done => return done.map(drop),
        }
    }
}

/// Copies the rows of an index on a disk that cannot be written.
fn copy_from(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    // Immutable: no locks and no helper files. What the write-ahead log holds is missed, and found again in the folders.
    uri.push_str("?mode=ro&immutable=1");
    connection.execute("ATTACH DATABASE ?1 AS disk", [uri])?;
    let copy = || {
        let version: i64 = connection.pragma_query_value(Some("disk"), "user_version", |row| row.get(0))?;
        let sound: String = connection.query_row("PRAGMA disk.quick_check(1)", [], |row| row.get(0))?;
        if version == VERSION && sound == "ok" {
            connection.execute_batch(
                "INSERT INTO events SELECT * FROM disk.events; INSERT INTO days SELECT * FROM disk.days;
                 INSERT INTO unreadable SELECT * FROM disk.unreadable;",
            )?;
        }
        Ok(())
    };
    let copied = copy();
    connection.execute_batch("DETACH DATABASE disk")?;
    copied
}
