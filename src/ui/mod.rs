//! The terminal user interface: draws the engine's newest [`Snapshot`](crate::engine::snapshot::Snapshot).
//!
//! State ([`App`]) and drawing ([`draw`]) are apart: keys and snapshots change the state, drawing only reads it.
//! Every key stands in one table ([`keys::TABLE`]), from which the help and the footer are made.

mod app;
mod banner;
mod choices;
mod command;
mod commands;
pub(crate) mod components;
mod detail;
mod draw;
mod event_marks;
mod events;
pub(crate) mod frames;
mod header;
pub(crate) mod help;
mod inputs;
pub mod keys;
mod label_edit;
mod label_flow;
pub(crate) mod label_rows;
mod labels;
mod layout;
mod mouse;
mod options;
mod over;
mod palette;
pub(crate) mod screen;
pub(crate) mod status;
mod terminal;
pub(crate) mod text;
pub(crate) mod theme;
pub(crate) mod waterfall;

pub use app::App;
pub use choices::{LabelOrder, Overlay, View};
pub use command::Command;
pub use draw::{MIN_HEIGHT, MIN_WIDTH, draw};
pub use options::{SoundKeeper, UiOptions};
pub use palette::ThemeName;
pub use terminal::run;
