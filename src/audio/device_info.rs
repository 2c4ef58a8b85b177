//! What is known of a capture or playback device.

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
