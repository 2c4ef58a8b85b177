//! OpenMIC-2018 as it is published: `openmic-2018-aggregated-labels.csv`, recordings in folders by the first three characters
//! of their keys, and the published partition in `partitions/`.
//!
//! A recording has an instrument whose relevance is at least ½. Most pairs of recording and instrument were never asked
//! about: they count as absent, here as in any other multi-label set. Folds are 1 (`split01_train`) and 2 (`split01_test`);
//! without the partition there is one fold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::clip_meta::{Tagged, with_any_extension};
use super::csv::Table;
use crate::checked_file::{self, Links};
use crate::error::{Error, Result};

/// The table of answers.
const LABELS: &str = "openmic-2018-aggregated-labels.csv";
/// The recordings of fold 2, one key a line.
const TEST: &str = "partitions/split01_test.csv";
/// Longest such list, in bytes.
const MAX_LIST_BYTES: u64 = 16 << 20;
/// An instrument is heard from this relevance on.
const HEARD_AT: f64 = 0.5;
/// Characters of a key that name its folder.
const FOLDER_CHARS: usize = 3;

/// The set in `dir`, if it is this one.
///
/// # Errors
/// Of kind `Input`: a table that lacks a column, a relevance that is no number, or a partition that cannot be read.
pub(super) fn open(dir: &Path) -> Result<Option<Tagged>> {
    let path = dir.join(LABELS);
    if !path.is_file() {
        return Ok(None);
    }
    let table = Table::read(&path)?;
    let column = |name: &str| table.needed(name, &path);
    let [key, instrument, relevance] = [column("sample_key")?, column("instrument")?, column("relevance")?];
    let labels: BTreeSet<&str> = table.rows.iter().map(|(_, row)| row[instrument].as_str()).collect();
    let labels: Vec<&str> = labels.into_iter().collect();
    let mut heard: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (line, row) in &table.rows {
        let own = heard.entry(row[key].as_str()).or_default();
        let share: f64 = row[relevance].parse().map_err(|_| {
            let (given, at) = (&row[relevance], path.display());
            Error::input(format!("line {line} of {at}: \"{given}\" is no relevance; give a number from 0 to 1"))
        })?;
        let class = labels.iter().position(|label| *label == row[instrument]);
        own.extend(class.filter(|class| share >= HEARD_AT && !own.contains(class)));
    }
    let test = test_keys(dir)?;
    let mut found = Tagged { labels: labels.iter().map(|l| (*l).to_owned()).collect(), ..Tagged::default() };
    for (key, targets) in heard {
        let folder: String = key.chars().take(FOLDER_CHARS).collect();
        let fold = 1 + u32::from(test.contains(key));
        let recording = with_any_extension(&dir.join("audio").join(folder).join(format!("{key}.ogg")));
        found.add(recording, fold, targets);
    }
    Ok(Some(found))
}

/// Keys of the recordings to test on; none where the partition is not there.
fn test_keys(dir: &Path) -> Result<BTreeSet<String>> {
    let path = dir.join(TEST);
    if !path.is_file() {
        return Ok(BTreeSet::new());
    }
    let text = checked_file::read_text(&path, Links::Follow, MAX_LIST_BYTES)
        .map_err(|e| Error::input(format!("cannot read {}: {e}; it lists one key a line", path.display())))?;
    Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TABLE: &str = "sample_key,instrument,relevance,num_responses\n\
        000046_3840,violin,0.17105,3\n\
        000046_3840,clarinet,0.5,3\n\
        000046_3840,flute,1.0,3\n\
        000135_483840,violin,0.9,3\n\
        141153_0,clarinet,1.0,3\n";

    fn set(table: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in ["audio/000/000046_3840.ogg", "audio/000/000135_483840.wav"] {
            std::fs::create_dir_all(dir.path().join("audio/000")).unwrap();
            std::fs::write(dir.path().join(path), "").unwrap();
        }
        std::fs::write(dir.path().join(LABELS), table).unwrap();
        dir
    }

    #[test]
    fn likely_instruments_are_labels_and_the_partition_folds() {
        let dir = set(TABLE);
        let found = open(dir.path()).unwrap().unwrap();
        assert_eq!(found.labels, ["clarinet", "flute", "violin"]);
        assert_eq!(found.missing, 1);
        let clips = |found: Tagged| found.clips.into_iter().map(|c| (c.fold, c.targets)).collect::<Vec<_>>();
        assert_eq!(clips(found), [(1, vec![0, 1]), (1, vec![2])]);
        std::fs::create_dir(dir.path().join("partitions")).unwrap();
        std::fs::write(dir.path().join(TEST), "000135_483840\n141153_0\n").unwrap();
        assert_eq!(clips(open(dir.path()).unwrap().unwrap()), [(1, vec![0, 1]), (2, vec![2])]);
        assert_eq!(open(tempfile::tempdir().unwrap().path()).unwrap().map(|t| t.labels), None);
    }

    #[test]
    fn what_is_not_such_a_table_is_refused() {
        for (from, to, expected) in
            [("instrument", "tool", "no column \"instrument\""), ("0.17105", "low", "\"low\" is no relevance")]
        {
            let error = open(set(&TABLE.replace(from, to)).path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
