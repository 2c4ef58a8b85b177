//! The worker's side of live listening: what is played, and how.

use std::sync::Arc;

use super::listen::Listener;
use crate::audio::playback_clock::ListenClock;

/// The interpretation of the first input, played while it happens.
pub struct LiveListening {
    /// Renders what is played.
    pub listener: Listener,
    /// Tells a device with a clock of its own how far the capture is.
    pub clock: Option<Arc<ListenClock>>,
    /// Where to, as in `device` or `jack`.
    pub output: String,
    /// From a sound to its being heard, in seconds.
    pub delay_secs: f64,
    /// What is wrong with the output, if anything is.
    pub trouble: Box<dyn Fn() -> Option<String> + Send>,
}
