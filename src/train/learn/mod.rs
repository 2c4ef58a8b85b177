//! Learning from marks: what people said of recorded events changes rows of a streaming network's dense layer. An event that was
//! wrong becomes an example of what its label is not, a right one of what it is, and a bank of other sounds holds each row where
//! it was.

mod moments;

pub use moments::moments;

use std::collections::BTreeMap;

use crate::train::enroll::{Bank, Examples, Row, Tail};
use crate::train::sigmoid::{linear_softmax, sigmoid};
use crate::{Error, Result};

/// What each embedding of the bank counts, where a mark counts 1; it is doubled until the bank bears the change.
const BANK_WEIGHT: f32 = 0.02;
const DOUBLINGS: usize = 6;
/// Penalty on the change of the weights, as a share of the mean square of an embedding.
const PENALTY: f32 = 3e-5;
/// Of the bank's embeddings in which the label was heard, this share has to stay.
const LEAST_KEPT: f64 = 0.98;
/// Share of the bank's other embeddings in which it may be heard anew.
const MOST_NEW: f64 = 0.0005;
/// A label learns what it missed from this many events on: one or two say too little about what else would be heard then.
pub const LEAST_MISSED: usize = 3;
/// Probability above which a label is heard in an embedding.
const HEARD: f32 = 0.5;
/// Of so many embeddings of other sounds one may exceed what it exceeded before: as many as an hour holds.
const OTHERS: f64 = 3600.0 / 0.5;
/// Parts of the marks, each judged by a row that was learned without it.
const PARTS: usize = 2;

/// A label that marks may change.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// What they call it.
    pub name: String,
    /// Its row of the dense layer, before any mark.
    pub row: Row,
    /// An event starts at this probability.
    pub on_threshold: f32,
}

/// One marked event.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// The label that was reported.
    pub label: String,
    /// Whether that was right.
    pub right: bool,
    /// What it was instead.
    pub truth: Option<String>,
    /// Embeddings of it, `[n, width]`.
    pub embeddings: Vec<f32>,
}

/// What marks change about one label, and what comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The label.
    pub label: String,
    /// What is added to its row; `None` where the bank does not bear any change.
    pub change: Option<Row>,
    /// Events of the label that were wrong; of these, what they were instead, by count.
    pub wrong: Count,
    /// What they were.
    pub instead: Vec<(String, usize)>,
    /// Events of the label that were right, and events of other labels that were this one.
    pub right: Count,
    /// Embeddings of the bank in which the label is heard: before, and still.
    pub bank: [usize; 2],
    /// Embeddings of the bank in which it is heard anew.
    pub bank_new: usize,
}

/// How many marks there are, and how many of them come out as they should.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Marks.
    pub all: usize,
    /// Those that came out as they should before.
    pub before: usize,
    /// Those that come out as they should now.
    pub after: usize,
    /// Those that come out as they should by a row that was learned without them.
    pub unseen: usize,
}

/// Learns from marks, one lesson for each label that at least one of them says something against, by label.
///
/// # Errors
/// A usage error where embeddings are no numbers.
pub fn learn(labels: &[Label], bank: &Bank, marks: &[Marked]) -> Result<Vec<Lesson>> {
    labels.iter().filter_map(|label| lesson(label, bank, marks).transpose()).collect()
}

/// One mark as one label sees it.
struct Seen<'a> {
    embeddings: &'a [f32],
    sounds: bool,
}

fn lesson(label: &Label, bank: &Bank, marks: &[Marked]) -> Result<Option<Lesson>> {
    let missed = |mark: &&Marked| mark.label != label.name && mark.truth.as_ref() == Some(&label.name);
    let with_sound = || marks.iter().filter(|mark| !mark.embeddings.is_empty());
    let learns_missed = with_sound().filter(missed).count() >= LEAST_MISSED;
    let of_label = |mark: &&Marked| mark.label == label.name || (learns_missed && missed(mark));
    let relevant: Vec<&Marked> = with_sound().filter(of_label).collect();
    let sounds = |mark: &Marked| mark.label != label.name || mark.right;
    let seen: Vec<Seen<'_>> =
        relevant.iter().map(|mark| Seen { embeddings: &mark.embeddings, sounds: sounds(mark) }).collect();
    if seen.iter().all(|mark| mark.sounds && is_heard(label, &label.row, mark)) {
        return Ok(None);
    }
    if seen.iter().any(|mark| !mark.embeddings.len().is_multiple_of(bank.width)) {
        return Err(Error::bug("marks hold embeddings of another width than the bank's"));
    }
    let learner = Learner::new(label, bank, &seen);
    let Bearable { change, weight, counts: [heard, kept, new] } = learner.bearable()?;
    let after = change.as_ref().map_or_else(|| label.row.clone(), |change| sum(&label.row, change));
    let unseen = learner.unseen(weight)?;
    let count = |sounds: bool| {
        let comes_out =
            |row: &Row| seen.iter().filter(|m| m.sounds == sounds && is_heard(label, row, m) == sounds).count();
        Count {
            all: seen.iter().filter(|m| m.sounds == sounds).count(),
            before: comes_out(&label.row),
            after: comes_out(&after),
            unseen: seen.iter().zip(&unseen).filter(|(m, right)| m.sounds == sounds && **right).count(),
        }
    };
    let (wrong, right) = (count(false), count(true));
    Ok(Some(Lesson {
        label: label.name.clone(),
        change,
        wrong,
        instead: instead(label, &relevant),
        right,
        bank: [heard, kept],
        bank_new: new,
    }))
}

