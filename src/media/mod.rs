//! Reading and writing audio files.

pub mod wav;
