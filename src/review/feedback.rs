//! What a page's reader said of events, read back into their folders: marks and ratings, from the file that the page's
//! buttons download.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::ratings::{Rating, add_ratings};
use crate::archive::files::{event_folder, read_bounded};
use crate::archive::names::split_key;
use crate::archive::{Marks, read_event};
use crate::error::{Error, Result};

/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// What the file says it is.
const TYPE: &str = "earwitness-review";

/// Marks and ratings from a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// Marks of events.
    pub marks: Vec<MarkedEvent>,
    /// Ratings of sounds.
    pub ratings: Vec<Rating>,
}

/// An event as a page names it, and its marks.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedEvent {
    /// The event's id.
    pub id: String,
    /// `DAY/NAME`; a proper key.
    pub key: String,
    /// The marks.
    pub marks: Marks,
}

#[derive(Deserialize)]
struct RawFeedback {
    r#type: String,
    version: u64,
    #[serde(default)]
    marks: Vec<serde_json::Value>,
    #[serde(default)]
    ratings: Vec<Rating>,
}

#[derive(Deserialize)]
struct RawEvent {
    id: String,
    dir: String,
}

impl Feedback {
    /// Reads the file that a page's buttons made.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where it cannot be read, or is not such a file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let bytes = read_bounded(path, MAX_BYTES).map_err(|e| {
            Error::input(format!("{name} cannot be read ({e}); give a file that the page's button has made"))
                .with_source(e)
        })?;
        Self::parse(&bytes).map_err(|why| {
            Error::input(format!("{name} is not a review's file: {why}; give one that the page's button has made"))
        })
    }

    /// Reads the bytes of such a file; fields that are not known are passed over.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let raw: RawFeedback = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if raw.r#type != TYPE || raw.version != 1 {
            return Err(format!("its type is {:?}, version {}", raw.r#type, raw.version));
        }
        if let Some(fault) = raw.ratings.iter().find_map(Rating::fault) {
            return Err(fault);
        }
        let marked = |value: serde_json::Value| {
            let marks = Marks::parse(value.to_string().as_bytes())?;
            let RawEvent { id, dir } = serde_json::from_value(value).map_err(|e| e.to_string())?;
            if split_key(&dir).is_none() {
                return Err(format!("{dir:?} is not an event's folder"));
            }
            Ok(MarkedEvent { id, key: dir, marks })
        };
        let marks = raw.marks.into_iter().map(marked).collect::<Result<_, String>>()?;
        Ok(Self { marks, ratings: raw.ratings })
    }
}

/// What became of an import.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Events whose marks were written.
    pub marked: usize,
    /// Events whose marks in the folder are newer, and stayed.
    pub newer: usize,
    /// Marks and ratings that are dated in the future, and were refused.
    pub from_future: usize,
    /// Ratings that were added.
    pub rated: usize,
    /// Folders that are not there, or hold another event by now.
    pub missing: Vec<String>,
}

/// Puts `feedback` into the event folders below `dir`. `set` writes marks to the folder of a key, and to whatever else knows
/// them. It is `now`: what is dated later than tomorrow is refused, because nothing could ever be newer; and marks of such a
/// date that are in a folder already give way to any others.
///
/// # Errors
/// As `set` and [`add_ratings`]: what was written before stays, and doing it again does no harm.
pub fn import(
    dir: &Path,
    feedback: &Feedback,
    now: Timestamp,
    mut set: impl FnMut(&str, &Marks) -> Result<()>,
) -> Result<Imported> {
    let latest = latest(now);
    let mut done = Imported::default();
    for MarkedEvent { id, key, marks } in &feedback.marks {
        let Some(folder) = folder_of(dir, key, id) else {
            done.missing.push(key.clone());
            continue;
        };
        let there = Marks::read(&folder)?.marked.filter(|marked| *marked <= latest);
        if marks.marked.is_some_and(|marked| marked > latest) {
            done.from_future += 1;
        } else if there > marks.marked {
            done.newer += 1;
        } else {
            set(key, marks)?;
            done.marked += 1;
        }
    }
    let mut of_events: BTreeMap<(&str, &str), Vec<Rating>> = BTreeMap::new();
    for rating in &feedback.ratings {
        of_events.entry((&rating.dir, &rating.event)).or_default().push(rating.clone());
    }
    for ((key, id), mut ratings) in of_events {
        let Some(folder) = folder_of(dir, key, id) else {
            done.missing.push(key.to_owned());
            continue;
        };
        let n_all = ratings.len();
        ratings.retain(|rating| !rating.is_after(latest));
        done.from_future += n_all - ratings.len();
        if !ratings.is_empty() {
            add_ratings(&folder, &ratings, latest)?;
            done.rated += ratings.len();
        }
    }
    done.missing.sort();
    done.missing.dedup();
    Ok(done)
}

