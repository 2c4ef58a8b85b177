//! Sound files: recordings in (see [`sniff::READABLE`]), 16-bit WAV out. Knows nothing of devices or models.

mod bytes;
mod container;
pub mod decode;
pub mod faults;
mod flac;
pub mod folder;
mod mpeg;
mod open;
mod opus;
pub mod recorded_at;
pub mod sniff;
mod steps;
mod tags;
pub mod wav;
mod wave;
mod window;
