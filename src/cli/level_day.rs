//! The levels of a day, as commands read them.

use std::io;
use std::path::Path;

use jiff::civil::Date;

use super::output;
use crate::archive::level_day::LevelDay;
use crate::archive::levels::inputs;
use crate::error::{ErrorKind, Result};
use crate::local_zone::local_zone;

/// The day of every input that has levels then; without a `day`, the newest of each.
///
/// # Errors
/// An input error where a file cannot be read or is damaged.
pub(super) fn level_days(dir: &Path, day: Option<Date>) -> Result<Vec<LevelDay>> {
    let all = || -> io::Result<Vec<LevelDay>> {
        let zone = local_zone();
        let read = |folder: &String| LevelDay::read(dir, folder, day, &zone);
        let found: io::Result<Vec<_>> = inputs(dir)?.iter().map(read).collect();
        Ok(found?.into_iter().flatten().collect())
    };
    all().map_err(|e| {
        output::io_error(ErrorKind::Input, &format!("cannot read levels in {}", dir.display()), "check the folder", e)
    })
}

/// A length, as in `0 h 02 min 14 s`.
pub(super) fn length(secs: i64) -> String {
    let secs = secs.max(0);
    format!("{} h {:02} min {:02} s", secs / 3600, secs / 60 % 60, secs % 60)
}
