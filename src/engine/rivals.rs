//! Labels of one group that were heard over nearly the same span: usually one sound, of which the surest label is reported.

use super::detector::{Detection, Reason};
use super::pipeline::Pipeline;
use crate::units::ClassId;

/// Two spans are nearly the same where what they share is more than this part of what they take together.
const SAME_SPAN: f64 = 0.5;

impl Pipeline {
    /// Why an event that is about to be reported is not: another class of its group is clearly surer.
    pub(super) fn outdone(&self, detection: &Detection) -> Option<Reason> {
        let open = self.detector.params().all_classes().enumerate().filter(|(_, class)| class.rivals.is_some());
        let open = open.filter_map(|(index, _)| self.detector.so_far(ClassId(index)));
        let known: Vec<Detection> = self.told.0.iter().chain(&self.waiting).cloned().chain(open).collect();
        self.surest_rival(detection, &known).map(|by| Reason::Outdone { by: by.class, score: by.score })
    }

    /// The surest of those that outdo an event and are not outdone themselves: what is not reported keeps nothing back.
    fn surest_rival<'a>(&self, detection: &Detection, known: &'a [Detection]) -> Option<&'a Detection> {
        let stronger = known.iter().filter(|other| self.outdoes(other, detection));
        // Each outdoes by a margin, so that this comes to an end.
        let reported = stronger.filter(|other| self.surest_rival(other, known).is_none());
        reported.max_by(|a, b| a.score.total_cmp(&b.score))
    }

    fn outdoes(&self, other: &Detection, detection: &Detection) -> bool {
        let params = self.detector.params();
        let group = |class| params.class(class).and_then(|class| class.rivals.as_deref());
        other.class != detection.class
            && other.score - detection.score >= params.rival_margin
            && group(other.class).is_some_and(|of_other| group(detection.class) == Some(of_other))
            && shared(other, detection) > SAME_SPAN
            && self.is_wanted(other)
    }
}

/// What two spans share, as a part of what they take together.
fn shared(a: &Detection, b: &Detection) -> f64 {
    let both = a.offset.min(b.offset).saturating_sub(a.onset.max(b.onset));
    let together = a.offset.max(b.offset).saturating_sub(a.onset.min(b.onset));
    if together == 0 { 0.0 } else { both as f64 / together as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_share_what_lies_in_both() {
        let span = |onset: u64, offset: u64| Detection {
            class: ClassId(0),
            onset,
            offset,
            score: 0.5,
            peak_end: offset,
            sure_end: offset,
        };
        for (a, b, want) in
            [((0, 10), (0, 10), 1.0), ((0, 10), (5, 15), 1.0 / 3.0), ((0, 10), (10, 20), 0.0), ((0, 10), (2, 8), 0.6)]
        {
            let (a, b) = (span(a.0, a.1), span(b.0, b.1));
            assert!((shared(&a, &b) - want).abs() < 1e-12 && (shared(&b, &a) - want).abs() < 1e-12);
        }
        assert!(shared(&span(3, 3), &span(3, 3)).abs() < 1e-12);
    }
}
