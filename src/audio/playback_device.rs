//! Playback through the system's sound devices. Opening one takes two steps: [`choose`] finds the device and with it the
//! rate, which the ring and what fills it must know; [`PlaybackDevice::start`] plays.

#[cfg(feature = "cpal")]
pub use super::cpal_playback::PlaybackDevice;
#[cfg(feature = "cpal")]
pub use super::playback_keeper::Playback;

use super::listen_spec::ListenSpec;
use crate::error::{Error, Result};

/// Finds the playback device that `spec` names, and chooses how to open it.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] where `spec` names no device or this build has none, [`crate::ErrorKind::Output`] where it
/// is not there or offers nothing that can be played.
pub fn choose(spec: &ListenSpec) -> Result<PlaybackDevice> {
    match spec {
        ListenSpec::Device(id) => open(id.as_deref()),
        ListenSpec::Off | ListenSpec::Jack => {
            Err(Error::usage(format!("--listen {spec} names no playback device; use device or device:ID")))
        }
    }
}

#[cfg(feature = "cpal")]
fn open(id: Option<&str>) -> Result<PlaybackDevice> {
    PlaybackDevice::choose(id)
}

#[cfg(not(feature = "cpal"))]
fn open(_id: Option<&str>) -> Result<PlaybackDevice> {
    Err(Error::usage(
        "this build has no sound devices, so it cannot play; build it with the feature cpal, or use --listen jack or off",
    ))
}

#[cfg(not(feature = "cpal"))]
pub use without::{Playback, PlaybackDevice};

/// The same names where there is nothing behind them, so that who uses them need not ask.
#[cfg(not(feature = "cpal"))]
mod without {
    use std::sync::Arc;

    use super::super::playback::PlaybackPull;
    use super::super::playback_clock::ListenClock;
    use crate::error::Result;
    use crate::units::SampleRate;

    /// A playback device; this build has none.
    #[derive(Debug)]
    pub enum PlaybackDevice {}

    /// A playback that runs; this build has none.
    #[derive(Debug)]
    pub enum Playback {}

    impl PlaybackDevice {
        /// The rate that it plays at.
        #[must_use]
        pub const fn rate(&self) -> SampleRate {
            match *self {}
        }

        /// Plays.
        ///
        /// # Errors
        /// Never, as there is no device.
        pub fn start(self, _pull: PlaybackPull, _clock: Arc<ListenClock>, _input_rate: SampleRate) -> Result<Playback> {
            match self {}
        }
    }

    impl Playback {
        /// What is wrong with the device.
        #[must_use]
        pub const fn trouble(&self) -> Option<String> {
            match *self {}
        }

        /// [`trouble`](Self::trouble) for others to ask.
        #[must_use]
        pub fn watcher(&self) -> Box<dyn Fn() -> Option<String> + Send> {
            match *self {}
        }

        /// Closes the device.
        pub const fn stop(&mut self) {
            match *self {}
        }
    }
}
