//! The JSON objects of the contract, as serialisable twins of the engine's reports.
//!
//! Field order is the order of the fields here. Fields are only ever added. A number that is not finite becomes `null`,
//! because JSON has no other word for it.

mod event;
mod levels;
mod model;
mod run;
mod values;

pub(crate) use event::{EventJson, FolderJson, OnsetJson, ReasonJson};
pub(crate) use levels::LevelsJson;
pub(crate) use run::{StartJson, StatusJson, StopJson};
#[cfg(feature = "net")]
pub(crate) use values::rounded;
pub(crate) use values::{local_offset, path_text, rfc3339, secs, timestamp};
