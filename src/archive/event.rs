//! One recorded event, read from its folder.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, fmt::strtime, tz::Offset};
use serde::Deserialize;

use super::{
    files::{folder_bytes, parse_object, read_bounded},
    names::is_plain,
};
use crate::error::{Error, Result};
use crate::units::EvidenceVerdict;

/// Longest `event.json` that is read, in bytes. Those written here have a few thousand.
pub const MAX_EVENT_BYTES: u64 = 1 << 20;

/// Furthest place in a recording, in seconds: a century.
const MAX_FILE_SECS: f64 = 3.2e9;

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Most components and groups.
const MAX_LIST: usize = 1024;

/// The name of the facts in an event folder.
pub const EVENT_FILE: &str = "event.json";

/// An event as `event.json` tells it, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// The folder.
    pub folder: PathBuf,
    /// Length of all files in the folder together, in bytes.
    pub bytes: u64,
    /// The event's id, usually a ULID.
    pub id: String,
    /// The class's label.
    pub label: String,
    /// Index of the class in its model's label list.
    pub class: Option<u64>,
    /// Groups that the label belonged to when the event was recorded.
    pub groups: Vec<String>,
    /// Highest probability, 0…1.
    pub score: Option<f64>,
    /// When it began.
    pub onset: Timestamp,
    /// When it ended; never before `onset`.
    pub offset: Timestamp,
    /// Seconds from the stream's beginning to the onset.
    pub onset_s: Option<f64>,
    /// Seconds from the stream's beginning to the offset.
    pub offset_s: Option<f64>,
    /// Of a recording: seconds from its beginning to the onset; finite and not negative.
    pub in_file_secs: Option<f64>,
    /// The recording computer's offset from UTC at that time.
    pub local_offset: Option<Offset>,
    /// The input, as in `file:yard.wav`.
    pub source: String,
    /// The model that decided.
    pub model: StoredModel,
    /// The method that explained, as in `l2i`.
    pub method: String,
    /// Relevant components, most relevant first.
    pub components: Vec<StoredComponent>,
    /// What the classifier says of the interpretation alone, where it was measured.
    pub faithfulness: Option<StoredFaithfulness>,
    /// What these figures come to.
    pub verdict: Option<EvidenceVerdict>,
    /// Seconds of audio from the onset until the detector was sure.
    pub latency_secs: Option<f64>,
    /// Id of the event that this one goes on from, where a long event was reported in pieces.
    pub continues: Option<String>,
    /// What lies in the folder.
    pub files: StoredFiles,
    /// Where the clip lies around the event; none where no audio was kept.
    pub clip: Option<StoredClip>,
    /// Version of the program that wrote it.
    pub version: String,
}

/// The model that decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct StoredModel {
    /// The package's name.
    #[serde(default)]
    pub name: String,
    /// Hex sha256 of the package.
    #[serde(default)]
    pub sha256: String,
}

/// One relevant component.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredComponent {
    /// Its column in the dictionary.
    pub index: u64,
    /// Its share of the decision, signed.
    pub relevance: Option<f64>,
    /// A name for a person; empty where it has none.
    pub name: String,
    /// Its audio in the folder.
    pub file: Option<String>,
}

/// What the classifier says of the interpretation alone, and of the rest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredFaithfulness {
    /// Whether the interpretation alone gives the same label.
    pub agrees: bool,
    /// Probability of the label on the input, 0…1.
    pub prob: Option<f64>,
    /// Probability of the label on the interpretation alone, 0…1.
    pub prob_in: Option<f64>,
    /// Probability of the label on what is left, 0…1.
    pub prob_out: Option<f64>,
}

/// Names of files in the folder; each is a plain name. That they are named does not say that they are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredFiles {
    /// What the microphone heard.
    pub clip: Option<String>,
    /// What the classifier heard.
    pub interpretation: Option<String>,
    /// The picture.
    pub spectrogram: Option<String>,
}

/// Where the clip lies around the event.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredClip {
    /// Seconds from the clip's beginning to the onset.
    pub pre_roll_s: Option<f64>,
    /// Length of the clip in seconds.
    pub duration_s: Option<f64>,
    /// Samples in the clip.
    pub samples: Option<u64>,
    /// Samples per second.
    pub sample_rate_hz: Option<u32>,
}

