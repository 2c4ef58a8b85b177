//! The program's log: to a file, or to stderr, never onto a terminal that the terminal UI draws on.

use std::fs::OpenOptions;
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;

use super::io_error;
use crate::config::{LogConfig, LogLevel};
use crate::error::{ErrorKind, Result};

/// Starts the log; a second call changes nothing. With `screen_is_drawn_on` (the terminal UI runs) and no file, nothing
/// is logged.
///
/// # Errors
/// [`ErrorKind::Output`] if the file cannot be opened.
pub(super) fn start(config: &LogConfig, screen_is_drawn_on: bool) -> Result<()> {
    let level = match config.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let log = fmt().with_max_level(level).with_target(false);
    // `try_init` fails where a log runs already, as in a second command within one test process.
    if !config.file.is_empty() {
        let file = OpenOptions::new().create(true).append(true).open(&config.file).map_err(|e| {
            let what = format!("opening the log file {}", config.file);
            io_error(ErrorKind::Output, &what, "name a file that you may write with --log-file", e)
        })?;
        let _ = log.with_ansi(false).with_writer(Mutex::new(file)).try_init();
    } else if !screen_is_drawn_on {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let _ = log.with_ansi(stderr().is_terminal() && !plain).with_writer(stderr).try_init();
    }
    Ok(())
}
