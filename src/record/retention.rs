//! What is removed so that there is room for what comes.

use std::{collections::HashSet, io};

use jiff::{SignedDuration, Timestamp};

use crate::{
    archive::Index,
    error::{Error, Result},
    units::bytes_text,
};

/// How much is kept; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Bytes of all event folders together.
    pub max_bytes: u64,
    /// Days after which an event is removed.
    pub max_age_days: f64,
    /// Bytes of the disk that stay free.
    pub min_free_bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Events.
    pub(super) events: u64,
    /// Length of their files together.
    pub(super) bytes: u64,
}

/// One removal of events: the index, and what could not be removed.
struct Broom<'a> {
    index: &'a mut Index,
    removed: Removed,
    /// Keys that stay, because they cannot be removed or have been starred meanwhile.
    stays: HashSet<String>,
    /// Why the last of them could not be removed.
    trouble: Option<Error>,
}

impl Broom<'_> {
    /// The event that goes next.
    fn next(&mut self, before: Option<Timestamp>) -> Result<Option<(String, u64)>> {
        let some = self.index.removable(before, self.stays.len() as u64 + 1)?;
        Ok(some.into_iter().find(|(key, _)| !self.stays.contains(key)))
    }

    /// Removes it, or lets it stay from now on; the bytes that this gave.
    fn remove(&mut self, key: String, bytes: u64) -> u64 {
        match self.index.remove_unless_starred(&key) {
            Ok(true) => {
                self.removed.events += 1;
                self.removed.bytes += bytes;
                bytes
            }
            Ok(false) => {
                self.stays.insert(key);
                0
            }
            Err(e) => {
                self.trouble = Some(e);
                self.stays.insert(key);
                0
            }
        }
    }
}

/// Makes room for `need` bytes within `limits`: what is too old goes first, then by score in tenths, lowest first, and by
/// age, oldest first; starred events never. `free` says how many bytes of the disk are free.
///
/// Gives what was removed, also where that was not enough.
pub(super) fn make_room(
    index: &mut Index,
    limits: &Limits,
    need: u64,
    now: Timestamp,
    free: &dyn Fn() -> io::Result<u64>,
) -> (Removed, Result<()>) {
    let mut broom = Broom { index, removed: Removed::default(), stays: HashSet::new(), trouble: None };
    let done = by_age(&mut broom, limits, now)
        .and_then(|()| by_bytes(&mut broom, limits, need))
        .and_then(|()| by_free(&mut broom, limits, need, free));
    (broom.removed, done)
}

/// Removes what is too old.
fn by_age(broom: &mut Broom<'_>, limits: &Limits, now: Timestamp) -> Result<()> {
    if limits.max_age_days <= 0.0 {
        return Ok(());
    }
    let age = SignedDuration::try_from_secs_f64(limits.max_age_days * 86_400.0).unwrap_or(SignedDuration::MAX);
    // No time lies so far back: nothing is too old.
    let Ok(before) = now.checked_sub(age) else { return Ok(()) };
    let earlier = broom.removed;
    while let Some((key, bytes)) = broom.next(Some(before))? {
        broom.remove(key, bytes);
    }
    tell(broom, earlier, &format!("they were older than {} days", limits.max_age_days));
    Ok(())
}

/// Keeps the total.
fn by_bytes(broom: &mut Broom<'_>, limits: &Limits, need: u64) -> Result<()> {
    let most = limits.max_bytes;
    if most == 0 {
        return Ok(());
    }
    let totals = broom.index.totals()?;
    if totals.starred_bytes.saturating_add(need) > most {
        return Err(Error::output(format!(
            "starred events alone take {} of the {} that record.max_bytes allows, and the next takes {}; unstar or remove some, or \
             raise it",
            bytes_text(totals.starred_bytes),
            bytes_text(most),
            bytes_text(need)
        )));
    }
    let (earlier, mut total) = (broom.removed, totals.bytes.saturating_add(need));
    while total > most {
        let Some((key, bytes)) = broom.next(None)? else {
            let why = broom.trouble.take();
            return Err(why.unwrap_or_else(|| Error::output("nothing is left to remove; raise record.max_bytes")));
        };
        total = total.saturating_sub(broom.remove(key, bytes));
    }
    tell(broom, earlier, &format!("all together had come to record.max_bytes = {}", bytes_text(most)));
    Ok(())
}

