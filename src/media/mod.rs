//! Sound files: recordings in (see [`sniff::READABLE`]), 16-bit WAV out. Knows nothing of devices or models.

pub mod decode;
pub mod faults;
pub mod folder;
mod mpeg;
mod packets;
mod riff;
pub mod sniff;
mod stream;
pub mod wav;
