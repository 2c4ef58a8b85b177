//! What was learned, in words and as JSON.

use serde::Serialize;

use crate::cli::output;
use crate::error::Result;
use crate::model::learned::Versions;
use crate::train::learn::{Count, Lesson};

/// What became of the lessons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing was written.
    Tried,
    /// The version in force says the same already.
    NothingNew,
    /// This version is in force.
    InForce(u32),
}

/// The report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Marks that it was learned from.
    marks: usize,
    /// The version in force, where a new one is.
    version: Option<u32>,
    labels: Vec<LabelReport>,
    #[serde(skip)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
struct LabelReport {
    label: String,
    changed: bool,
    wrong: usize,
    wrong_still_reported: usize,
    wrong_still_reported_unseen: usize,
    right: usize,
    right_reported: usize,
    right_reported_unseen: usize,
    instead: Vec<(String, usize)>,
    bank_heard: usize,
    bank_still_heard: usize,
    bank_newly_heard: usize,
}

impl Report {
    pub(super) fn new(lessons: &[Lesson], marks: usize, outcome: Outcome) -> Self {
        let version = match outcome {
            Outcome::InForce(number) => Some(number),
            Outcome::Tried | Outcome::NothingNew => None,
        };
        Self { marks, version, labels: lessons.iter().map(LabelReport::new).collect(), outcome }
    }

    /// For a person.
    pub(super) fn text(&self) -> String {
        if let (0, Outcome::InForce(number)) = (self.marks, self.outcome) {
            return format!("no mark is left; version {number} is in force, which changes nothing\n");
        }
        if self.marks == 0 {
            return "no event is marked yet; mark some right or wrong with `earwitness review DIR`\n".to_owned();
        }
        let marks = if self.marks == 1 { "1 mark".to_owned() } else { format!("{} marks", self.marks) };
        let last = match self.outcome {
            _ if self.labels.is_empty() => format!("{marks}, and none asks for a change\n"),
            Outcome::Tried => format!("{marks}; nothing is changed, because this was a dry run\n"),
            Outcome::NothingNew => format!("{marks}; the version in force knows them all already\n"),
            Outcome::InForce(number) => format!(
                "{marks}; version {number} is in force for every monitor that starts from now on; `earwitness learn --undo` takes it back\n"
            ),
        };
        self.labels.iter().map(LabelReport::text).collect::<String>() + &last
    }
}

impl LabelReport {
    fn new(lesson: &Lesson) -> Self {
        let Count { all: wrong, after, unseen, .. } = lesson.wrong;
        Self {
            label: lesson.label.clone(),
            changed: lesson.change.is_some(),
            wrong,
            wrong_still_reported: wrong - after,
            wrong_still_reported_unseen: wrong - unseen,
            right: lesson.right.all,
            right_reported: lesson.right.after,
            right_reported_unseen: lesson.right.unseen,
            instead: lesson.instead.clone(),
            bank_heard: lesson.bank[0],
            bank_still_heard: lesson.bank[1],
            bank_newly_heard: lesson.bank_new,
        }
    }

    fn text(&self) -> String {
        let Self { label, wrong, right, .. } = self;
        if !self.changed {
            let (events, remedy) = match *wrong {
                0 => (format!("the {right} events that it missed"), "enroll a label of your own for them"),
                _ => (format!("its {wrong} wrong events"), "raise its threshold"),
            };
            return format!(
                "{label}: unchanged, because no change that learns from {events} keeps 98 of 100 of the model's own examples; \
                 {remedy}\n"
            );
        }
        let mut text = format!("{label}:\n");
        if *wrong > 0 {
            let instead: Vec<String> = self.instead.iter().map(|(name, n)| format!("{n} {name}")).collect();
            let instead = if instead.is_empty() { String::new() } else { format!(" ({})", instead.join(", ")) };
            text += &format!(
                "  wrong events: {wrong}{instead}; {} would still be reported, and {} if only the other half of the marks had been known\n",
                self.wrong_still_reported, self.wrong_still_reported_unseen
            );
        }
        if *right > 0 {
            text += &format!(
                "  right events: {right}; {} would be reported, and {} if only the other half of the marks had been known\n",
                self.right_reported, self.right_reported_unseen
            );
        }
        text + &format!(
            "  the model's own examples: heard in {} moments, still in {} of these, and in {} new ones\n",
            self.bank_heard, self.bank_still_heard, self.bank_newly_heard
        )
    }
}

/// The table of the versions.
pub(super) fn list(versions: &Versions) -> Result<String> {
    if versions.numbers().is_empty() {
        output::note("nothing is learned from marks yet; run 'earwitness learn DIR'");
        return Ok(String::new());
    }
    let mut rows = vec![["version", "on", "marks", "labels"].map(str::to_owned).to_vec()];
    for number in versions.numbers() {
        let learned = versions.read(*number)?;
        let names: Vec<&str> = learned.labels.iter().map(|change| change.name.as_str()).collect();
        let names = if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        rows.push(vec![number.to_string(), learned.date, learned.marks.len().to_string(), names]);
    }
    Ok(output::columns(&rows))
}
