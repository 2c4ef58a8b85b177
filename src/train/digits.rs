//! Spoken digits as their sets lie on disk, without a label file: the name of a recording is `DIGIT_SPEAKER_TAKE`.
//!
//! Two layouts: that of the Free Spoken Digit Dataset (all recordings in `audio/` or `recordings/`), where every speaker is a
//! fold, and that of AudioMNIST (a folder a speaker in `data/` or in the folder itself, with `audioMNIST_meta.txt`), whose
//! folds are the paper's test splits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::load::is_audio;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// What is to be recognised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Target {
    /// The set's classes; of spoken digits, the digit.
    #[default]
    Class,
    /// Of spoken digits, the speaker's sex, as AudioMNIST's table says.
    Sex,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        match word {
            "class" => Ok(Self::Class),
            "sex" => Ok(Self::Sex),
            _ => Err(format!("'{word}' is no target; give class or sex")),
        }
    }
}

/// AudioMNIST's table of speakers.
const SPEAKERS: &str = "audioMNIST_meta.txt";
/// Longest such table, in bytes.
const MAX_SPEAKERS_BYTES: u64 = 1 << 20;

/// Speakers of AudioMNIST by fold: the test splits of its digit task.
const DIGIT_FOLDS: [[u32; 12]; 5] = [
    [5, 13, 18, 22, 26, 32, 33, 42, 45, 51, 52, 60],
    [1, 6, 7, 16, 19, 23, 28, 34, 35, 46, 53, 56],
    [2, 8, 9, 17, 24, 29, 36, 37, 39, 48, 54, 57],
    [3, 10, 14, 20, 25, 30, 38, 40, 43, 49, 55, 58],
    [4, 11, 12, 15, 21, 27, 31, 41, 44, 47, 50, 59],
];
/// The same of its sex task: three women and three men each; the other speakers are left out.
const SEX_FOLDS: [[u32; 6]; 4] =
    [[7, 23, 38, 58, 59, 60], [2, 36, 44, 47, 50, 56], [12, 25, 26, 37, 45, 57], [28, 41, 43, 48, 52, 53]];

/// One recording of a set without a label file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labelled {
    pub(super) path: PathBuf,
    pub(super) fold: u32,
    pub(super) label: String,
}

/// What the table says of a speaker; the rest of it is of no use here.
#[derive(Deserialize)]
struct Speaker {
    gender: String,
}

/// A recording by its name.
struct Spoken {
    path: PathBuf,
    digit: u8,
    speaker: String,
}

/// The recordings in `dir`, ordered by path, if it is one of these two layouts.
///
/// # Errors
/// Of kind `Input`: the table of speakers is missing where it is needed, damaged, or does not know a speaker. Of kind `Usage`:
/// the speaker's sex is asked for where nothing says it.
pub(super) fn open(dir: &Path, target: Target) -> Result<Option<Vec<Labelled>>> {
    if dir.join("meta").is_dir() {
        return Ok(None);
    }
    for folder in ["audio", "recordings"] {
        let found = spoken_in(&dir.join(folder));
        if !found.is_empty() {
            if target == Target::Sex {
                return Err(Error::usage(format!(
                    "{} does not say of what sex its speakers are; leave --target out",
                    dir.display()
                )));
            }
            return Ok(Some(by_speaker(found)));
        }
    }
    for root in [dir.join("data"), dir.to_path_buf()] {
        let mut found: Vec<Spoken> = folders_in(&root).iter().flat_map(|folder| spoken_in(folder)).collect();
        if !found.is_empty() {
            found.sort_by(|a, b| a.path.cmp(&b.path));
            return audio_mnist(&root, found, target).map(Some);
        }
    }
    Ok(None)
}

/// The recordings in `folder` that have such a name, by name.
fn spoken_in(folder: &Path) -> Vec<Spoken> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(|path| is_audio(path));
    let mut found: Vec<Spoken> = paths.filter_map(spoken).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn spoken(path: PathBuf) -> Option<Spoken> {
    let stem = path.file_stem()?.to_str()?;
    let (digit, rest) = stem.split_once('_')?;
    let (speaker, take) = rest.rsplit_once('_')?;
    take.parse::<u32>().ok()?;
    let digit = digit.parse().ok().filter(|digit| *digit < 10)?;
    let speaker = speaker.to_owned();
    (!speaker.is_empty()).then_some(Spoken { path, digit, speaker })
}

fn folders_in(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(|path| path.is_dir()).collect()
}

/// Every speaker is a fold, by name.
fn by_speaker(found: Vec<Spoken>) -> Vec<Labelled> {
    let speakers: BTreeSet<String> = found.iter().map(|spoken| spoken.speaker.clone()).collect();
    let fold = |speaker: &str| speakers.iter().position(|s| s == speaker).unwrap_or(0) as u32 + 1;
    let one =
        |spoken: Spoken| Labelled { fold: fold(&spoken.speaker), label: spoken.digit.to_string(), path: spoken.path };
    found.into_iter().map(one).collect()
}