/// What the wrong events of a label were, the most frequent first.
fn instead(label: &Label, marks: &[&Marked]) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for mark in marks.iter().filter(|mark| mark.label == label.name && !mark.right) {
        if let Some(truth) = &mark.truth {
            *counts.entry(truth.clone()).or_insert(0) += 1;
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

struct Learner<'a> {
    label: &'a Label,
    bank: &'a Bank,
    seen: &'a [Seen<'a>],
    /// What the label's row says of each embedding of the bank.
    logits: Vec<f32>,
    penalty: f32,
}

/// What the bank bears.
struct Bearable {
    /// No change where it bears none.
    change: Option<Row>,
    /// What each of its embeddings had to count for it.
    weight: f32,
    /// In how many of them the label is heard: before, still, and anew.
    counts: [usize; 3],
}

impl<'a> Learner<'a> {
    fn new(label: &'a Label, bank: &'a Bank, seen: &'a [Seen<'a>]) -> Self {
        let logits = bank.rows.chunks_exact(bank.width).map(|x| label.row.logit(x)).collect();
        Self { label, bank, seen, logits, penalty: PENALTY * bank.mean_square() }
    }

    /// The bank's embeddings with their logits.
    fn bank(&self) -> impl Iterator<Item = (&[f32], f32)> {
        self.bank.rows.chunks_exact(self.bank.width).zip(self.logits.iter().copied())
    }

    /// The largest change that the bank bears.
    fn bearable(&self) -> Result<Bearable> {
        let mut weight = BANK_WEIGHT;
        for _ in 0..DOUBLINGS {
            let change = self.held(self.change(weight, None)?);
            let counts = self.on_bank(&sum(&self.label.row, &change));
            let [heard, kept, new] = counts;
            let kept_enough = kept as f64 >= LEAST_KEPT * heard as f64;
            if kept_enough && new as f64 <= MOST_NEW * self.bank.len() as f64 {
                return Ok(Bearable { change: Some(change), weight, counts });
            }
            weight *= 2.0;
        }
        Ok(Bearable { change: None, weight, counts: self.on_bank(&self.label.row) })
    }

    /// In how many embeddings of the bank the label is heard before; by `after`, too; and by `after` alone.
    fn on_bank(&self, after: &Row) -> [usize; 3] {
        let mut counts = [0; 3];
        for (embedding, z) in self.bank() {
            let [before, after] = [z, after.logit(embedding)].map(|z| sigmoid(z) > HEARD);
            counts[0] += usize::from(before);
            counts[1] += usize::from(before && after);
            counts[2] += usize::from(after && !before);
        }
        counts
    }

    /// The change that the marks ask for, without one part of them where `left_out` names one. The bank's targets are what the
    /// row says of it already.
    fn change(&self, bank_weight: f32, left_out: Option<usize>) -> Result<Row> {
        let (width, row) = (self.bank.width, &self.label.row);
        let mut examples = Examples::default();
        for (embedding, z) in self.bank() {
            examples.add_to(z, embedding, sigmoid(z), bank_weight);
        }
        for (_, mark) in self.seen.iter().enumerate().filter(|(i, _)| left_out != Some(i % PARTS)) {
            let share = width as f32 / mark.embeddings.len() as f32;
            for embedding in mark.embeddings.chunks_exact(width) {
                examples.add_to(row.logit(embedding), embedding, f32::from(u8::from(mark.sounds)), share);
            }
        }
        Row::zero(width).fit(&examples, self.penalty)
    }

    /// The change with as much less bias as keeps the label from being heard more often in other sounds: what one in
    /// [`OTHERS`] of them exceeds, by the tail of the bank, must not rise.
    fn held(&self, change: Row) -> Row {
        let after = sum(&self.label.row, &change);
        let others = self.bank().filter(|(_, z)| sigmoid(*z) <= HEARD);
        let (before, after): (Vec<f32>, Vec<f32>) = others.map(|(x, z)| (z, after.logit(x))).unzip();
        let [before, after] =
            [before, after].map(|logits| Tail::of(&logits).map(|tail| tail.exceeded_by(1.0 / OTHERS) as f32));
        let rise = after.zip(before).map_or(0.0, |(after, before)| (after - before).max(0.0));
        Row { bias: change.bias - rise, ..change }
    }

    /// Whether each mark comes out as it should by a row that was learned without it.
    fn unseen(&self, bank_weight: f32) -> Result<Vec<bool>> {
        let rows: Vec<Row> = (0..PARTS)
            .map(|part| Ok(sum(&self.label.row, &self.held(self.change(bank_weight, Some(part))?))))
            .collect::<Result<_>>()?;
        let judge = |(i, mark): (usize, &Seen<'_>)| is_heard(self.label, &rows[i % PARTS], mark) == mark.sounds;
        Ok(self.seen.iter().enumerate().map(judge).collect())
    }
}

/// Whether the label is reported of an event with these moments: their linear softmax reaches its threshold.
fn is_heard(label: &Label, row: &Row, mark: &Seen<'_>) -> bool {
    let probs = mark.embeddings.chunks_exact(row.weights.len()).map(|x| sigmoid(row.logit(x)));
    linear_softmax(probs) >= label.on_threshold
}

fn sum(row: &Row, change: &Row) -> Row {
    let weights = row.weights.iter().zip(&change.weights).map(|(w, c)| w + c).collect();
    Row { weights, bias: row.bias + change.bias }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
