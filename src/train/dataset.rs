//! Data set folders: which clips there are, their folds and their classes.
//!
//! Two layouts of the label file in `meta/`: ESC-50's (one class a row, as number and name) and multi-label (one 0/1
//! column a class). Published sets with layouts of their own are in [`digits`], [`sonyc`] and [`openmic`]. The recordings lie in `audio/` and may have another extension than the label file says, for sets
//! are often re-encoded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use super::clip_meta::{ClipMeta, OTHER};
use super::clip_meta::{Tagged, with_any_extension};
use super::csv::Table;
pub use super::digits::Target;
use super::digits::{self, Labelled};
pub use super::load::{load_clips, load_noise, load_recordings, recordings_in};
use super::{openmic, sonyc};
use crate::error::{Error, Result};

/// What a data set folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Names of the classes: in an ESC-50 set those with at least one recording, ordered by their number; in a
    /// multi-label set the columns in their order. Without [`OTHER`].
    pub labels: Vec<String>,
    /// The group of each class that `meta/labels.csv` gives one.
    pub groups: BTreeMap<String, String>,
    /// The recordings, in the label file's order.
    pub clips: Vec<ClipMeta>,
    /// Rows of the label file whose recording is not there; they are left out.
    pub missing: usize,
}

/// One recording of an ESC-50 label file while its rows are read.
struct EscClip {
    path: PathBuf,
    fold: u32,
    numbers: Vec<u32>,
}

impl DataSet {
    /// Reads the label file in `dir/meta` and finds the recordings in `dir/audio`. `meta/esc50.csv` is taken where
    /// there is one, else the only `meta/*.csv`. The recordings themselves are not opened.
    ///
    /// # Errors
    /// Of kind `Input`: no such folder, no label file or several, a malformed row, or no recording found at all.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_for(dir, Target::Class)
    }

    /// As [`Self::open`], with what is to be recognised. Sets of spoken digits, which have no label file, are known by the
    /// names of their recordings: [`digits`].
    ///
    /// # Errors
    /// As [`Self::open`]; also where the set does not say what is asked for.
    pub fn open_for(dir: &Path, target: Target) -> Result<Self> {
        if let Some(found) = digits::open(dir, target)? {
            return Ok(Self::of_labelled(found));
        }
        if target == Target::Sex {
            return Err(Error::usage(format!("{} has no speakers; leave --target out", dir.display())));
        }
        for open in [sonyc::open, openmic::open] {
            if let Some(Tagged { labels, clips, missing }) = open(dir)? {
                return Self { labels, groups: BTreeMap::new(), clips, missing }.not_empty(dir);
            }
        }
        let audio = dir.join("audio");
        if !audio.is_dir() {
            return Err(Error::input(format!(
                "{} is no data set: it has no folder \"audio\"; name a folder with audio/ and meta/",
                dir.display()
            )));
        }
        let meta = label_file(dir)?;
        let table = Table::read(&meta)?;
        let reader = Reader { table: &table, meta: &meta, audio: &audio };
        let mut set = if table.column("target").is_some() && table.column("category").is_some() {
            reader.esc50()?
        } else {
            reader.multi_label()?
        };
        set.groups = groups(dir)?;
        set.forget_other();
        set.not_empty(&audio)
    }

    /// The set, if a recording of it is in `folder`.
    fn not_empty(self, folder: &Path) -> Result<Self> {
        if self.clips.is_empty() {
            return Err(Error::input(format!(
                "none of the {} recordings that the data set lists is in {}; check that it is complete",
                self.missing,
                folder.display()
            )));
        }
        Ok(self)
    }

    /// A set without a label file.
    fn of_labelled(found: Vec<Labelled>) -> Self {
        let labels: BTreeSet<String> = found.iter().map(|clip| clip.label.clone()).collect();
        let labels: Vec<String> = labels.into_iter().collect();
        let targets = |label: &String| labels.iter().position(|known| known == label).into_iter().collect();
        let one = |clip: Labelled| ClipMeta {
            targets: targets(&clip.label),
            path: clip.path,
            fold: clip.fold,
            foreign: false,
        };
        let clips = found.into_iter().map(one).collect();
        Self { labels, groups: BTreeMap::new(), clips, missing: 0 }
    }

    /// Takes [`OTHER`] from the labels.
    fn forget_other(&mut self) {
        let Some(other) = self.labels.iter().position(|label| label == OTHER) else { return };
        self.labels.remove(other);
        self.groups.remove(OTHER);
        for clip in &mut self.clips {
            clip.foreign = clip.targets.contains(&other);
            clip.targets.retain(|class| *class != other);
            clip.targets.iter_mut().filter(|class| **class > other).for_each(|class| *class -= 1);
        }
    }

    /// The folds there are, ascending, each once.
    #[must_use]
    pub fn folds(&self) -> Vec<u32> {
        let mut folds: Vec<u32> = self.clips.iter().map(|c| c.fold).collect();
        folds.sort_unstable();
        folds.dedup();
        folds
    }

    /// The clips of `folds`, and all the others, both in the label file's order.
    ///
    /// # Errors
    /// Of kind `Usage` when a fold has no clips, for then the caller would measure or train on less than was asked.
    pub fn split(&self, folds: &[u32]) -> Result<(Vec<ClipMeta>, Vec<ClipMeta>)> {
        let known = self.folds();
        if let Some(fold) = folds.iter().find(|f| !known.contains(f)) {
            let known: Vec<String> = known.iter().map(u32::to_string).collect();
            return Err(Error::usage(format!("the data set has no fold {fold}; choose among {}", known.join(", "))));
        }
        Ok(self.clips.iter().cloned().partition(|c| folds.contains(&c.fold)))
    }
}

