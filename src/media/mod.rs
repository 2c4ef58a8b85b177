//! Sound files: recordings in (wav, flac, ogg/vorbis, mp3), 16-bit WAV out. Knows nothing of devices or models.

pub mod decode;
mod packets;
pub mod recorded_at;
mod riff;
pub mod wav;
