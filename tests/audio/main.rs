//! Sound in and out: recordings, pipes, and real sound systems without a sound card.

#[path = "../support/mod.rs"]
mod support;

mod alsa;
mod jack;
mod media;
mod playback;
mod pulse;
mod review_sound;
mod sources;
