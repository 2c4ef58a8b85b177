//! SONYC-UST as it is published: `annotations.csv` beside the recordings, several annotators for each of them.
//!
//! The labels are the eight coarse ones. A recording to train on has a label that any annotator heard; one to validate or test
//! on has those that the team agreed on (annotator 0), and is left out where it did not. Folds are 1 (train), 2 (validate)
//! and 3 (test).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::clip_meta::{Tagged, with_any_extension};
use super::csv::Table;
use crate::error::{Error, Result};

/// The table of annotations.
const ANNOTATIONS: &str = "annotations.csv";
/// Names of the folds, from 1.
const SPLITS: [&str; 3] = ["train", "validate", "test"];
/// The annotator whose rows are what the team agreed on.
const AGREED: &str = "0";
/// What ends the name of a column that says whether something is heard.
const PRESENCE: &str = "_presence";

/// The set in `dir`, if it is this one.
///
/// # Errors
/// Of kind `Input`: a table that lacks a column, or a row that cannot be understood.
pub(super) fn open(dir: &Path) -> Result<Option<Tagged>> {
    let path = dir.join(ANNOTATIONS);
    if !path.is_file() {
        return Ok(None);
    }
    let table = Table::read(&path)?;
    let column = |name: &str| table.needed(name, &path);
    let [split, file, annotator] = [column("split")?, column("audio_filename")?, column("annotator_id")?];
    let classes: Vec<(usize, &str)> =
        table.header.iter().enumerate().filter_map(|(at, name)| Some((at, coarse(name)?))).collect();
    if classes.is_empty() {
        return Err(Error::input(format!("{} has no coarse labels; is it SONYC-UST's?", path.display())));
    }
    let mut heard: BTreeMap<(usize, &str), Vec<usize>> = BTreeMap::new();
    for (line, row) in &table.rows {
        let Some(fold) = SPLITS.iter().position(|name| *name == row[split]) else {
            let (given, known) = (&row[split], SPLITS.join(", "));
            let at = path.display();
            return Err(Error::input(format!("line {line} of {at}: \"{given}\" is no split; use one of {known}")));
        };
        if fold > 0 && row[annotator] != AGREED {
            continue;
        }
        let own = heard.entry((fold, row[file].as_str())).or_default();
        for (class, (at, _)) in classes.iter().enumerate() {
            if matches!(row[*at].as_str(), "1" | "1.0") && !own.contains(&class) {
                own.push(class);
            }
        }
    }
    let mut found =
        Tagged { labels: classes.iter().map(|(_, name)| (*name).to_owned()).collect(), ..Tagged::default() };
    for ((fold, name), targets) in heard {
        found.add(recording(dir, SPLITS[fold], name), fold as u32 + 1, targets);
    }
    Ok(Some(found))
}

/// The coarse label that a column is about, as `dog` in `8_dog_presence`. Fine ones have two numbers.
fn coarse(column: &str) -> Option<&str> {
    let (number, name) = column.strip_suffix(PRESENCE)?.split_once('_')?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(name)
}

/// Where the recording is: the second version of the set has one folder, the first a folder a split.
fn recording(dir: &Path, split: &str, name: &str) -> Option<PathBuf> {
    let folders = ["audio".into(), split.into(), PathBuf::from("audio-dev").join(split)];
    folders.iter().find_map(|folder| with_any_extension(&dir.join(folder).join(name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TABLE: &str = "split,sensor_id,audio_filename,annotator_id,1-1_small-engine_presence,1_engine_presence,8_dog_presence,8_dog_proximity\n\
        train,1,a.wav,101,1,1,0,near\n\
        train,1,a.wav,102,0,0,1,far\n\
        train,1,b.wav,103,0,0,0,-1\n\
        validate,2,c.wav,104,1,1,1,near\n\
        validate,2,c.wav,0,0,0,1,near\n\
        validate,2,d.wav,105,1,1,1,near\n\
        test,3,gone.wav,0,1,1,1,near\n";

    fn set(table: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (folder, name) in [("audio", "a.flac"), ("train", "b.wav"), ("audio-dev/validate", "c.wav")] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join(name), "").unwrap();
        }
        std::fs::write(dir.path().join(ANNOTATIONS), table).unwrap();
        dir
    }

    #[test]
    fn any_annotator_teaches_and_the_team_measures() {
        let dir = set(TABLE);
        let found = open(dir.path()).unwrap().unwrap();
        assert_eq!(found.labels, ["engine", "dog"]);
        assert_eq!(found.missing, 1);
        let clips: Vec<_> = found.clips.iter().map(|c| (c.fold, c.targets.clone())).collect();
        assert_eq!(clips, [(1, vec![0, 1]), (1, vec![]), (2, vec![1])]);
        assert!(found.clips[0].path.ends_with("audio/a.flac"));
        assert_eq!(open(tempfile::tempdir().unwrap().path()).unwrap().map(|t| t.labels), None);
    }

    #[test]
    fn what_is_not_such_a_table_is_refused() {
        for (from, to, expected) in [
            ("split,", "part,", "no column \"split\""),
            ("test,3", "tset,3", "\"tset\" is no split"),
            ("_presence", "_heard", "no coarse labels"),
        ] {
            let error = open(set(&TABLE.replace(from, to)).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