/// Keeps the disk's floor.
fn by_free(broom: &mut Broom<'_>, limits: &Limits, need: u64, free: &dyn Fn() -> io::Result<u64>) -> Result<()> {
    let floor = limits.min_free_bytes;
    if floor == 0 {
        return Ok(());
    }
    let free = match free() {
        Ok(free) => free,
        Err(e) => {
            tracing::debug!("the free space of the disk is not known ({e})");
            return Ok(());
        }
    };
    let wanted = floor.saturating_add(need);
    if free >= wanted {
        return Ok(());
    }
    let totals = broom.index.totals()?;
    let too_little = || {
        Error::output(format!(
            "the disk has {} free, and record.min_free_bytes keeps {} of it free; free some space, or lower it",
            bytes_text(free),
            bytes_text(floor)
        ))
    };
    // Other things fill the disk: the evidence is not thrown away for nothing.
    if free.saturating_add(totals.bytes - totals.starred_bytes.min(totals.bytes)) < wanted {
        return Err(too_little());
    }
    // What was removed counts, and not what the system says: some file systems free space later.
    let (earlier, mut gained) = (broom.removed, 0);
    while free.saturating_add(gained) < wanted {
        let Some((key, bytes)) = broom.next(None)? else { return Err(broom.trouble.take().unwrap_or_else(too_little)) };
        gained += broom.remove(key, bytes);
    }
    tell(broom, earlier, &format!("the disk had less than record.min_free_bytes = {} free", bytes_text(floor)));
    Ok(())
}

/// Says what was removed since `earlier`.
fn tell(broom: &Broom<'_>, earlier: Removed, why: &str) {
    let (events, bytes) = (broom.removed.events - earlier.events, broom.removed.bytes - earlier.bytes);
    if events > 0 {
        tracing::info!("removed {events} events ({}) from {}: {why}", bytes_text(bytes), broom.index.dir().display());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Ten events of a thousand bytes and a record, with scores from 0.0 to 0.9.
    fn ten(dir: &Path) -> Index {
        for n in 0..10 {
            let folder = dir.join(format!("2026-11-20/15000{n}Z-dog-{n}"));
            fs::create_dir_all(&folder).unwrap();
            let event = format!(
                r#"{{"id":"{n}","label":"dog","score":0.{n},"onset":"2026-11-20T15:00:0{n}Z","offset":"2026-11-20T15:00:0{n}Z",
                "source":"x","model":{{}},"method":"l2i"}}"#
            );
            fs::write(folder.join("event.json"), event).unwrap();
            fs::write(folder.join("clip.wav"), [0; 1000]).unwrap();
        }
        Index::open(dir).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-20T15:00:09Z".parse().unwrap()
    }

    #[test]
    fn the_floor_of_the_disk_is_kept_by_what_was_removed_and_not_by_what_the_system_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        let one = index.totals().unwrap().bytes / 10;
        let limits = Limits { min_free_bytes: 50_000, ..Limits::default() };
        // The disk says the same all the time, as one does that frees space later.
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Ok(49_000));
        done.unwrap();
        assert_eq!(removed.events, 1700_u64.div_ceil(one));
        assert!(
            !dir.path().join("2026-11-20/150000Z-dog-0").exists()
                && dir.path().join("2026-11-20/150009Z-dog-9").exists()
        );
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Ok(50_700));
        assert_eq!((removed, done.is_ok()), (Removed::default(), true));
        // Not known: nothing is removed for it, and the write will tell.
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Err(io::ErrorKind::Other.into()));
        assert_eq!((removed, done.is_ok()), (Removed::default(), true));
    }

    #[test]
    fn an_event_that_cannot_be_removed_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        // Its folder has gone and its row has not: there is nothing to gain, and nothing to fail on.
        fs::remove_dir_all(dir.path().join("2026-11-20/150000Z-dog-0")).unwrap();
        // What is not a folder of ours: the marks cannot be read, so it may be starred.
        fs::create_dir(dir.path().join("2026-11-20/150001Z-dog-1/marks.json")).unwrap();
        let totals = index.totals().unwrap();
        let limits = Limits { max_bytes: totals.bytes - 500, ..Limits::default() };
        let (removed, done) = make_room(&mut index, &limits, totals.bytes / 10, now(), &|| Ok(u64::MAX));
        done.unwrap();
        assert_eq!(removed.events, 2);
        let there = |n: usize| dir.path().join(format!("2026-11-20/15000{n}Z-dog-{n}")).exists();
        assert_eq!([there(0), there(1), there(2), there(3)], [false, true, false, true]);
    }

    #[test]
    fn a_purge_by_age_takes_all_that_is_old_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        let limits = Limits { max_age_days: 4.5 / 86_400.0, ..Limits::default() };
        let (removed, done) = make_room(&mut index, &limits, 0, now(), &|| Ok(0));
        done.unwrap();
        assert_eq!(removed.events, 5);
        let (removed, _) = make_room(&mut index, &limits, 0, Timestamp::MIN, &|| Ok(0));
        assert_eq!(removed.events, 0, "a time that cannot be");
    }
}
