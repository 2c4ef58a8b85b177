//! When each class was heard, whether or not it is reported: for screens.

use super::detector::Detector;
use crate::units::{ClassId, SamplePos};

/// When one class was heard: from a stride at or above the threshold at which its events start, to one below that at which they
/// end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whether it is heard now.
    pub now: bool,
    /// How often it was heard since the stream began.
    pub n: u64,
    /// End of the last stride in which it was heard.
    pub last: Option<SamplePos>,
}

/// All classes, any loud sound last where that is asked for.
#[derive(Debug, Default)]
pub(super) struct AllHeard(Vec<Heard>);

impl AllHeard {
    /// Takes the scores of a stride that ends at `end`.
    pub(super) fn stride(&mut self, scores: impl Iterator<Item = f32>, detector: &Detector, end: SamplePos) {
        let params = detector.params();
        self.0.resize(params.n_classes(), Heard::default());
        for ((heard, params), score) in self.0.iter_mut().zip(params.all_classes()).zip(scores) {
            let now = params.enabled && score >= if heard.now { params.off } else { params.on };
            heard.n += u64::from(now && !heard.now);
            heard.now = now;
            if now {
                heard.last = Some(end);
            }
        }
    }

    /// After a gap nothing is heard, and what was heard stays.
    pub(super) fn restart(&mut self) {
        self.0.iter_mut().for_each(|heard| heard.now = false);
    }

    pub(super) fn of(&self, class: ClassId) -> Heard {
        self.0.get(class.0).copied().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::detector::{ClassParams, DetectorParams};

    #[test]
    fn a_class_is_heard_from_one_threshold_to_the_other_and_each_time_counts_once() {
        let mut params = DetectorParams::from_labels(&[]);
        params.classes = vec![ClassParams::new(0.6, 0.4), ClassParams { enabled: false, ..ClassParams::new(0.6, 0.4) }];
        let detector = Detector::new(&params, 0.01).unwrap();
        let mut all = AllHeard::default();
        let scores = [0.5, 0.6, 0.45, 0.39, 0.5, 0.9];
        let mut now = Vec::new();
        for (end, score) in (1..).zip(scores) {
            all.stride([score, score].into_iter(), &detector, SamplePos(end));
            now.push(all.of(ClassId(0)).now);
        }
        assert_eq!(now, [false, true, true, false, false, true]);
        assert_eq!(all.of(ClassId(0)), Heard { now: true, n: 2, last: Some(SamplePos(6)) });
        assert_eq!(all.of(ClassId(1)), Heard::default(), "it is switched off");
        all.restart();
        assert_eq!(all.of(ClassId(0)), Heard { now: false, n: 2, last: Some(SamplePos(6)) });
    }
}
