//! Recorded events, read back: event folders, the marks that people make, and an index over all of them.
//!
//! **The folders are the truth.** The index only makes lists quick; it can be thrown away at any time and is rebuilt from
//! the folders. What is read here may have been written by anyone: every reader is bounded in size, follows no links out
//! of the folder, and answers nonsense with an error.

pub mod event;
pub mod files;
pub mod glance;
pub mod index;
pub mod level_day;
pub mod level_summary;
pub mod levels;
pub mod marks;
pub mod names;
pub mod unnamed;

pub use event::{StoredEvent, read_event};
pub use index::{Filter, Index, IndexOptions, Judged, Page, Removal, Row};
pub use marks::{Marks, Verdict};
