//! Event folders and JSON lines: what the engine reports, made into files and text.
//!
//! The engine's reports are plain data on purpose; the formats people and scripts rely on live here and nowhere else.

mod canvas;
mod colour;
pub mod event_folder;
mod font;
pub mod jsonl;
mod leftovers;
mod names;
pub mod picture;
pub mod recorder;
pub mod relay;
mod wire;

pub use event_folder::{EventFolders, FolderOptions};
pub use jsonl::{JsonLines, report_json};
pub use recorder::{Notice, Recorder, RecorderHandle, RecorderOptions, RecorderStats};
pub use relay::{Relay, SinkState};
