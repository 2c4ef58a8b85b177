//! The terminal user interface: draws the engine's newest [`Snapshot`](crate::engine::snapshot::Snapshot).
//!
//! State ([`App`]) and drawing ([`draw`]) are apart: keys and snapshots change the state, drawing only reads it.
//! Every key stands in one table ([`keys::TABLE`]), from which the help and the footer are made.

mod app;
mod banner;
mod commands;
mod components;
mod detail;
mod draw;
mod events;
mod header;
mod help;
mod inputs;
pub mod keys;
mod labels;
mod layout;
mod mouse;
mod options;
mod palette;
mod status;
mod terminal;
mod text;
mod theme;
mod waterfall;

pub use app::{App, LabelOrder, Overlay, View};
pub use commands::Command;
pub use draw::{MIN_HEIGHT, MIN_WIDTH, draw};
pub use options::UiOptions;
pub use palette::ThemeName;
pub use terminal::run;
