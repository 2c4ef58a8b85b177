//! The capture and playback devices that this machine has.

use crate::error::Result;

/// Which way sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the program.
    Capture,
    /// Out of the program.
    Playback,
}

impl Direction {
    /// `capture` or `playback`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Playback => "playback",
        }
    }
}

/// One device in one direction; a device that does both is listed twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What `device:ID` takes. Stable across runs and, where the system allows it, across reboots.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// The sound system that it belongs to, as in `alsa` or `pulseaudio`: the first part of its id.
    pub host: String,
    /// Which way sound goes.
    pub direction: Direction,
    /// Whether `default` means this one.
    pub is_default: bool,
    /// Fewest and most channels; where a server converts, the device's own.
    pub channels: (u16, u16),
    /// Lowest and highest sample rate in Hz; where a server converts, the device's own.
    pub rates: (u32, u32),
    /// Sample formats, as in `i16`, best first.
    pub formats: Vec<String>,
}

/// Lists the devices of all sound systems that can be opened, and JACK clients that can be listened to, capture first. A device
/// that refuses to say what it can do is left out, and so is, with a warning in the log, a sound system that does not answer
/// within some seconds.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where no sound system can list its devices, [`crate::ErrorKind::Usage`] in a build without the
/// features `cpal` and `jack`.
pub fn list_devices() -> Result<Vec<DeviceInfo>> {
    let jack = jack_devices();
    let mut devices = match cpal_devices() {
        Err(_) if !jack.is_empty() => Vec::new(),
        answer => answer?,
    };
    let at = devices.iter().position(|device| device.direction == Direction::Playback).unwrap_or(devices.len());
    devices.splice(at..at, jack);
    Ok(devices)
}

#[cfg(feature = "cpal")]
fn cpal_devices() -> Result<Vec<DeviceInfo>> {
    super::cpal_list::list()
}

#[cfg(all(not(feature = "cpal"), feature = "jack"))]
fn cpal_devices() -> Result<Vec<DeviceInfo>> {
    Ok(Vec::new())
}

#[cfg(not(any(feature = "cpal", feature = "jack")))]
fn cpal_devices() -> Result<Vec<DeviceInfo>> {
    Err(crate::error::Error::usage(
        "this build has no sound devices; build it with the feature cpal or jack to list them",
    ))
}

#[cfg(feature = "jack")]
fn jack_devices() -> Vec<DeviceInfo> {
    super::jack_list::list()
}

#[cfg(not(feature = "jack"))]
fn jack_devices() -> Vec<DeviceInfo> {
    Vec::new()
}
