//! The topics that a broker has of a monitor.

use super::message::Kind;

/// The topics below one base.
#[derive(Debug)]
pub(super) struct Topics {
    pub(super) base: String,
}

impl Topics {
    /// `online` or `offline`.
    pub(super) fn availability(&self) -> String {
        format!("{}/availability", self.base)
    }

    /// Every event, or every onset, as it comes.
    pub(super) fn message(&self, kind: Kind) -> String {
        let name = if kind == Kind::Event { "event" } else { "onset" };
        format!("{}/{name}", self.base)
    }

    /// The newest event.
    pub(super) fn last_event(&self) -> String {
        format!("{}/last_event", self.base)
    }

    /// What yesterday was like.
    pub(super) fn daily(&self) -> String {
        format!("{}/daily", self.base)
    }

    /// `ON` or `OFF`.
    pub(super) fn label_state(&self, slug: &str) -> String {
        format!("{}/label/{slug}/state", self.base)
    }

    /// The newest event of a label.
    pub(super) fn label_event(&self, slug: &str) -> String {
        format!("{}/label/{slug}/event", self.base)
    }

    /// The newest status of an input.
    pub(super) fn input_status(&self, slug: &str) -> String {
        format!("{}/input/{slug}/status", self.base)
    }

    /// `ON` while any label sounds at an input, or `OFF`.
    pub(super) fn input_state(&self, slug: &str) -> String {
        format!("{}/input/{slug}/state", self.base)
    }

    /// The newest event of an input.
    pub(super) fn input_event(&self, slug: &str) -> String {
        format!("{}/input/{slug}/event", self.base)
    }

    /// The picture of the newest recorded event.
    pub(super) fn picture(&self) -> String {
        format!("{}/picture", self.base)
    }

    /// The picture of an input's newest recorded event.
    pub(super) fn input_picture(&self, slug: &str) -> String {
        format!("{}/input/{slug}/picture", self.base)
    }

    /// `ON` while a label sounds at an input, or `OFF`.
    pub(super) fn input_label_state(&self, input: &str, label: &str) -> String {
        format!("{}/input/{input}/label/{label}/state", self.base)
    }

    /// The retained topics of our own that another client may overwrite with less than we know, as subscriptions.
    pub(super) fn contested(&self) -> [String; 3] {
        [self.availability(), format!("{}/+/+/state", self.base), self.input_label_state("+", "+")]
    }
}
