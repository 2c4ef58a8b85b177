//! What is removed so that there is room for what comes.

use std::{io, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    archive::{Index, Removal},
    error::{Error, Result},
    units::bytes_text,
};

/// How much is kept; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Bytes of all event folders together.
    pub max_bytes: u64,
    /// The same as a share of the whole disk, in percent. Where both are given, the lower one counts.
    pub max_share: f64,
    /// Days after which an event is removed.
    pub max_age_days: f64,
    /// Bytes of the disk that stay free.
    pub min_free_bytes: u64,
}

impl Limits {
    /// The same on a disk of this size, with the share in bytes. A share of a disk whose size is not known is no limit.
    pub(super) fn on_disk(&self, disk_bytes: Option<u64>) -> Self {
        let share =
            disk_bytes.filter(|_| self.max_share > 0.0).map(|disk| (disk as f64 * self.max_share / 100.0) as u64);
        let given = Some(self.max_bytes).filter(|bytes| *bytes > 0);
        // No disk is so small that nothing fits, and 0 would be no limit.
        let max_bytes = share.map(|bytes| bytes.max(1)).into_iter().chain(given).min().unwrap_or(0);
        Self { max_bytes, max_share: 0.0, ..*self }
    }

    /// What these limits, on their disk, let happen, in a sentence; `given` says where they come from.
    pub(super) fn text(&self, given: &Self) -> String {
        let share = if given.max_share > 0.0 { format!(", {} % of the disk", given.max_share) } else { String::new() };
        let all = match self.max_bytes {
            0 => "events are kept without a limit to their bytes".to_owned(),
            bytes => format!(
                "at most {} of events are kept{share}; beyond it the lowest scores and the oldest go, starred ones never",
                bytes_text(bytes)
            ),
        };
        let age = match self.max_age_days {
            days if days > 0.0 => format!("events older than {days} days go"),
            _ => "none goes for its age".to_owned(),
        };
        let free = match self.min_free_bytes {
            0 => String::new(),
            bytes => format!("; {} of the disk stay free", bytes_text(bytes)),
        };
        format!("{all}; {age}{free}")
    }
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// Events.
    pub(super) events: u64,
    /// Length of their files together.
    pub(super) bytes: u64,
}

/// An event that could not be removed, or whose marks could not be read, is not tried again for so long: each of them takes
/// time, and with every new event it would be all of them.
const PASSED_OVER: Duration = Duration::from_secs(600);

/// Events that are asked for at once.
const AT_ONCE: u64 = 64;

/// One that has just been starred is no candidate any more, unless the index could not take it in.
const STARRED: Duration = Duration::from_secs(10);

/// One removal of events: the index, and what came of it.
struct Broom<'a> {
    index: &'a mut Index,
    removed: Removed,
    /// Called after every attempt: a purge takes long, and whoever waits for it wants to know that it goes on.
    pulse: &'a dyn Fn(),
}

impl Broom<'_> {
    /// Removes one event after another, the least worth first, until `is_enough` says of the bytes that this gave that it is, or
    /// none is left; whether it is enough.
    fn sweep(&mut self, before: Option<Timestamp>, mut is_enough: impl FnMut(u64) -> bool) -> Result<bool> {
        let mut gained = 0;
        if is_enough(gained) {
            return Ok(true);
        }
        loop {
            // Some at once: to find the next one, all that are passed over have to be looked at.
            let some = self.index.removable(before, AT_ONCE)?;
            if some.is_empty() {
                return Ok(false);
            }
            for (key, bytes) in some {
                gained += self.remove(&key, bytes)?;
                if is_enough(gained) {
                    return Ok(true);
                }
            }
        }
    }

    /// Removes it, or passes it over for a while; the bytes that this gave.
    fn remove(&mut self, key: &str, bytes: u64) -> Result<u64> {
        let removal = self.index.remove_unless_starred(key);
        (self.pulse)();
        match removal {
            Ok(Removal::Gone) => {
                self.removed.events += 1;
                self.removed.bytes += bytes;
                Ok(bytes)
            }
            // Another one on the same folder has removed it.
            Ok(Removal::Absent) => Ok(bytes),
            Ok(Removal::Starred) => self.index.pass_over(key, STARRED, "").map(|()| 0),
            Ok(Removal::Doubtful(why)) => self.index.pass_over(key, PASSED_OVER, &why).map(|()| 0),
            Err(e) => self.index.pass_over(key, PASSED_OVER, &e.to_string()).map(|()| 0),
        }
    }

    /// Nothing can be removed any more: why, if that is known, and otherwise what `else_` says.
    fn nothing_left(&self, else_: impl FnOnce() -> Error) -> Error {
        match self.index.passed_over() {
            Ok(Some((1, why))) => Error::output(format!("an event cannot be removed: {why}")),
            Ok(Some((n, why))) => Error::output(format!("{n} events cannot be removed; the last one: {why}")),
            Ok(None) => else_(),
            Err(e) => e,
        }
    }
}