/// The latest date that marks can have when it is `now`: the clocks of two computers differ, and by no more than this.
#[must_use]
pub fn latest(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
}

/// The folder of the event with this key, if it holds the event `id`.
fn folder_of(dir: &Path, key: &str, id: &str) -> Option<PathBuf> {
    let folder = event_folder(dir, key).ok()?;
    read_event(&folder).is_ok_and(|event| event.id == id).then_some(folder)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::page::tests::write_event;
    use super::super::ratings::read_ratings;
    use super::super::ratings::tests::rating;
    use super::*;
    use crate::archive::Verdict;

    const KEY: &str = "2026-11-20/150012Z-x-01A";

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn file(marks: serde_json::Value) -> Vec<u8> {
        let ratings = json!([rating("a", "rest", 10.0), rating("a", "interpretation", 80.0)]);
        json!({"type": TYPE, "version": 1, "made": "…", "marks": marks, "ratings": ratings}).to_string().into_bytes()
    }

    #[test]
    fn marks_and_ratings_come_back_into_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        let folder = write_event(dir.path(), KEY, "01A", "dog");
        let marks = json!([
            {"id": "01A", "dir": KEY, "verdict": "wrong", "label": "cat", "note": "n", "marked": "2026-11-21T10:00:00.000Z"},
            {"id": "01B", "dir": "2026-11-20/gone", "verdict": "right", "marked": "2026-11-21T10:00:00.000Z"},
            {"id": "other", "dir": KEY, "verdict": "right", "marked": "2026-11-22T10:00:00.000Z"},
        ]);
        let feedback = Feedback::parse(&file(marks)).unwrap();
        let done = import(dir.path(), &feedback, now(), |key, marks| marks.write(&dir.path().join(key))).unwrap();
        assert_eq!((done.marked, done.newer, done.rated), (1, 0, 2));
        assert_eq!(done.missing, ["2026-11-20/150012Z-x-01A", "2026-11-20/gone"]);
        let read = Marks::read(&folder).unwrap();
        assert_eq!((read.verdict, read.label.as_deref(), read.note.as_str()), (Some(Verdict::Wrong), Some("cat"), "n"));
        assert_eq!(read_ratings(&folder).unwrap().len(), 2);
    }

    #[test]
    fn newer_marks_in_the_folder_stay() {
        let dir = tempfile::tempdir().unwrap();
        let folder = write_event(dir.path(), KEY, "01A", "dog");
        let newer = Marks { starred: true, marked: Some("2026-11-22T00:00:00Z".parse().unwrap()), ..Marks::default() };
        newer.write(&folder).unwrap();
        let marks = json!([{"id": "01A", "dir": KEY, "verdict": "right", "marked": "2026-11-21T10:00:00.000Z"}]);
        let feedback = Feedback::parse(&file(marks)).unwrap();
        let done = import(dir.path(), &feedback, now(), |_, _| panic!("not to be written"));
        assert_eq!(done.unwrap().newer, 1);
        assert_eq!(Marks::read(&folder).unwrap(), newer);
    }

    #[test]
    fn marks_from_the_future_are_refused_and_those_that_are_there_block_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = write_event(dir.path(), KEY, "01A", "dog");
        let marks =
            |verdict: &str, marked: &str| json!([{"id": "01A", "dir": KEY, "verdict": verdict, "marked": marked}]);
        let import = |marks: serde_json::Value| {
            let feedback = Feedback::parse(&file(marks)).unwrap();
            import(dir.path(), &feedback, now(), |key, marks| marks.write(&dir.path().join(key))).unwrap()
        };
        let done = import(marks("wrong", "9999-12-30T00:00:00Z"));
        assert_eq!((done.marked, done.from_future), (0, 1));
        assert_eq!(Marks::read(&folder).unwrap(), Marks::default());
        // As an older version took them in.
        Marks { starred: true, marked: Some("9999-12-30T00:00:00Z".parse().unwrap()), ..Marks::default() }
            .write(&folder)
            .unwrap();
        // Another computer's clock may be a little ahead.
        let done = import(marks("right", "2026-11-23T01:00:00Z"));
        assert_eq!((done.marked, done.newer, done.from_future), (1, 0, 0));
        assert_eq!(Marks::read(&folder).unwrap().verdict, Some(Verdict::Right));
    }

    #[test]
    fn ratings_from_the_future_are_refused_and_those_that_are_there_block_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = write_event(dir.path(), KEY, "01A", "dog");
        let at = |time: &str, score: f64| Rating { time: time.into(), ..rating("a", "rest", score) };
        let import = |rating: Rating| {
            let feedback = Feedback { marks: Vec::new(), ratings: vec![rating] };
            import(dir.path(), &feedback, now(), |_, _| Ok(())).unwrap()
        };
        let done = import(at("9999-12-30T00:00:00.000Z", 1.0));
        assert_eq!((done.rated, done.from_future, read_ratings(&folder).unwrap().len()), (0, 1, 0));
        for there in ["9999-12-30T00:00:00.000Z", "zzz"] {
            let text = serde_json::to_vec(&[at(there, 2.0)]).unwrap();
            std::fs::write(folder.join(super::super::ratings::RATINGS_FILE), text).unwrap();
            assert_eq!(import(at("2026-11-21T10:00:00.000Z", 3.0)).rated, 1);
            assert_eq!(read_ratings(&folder).unwrap()[0].score, 3.0, "{there}");
        }
    }

    /// A day that is a link: what lies beyond it is not of this folder.
    #[test]
    fn nothing_is_written_beyond_a_link() {
        let dir = tempfile::tempdir().unwrap();
        write_event(&dir.path().join("outside"), KEY, "01A", "dog");
        let records = dir.path().join("r");
        std::fs::create_dir(&records).unwrap();
        std::os::unix::fs::symlink(dir.path().join("outside/2026-11-20"), records.join("2026-11-20")).unwrap();
        let marks = json!([{"id": "01A", "dir": KEY, "verdict": "right", "marked": "2026-11-21T10:00:00.000Z"}]);
        let feedback = Feedback::parse(&file(marks)).unwrap();
        let done = import(&records, &feedback, now(), |_, _| panic!("not to be written")).unwrap();
        assert_eq!((done.missing, done.rated), (vec![KEY.to_owned()], 0));
    }

    #[test]
    fn what_leads_out_of_the_folder_is_refused() {
        for dir in ["../../etc", "/etc/x", "2026-11-20/../../x", "x"] {
            let why = Feedback::parse(&file(json!([{"id": "01A", "dir": dir}]))).unwrap_err();
            assert!(why.contains("not an event's folder"), "{why}");
        }
        let mut outside = rating("a", "rest", 1.0);
        outside.dir = "../x".into();
        let feedback = Feedback { marks: Vec::new(), ratings: vec![outside] };
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(import(dir.path(), &feedback, now(), |_, _| Ok(())).unwrap().missing, ["../x"]);
    }

    #[test]
    fn another_file_is_refused_with_a_reason() {
        assert!(Feedback::parse(b"{}").unwrap_err().contains("type"));
        assert!(Feedback::parse(br#"{"type":"x","version":1}"#).unwrap_err().contains("its type is \"x\""));
        let mut loud = rating("a", "rest", 1.0);
        loud.score = 101.0;
        let text = json!({"type": TYPE, "version": 1, "ratings": [loud]}).to_string();
        assert!(Feedback::parse(text.as_bytes()).unwrap_err().contains("not in 0 to 100"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_feedback_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Feedback::parse(&bytes);
        }
    }
}
