//! Sound files: recordings in (see [`sniff::READABLE`]), 16-bit WAV and Opus out. Knows nothing of devices or models.

mod bytes;
mod container;
pub mod decode;
pub mod faults;
mod flac;
pub mod folder;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod made;
pub mod mono;
mod mp4;
mod mpeg;
pub mod ogg_opus;
mod open;
mod opus;
mod reader;
pub mod recorded_at;
pub mod sniff;
mod steps;
mod tags;
#[cfg(test)]
mod tests;
pub mod wav;
mod wave;
mod window;
