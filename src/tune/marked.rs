//! Evidence of recorded events that people marked right or wrong.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::choose::{Evidence, Source, Step};
use crate::archive::event::read_event;
use crate::archive::index::{Filter, Index, Page};
use crate::archive::marks::Verdict;
use crate::error::Result;

/// From the first onset to the last offset of all recorded events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first onset.
    pub from: Timestamp,
    /// The last offset.
    pub to: Timestamp,
}

impl Span {
    /// Its length.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64() / 3600.0
    }
}

/// What a recording folder holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marked {
    /// Events in all.
    pub n_events: usize,
    /// Events that were marked and are of this model.
    pub n_marked: usize,
    /// Events that were marked and are of another model: their scores say nothing of this one's.
    pub n_foreign: usize,
    /// From first to last, where there are any.
    pub span: Option<Span>,
    /// By label: its events, and scores of those that were marked, right and wrong.
    labels: BTreeMap<String, Scores>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Scores {
    n_events: usize,
    right: Vec<f64>,
    wrong: Vec<f64>,
}

/// Reads the events below `dir` and what people said of them; `model` is the sha256 of the model whose scores count.
///
/// # Errors
/// As [`Index::open`]. A folder that cannot be read is left out.
pub fn read_marked(dir: &Path, model: &str) -> Result<Marked> {
    let index = Index::open(dir)?;
    let mut all = Marked::default();
    for row in index.query(&Filter::default(), Page::ALL)? {
        all.n_events += 1;
        let length = jiff::SignedDuration::from_secs_f64(row.duration_secs.clamp(0.0, 86_400.0));
        // A record may say any year.
        let offset = row.onset.checked_add(length).unwrap_or(jiff::Timestamp::MAX);
        let span = all.span.get_or_insert(Span { from: row.onset, to: offset });
        (span.from, span.to) = (span.from.min(row.onset), span.to.max(offset));
        let scores = all.labels.entry(row.label.clone()).or_default();
        scores.n_events += 1;
        let (Some(verdict), Some(score)) = (row.marks.verdict, row.score) else { continue };
        match read_event(&index.folder(&row.dir)) {
            Ok(event) if event.model.sha256 == model => {
                all.n_marked += 1;
                match verdict {
                    Verdict::Right => scores.right.push(score),
                    Verdict::Wrong => scores.wrong.push(score),
                }
            }
            Ok(_) => all.n_foreign += 1,
            Err(e) => tracing::warn!("{e}"),
        }
    }
    Ok(all)
}

impl Marked {
    /// What is known of a label whose threshold is `now`, listened for over `hours`; none where no event was marked.
    ///
    /// Events below the threshold were never recorded, so only higher ones can be judged. An event's score is its highest;
    /// a threshold must be reached in several strides, so the recall of a threshold is at most what is said here.
    #[must_use]
    pub fn evidence(&self, label: &str, now: f64, hours: f64) -> Option<Evidence> {
        let scores = self.labels.get(label)?;
        let n_marked = scores.right.len() + scores.wrong.len();
        if n_marked == 0 {
            return None;
        }
        let at_least = |scores: &[f64], threshold: f64| scores.iter().filter(|score| **score >= threshold).count();
        let step = |threshold: f64| Step {
            threshold,
            right: at_least(&scores.right, threshold),
            wrong: at_least(&scores.wrong, threshold),
        };
        let hundredths = (1..100_u32).map(|n| f64::from(n) / 100.0).filter(|t| *t > now);
        Some(Evidence {
            label: label.to_owned(),
            now,
            source: Source::Marks,
            n_true: scores.right.len(),
            weight: scores.n_events as f64 / n_marked as f64,
            hours,
            steps: std::iter::once(now).chain(hundredths).map(step).collect(),
        })
    }
}
