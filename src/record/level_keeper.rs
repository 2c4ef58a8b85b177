//! Keeps sound levels: a relay that hands them to a thread of its own, which writes the day's file of each input and removes
//! those that are too old. **An alarm never waits for the disk:** what it cannot take is left out, and the log says so once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, RecvTimeoutError, Sender, TrySendError};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::names::safe_part;
use super::private::{close_to_others, make_dir, make_dirs};
use super::relay::{Aside, Relay};
use crate::archive::levels::{DAY_SECS, FOLDER, LevelSource, LevelWriter, day_path, days, is_of_another};
use crate::engine::report::{LevelsReport, Report};
use crate::error::{Error, Result};
use crate::units::SecondLevels;

/// Reports that may wait for the disk: ten minutes of sixteen inputs.
const WAITING: usize = 1024;

/// Inputs whose names come to the same folder.
const MOST_ALIKE: usize = 99;

/// How long an end waits for what was handed over. A disk that hangs holds up no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message to the thread.
enum Message {
    /// Levels to write.
    Levels(LevelsReport),
    /// An input has ended: nothing more comes of it.
    Ended(String),
}

/// Hands levels to the thread that writes them. Dropping it waits until what was handed over is written, for a while.
pub struct LevelKeeper {
    messages: Option<Sender<Message>>,
    /// Is closed when the thread ends.
    ended: Receiver<()>,
    /// Whether it was said that the disk is too slow.
    said: bool,
}

impl LevelKeeper {
    /// Starts the thread. Files are in `dir/levels`, their owner's alone where they are `private`; those of days that ended
    /// `max_age_days` ago are removed (0: none).
    ///
    /// # Errors
    /// `Output` when the system gives no thread.
    pub fn spawn(dir: &Path, max_age_days: f64, private: bool) -> Result<Self> {
        let (messages, incoming) = channel::bounded(WAITING);
        let (running, ended) = channel::bounded(1);
        let files = LevelFiles { dir: dir.to_owned(), max_age_days, private, open: HashMap::new(), failing: false };
        let body = move || {
            files.run(&incoming);
            drop::<Sender<()>>(running);
        };
        thread::Builder::new().name("levels".to_owned()).spawn(body).map_err(|e| {
            Error::output(format!("a thread could not start ({e}); end other programs and try again")).with_source(e)
        })?;
        Ok(Self { messages: Some(messages), ended, said: false })
    }
}

impl Relay for LevelKeeper {
    fn pass(&mut self, report: &Report, _: &Aside<'_>) {
        let message = match report {
            Report::Levels(levels) => Message::Levels(levels.clone()),
            Report::Stop(stop) => Message::Ended(stop.source.clone()),
            _ => return,
        };
        let Some(messages) = &self.messages else { return };
        if let Err(TrySendError::Full(_)) = messages.try_send(message)
            && !std::mem::replace(&mut self.said, true)
        {
            tracing::warn!("the disk is too slow for sound levels; some seconds are left out");
        }
    }
}

impl Drop for LevelKeeper {
    fn drop(&mut self) {
        self.messages = None;
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the disk does not answer; the last sound levels are not written");
        }
    }
}

/// The files of all inputs.
struct LevelFiles {
    dir: PathBuf,
    max_age_days: f64,
    private: bool,
    /// By input, the day whose file is open.
    open: HashMap<String, (Date, LevelWriter)>,
    /// Whether it was said that levels cannot be written.
    failing: bool,
}

impl LevelFiles {
    fn run(mut self, incoming: &Receiver<Message>) {
        for message in incoming {
            let report = match message {
                Message::Levels(report) => report,
                Message::Ended(source) => {
                    self.open.remove(&source);
                    continue;
                }
            };
            match self.write(&report) {
                Ok(()) => self.failing = false,
                Err(e) => {
                    self.open.remove(&report.source);
                    if !std::mem::replace(&mut self.failing, true) {
                        let dir = self.dir.display();
                        tracing::warn!("sound levels cannot be written below {dir}: {e}; it is tried again");
                    }
                }
            }
        }
    }

    fn write(&mut self, report: &LevelsReport) -> std::io::Result<()> {
        for (day, first, seconds) in runs(report) {
            let is_open = self.open.get(&report.source).is_some_and(|(open, _)| *open == day);
            if !is_open {
                let (input, path) = self.place(&report.source, day)?;
                let source = LevelSource { name: report.source.clone(), calibration_db: report.calibration_db };
                let writer = LevelWriter::open(&path, &source)?;
                if self.private {
                    close_to_others(&path)?;
                }
                self.remove_old(&input, day);
                self.open.insert(report.source.clone(), (day, writer));
            }
            if let Some((_, writer)) = self.open.get_mut(&report.source) {
                writer.write(first, &seconds)?;
            }
        }
        Ok(())
    }

    /// The folder of an input, which is made, and its file of a day. An input whose name comes to the same folder as another's
    /// has a number behind it.
    fn place(&self, source: &str, day: Date) -> std::io::Result<(String, PathBuf)> {
        let name = safe_part(source, "input");
        let numbered = (2..=MOST_ALIKE).map(|n| format!("{name}-{n}"));
        let folder = self.dir.join(FOLDER);
        make_dirs(&folder, self.private)?;
        for input in std::iter::once(name.clone()).chain(numbered) {
            make_dir(&folder.join(&input), self.private)?;
            let path = day_path(&self.dir, &input, day);
            if !is_of_another(&path, source) {
                return Ok((input, path));
            }
        }
        Err(std::io::Error::other(format!("more than {MOST_ALIKE} inputs are called {name}")))
    }

