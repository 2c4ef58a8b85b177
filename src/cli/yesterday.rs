//! Sends what yesterday was like to the sinks that keep it: when the monitor starts, and behind each midnight.

use std::path::{Path, PathBuf};
use std::thread::{Builder, sleep};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::daily::of_day;
use crate::error::{Error, Result};
use crate::local_zone::local_zone;
use crate::sinks::Sinks;

/// How often the date is looked at. Events that end behind midnight are recorded by then.
const EVERY: Duration = Duration::from_secs(60);

/// Starts the thread that does it, for as long as the program runs.
///
/// # Errors
/// [`crate::ErrorKind::Bug`] where the system gives no thread.
pub(super) fn watch(dir: PathBuf, sinks: Sinks) -> Result<()> {
    let body = move || {
        let mut sent = None;
        loop {
            let day = yesterday(Timestamp::now());
            if day != sent && sinks.keep_days() {
                send(&dir, day, &sinks);
                sent = day;
            }
            sleep(EVERY);
        }
    };
    Builder::new()
        .name("yesterday".to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|e| Error::bug(format!("a thread could not start ({e}); end other programs")).with_source(e))
}

/// The local day before that of `now`; none where the calendar begins.
fn yesterday(now: Timestamp) -> Option<Date> {
    now.to_zoned(local_zone()).date().checked_sub(1.day()).ok()
}

fn send(dir: &Path, day: Option<Date>, sinks: &Sinks) {
    let Some(day) = day else { return };
    match of_day(dir, day).map(|daily| serde_json::to_string(&daily)) {
        Ok(Ok(json)) => sinks.day(&json),
        Ok(Err(e)) => tracing::warn!("the summary of {day} could not be written ({e})"),
        Err(e) => tracing::warn!("there is no summary of {day}: {e}"),
    }
}
