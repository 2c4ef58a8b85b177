//! What a screen can be asked to show.

/// What the waterfall shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// All sound.
    Heard,
    /// The same sound weighted by the mask of the explained class.
    Why,
}

/// In which order labels stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelOrder {
    /// Highest score first.
    Score,
    /// As the model lists them.
    Model,
    /// By group; what is heard first, then by when it was heard last.
    Heard,
}

/// What lies on top of the panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    None,
    /// The key help.
    Help,
    /// The selected event with all its figures.
    Detail,
}
