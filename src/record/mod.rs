//! Event folders and JSON lines: what the engine reports, made into files and text.
//!
//! The engine's reports are plain data on purpose; the formats people and scripts rely on live here and nowhere else.

mod account;
mod age;
mod disk;
mod event_file;
pub mod event_folder;
mod folder_options;
mod folders;
pub mod handle;
mod journal;
pub mod jsonl;
mod leftovers;
mod level_keeper;
mod names;
pub mod notice;
pub mod picture;
mod pieces;
mod place;
mod prepared;
mod private;
mod proven;
mod pulse;
pub mod recorder;
#[cfg(test)]
mod recorder_tests;
pub mod relay;
mod retention;
mod sample_strip;
mod states;
pub mod store;
mod trouble;
mod wire;
mod writer;

pub use event_folder::{EventFolders, FolderOptions};
pub use handle::{RecorderHandle, RecorderStats};
pub use jsonl::{JsonLines, report_json};
pub use level_keeper::LevelKeeper;
pub use notice::Notice;
#[cfg(feature = "net")]
pub(crate) use prepared::{CLIP, INTERPRETATION, SPECTROGRAM};
pub use proven::Uptime;
pub use recorder::{Recorder, RecorderOptions};
pub use relay::{Relay, SinkState};
pub use retention::Limits;
pub use store::{RecordingState, Store, StoreOptions};
#[cfg(feature = "net")]
pub(crate) use wire::{local_offset, rfc3339, rounded};
