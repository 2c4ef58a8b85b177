//! How a connection to the index is made.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, config::DbConfig, limits::Limit,
};
use rustix::fs::OFlags;

use super::tables::{self, VERSION};
use crate::archive::names::{INDEX, is_day};

/// How long one writer waits for another.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longest index file that is opened, in bytes: some millions of events.
const MAX_INDEX_BYTES: u64 = 4 << 30;

/// Longest text in the index, in bytes: what comes from an `event.json` and its marks is far shorter.
const MAX_TEXT_BYTES: i32 = 16 << 20;

/// The files that SQLite may open beside the index, by what comes behind its name.
const HELPERS: [&str; 3] = ["-wal", "-shm", "-journal"];

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
    let impossible = |e: io::Error| Unopened::Impossible(e.to_string());
    // A link may lead to the recording folder; nothing inside the folder may be a link.
    let path = fs::canonicalize(dir).map_err(impossible)?.join(INDEX);
    check_files(&path)?;
    // SQLite gives its helper files the mode of this one.
    create(dir, &path, private).map_err(impossible)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(&path, flags).map_err(unopened)?;
    connection.busy_timeout(PATIENCE).map_err(unopened)?;
    harden(&connection).map_err(unopened)?;
    match prepare(connection).map_err(unopened)? {
        Prepared::Usable(connection) => Ok(connection),
        Prepared::Unusable(why) => Err(Unopened::Unusable(why.to_owned())),
    }
}

/// An index in memory, with what can be taken over from the file in `dir` without writing there.
pub(super) fn open_memory(dir: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    harden(&connection)?;
    tables::create(&connection)?;
    make_passed_over(&connection)?;
    let path = dir.join(INDEX);
    let copied = match check_files(&path) {
        Ok(()) => copy_from(&connection, &path).map_err(|e| e.to_string()),
        Err(Unopened::Unusable(why) | Unopened::Impossible(why)) => Err(why),
    };
    if let Err(why) = copied {
        tracing::debug!("nothing is taken over from the index in {} ({why})", dir.display());
        connection
            .execute_batch("DELETE FROM events; DELETE FROM days; DELETE FROM unreadable; DELETE FROM proven;")?;
    }
    Ok(connection)
}

/// Moves an index that cannot be used out of the way, in place of the one that was moved before. A link or a pipe is moved
/// as it is.
pub(super) fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let (path, aside) = (dir.join(INDEX), dir.join(format!("{INDEX}.aside")));
    let if_there = |done: io::Result<()>| match done {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    if_there(fs::rename(&path, &aside))?;
    for helper in HELPERS {
        if_there(fs::remove_file(helper_of(&path, helper)))?;
    }
    Ok(aside)
}

fn helper_of(path: &Path, helper: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(helper);
    name.into()
}

/// Makes sure that SQLite opens nothing but regular files of a possible length: the index, and what belongs to it.
fn check_files(path: &Path) -> Result<(), Unopened> {
    for file in std::iter::once(path.to_owned()).chain(HELPERS.map(|helper| helper_of(path, helper))) {
        let name = file.file_name().unwrap_or_default().display();
        match fs::symlink_metadata(&file) {
            Ok(about) if !about.is_file() => {
                return Err(Unopened::Unusable(format!("{name} is a link or a pipe, and not a regular file")));
            }
            Ok(about) if about.len() > MAX_INDEX_BYTES => {
                return Err(Unopened::Unusable(format!("{name} is longer than {MAX_INDEX_BYTES} bytes")));
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Unopened::Impossible(e.to_string())),
            _ => {}
        }
    }
    Ok(())
}

/// Takes from a connection what only a file that means harm would use.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(option, on)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_TEXT_BYTES)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A file that is cut short while it is mapped would end the program.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).optional()?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// Whether `e` says that the file itself is damaged.
pub(super) fn is_damage(e: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    match e.sqlite_error_code() {
        // `Unknown` is an error in a statement, and the statements are right: the tables are not ours.
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown | ErrorCode::TooBig
        ),
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
            let days = || fs::read_dir(dir).into_iter().flatten().flatten();
            let day = days().find(|entry| is_day(&entry.file_name().to_string_lossy()));
            day.map_or_else(|| fs::metadata(dir), |day| day.metadata())?.mode() & 0o666
        }
    };
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) if private != Some(false) => file.set_permissions(Permissions::from_mode(mode)),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            // Whoever cannot write it wants one in memory.
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
            let file = OpenOptions::new().write(true).custom_flags(flags as i32).open(path)?;
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

/// What came of a connection.
enum Prepared {
    Usable(Connection),
    /// Why not.
    Unusable(&'static str),
}

/// Sets a connection up, and makes the tables where there are none.
fn prepare(mut connection: Connection) -> rusqlite::Result<Prepared> {
    write_ahead(&connection)?;
    // What is lost with the power is found again in the folders.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 4 << 20)?;
    connection.set_prepared_statement_cache_capacity(32);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let entries: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (version, entries) {
        (0, 0) => tables::create(&transaction)?,
        (VERSION, _) if tables::are_ours(&transaction, "main")? => {}
        (VERSION, _) => return Ok(Prepared::Unusable("its tables are not those that this program makes")),
        _ => return Ok(Prepared::Unusable("it is of another version")),
    }
    if !tables::are_sound(&transaction, "main")? {
        return Ok(Prepared::Unusable("it is damaged"));
    }
    if !tables::reconcile(&transaction)? {
        tracing::warn!("the index gave other totals than its events have together; they are counted again");
    }
    transaction.commit()?;
    make_passed_over(&connection)?;
    Ok(Prepared::Usable(connection))
}

/// Of this connection alone: events that are not to be removed for now, until when (in milliseconds of its own clock), and
/// why.
fn make_passed_over(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE passed_over (dir TEXT PRIMARY KEY NOT NULL, until_ms INTEGER NOT NULL, why TEXT NOT NULL);
         CREATE INDEX temp.until ON passed_over (until_ms);",
    )
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
        if version == VERSION && tables::are_ours(connection, "disk")? && tables::are_sound(connection, "disk")? {
            connection.execute_batch(
                "INSERT INTO events SELECT * FROM disk.events; INSERT INTO days SELECT * FROM disk.days;
                 INSERT INTO unreadable SELECT * FROM disk.unreadable; INSERT INTO proven SELECT * FROM disk.proven;",
            )?;
        }
        Ok(())
    };
    let copied = copy();
    connection.execute_batch("DETACH DATABASE disk")?;
    copied
}
