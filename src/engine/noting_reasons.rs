//! When a pipeline says why a class with a noteworthy score is not reported: for screens, the log and lines.

use super::detector::Reason;
use super::pipeline::Pipeline;
use super::quiet::Hush;
use super::report::ReasonReport;
use crate::units::ClassId;

impl Pipeline {
    /// Why nothing is reported of a class although its score is noteworthy.
    #[must_use]
    pub fn reason(&self, class: ClassId) -> Reason {
        let open = self.detector.open_since(class).map(|onset| self.origin.plus(self.sample(onset)));
        match open.and_then(|onset| self.hush(class, onset)) {
            Some(Hush::Events) => Reason::Quiet,
            _ => self.detector.reason(class),
        }
    }

    /// After a stride that ends at frame `end`: logs each reason that has changed, once, and keeps it for
    /// [`take_reasons`](Self::take_reasons).
    pub(super) fn note_reasons(&mut self, end: u64) {
        self.reasons.last.resize(self.detector.params().n_classes(), "");
        for index in 0..self.reasons.last.len() {
            let class = ClassId(index);
            let reason = self.reason(class);
            let before = std::mem::replace(&mut self.reasons.last[index], reason.word());
            if reason == Reason::None || before == reason.word() {
                continue;
            }
            let report = ReasonReport {
                label: self.label(class),
                class,
                score: self.view.score(class),
                on_threshold: self.detector.params().class(class).map_or(1.0, |params| params.on),
                reason,
                position: self.origin.plus(self.sample(end)),
                source: self.params.source.clone(),
                clock: self.params.clock,
            };
            let ReasonReport { label, score, source, .. } = &report;
            let secs = report.clock.secs(report.position);
            tracing::debug!("{source} at {secs:.1} s: {label} ({score:.2}) is not reported: {reason}");
            self.reasons.news.push(report);
        }
    }

    /// The reasons that have changed since this was last asked.
    pub fn take_reasons(&mut self) -> Vec<ReasonReport> {
        std::mem::take(&mut self.reasons.news)
    }
}
