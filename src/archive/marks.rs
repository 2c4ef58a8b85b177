//! What a person says of an event: `marks.json` beside `event.json`.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    files::{parse_object, read_bounded, replace, sync},
    names::temporary,
};
use crate::error::{Error, Result};

/// The name of the marks in an event folder.
pub const MARKS_FILE: &str = "marks.json";

/// Longest `marks.json` that is read, in bytes.
const MAX_MARKS_BYTES: u64 = 1 << 20;

/// Longest note and label, in bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// Whether the program was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was what the label says.
    Right,
    /// It was something else, or nothing.
    Wrong,
}

impl Verdict {
    /// Its word in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }

    /// The verdict of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Right, Self::Wrong].into_iter().find(|v| v.word() == word)
    }
}

/// What a person says of an event. The default says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether the label is right, if somebody said so.
    pub verdict: Option<Verdict>,
    /// What it was, if the label is wrong.
    pub label: Option<String>,
    /// To be kept for ever: retention never removes it.
    pub starred: bool,
    /// Free text; empty where there is none.
    pub note: String,
    /// When the marks were last changed.
    pub marked: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct MarksFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    starred: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marked: Option<String>,
}

impl Marks {
    /// Whether nothing is said. When it was said does not count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.verdict.is_none() && self.label.is_none() && !self.starred && self.note.is_empty()
    }

    /// The marks in the event folder `folder`; the default where there are none.
    ///
    /// # Errors
    /// `Input` where the file cannot be read or is not what it should be.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MARKS_FILE);
        match read_bounded(&path, MAX_MARKS_BYTES) {
            Ok(bytes) => Self::parse(&bytes)
                .map_err(|why| Error::input(format!("{} cannot be used: {why}; mend or remove it", path.display()))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Error::input(format!("{} cannot be read ({e})", path.display())).with_source(e)),
        }
    }

    /// Reads the bytes of a `marks.json`; fields that are not known are passed over.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let raw: MarksFile = parse_object(json)?;
        if raw.note.len() > MAX_NOTE_BYTES || raw.label.as_ref().is_some_and(|l| l.len() > MAX_NOTE_BYTES) {
            return Err(format!("a note and a label have at most {MAX_NOTE_BYTES} bytes"));
        }
        let marked = match raw.marked {
            None => None,
            Some(text) => Some(text.parse().map_err(|e| format!("marked = {text:?} is not a time ({e})"))?),
        };
        Ok(Self { verdict: raw.verdict, label: raw.label, starred: raw.starred, note: raw.note, marked })
    }

    /// Writes the marks into the event folder `folder`, whole; marks that say nothing are removed.
    ///
    /// # Errors
    /// `Output` where that is not possible; then the folder is as it was. `Usage` where the note is too long.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(MARKS_FILE);
        let failed = |e: std::io::Error| {
            let why = match e.kind() {
                std::io::ErrorKind::NotFound => "the event is not there any more".to_owned(),
                _ => format!("{e}; check the folder and its disk"),
            };
            Error::output(format!("{} could not be written: {why}", path.display())).with_source(e)
        };
        if self.note.len() > MAX_NOTE_BYTES || self.label.as_ref().is_some_and(|l| l.len() > MAX_NOTE_BYTES) {
            return Err(Error::usage(format!("a note can have {MAX_NOTE_BYTES} bytes at most; shorten it")));
        }
        // Temporaries lie in the day's folder: there a later start looks for what was left, and its time of change says that
        // marks in it have changed.
        let day = folder.parent().ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        if self.is_empty() {
            let gone = day.join(temporary("marks"));
            return match std::fs::rename(&path, &gone) {
                Ok(()) => std::fs::remove_file(&gone).and_then(|()| sync(folder)).map_err(failed),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => Ok(()),
                Err(e) => Err(failed(e)),
            };
        }
        let file = MarksFile {
            verdict: self.verdict,
            label: self.label.clone(),
            starred: self.starred,
            note: self.note.clone(),
            marked: self.marked.map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()),
        };
        let mut json = serde_json::to_vec(&file)
            .map_err(|e| Error::bug(format!("marks could not be written as JSON ({e}); please report this")))?;
        json.push(b'\n');
        replace(&path, &day.join(temporary("marks")), &json).map_err(failed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Marks {
        Marks {
            verdict: Some(Verdict::Wrong),
            label: Some("cat".into()),
            starred: true,
            note: "the neighbour's, \"Miez\"\n2nd line".into(),
            marked: Some("2026-11-20T15:00:12.341Z".parse().unwrap()),
        }
    }

    #[test]
    fn marks_are_written_whole_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("e");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(Marks::read(&folder).unwrap(), Marks::default());
        all().write(&folder).unwrap();
        assert_eq!(Marks::read(&folder).unwrap(), all());
        let text = std::fs::read_to_string(folder.join(MARKS_FILE)).unwrap();
        assert!(text.contains(r#""verdict":"wrong","label":"cat","starred":true"#), "{text}");
        let star = Marks { starred: true, ..Marks::default() };
        star.write(&folder).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join(MARKS_FILE)).unwrap(), "{\"starred\":true}\n");
        Marks::default().write(&folder).unwrap();
        assert!(!folder.join(MARKS_FILE).exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary stays");
    }

    #[test]
    fn an_event_that_has_gone_cannot_be_marked() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        for marks in [all(), Marks::default()] {
            let error = marks.write(&gone).unwrap_err();
            assert!(error.to_string().contains("not there any more"), "{error}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_marks_is_refused() {
        for text in ["", "[]", r#"{"verdict":"maybe"}"#, r#"{"starred":"yes"}"#, r#"{"marked":"today"}"#] {
            assert!(Marks::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(Marks::parse(br#"{"later": 1}"#).unwrap(), Marks::default());
        let long = Marks { note: "x".repeat(MAX_NOTE_BYTES + 1), ..Marks::default() };
        assert!(long.write(Path::new("/nowhere/x")).unwrap_err().to_string().contains("shorten"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_marks_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Marks::parse(&bytes);
        }
    }
}
