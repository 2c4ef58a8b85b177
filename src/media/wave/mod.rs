//! Plain samples behind a header: WAV in all its forms (RIFF, RIFX, RF64, BW64, W64), AIFF, and CAF, with headers as
//! recorders really write them.
//!
//! What counts is the sound, not the header: chunks before it are skipped without a look at what they hold, and what a
//! header says of the length is weighed against what is there.

mod adpcm;
mod aiff;
mod caf;
mod format;
mod head;
mod pcm;
mod reader;
mod tail;
#[cfg(test)]
mod tests;

pub(super) use reader::{Content, Wave};
