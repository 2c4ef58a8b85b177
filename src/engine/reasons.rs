//! Why classes with noteworthy scores are not reported: what was said last.

use super::report::ReasonReport;

/// What was said last, one a class, and what has changed since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    pub(super) last: Vec<&'static str>,
    pub(super) news: Vec<ReasonReport>,
}

impl Reasons {
    /// Forgets the stream.
    pub(super) fn reset(&mut self) {
        self.last.clear();
    }
}