impl StoredEvent {
    /// Length of the event in seconds.
    #[must_use]
    pub fn duration_secs(&self) -> f64 {
        self.offset.duration_since(self.onset).as_secs_f64()
    }

    /// Names of all files that the record says are in the folder.
    #[must_use]
    pub fn named_files(&self) -> Vec<&str> {
        let StoredFiles { clip, interpretation, spectrogram } = &self.files;
        let of_event = [clip, interpretation, spectrogram].into_iter().flatten();
        of_event.chain(self.components.iter().filter_map(|c| c.file.as_ref())).map(String::as_str).collect()
    }
}

/// Reads the event in `folder`.
///
/// # Errors
/// `Input` where there is no readable record, naming the folder and what is wrong with it.
pub fn read_event(folder: &Path) -> Result<StoredEvent> {
    let unreadable = |e: std::io::Error| {
        Error::input(format!("the event folder {} cannot be read ({e}); it is not shown", folder.display()))
            .with_source(e)
    };
    let bytes = read_bounded(&folder.join(EVENT_FILE), MAX_EVENT_BYTES).map_err(unreadable)?;
    parse_event(&bytes, folder, folder_bytes(folder).map_err(unreadable)?)
}

/// Reads the bytes of an `event.json`; `folder` and `bytes` go into the event as they are.
///
/// Unknown fields are passed over, because fields are only ever added.
///
/// # Errors
/// `Input` where the bytes are no such record, or a field has a value that it cannot have.
pub fn parse_event(json: &[u8], folder: &Path, bytes: u64) -> Result<StoredEvent> {
    let wrong =
        |what: String| Error::input(format!("{} in {} is not an event's record: {what}", EVENT_FILE, folder.display()));
    if json.len() as u64 > MAX_EVENT_BYTES {
        return Err(wrong(format!("it is longer than {MAX_EVENT_BYTES} bytes")));
    }
    let raw: RawEvent = parse_object(json).map_err(wrong)?;
    raw.checked(folder, bytes).map_err(wrong)
}

#[derive(Deserialize)]
struct RawEvent {
    id: String,
    label: String,
    class: Option<u64>,
    #[serde(default)]
    groups: Vec<String>,
    score: Option<f64>,
    onset_s: Option<f64>,
    offset_s: Option<f64>,
    onset: String,
    offset: String,
    offset_in_file_s: Option<f64>,
    source: String,
    model: StoredModel,
    method: String,
    #[serde(default)]
    components: Vec<RawComponent>,
    faithfulness: Option<StoredFaithfulness>,
    verdict: Option<String>,
    latency_s: Option<f64>,
    continues: Option<String>,
    #[serde(default)]
    files: RawFiles,
    local_offset: Option<String>,
    clip: Option<StoredClip>,
    #[serde(default)]
    version: String,
}

/// The verdict that was recorded; of older events, what their figures come to.
fn verdict(recorded: Option<&str>, figures: Option<&StoredFaithfulness>) -> Option<EvidenceVerdict> {
    let derived = || figures.map(|f| EvidenceVerdict::of(f.agrees, f.prob.unwrap_or(0.0), f.prob_out.unwrap_or(1.0)));
    recorded.and_then(EvidenceVerdict::named).or_else(derived)
}

#[derive(Deserialize)]
struct RawComponent {
    index: u64,
    relevance: Option<f64>,
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawFiles {
    clip: Option<String>,
    interpretation: Option<String>,
    spectrogram: Option<String>,
    components: Vec<RawComponentFile>,
}

#[derive(Deserialize)]
struct RawComponentFile {
    index: u64,
    file: String,
}

impl RawEvent {
    /// When it began and ended, where its numbers and lists can be an event's.
    fn span(&self) -> Result<(Timestamp, Timestamp), String> {
        if self.id.is_empty() || self.id.len() > MAX_ID_BYTES || self.id.chars().any(char::is_control) {
            return Err(format!("an id has 1 to {MAX_ID_BYTES} bytes and no control characters"));
        }
        if self.components.len() > MAX_LIST || self.files.components.len() > MAX_LIST || self.groups.len() > MAX_LIST {
            return Err(format!("it has more than {MAX_LIST} components or groups"));
        }
        let time = |name: &str, text: &str| -> Result<Timestamp, String> {
            text.parse().map_err(|e| format!("{name} = {text:?} is not a time ({e})"))
        };
        let (onset, offset) = (time("onset", &self.onset)?, time("offset", &self.offset)?);
        if offset < onset {
            return Err(format!("it ends ({offset}) before it begins ({onset})"));
        }
        let share = |name: &str, value: Option<f64>| match value {
            Some(x) if !(0.0..=1.0).contains(&x) => Err(format!("{name} = {x} is not in 0 to 1")),
            _ => Ok(()),
        };
        share("score", self.score)?;
        if let Some(secs) = self.offset_in_file_s.filter(|secs| !(0.0..=MAX_FILE_SECS).contains(secs)) {
            return Err(format!("offset_in_file_s = {secs} is not in 0 to {MAX_FILE_SECS}"));
        }
        if let Some(f) = &self.faithfulness {
            share("prob", f.prob)?;
            share("prob_in", f.prob_in)?;
            share("prob_out", f.prob_out)?;
        }
        Ok((onset, offset))
    }