/// The label file of the data set in `dir`.
fn label_file(dir: &Path) -> Result<PathBuf> {
    let meta = dir.join("meta");
    let esc50 = meta.join("esc50.csv");
    if esc50.is_file() {
        return Ok(esc50);
    }
    let entries = std::fs::read_dir(&meta).map_err(|e| {
        Error::input(format!(
            "cannot read {}: {e}; a data set keeps its label file there (meta/esc50.csv or one other .csv)",
            meta.display()
        ))
        .with_source(e)
    })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")))
        .collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(Error::input(format!(
            "{} has no label file; put esc50.csv or a multi-label .csv there",
            meta.display()
        ))),
        (Some(_), more) => Err(Error::input(format!(
            "{} has {} label files and none is called esc50.csv; leave only one there",
            meta.display(),
            more + 1
        ))),
    }
}

/// The groups in `dir/meta/labels.csv`, where there is such a table with the columns `category` and `group`.
fn groups(dir: &Path) -> Result<BTreeMap<String, String>> {
    let path = dir.join("meta").join("labels.csv");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let table = Table::read(&path)?;
    let (Some(category), Some(group)) = (table.column("category"), table.column("group")) else {
        return Ok(BTreeMap::new());
    };
    let rows = table.rows.iter().filter(|(_, row)| !row[group].is_empty());
    Ok(rows.map(|(_, row)| (row[category].clone(), row[group].clone())).collect())
}

/// A label file being turned into clips.
struct Reader<'a> {
    table: &'a Table,
    meta: &'a Path,
    audio: &'a Path,
}

