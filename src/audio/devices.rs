//! The capture and playback devices that this machine has.

pub use super::device_info::{DeviceInfo, Direction};

use crate::error::Result;

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