fn audio_mnist(root: &Path, found: Vec<Spoken>, target: Target) -> Result<Vec<Labelled>> {
    let number = |spoken: &Spoken| spoken.speaker.parse::<u32>().unwrap_or(0);
    if target == Target::Class {
        let one = |spoken: Spoken| {
            let number = number(&spoken);
            let fold = fold_of(&DIGIT_FOLDS, number).unwrap_or(number % DIGIT_FOLDS.len() as u32 + 1);
            Labelled { fold, label: spoken.digit.to_string(), path: spoken.path }
        };
        return Ok(found.into_iter().map(one).collect());
    }
    let speakers = speakers(root)?;
    let mut labelled = Vec::new();
    for spoken in found {
        let Some(fold) = fold_of(&SEX_FOLDS, number(&spoken)) else { continue };
        let speaker = speakers.get(&spoken.speaker).ok_or_else(|| {
            Error::input(format!("{SPEAKERS} says nothing of speaker {}; complete it", spoken.speaker))
        })?;
        labelled.push(Labelled { fold, label: speaker.gender.clone(), path: spoken.path });
    }
    Ok(labelled)
}

fn fold_of<const N: usize>(folds: &[[u32; N]], speaker: u32) -> Option<u32> {
    folds.iter().position(|fold| fold.contains(&speaker)).map(|fold| fold as u32 + 1)
}

/// The table of speakers, which lies beside the speakers' folders or above them.
fn speakers(root: &Path) -> Result<BTreeMap<String, Speaker>> {
    let beside = root.join(SPEAKERS);
    let path = if beside.is_file() { beside } else { root.parent().unwrap_or(root).join(SPEAKERS) };
    let unreadable = |e: &dyn std::fmt::Display| {
        Error::input(format!(
            "cannot read {} ({e}); the set's table of speakers is needed for their sex",
            path.display()
        ))
    };
    let bytes = checked_file::read(&path, Links::Follow, MAX_SPEAKERS_BYTES).map_err(|e| unreadable(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| unreadable(&e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    /// Empty files of these names.
    fn files(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    fn rows(dir: &tempfile::TempDir, target: Target) -> Vec<(u32, String, String)> {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let found = open(dir.path(), target).unwrap().unwrap();
        found.into_iter().map(|l| (l.fold, l.label, name(&l.path))).collect()
    }

    fn row(fold: u32, label: &str, name: &str) -> (u32, String, String) {
        (fold, label.to_owned(), name.to_owned())
    }

    #[test]
    fn every_speaker_of_one_folder_is_a_fold() {
        let dir = files(&["audio/7_theo_0.wav", "audio/7_jackson_12.wav", "audio/0_theo_3.wav", "audio/readme.wav"]);
        let want = [row(2, "0", "0_theo_3.wav"), row(1, "7", "7_jackson_12.wav"), row(2, "7", "7_theo_0.wav")];
        assert_eq!(rows(&dir, Target::Class), want);
        assert!(open(dir.path(), Target::Sex).unwrap_err().to_string().contains("--target"));
        assert_eq!(open(files(&["audio/dog.wav"]).path(), Target::Class).unwrap(), None);
    }

    #[test]
    fn audio_mnist_has_the_papers_folds() {
        let names = ["data/26/3_26_0.wav", "data/58/3_58_1.wav", "data/58/9_58_0.wav", "data/01/3_01_49.wav"];
        let dir = files(&names);
        let digits = [
            row(2, "3", "3_01_49.wav"),
            row(1, "3", "3_26_0.wav"),
            row(4, "3", "3_58_1.wav"),
            row(4, "9", "9_58_0.wav"),
        ];
        assert_eq!(rows(&dir, Target::Class), digits);

        let message = open(dir.path(), Target::Sex).unwrap_err().to_string();
        assert!(message.contains(SPEAKERS), "{message}");
        let table = r#"{"01": {"gender": "male", "age": 30}, "26": {"gender": "female"}, "58": {"gender": "male"}}"#;
        fs::write(dir.path().join("data").join(SPEAKERS), table).unwrap();
        // Speaker 1 is in no split of this task.
        let sexes = [row(3, "female", "3_26_0.wav"), row(1, "male", "3_58_1.wav"), row(1, "male", "9_58_0.wav")];
        assert_eq!(rows(&dir, Target::Sex), sexes);
        fs::write(dir.path().join("data").join(SPEAKERS), "{\"26\": {}}").unwrap();
        assert!(open(dir.path(), Target::Sex).is_err());
    }

    #[test]
    fn every_speaker_of_the_paper_is_in_one_fold() {
        let mut all: Vec<u32> = DIGIT_FOLDS.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(1..=60));
        assert_eq!(SEX_FOLDS.concat().into_iter().collect::<BTreeSet<_>>().len(), 24);
    }
}
