//! MPEG audio (mp3, mp2, mp1), frame after frame.
//!
//! Tags are skipped wherever they stand, and a recording may follow another in the same file: each begins with frames of
//! its own, and what a first frame says of the length counts for its own recording only.

mod header;
mod info;
mod reader;
#[cfg(test)]
mod tests;

pub(super) use header::Header;
pub(super) use reader::Mpeg;
