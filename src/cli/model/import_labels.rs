//! The labels of a network that others trained: a CSV file, or a text file with one label a line.

use std::collections::HashSet;
use std::path::Path;

use crate::checked_file::{self, Links};
use crate::error::{Error, Result};
use crate::model::audioset;
use crate::model::manifest::Label;
use crate::train::csv::Table;

/// Longest list of labels, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// AudioSet's labels come in lists that are about as long as this; shorter ones are of other sets, which have no groups here.
const LIKE_AUDIOSET: usize = 400;

/// The labels of a network by the names of its outputs, with names and groups as AudioSet's labels have them here.
pub(super) fn labels(names: &[String], on_threshold: f32, off_threshold: f32) -> Vec<Label> {
    let mut labels = audioset::labels(names, on_threshold, off_threshold);
    if names.len() < LIKE_AUDIOSET {
        labels.iter_mut().for_each(|label| (label.group, label.alarm) = (None, true));
    }
    // What is one name in our words, but two in theirs.
    let mut seen = HashSet::new();
    for (i, label) in labels.iter_mut().enumerate() {
        if label.name.is_empty() || !seen.insert(label.name.clone()) {
            label.name = format!("{}_{i}", label.name).trim_start_matches('_').to_owned();
            seen.insert(label.name.clone());
        }
    }
    labels
}

/// The labels' names, in the order of the network's outputs: of a `.csv` file as [`of_table`], of another one line by line.
///
/// # Errors
/// An input error where the file cannot be read, or is no such list.
pub(super) fn label_names(path: &Path) -> Result<Vec<String>> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        return of_table(path);
    }
    let text = checked_file::read_text(path, Links::Follow, MAX_BYTES).map_err(|e| {
        Error::input(format!("cannot read the labels {} ({e}); give a text file with one label a line", path.display()))
            .with_source(e)
    })?;
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if let Some(empty) = text.lines().position(|line| line.trim().is_empty()) {
        return Err(Error::input(format!(
            "line {} of {} is empty; give one label a line, in the order of the network's outputs",
            empty + 1,
            path.display()
        )));
    }
    Ok(text.lines().map(|line| line.trim().to_owned()).collect())
}

/// The labels' names in the order of their indices, or of the rows where there are none.
fn of_table(path: &Path) -> Result<Vec<String>> {
    let table = Table::read(path)?;
    let Some(name) = ["display_name", "name", "category"].iter().find_map(|column| table.column(column)) else {
        return Err(Error::input(format!(
            "{} has no column display_name, name or category; give a CSV file with a header and a label a row",
            path.display()
        )));
    };
    let index = table.column("index");
    let mut rows = Vec::with_capacity(table.rows.len());
    for (i, (line, fields)) in table.rows.iter().enumerate() {
        let at = match index {
            None => Some(i),
            Some(column) => fields[column].parse::<usize>().ok(),
        };
        let at = at.ok_or_else(|| {
            Error::input(format!("line {line} of {} has an index that is no number; mend that line", path.display()))
        })?;
        rows.push((at, fields[name].clone()));
    }
    rows.sort_by_key(|(at, _)| *at);
    if let Some((wanted, _)) = rows.iter().enumerate().find(|(i, (at, _))| i != at) {
        return Err(Error::input(format!(
            "{} has not each index from 0 to {} once (see index {wanted}); give one row for each output of the network",
            path.display(),
            rows.len().saturating_sub(1)
        )));
    }
    Ok(rows.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_in_the_order_of_their_indices() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.csv");
        let names = |text: &str| {
            std::fs::write(&path, text).unwrap();
            label_names(&path).map_err(|e| e.to_string())
        };
        let three = ["dog", "Bow, wow", "cat"].map(str::to_owned).to_vec();
        assert_eq!(names("index,mid,display_name\n1,b,\"Bow, wow\"\n0,a,dog\n2,c,cat\n").unwrap(), three);
        assert_eq!(names("name\ndog\n\"Bow, wow\"\ncat\n").unwrap(), three);
        assert!(names("label\ndog\n").unwrap_err().contains("no column display_name"));
        assert!(names("index,name\n0,dog\n2,cat\n").unwrap_err().contains("see index 1"));
        assert!(names("index,name\n0,dog\n0,cat\n").unwrap_err().contains("see index 1"));
        assert!(names("index,name\nx,dog\n").unwrap_err().contains("line 2"));
    }

    #[test]
    fn a_text_file_has_a_label_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l.txt");
        let names = |text: &str| {
            std::fs::write(&path, text).unwrap();
            label_names(&path).map_err(|e| e.to_string())
        };
        assert_eq!(names("dog\r\nBow, wow\ncat\n\n").unwrap(), ["dog", "Bow, wow", "cat"]);
        assert!(names("dog\n\ncat\n").unwrap_err().contains("line 2"));
        assert!(names("").unwrap().is_empty());
    }

    #[test]
    fn every_label_has_a_name_of_its_own() {
        let names = ["Dog", "dog!", "?", "Speech", "cat"].map(str::to_owned);
        let labels = labels(&names, 0.2, 0.1);
        let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["dog", "dog_1", "2", "speech", "cat"]);
        assert!(labels.iter().all(|label| label.alarm && label.group.is_none()));
    }
}
