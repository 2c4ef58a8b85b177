//! FLAC, frame after frame.
//!
//! Every frame carries a number and two checksums, so that damage is found, its length is known, and what a header says
//! amiss of block lengths or the total does no harm.

mod frame;
mod head;
mod reader;
#[cfg(test)]
mod tests;

pub(super) use reader::Flac;
