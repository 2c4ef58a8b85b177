//! What marks have taught a model: changes to rows of a streaming network's dense layer, and the moments that they were learned
//! from, in small files beside the labels of the user's own. An opened package takes in the newest
//! ([`Package::with_learned`](super::package::Package)).

mod attach;
mod file;
mod moments;
mod versions;

pub use file::{Change, Learned, MAX_MARKS, Mark, row_name};
pub use versions::{KEPT, Versions};
