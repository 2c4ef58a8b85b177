//! What a pipeline reported last.

use std::collections::VecDeque;

use super::detector::Detection;

/// Reported events that are remembered; those that can overlap what comes are fewer.
const MAX_TOLD: usize = 64;

/// What was reported last.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) VecDeque<Detection>);

impl Told {
    pub(super) fn push(&mut self, detection: Detection) {
        self.0.push_back(detection);
        if self.0.len() > MAX_TOLD {
            self.0.pop_front();
        }
    }

    /// The stream begins anew.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
