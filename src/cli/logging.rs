//! The program's log: to a file, the journal, or stderr, never onto a terminal that the terminal UI draws on.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write, stderr};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::output;
use crate::config::{LogConfig, LogLevel, LogTo};
use crate::error::{Error, ErrorKind, Result};

/// Turns the log that runs up or down.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Where the log goes, once that is decided.
enum Place {
    Stderr,
    Journal,
    File(PathBuf),
    Nowhere,
}

/// Starts the log; a second call changes nothing. With `screen_is_drawn_on` (the terminal UI runs), nothing is logged to
/// stderr.
///
/// # Errors
/// [`ErrorKind::Output`] if the file cannot be opened, or the journal is asked for and cannot be reached.
pub(super) fn start(config: &LogConfig, screen_is_drawn_on: bool) -> Result<()> {
    let (level, handle) = reload::Layer::new(filter(config.level));
    let log = tracing_subscriber::registry().with(level);
    // `try_init` fails where a log runs already, as in a second command within one test process.
    let started = match place(config, screen_is_drawn_on) {
        Place::File(path) => {
            let file = LogFile::open(path.clone()).map_err(|e| {
                let what = format!("opening the log file {}", path.display());
                output::io_error(ErrorKind::Output, &what, "name a file that you may write with --log-file", e)
            })?;
            log.with(fmt::layer().with_target(false).with_ansi(false).with_writer(OneLine(Mutex::new(file)))).try_init()
        }
        Place::Journal => match tracing_journald::layer() {
            Ok(journal) => log.with(journal).try_init(),
            // The journal takes stderr's lines as well.
            Err(_) if config.to == LogTo::Auto => {
                log.with(fmt::layer().with_target(false).with_ansi(false).with_writer(OneLine(stderr))).try_init()
            }
            Err(e) => {
                let remedy = "give --log-to stderr, or --log-file FILE";
                return Err(Error::output(format!("the journal cannot be reached ({e}); {remedy}")).with_source(e));
            }
        },
        Place::Stderr => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
            let ansi = stderr().is_terminal() && !plain;
            log.with(fmt::layer().with_target(false).with_ansi(ansi).with_writer(OneLine(stderr))).try_init()
        }
        Place::Nowhere => return Ok(()),
    };
    if started.is_ok() {
        let _ = LEVEL.set(handle);
    }
    Ok(())
}

/// Logs more or less from here on, where a log runs.
pub(super) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only where the log is gone.
        let _ = handle.reload(filter(level));
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn place(config: &LogConfig, screen_is_drawn_on: bool) -> Place {
    let file = || Place::File(config.file.as_path().to_path_buf());
    let to_stderr = || if screen_is_drawn_on { Place::Nowhere } else { Place::Stderr };
    match config.to {
        LogTo::Auto if !config.file.is_empty() => file(),
        LogTo::Auto if stderr_is_the_journal() => Place::Journal,
        LogTo::Auto | LogTo::Stderr => to_stderr(),
        LogTo::Journald => Place::Journal,
        LogTo::File => file(),
    }
}

/// Whether stderr goes to the journal, as in a service: `JOURNAL_STREAM` names the device and inode that it then has.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let about = stderr().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    about.is_ok_and(|about| stream == format!("{}:{}", about.dev(), about.ino()))
}

/// Writes each record as one line: a name that holds a line break must not forge a record.
struct OneLine<T>(T);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// Takes a whole record: the layer before gives one with every call.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        // The layer's own colours are escape sequences; it spells out those of others itself.
        if line.chars().all(|c| c == '\t' || c == '\u{1b}' || !c.is_control()) {
            self.0.write_all(record)?;
        } else {
            self.0.write_all(format!("{}\n", output::one_line(line)).as_bytes())?;
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A log file that is made anew where it has been moved away or removed.
struct LogFile {
    path: PathBuf,
    file: File,
    id: (u64, u64),
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let about = file.metadata()?;
        Ok(Self { id: (about.dev(), about.ino()), path, file })
    }

    fn is_still_there(&self) -> bool {
        Path::new(&self.path).metadata().is_ok_and(|about| (about.dev(), about.ino()) == self.id)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_still_there()
            && let Ok(fresh) = Self::open(self.path.clone())
        {
            *self = fresh;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_line_break_makes_no_second_record() {
        let mut log = OneLine(Vec::new());
        log.write_all(b"\x1b[31mERROR\x1b[0m the disk is full\n").unwrap();
        log.write_all(b"INFO yard\n2026-11-28 ERROR the disk was wiped \x1b[2J\r\n").unwrap();
        let text = String::from_utf8(log.0).unwrap();
        let lines = [
            "\u{1b}[31mERROR\u{1b}[0m the disk is full",
            r"INFO yard\n2026-11-28 ERROR the disk was wiped \u{1b}[2J\r",
        ];
        assert_eq!(text, lines.join("\n") + "\n");
    }

    #[test]
    fn a_log_that_is_rotated_goes_on_in_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("log"), dir.path().join("log.1"));
        let mut log = LogFile::open(path.clone()).unwrap();
        log.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &old).unwrap();
        log.write_all(b"two\n").unwrap();
        std::fs::remove_file(&path).unwrap();
        log.write_all(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(old).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
    }

    #[test]
    fn the_log_goes_where_it_is_told_to_and_never_onto_the_screen() {
        let config = |to, file: &str| LogConfig { to, file: file.into(), ..LogConfig::default() };
        assert!(matches!(place(&config(LogTo::Auto, "x"), true), Place::File(_)));
        assert!(matches!(place(&config(LogTo::Auto, ""), true), Place::Nowhere));
        assert!(matches!(place(&config(LogTo::Auto, ""), false), Place::Stderr));
        assert!(matches!(place(&config(LogTo::Stderr, "x"), false), Place::Stderr));
        assert!(matches!(place(&config(LogTo::Stderr, ""), true), Place::Nowhere));
        assert!(matches!(place(&config(LogTo::Journald, "x"), true), Place::Journal));
    }
}
