//! The filters as a form: each line a choice, gone through with the arrow keys.

use crate::archive::{Filter, Index, Judged};
use crate::error::Result;
use crate::units::EvidenceVerdict;

/// The lines of the form, in order.
const FIELDS: [Field; 8] = [
    Field::Label,
    Field::FromDay,
    Field::ToDay,
    Field::Score,
    Field::Evidence,
    Field::Marks,
    Field::Starred,
    Field::Source,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Label,
    FromDay,
    ToDay,
    Score,
    Evidence,
    Marks,
    Starred,
    Source,
}

/// The form: what can be chosen, and on which line the user is.
#[derive(Debug, Default)]
pub(super) struct Form {
    line: usize,
    labels: Vec<(String, u64)>,
    days: Vec<(String, u64)>,
    sources: Vec<(String, u64)>,
}

impl Form {
    /// A form of what there is.
    pub(super) fn new(index: &Index) -> Result<Self> {
        let all = Filter::default();
        Ok(Self { line: 0, labels: index.labels(&all)?, days: index.days(&all)?, sources: index.sources(&all)? })
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn up(&mut self) {
        self.line = self.line.checked_sub(1).unwrap_or(FIELDS.len() - 1);
    }

    pub(super) fn down(&mut self) {
        self.line = (self.line + 1) % FIELDS.len();
    }

    /// Names and values of the lines.
    pub(super) fn lines(&self, filter: &Filter) -> Vec<(&'static str, String)> {
        FIELDS.iter().map(|field| (name(*field), value(*field, filter, self))).collect()
    }

    /// Takes the next (or previous) choice of the line.
    pub(super) fn step(&self, filter: &mut Filter, forward: bool) {
        let one_of = |current: Option<&str>, choices: &[(String, u64)]| {
            let at = current.and_then(|current| choices.iter().position(|(choice, _)| choice == current));
            around(at, choices.len(), forward).and_then(|at| choices.get(at)).map(|(choice, _)| choice.clone())
        };
        match FIELDS[self.line] {
            Field::Label => {
                filter.labels = one_of(filter.labels.first().map(String::as_str), &self.labels).into_iter().collect();
            }
            Field::FromDay => filter.from_day = one_of(filter.from_day.as_deref(), &self.days),
            Field::ToDay => filter.to_day = one_of(filter.to_day.as_deref(), &self.days),
            Field::Source => filter.source = one_of(filter.source.as_deref(), &self.sources),
            Field::Score => {
                let tenths = filter.min_score.map_or(0, |score| (score * 10.0).round() as usize).min(9);
                let at = around(tenths.checked_sub(1), 9, forward);
                filter.min_score = at.map(|at| (at + 1) as f64 / 10.0);
            }
            Field::Evidence => filter.evidence = step_of(filter.evidence, &EvidenceVerdict::ALL, forward),
            Field::Starred => filter.starred = step_of(filter.starred, &[true, false], forward),
            Field::Marks => {
                let all = [Judged::No, Judged::Yes, Judged::Right, Judged::Wrong];
                filter.judged = step_of(filter.judged, &all, forward);
            }
        }
    }
}

fn step_of<T: Copy + PartialEq>(current: Option<T>, all: &[T], forward: bool) -> Option<T> {
    let at = current.and_then(|current| all.iter().position(|choice| *choice == current));
    around(at, all.len(), forward).map(|at| all[at])
}

/// The place after (or before) `at` of `n`; between the last and the first is none.
fn around(at: Option<usize>, n: usize, forward: bool) -> Option<usize> {
    match (at, forward) {
        (None, true) => (n > 0).then_some(0),
        (None, false) => n.checked_sub(1),
        (Some(at), true) => (at + 1 < n).then_some(at + 1),
        (Some(at), false) => at.checked_sub(1),
    }
}

const fn name(field: Field) -> &'static str {
    match field {
        Field::Label => "label",
        Field::FromDay => "from day (UTC)",
        Field::ToDay => "to day (UTC)",
        Field::Score => "score from",
        Field::Evidence => "evidence",
        Field::Marks => "marks",
        Field::Starred => "star",
        Field::Source => "source",
    }
}