impl Reader<'_> {
    /// The index of a column that has to be there.
    fn column(&self, name: &str) -> Result<usize> {
        self.table.needed(name, self.meta)
    }

    /// A non-negative whole number from line `line`.
    fn number(&self, line: usize, column: &str, field: &str) -> Result<u32> {
        field.parse().map_err(|_| {
            Error::input(format!(
                "line {line} of {}: \"{field}\" in column {column} is no whole number; mend that line",
                self.meta.display()
            ))
        })
    }

    /// The recording called `filename`, under that name or the same with another extension.
    fn find(&self, filename: &str) -> Option<PathBuf> {
        with_any_extension(&self.audio.join(filename))
    }

    /// One class a row, by number (`target`) and name (`category`); a recording on several rows has several classes.
    fn esc50(&self) -> Result<DataSet> {
        let filename = self.column("filename")?;
        let fold = self.column("fold")?;
        let target = self.column("target")?;
        let category = self.column("category")?;
        let mut missing = 0;
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        let mut clips: Vec<EscClip> = Vec::new();
        let mut seen: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (line, row) in &self.table.rows {
            let number = self.number(*line, "target", &row[target])?;
            let clip_fold = self.number(*line, "fold", &row[fold])?;
            let Some(path) = self.find(&row[filename]) else {
                missing += 1;
                continue;
            };
            let name = names.entry(number).or_insert_with(|| row[category].clone());
            if *name != row[category] {
                return Err(Error::input(format!(
                    "line {line} of {} calls class {number} \"{}\" where an earlier line says \"{name}\"; use one name",
                    self.meta.display(),
                    row[category]
                )));
            }
            let index = *seen.entry(path.clone()).or_insert(clips.len());
            if index == clips.len() {
                clips.push(EscClip { path, fold: clip_fold, numbers: Vec::new() });
            }
            let clip = &mut clips[index];
            if clip.fold != clip_fold {
                return Err(Error::input(format!(
                    "line {line} of {} puts {} in fold {clip_fold} where an earlier line says {}; use one fold",
                    self.meta.display(),
                    row[filename],
                    clip.fold
                )));
            }
            clip.numbers.push(number);
        }
        let index: BTreeMap<u32, usize> = names.keys().enumerate().map(|(i, &n)| (n, i)).collect();
        let clips = clips
            .into_iter()
            .map(|clip| {
                let mut targets: Vec<usize> = clip.numbers.iter().filter_map(|n| index.get(n).copied()).collect();
                targets.sort_unstable();
                targets.dedup();
                ClipMeta { path: clip.path, fold: clip.fold, targets, foreign: false }
            })
            .collect();
        Ok(DataSet { labels: names.into_values().collect(), groups: BTreeMap::new(), clips, missing })
    }

    /// One 0/1 column a class, beside `filename` and, where there is one, `fold`.
    fn multi_label(&self) -> Result<DataSet> {
        let filename = self.column("filename")?;
        let fold = self.table.column("fold");
        let classes: Vec<usize> = (0..self.table.header.len()).filter(|&c| c != filename && Some(c) != fold).collect();
        if classes.is_empty() {
            return Err(Error::input(format!(
                "{} names no classes; add one column of 0 and 1 for each class",
                self.meta.display()
            )));
        }
        let mut missing = 0;
        let mut clips = Vec::new();
        for (line, row) in &self.table.rows {
            let mut targets = Vec::new();
            for (class, &column) in classes.iter().enumerate() {
                match row[column].as_str() {
                    "0" | "0.0" => {}
                    "1" | "1.0" => targets.push(class),
                    other => {
                        return Err(Error::input(format!(
                            "line {line} of {}: \"{other}\" in column {} is neither 0 nor 1; a class column holds only these",
                            self.meta.display(),
                            self.table.header[column]
                        )));
                    }
                }
            }
            let fold = fold.map_or(Ok(1), |f| self.number(*line, "fold", &row[f]))?;
            match self.find(&row[filename]) {
                Some(path) => clips.push(ClipMeta { path, fold, targets, foreign: false }),
                None => missing += 1,
            }
        }
        let labels = classes.iter().map(|&c| self.table.header[c].clone()).collect();
        Ok(DataSet { labels, groups: BTreeMap::new(), clips, missing })
    }
}

#[cfg(test)]
#[path = "dataset_tests.rs"]
mod tests;