    /// Removes an input's files that are too old on `today`. What cannot be removed is tried again with the next day's file.
    fn remove_old(&self, input: &str, today: Date) {
        if self.max_age_days <= 0.0 {
            return;
        }
        let days_kept = self.max_age_days.ceil() as i64;
        let Ok(oldest) = today.checked_sub(days_kept.days()) else { return };
        for old in days(&self.dir, input).unwrap_or_default().into_iter().filter(|found| found.day < oldest) {
            if let Err(e) = std::fs::remove_file(&old.path) {
                tracing::warn!("{} cannot be removed: {e}", old.path.display());
            }
        }
    }
}

/// The seconds of a report as runs without a hole that lie in one day: the day, the first second of it, the levels.
fn runs(report: &LevelsReport) -> Vec<(Date, i64, Vec<SecondLevels>)> {
    let mut runs: Vec<(Date, i64, Vec<SecondLevels>)> = Vec::new();
    for second in &report.seconds {
        let Ok(at) = Timestamp::try_from(report.clock.wall(second.begin)) else { continue };
        let day = at.to_zoned(TimeZone::UTC).date();
        let place = at.as_second().rem_euclid(DAY_SECS);
        match runs.last_mut() {
            Some((last, first, levels)) if *last == day && *first + levels.len() as i64 == place => {
                levels.push(second.levels);
            }
            _ => runs.push((day, place, vec![second.levels])),
        }
    }
    runs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::archive::levels::read_day;
    use crate::engine::report::TimedLevels;
    use crate::units::{SamplePos, SampleRate, StreamClock};

    fn report(unix: i64, dbs: &[f32]) -> Report {
        let start = UNIX_EPOCH + Duration::from_secs(unix as u64) + Duration::from_millis(700);
        let clock = StreamClock { start, sample_rate: SampleRate::new(100).unwrap() };
        let second = |(i, db): (usize, &f32)| TimedLevels {
            begin: SamplePos(100 * i as u64),
            levels: SecondLevels { laeq_db: *db, lafmax_db: *db, lceq_db: *db, lzeq_db: *db },
        };
        let seconds = dbs.iter().enumerate().map(second).collect();
        Report::Levels(LevelsReport { source: "device:yard".to_owned(), calibration_db: 120.0, clock, seconds })
    }

    #[test]
    fn a_night_is_in_two_files_and_old_days_go() {
        let dir = tempfile::tempdir().unwrap();
        let midnight: i64 = "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap().as_second();
        let path = |day: &str| day_path(dir.path(), "device_yard", day.parse().unwrap());
        let old = path("2026-11-27");
        std::fs::create_dir_all(old.parent().unwrap()).unwrap();
        std::fs::write(&old, "").unwrap();
        std::fs::write(path("2026-11-29"), "").unwrap();
        let mut keeper = LevelKeeper::spawn(dir.path(), 2.0, true).unwrap();
        keeper.pass(&report(midnight - 2, &[41.0, 42.0, 43.0]), &Aside::default());
        keeper.pass(&report(midnight + 1, &[44.0]), &Aside::default());
        keeper.pass(&report(midnight + 60, &[45.0]), &Aside::default());
        drop(keeper);
        let there = |day: &str| -> Vec<(usize, f32)> {
            let (source, levels) = read_day(&path(day)).unwrap();
            assert_eq!(source, LevelSource { name: "device:yard".to_owned(), calibration_db: 120.0 });
            levels.iter().enumerate().filter_map(|(at, l)| Some((at, l.as_ref()?.laeq_db))).collect()
        };
        assert_eq!(there("2026-11-30"), [(86_398, 41.0), (86_399, 42.0)]);
        assert_eq!(there("2026-12-01"), [(0, 43.0), (1, 44.0), (60, 45.0)]);
        assert!(!old.exists() && path("2026-11-29").exists());
        let mode = std::fs::metadata(path("2026-12-01")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn inputs_of_like_names_have_folders_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = LevelKeeper::spawn(dir.path(), 0.0, false).unwrap();
        for (name, db) in [("file:a/b", 41.0), ("file:a_b", 42.0)] {
            let Report::Levels(levels) = report(0, &[db]) else { return };
            keeper.pass(&Report::Levels(LevelsReport { source: name.to_owned(), ..levels }), &Aside::default());
        }
        drop(keeper);
        for (folder, name, db) in [("file_a_b", "file:a/b", 41.0), ("file_a_b-2", "file:a_b", 42.0)] {
            let (source, levels) = read_day(&day_path(dir.path(), folder, "1970-01-01".parse().unwrap())).unwrap();
            assert_eq!((source.name.as_str(), levels[0].unwrap().laeq_db), (name, db));
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("levels"), "a file is in the way").unwrap();
        let mut keeper = LevelKeeper::spawn(dir.path(), 0.0, true).unwrap();
        keeper.pass(&report(0, &[41.0]), &Aside::default());
        drop(keeper);
        assert!(dir.path().join("levels").is_file());
    }
}