    /// The event, or what is wrong with it.
    fn checked(self, folder: &Path, bytes: u64) -> Result<StoredEvent, String> {
        let (onset, offset) = self.span()?;
        let local_offset = match self.local_offset.as_deref() {
            None => None,
            Some(text) => Some(offset_of(text).ok_or_else(|| format!("local_offset = {text:?} is not as in +01:00"))?),
        };
        let files = &self.files;
        let named = [&files.clip, &files.interpretation, &files.spectrogram].into_iter().flatten();
        if let Some(name) = named.chain(files.components.iter().map(|c| &c.file)).find(|name| !is_plain(name)) {
            return Err(format!("{name:?} is not a file's name"));
        }
        let file_of = |index: u64| files.components.iter().find(|c| c.index == index).map(|c| c.file.clone());
        let components = self
            .components
            .into_iter()
            .map(|c| StoredComponent { file: file_of(c.index), index: c.index, relevance: c.relevance, name: c.name })
            .collect();
        Ok(StoredEvent {
            folder: folder.to_path_buf(),
            bytes,
            id: self.id,
            label: self.label,
            class: self.class,
            groups: self.groups,
            score: self.score,
            onset,
            offset,
            onset_s: self.onset_s,
            offset_s: self.offset_s,
            in_file_secs: self.offset_in_file_s,
            local_offset,
            source: self.source,
            model: self.model,
            method: self.method,
            components,
            verdict: verdict(self.verdict.as_deref(), self.faithfulness.as_ref()),
            faithfulness: self.faithfulness,
            latency_secs: self.latency_s,
            continues: self.continues,
            files: StoredFiles {
                clip: self.files.clip,
                interpretation: self.files.interpretation,
                spectrogram: self.files.spectrogram,
            },
            clip: self.clip,
            version: self.version,
        })
    }
}

/// `+01:00` as an offset.
fn offset_of(text: &str) -> Option<Offset> {
    strtime::parse("%:z", text).ok()?.offset()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// A record as the recorder writes it.
    pub(crate) fn record() -> Value {
        json!({
            "type": "event", "id": "01JD", "label": "dog", "class": 0, "score": 0.93,
            "onset_s": 12.341, "offset_s": 14.102,
            "onset": "2026-11-20T15:00:12.341Z", "offset": "2026-11-20T15:00:14.102Z", "offset_in_file_s": 12.341,
            "source": "file:yard.wav", "model": {"name": "esc13", "sha256": "0123abcd"}, "method": "l2i",
            "components": [{"index": 17, "relevance": 1.0, "name": "dog 3"}, {"index": 4, "relevance": -0.41}],
            "faithfulness": {"agrees": true, "prob": 0.93, "prob_in": 0.95, "prob_out": 0.11},
            "latency_s": 0.61, "lag_s": 0.02,
            "files": {
                "dir": "/r/2026-11-20/150012Z-dog-01JD", "clip": "clip.wav", "interpretation": "interpretation.wav",
                "components": [{"index": 17, "file": "component-17.wav"}, {"index": 4, "file": "component-04.wav"}],
                "spectrogram": "spectrogram.png"
            },
            "local_offset": "+01:00",
            "clip": {"start_s": 11.841, "start": "2026-11-20T15:00:11.841Z", "pre_roll_s": 0.5, "duration_s": 2.761,
                "samples": 44176, "sample_rate_hz": 16000},
            "version": "0.1.0", "what a later version adds": [1, 2]
        })
    }

    fn parse(record: &Value) -> Result<StoredEvent> {
        parse_event(&serde_json::to_vec(record).unwrap(), Path::new("/r/2026-11-20/x"), 7)
    }

    #[test]
    fn a_record_is_read() {
        let event = parse(&record()).unwrap();
        assert_eq!((event.id.as_str(), event.label.as_str(), event.class, event.bytes), ("01JD", "dog", Some(0), 7));
        assert_eq!(event.onset.as_millisecond(), 1_795_186_812_341);
        assert!((event.duration_secs() - 1.761).abs() < 1e-9);
        assert_eq!(event.local_offset.unwrap().seconds(), 3600);
        assert_eq!(event.in_file_secs, Some(12.341));
        assert_eq!(event.components[1].file.as_deref(), Some("component-04.wav"));
        assert_eq!(event.faithfulness.as_ref().unwrap().prob_in, Some(0.95));
        assert_eq!(event.verdict, Some(EvidenceVerdict::EnoughAndNeeded), "of an older event, from its figures");
        assert_eq!(event.clip.as_ref().unwrap().pre_roll_s, Some(0.5));
        let files = ["clip.wav", "interpretation.wav", "spectrogram.png", "component-17.wav", "component-04.wav"];
        assert_eq!(event.named_files(), files);
    }

    #[test]
    fn what_may_be_missing_may_be_missing() {
        let mut record = record();
        for key in [
            "class",
            "score",
            "offset_in_file_s",
            "components",
            "faithfulness",
            "latency_s",
            "files",
            "local_offset",
            "clip",
            "version",
        ] {
            record.as_object_mut().unwrap().remove(key);
        }
        let event = parse(&record).unwrap();
        assert!(event.named_files().is_empty() && event.score.is_none() && event.clip.is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases: &[(&str, Value, &str)] = &[
            ("id", json!(""), "an id"),
            ("id", json!("a\nb"), "an id"),
            ("label", json!(3), "expected a string"),
            ("score", json!(1.5), "score = 1.5"),
            ("offset_in_file_s", json!(-0.5), "offset_in_file_s = -0.5"),
            ("onset", json!("yesterday"), "onset = \"yesterday\""),
            ("onset", json!("2026-11-20T15:00:14.103Z"), "before it begins"),
            ("local_offset", json!("one hour"), "local_offset"),
            ("faithfulness", json!({"agrees": true, "prob_in": -0.1}), "prob_in"),
            ("files", json!({"clip": "../../etc/passwd"}), "not a file's name"),
            ("files", json!({"components": [{"index": 1, "file": "/dev/zero"}]}), "not a file's name"),
            ("groups", json!(vec!["a"; 2000]), "more than"),
        ];
        for (key, value, says) in cases {
            let mut wrong = record();
            wrong[*key] = value.clone();
            let error = parse(&wrong).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("/r/2026-11-20/x"), "{key}: {error}");
        }
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "[]", "null", "{\"id\":\"x\"}", "\u{0}", deep.as_str(), "{\"score\":1e999}"] {
            assert!(parse_event(text.as_bytes(), Path::new("x"), 0).is_err());
        }
        assert!(parse_event(&vec![b' '; MAX_EVENT_BYTES as usize + 1], Path::new("x"), 0).is_err());
    }

    #[test]
    fn a_folder_without_a_readable_record_is_an_error_and_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_event(dir.path()).is_err());
        let file = dir.path().join(EVENT_FILE);
        // A pipe that nobody writes to, a link out of the folder, a folder.
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert!(read_event(dir.path()).unwrap_err().to_string().contains("regular file"));
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert!(read_event(dir.path()).is_err());
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(read_event(dir.path()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_event(&bytes, Path::new("x"), 0);
        }

        /// A true record with some bytes changed, dropped or doubled: nearer to what a half-written file looks like.
        #[test]
        fn a_damaged_record_is_read_or_refused(at in 0_usize..1200, byte in any::<u8>(), cut in 0_usize..1400, twice in 0_usize..1200) {
            let mut bytes = serde_json::to_vec(&record()).unwrap();
            let n = bytes.len();
            bytes[at % n] = byte;
            let from = twice % n;
            bytes.extend_from_within(from..(from + 20).min(n));
            bytes.truncate(cut);
            if let Ok(event) = parse_event(&bytes, Path::new("x"), 0) {
                prop_assert!(event.named_files().into_iter().all(is_plain));
                prop_assert!(event.duration_secs() >= 0.0);
            }
        }
    }
}
