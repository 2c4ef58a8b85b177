//! The review in the terminal: a list of all events, and the evidence of the one that is selected.
//!
//! State ([`app::App`]) and drawing are apart, as in `ui`. The list holds a window of the index only; sounds and pictures are
//! those of the selected event, read once it has been selected for a moment.

mod app;
mod draw;
mod draw_event;
mod draw_list;
mod editor;
mod evidence;
mod filters;
mod keys;
mod list;
mod overlay;
mod show;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;

pub use app::App;

use crate::archive::{Filter, Index};
use crate::audio::listen_spec::ListenSpec;
use crate::error::Result;
use crate::review::sound::Sound;
use crate::ui::{UiOptions, screen};

/// Shows the events of `index` that `filter` wants until the user quits or `quit` is set; plays on `listen`.
///
/// # Errors
/// `Usage` when standard output is no terminal; `Output` when the terminal or the index cannot be used.
pub fn run(index: Index, filter: Filter, listen: ListenSpec, options: UiOptions, quit: &AtomicBool) -> Result<()> {
    let mut app = App::new(index, filter, Sound::new(listen)?, options)?;
    screen::show(&mut app, quit, "use --html, --export csv or --ratings instead")
}
