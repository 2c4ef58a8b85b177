//! In which order labels stand, and between them the groups that they belong to.

use std::cmp::Reverse;

use super::app::LabelOrder;
use crate::engine::snapshot::ClassState;
use crate::units::SamplePos;

/// More labels than this are read by who was heard, not by score.
const MANY: usize = 40;

/// One row of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row<'a> {
    /// The heading of a group, or of what was not heard of it.
    Group {
        /// Its name.
        name: &'a str,
        /// Labels below this heading.
        n: usize,
        /// Whether they were heard.
        heard: bool,
    },
    /// A class, by its index.
    Class(usize),
}

/// Whether the labels are too many, or too different, to be read as one list.
pub(super) fn is_grouped(classes: &[ClassState]) -> bool {
    classes.len() > MANY || classes.iter().any(|class| class.group.is_some())
}

/// Whether a class is heard now.
pub(super) const fn is_now(class: &ClassState) -> bool {
    class.active || class.heard.now
}

/// The rows of the labels, from the top.
pub(super) fn rows(order: LabelOrder, classes: &[ClassState]) -> Vec<Row<'_>> {
    let mut shown: Vec<usize> = (0..classes.len()).collect();
    match order {
        LabelOrder::Model => {}
        // A score that is no number goes last; the sort is stable, so that equal scores do not swap places.
        LabelOrder::Score => {
            let key = |idx: usize| if classes[idx].score.is_nan() { -1.0 } else { classes[idx].score };
            shown.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        }
        LabelOrder::Heard => return by_group(classes),
    }
    shown.into_iter().map(Row::Class).collect()
}

/// First what was heard, by group: groups and in them labels with an open event, then those that are heard, then by when that was
/// last. Then, by group again, what was not: of many labels few are ever heard, and those are to be seen without scrolling.
fn by_group(classes: &[ClassState]) -> Vec<Row<'_>> {
    let newest = |idx: &usize| newest(&classes[*idx]);
    let has_headings = classes.iter().any(|class| class.group.is_some());
    let mut rows = Vec::with_capacity(classes.len());
    for heard in [true, false] {
        let mut groups: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
        for (idx, class) in classes.iter().enumerate().filter(|(_, class)| was_heard(class) == heard) {
            let group = class.group.as_deref();
            match groups.iter_mut().find(|(name, _)| *name == group) {
                Some((_, members)) => members.push(idx),
                None => groups.push((group, vec![idx])),
            }
        }
        groups.iter_mut().for_each(|(_, members)| members.sort_by_key(|idx| Reverse(newest(idx))));
        // Stable: groups of which nothing was heard stay in the model's order.
        groups.sort_by_key(|(_, members)| Reverse(members.first().map(newest)));
        for (name, members) in groups {
            if has_headings {
                rows.push(Row::Group { name: name.unwrap_or("other labels"), n: members.len(), heard });
            }
            rows.extend(members.into_iter().map(Row::Class));
        }
    }
    rows
}

fn was_heard(class: &ClassState) -> bool {
    is_now(class) || class.heard.last.is_some()
}

/// What is heard now is newer than all that was.
fn newest(class: &ClassState) -> (bool, bool, Option<SamplePos>) {
    let now = is_now(class);
    (class.active, now, class.heard.last.filter(|_| !now))
}
