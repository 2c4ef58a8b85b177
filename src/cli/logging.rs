//! The program's log: to a file, or to stderr, never onto a terminal that the terminal UI draws on.

use std::fs::OpenOptions;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::io_error;
use crate::config::{LogConfig, LogLevel};
use crate::error::{ErrorKind, Result};

/// Turns the log that runs up or down.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts the log; a second call changes nothing. With `screen_is_drawn_on` (the terminal UI runs) and no file, nothing
/// is logged.
///
/// # Errors
/// [`ErrorKind::Output`] if the file cannot be opened.
pub(super) fn start(config: &LogConfig, screen_is_drawn_on: bool) -> Result<()> {
    let (level, handle) = reload::Layer::new(filter(config.level));
    let log = tracing_subscriber::registry().with(level);
    // `try_init` fails where a log runs already, as in a second command within one test process.
    let started = if !config.file.is_empty() {
        let file = OpenOptions::new().create(true).append(true).open(&config.file).map_err(|e| {
            let what = format!("opening the log file {}", config.file);
            io_error(ErrorKind::Output, &what, "name a file that you may write with --log-file", e)
        })?;
        log.with(fmt::layer().with_target(false).with_ansi(false).with_writer(Mutex::new(file))).try_init()
    } else if !screen_is_drawn_on {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let ansi = stderr().is_terminal() && !plain;
        log.with(fmt::layer().with_target(false).with_ansi(ansi).with_writer(stderr)).try_init()
    } else {
        return Ok(());
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
