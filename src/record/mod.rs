//! Event folders and JSON lines: what the engine reports, made into files and text.
//!
//! The engine's reports are plain data on purpose; the formats people and scripts rely on live here and nowhere else.

pub mod event_folder;
pub mod jsonl;
mod leftovers;
mod names;
pub mod picture;
mod pieces;
mod place;
mod private;
pub mod recorder;
pub mod relay;
mod retention;
pub mod store;
mod wire;

pub use event_folder::{EventFolders, FolderOptions};
pub use jsonl::{JsonLines, report_json};
pub use recorder::{Notice, Recorder, RecorderHandle, RecorderOptions, RecorderStats};
pub use relay::{Relay, SinkState};
pub use retention::Limits;
pub use store::{RecordingState, Store, StoreOptions};