const fn judged(judged: Judged) -> &'static str {
    match judged {
        Judged::Yes => "right or wrong",
        Judged::No => "neither right nor wrong",
        Judged::Right => "right",
        Judged::Wrong => "wrong",
    }
}

const fn agrees(agrees: bool) -> &'static str {
    if agrees { "gives the same label alone" } else { "gives another label" }
}

const fn starred(starred: bool) -> &'static str {
    if starred { "starred" } else { "not starred" }
}

fn value(field: Field, filter: &Filter, form: &Form) -> String {
    let counted = |value: &str, choices: &[(String, u64)]| match choices.iter().find(|(choice, _)| choice == value) {
        Some((_, n)) => format!("{value} ({n})"),
        None => value.to_owned(),
    };
    let any = || "any".to_owned();
    match field {
        Field::Label if filter.labels.len() > 1 => filter.labels.join(", "),
        Field::Label => filter.labels.first().map_or_else(any, |label| counted(label, &form.labels)),
        Field::FromDay => filter.from_day.as_ref().map_or_else(any, |day| counted(day, &form.days)),
        Field::ToDay => filter.to_day.as_ref().map_or_else(any, |day| counted(day, &form.days)),
        Field::Source => filter.source.as_ref().map_or_else(any, |source| counted(source, &form.sources)),
        Field::Score => filter.min_score.map_or_else(any, |score| format!("{score:.2}")),
        Field::Evidence => filter.evidence.map_or_else(any, |evidence| evidence.words().to_owned()),
        Field::Marks => filter.judged.map_or_else(any, |j| judged(j).to_owned()),
        Field::Starred => filter.starred.map_or_else(any, |s| starred(s).to_owned()),
    }
}

/// The filter in few words, as in `dog · from 2026-11-20 · "gate"`; empty where it wants all.
pub(super) fn describe(filter: &Filter) -> String {
    let mut words = Vec::new();
    words.extend((!filter.labels.is_empty()).then(|| filter.labels.join(", ")));
    words.extend(filter.from_day.as_ref().map(|day| format!("from {day}")));
    words.extend(filter.to_day.as_ref().map(|day| format!("to {day}")));
    words.extend(filter.min_score.map(|score| format!("score from {score:.2}")));
    words.extend(filter.max_score.map(|score| format!("score to {score:.2}")));
    words.extend(filter.agrees.map(|a| agrees(a).to_owned()));
    words.extend(filter.evidence.map(|evidence| format!("evidence {}", evidence.words())));
    words.extend(filter.judged.map(|j| judged(j).to_owned()));
    words.extend(filter.starred.map(|s| starred(s).to_owned()));
    words.extend(filter.source.clone());
    words.extend(filter.text.as_ref().map(|text| format!("\"{text}\"")));
    words.extend(filter.id.as_ref().map(|id| format!("id {id}")));
    words.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_reached_forwards_and_backwards() {
        let form = Form { labels: vec![("cat".into(), 2), ("dog".into(), 1)], ..Form::default() };
        let mut filter = Filter::default();
        let mut seen = Vec::new();
        for _ in 0..4 {
            form.step(&mut filter, true);
            seen.push(filter.labels.join(""));
        }
        assert_eq!(seen, ["cat", "dog", "", "cat"]);
        form.step(&mut filter, false);
        assert_eq!(filter, Filter::default());
        form.step(&mut filter, false);
        assert_eq!((describe(&filter).as_str(), form.lines(&filter)[0].1.as_str()), ("dog", "dog (1)"));
    }

    #[test]
    fn every_line_changes_something_and_comes_back() {
        let one = vec![("2026-11-20".to_owned(), 3)];
        let mut form = Form { labels: one.clone(), days: one.clone(), sources: one, line: 0 };
        for line in 0..FIELDS.len() {
            let mut filter = Filter::default();
            form.step(&mut filter, true);
            assert_ne!(filter, Filter::default(), "line {line}");
            assert_ne!(form.lines(&filter)[line].1, "any", "line {line}");
            assert!(!describe(&filter).is_empty());
            form.step(&mut filter, false);
            assert_eq!(filter, Filter::default(), "line {line}");
            form.down();
        }
        assert_eq!(form.line(), 0);
        form.up();
        assert_eq!(form.line(), FIELDS.len() - 1);
    }
}
