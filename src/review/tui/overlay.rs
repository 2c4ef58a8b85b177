//! What lies on top of the panes.

use super::editor::Editor;
use super::filters::Form;

/// What lies on top of the panes.
#[derive(Debug)]
pub(super) enum Overlay {
    None,
    /// From this line on.
    Help(usize),
    Filters(Form),
    Delete,
    Write(Purpose, Editor),
}

/// What is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Search,
    Note,
    TrueLabel,
}