/// Makes room for `need` bytes within `limits`: what is too old goes first, then by score in tenths, lowest first, and by
/// age, oldest first; starred events never. `free` says how many bytes of the disk are free. Without a time that can be
/// trusted (`now`), nothing is too old.
///
/// Gives what was removed, also where that was not enough.
pub(super) fn make_room(
    index: &mut Index,
    limits: &Limits,
    need: u64,
    now: Option<Timestamp>,
    free: &dyn Fn() -> io::Result<u64>,
    pulse: &dyn Fn(),
) -> (Removed, Result<()>) {
    let mut broom = Broom { index, removed: Removed::default(), pulse };
    let done = by_age(&mut broom, limits, now)
        .and_then(|()| by_bytes(&mut broom, limits, need))
        .and_then(|()| by_free(&mut broom, limits, need, free));
    (broom.removed, done)
}

/// Removes what is too old.
fn by_age(broom: &mut Broom<'_>, limits: &Limits, now: Option<Timestamp>) -> Result<()> {
    let Some(now) = now.filter(|_| limits.max_age_days > 0.0) else { return Ok(()) };
    let age = SignedDuration::try_from_secs_f64(limits.max_age_days * 86_400.0).unwrap_or(SignedDuration::MAX);
    // No time lies so far back: nothing is too old.
    let Ok(before) = now.checked_sub(age) else { return Ok(()) };
    let earlier = broom.removed;
    broom.sweep(Some(before), |_| false)?;
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
    let (earlier, total) = (broom.removed, totals.bytes.saturating_add(need));
    if !broom.sweep(None, |gained| total.saturating_sub(gained) <= most)? {
        return Err(broom.nothing_left(|| Error::output("nothing is left to remove; raise record.max_bytes")));
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
    let earlier = broom.removed;
    if !broom.sweep(None, |gained| free.saturating_add(gained) >= wanted)? {
        return Err(broom.nothing_left(too_little));
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

    #[test]
    fn a_share_of_the_disk_is_a_limit_in_bytes() {
        let share = Limits { max_share: 10.0, min_free_bytes: 500_000_000, ..Limits::default() };
        let here = share.on_disk(Some(450_000_000_000));
        assert_eq!((here.max_bytes, here.max_share, here.min_free_bytes), (45_000_000_000, 0.0, 500_000_000));
        assert_eq!(
            here.text(&share),
            "at most 45 GB of events are kept, 10 % of the disk; beyond it the lowest scores and the oldest go, starred ones never; \
             none goes for its age; 500 MB of the disk stay free"
        );
        assert_eq!(share.on_disk(None).max_bytes, 0, "of a disk that is not known");
        assert_eq!(share.on_disk(Some(3)).max_bytes, 1);
        assert_eq!(Limits { max_bytes: 7, ..share }.on_disk(Some(1000)).max_bytes, 7, "the lower one");
        assert_eq!(Limits { max_bytes: 700, ..share }.on_disk(Some(1000)).max_bytes, 100);
        let none = Limits { max_age_days: 30.0, ..Limits::default() };
        assert_eq!(
            none.on_disk(Some(1000)).text(&none),
            "events are kept without a limit to their bytes; events older than 30 days go"
        );
    }

    fn now() -> Option<Timestamp> {
        Some("2026-11-20T15:00:09Z".parse().unwrap())
    }

    #[test]
    fn the_floor_of_the_disk_is_kept_by_what_was_removed_and_not_by_what_the_system_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        let one = index.totals().unwrap().bytes / 10;
        let limits = Limits { min_free_bytes: 50_000, ..Limits::default() };
        // The disk says the same all the time, as one does that frees space later.
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Ok(49_000), &|| {});
        done.unwrap();
        assert_eq!(removed.events, 1700_u64.div_ceil(one));
        assert!(
            !dir.path().join("2026-11-20/150000Z-dog-0").exists()
                && dir.path().join("2026-11-20/150009Z-dog-9").exists()
        );
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Ok(50_700), &|| {});
        assert_eq!((removed, done.is_ok()), (Removed::default(), true));
        // Not known: nothing is removed for it, and the write will tell.
        let (removed, done) = make_room(&mut index, &limits, 700, now(), &|| Err(io::ErrorKind::Other.into()), &|| {});
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
        let (removed, done) = make_room(&mut index, &limits, totals.bytes / 10, now(), &|| Ok(u64::MAX), &|| {});
        done.unwrap();
        assert_eq!(removed.events, 2);
        let there = |n: usize| dir.path().join(format!("2026-11-20/15000{n}Z-dog-{n}")).exists();
        assert_eq!([there(0), there(1), there(2), there(3)], [false, true, false, true]);
    }

    /// What could not be removed is not tried again with every event: here its marks are in order by then, and still nobody
    /// looks at them before its time is over.
    #[test]
    fn what_could_not_be_removed_is_left_alone_for_a_while_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        let one = index.totals().unwrap().bytes / 10;
        let marks = |n: usize| dir.path().join(format!("2026-11-20/15000{n}Z-dog-{n}/marks.json"));
        (0..9).for_each(|n| fs::create_dir(marks(n)).unwrap());
        let limits = Limits { max_bytes: one * 10, ..Limits::default() };
        let attempts = std::cell::Cell::new(0);
        let make = |index: &mut Index| {
            attempts.set(0);
            let (removed, done) =
                make_room(index, &limits, one, now(), &|| Ok(u64::MAX), &|| attempts.set(attempts.get() + 1));
            (removed.events, attempts.get(), done)
        };
        let (removed, attempts, done) = make(&mut index);
        done.unwrap();
        assert_eq!((removed, attempts), (1, 10), "all ten are tried once, and the last one can be removed");
        (0..9).for_each(|n| fs::remove_dir(marks(n)).unwrap());
        let limits = Limits { max_bytes: one * 9, ..Limits::default() };
        let (_, done) = make_room(&mut index, &limits, one, now(), &|| Ok(u64::MAX), &|| panic!("tried again"));
        let why = done.unwrap_err().to_string();
        assert!(why.starts_with("9 events cannot be removed") && why.contains("marks.json"), "{why}");
        // Another run tries anew.
        let mut index = Index::open(dir.path()).unwrap();
        let (removed, done) = make_room(&mut index, &limits, one, now(), &|| Ok(u64::MAX), &|| {});
        assert_eq!((removed.events, done.is_ok()), (1, true));
    }

    #[test]
    fn a_purge_by_age_takes_all_that_is_old_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = ten(dir.path());
        let limits = Limits { max_age_days: 4.5 / 86_400.0, ..Limits::default() };
        let (removed, done) = make_room(&mut index, &limits, 0, now(), &|| Ok(0), &|| {});
        done.unwrap();
        assert_eq!(removed.events, 5);
        let (removed, _) = make_room(&mut index, &limits, 0, Some(Timestamp::MIN), &|| Ok(0), &|| {});
        assert_eq!(removed.events, 0, "a time that cannot be");
        let (removed, _) = make_room(&mut index, &limits, 0, None, &|| Ok(0), &|| {});
        assert_eq!(removed.events, 0, "a time that cannot be trusted");
    }
}
