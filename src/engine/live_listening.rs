//! The worker's side of live listening: what is played, and what a screen is told of it.

use std::sync::Arc;

use super::listen::Listener;
use super::snapshot::ListenSummary;
use super::worker::Worker;
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

impl Worker {
    /// A screen may have asked for something else to be played.
    pub(super) fn turn_listening(&mut self) {
        let Some(live) = &self.live else { return };
        let control = live.listener.push().control();
        for _ in 0..self.controls.take_listen_steps() {
            control.set_mode(control.mode().next());
        }
    }

    /// What is played live, for screens.
    pub(super) fn listening(&self) -> Option<ListenSummary> {
        let live = self.live.as_ref()?;
        let control = live.listener.push().control();
        Some(ListenSummary {
            output: live.output.clone(),
            mode: control.mode().as_str(),
            delay_secs: live.delay_secs,
            underruns: control.underruns(),
            trouble: (live.trouble)(),
        })
    }
}
