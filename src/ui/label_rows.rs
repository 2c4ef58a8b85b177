//! In which order labels stand, and the groups that they belong to.

use std::cmp::Reverse;

use super::choices::LabelOrder;
use crate::engine::snapshot::ClassState;
use crate::units::SamplePos;

/// More labels than this are read by who was heard, not by score.
const MANY: usize = 40;

/// A group of labels: some have a line of their own, the others are only named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// Its name; none where the model has no groups.
    pub(super) name: Option<&'a str>,
    /// Classes with a line of their own, by index: what is heard, then by when it was heard last.
    pub(super) lines: Vec<usize>,
    /// The other classes, in the model's order.
    pub(super) rest: Vec<usize>,
}

/// Whether the labels are too many, or too different, to be read as one list.
pub(super) fn is_grouped(classes: &[ClassState]) -> bool {
    classes.len() > MANY || classes.iter().any(|class| class.group.is_some())
}

/// Whether a class is heard now.
pub(super) const fn is_now(class: &ClassState) -> bool {
    class.active || class.heard.now
}

/// The classes by index, in `order`.
pub(super) fn classes_in(order: LabelOrder, classes: &[ClassState]) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..classes.len()).collect();
    match order {
        LabelOrder::Model => {}
        // A score that is no number goes last; the sort is stable, so that equal scores do not swap places.
        LabelOrder::Score => {
            let key = |idx: usize| if classes[idx].score.is_nan() { -1.0 } else { classes[idx].score };
            shown.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        }
        LabelOrder::Heard => {
            let groups = groups(classes, None, usize::MAX);
            return groups.into_iter().flat_map(|group| group.lines.into_iter().chain(group.rest)).collect();
        }
    }
    shown
}

/// All classes by group, for `room` lines: groups with an open event first, then those that are heard, then by when that was last.
/// Of the classes that were heard, the newest have a line of their own, as far as each group keeps one for its name, or at least what
/// is heard now; so has the one that is `chosen`, and what a person has changed.
pub(super) fn groups(classes: &[ClassState], chosen: Option<usize>, room: usize) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let has_groups = classes.iter().any(|class| class.group.is_some());
    for (idx, class) in classes.iter().enumerate() {
        let name = has_groups.then(|| class.group.as_deref().unwrap_or("other labels"));
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.rest.push(idx),
            None => groups.push(Group { name, lines: Vec::new(), rest: vec![idx] }),
        }
    }
    let mut with_line: Vec<usize> = (0..classes.len())
        .filter(|idx| chosen == Some(*idx) || was_heard(&classes[*idx]) || classes[*idx].edited)
        .collect();
    with_line.sort_by_key(|idx| Reverse((chosen == Some(*idx), newest(&classes[*idx]))));
    let n_now = classes.iter().filter(|class| is_now(class)).count() + usize::from(chosen.is_some());
    with_line.truncate(room.saturating_sub(groups.len()).max(n_now.min(room / 2)));
    for group in &mut groups {
        let newest = |idx: &usize| Reverse(newest(&classes[*idx]));
        group.lines = group.rest.extract_if(.., |idx| with_line.contains(idx)).collect();
        group.lines.sort_by_key(newest);
    }
    // Stable: groups of which nothing was heard stay in the model's order.
    let key = |group: &Group<'_>| group.lines.iter().map(|idx| newest(&classes[*idx])).max();
    groups.sort_by_key(|group| Reverse(key(group)));
    groups
}

fn was_heard(class: &ClassState) -> bool {
    is_now(class) || class.heard.last.is_some()
}

/// What is heard now is newer than all that was.
fn newest(class: &ClassState) -> (bool, bool, Option<SamplePos>) {
    let now = is_now(class);
    (class.active, now, class.heard.last.filter(|_| !now))
}
