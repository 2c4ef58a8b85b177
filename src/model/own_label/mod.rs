//! Labels of a user's own: one more row of a streaming network's dense layer, learned from a few examples, in a small file
//! beside the settings. An opened package takes them in ([`Package::with_own_labels`](super::package::Package)), so that
//! whatever reads a package sees one label more.

mod attach;
mod decoder;
mod file;
mod folder;
mod rows;

pub use attach::Attached;
pub use file::{MAX_EXAMPLES, OwnLabel, check_name};
pub use folder::OwnLabels;
