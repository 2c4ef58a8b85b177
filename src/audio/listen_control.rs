//! What is heard of live playback, and what it has counted.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum ListenMode {
    /// What the classifier heard, while an event is open.
    #[default]
    Interpretation,
    /// What the microphone hears, as late as the interpretation.
    Input,
    /// Nothing.
    Silence,
}

impl ListenMode {
    /// `interpretation`, `input` or `silence`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interpretation => "interpretation",
            Self::Input => "input",
            Self::Silence => "silence",
        }
    }

    /// The one that follows: a key goes through them all.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Interpretation => Self::Input,
            Self::Input => Self::Silence,
            Self::Silence => Self::Interpretation,
        }
    }

    pub(super) const fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Input,
            2 => Self::Silence,
            _ => Self::Interpretation,
        }
    }
}

/// What is heard, and what the playback has counted since it began. Shared by all threads; nothing here waits.
#[derive(Debug, Default)]
pub struct ListenControl {
    mode: AtomicU8,
    pub(super) underruns: AtomicU64,
    pub(super) resyncs: AtomicU64,
    pub(super) played_samples: AtomicU64,
}

impl ListenControl {
    /// What is heard.
    #[must_use]
    pub fn mode(&self) -> ListenMode {
        ListenMode::from_u8(self.mode.load(Ordering::Relaxed))
    }

    /// From the next callback on, something else is heard.
    pub fn set_mode(&self, mode: ListenMode) {
        self.mode.store(mode as u8, Ordering::Relaxed);
    }

    /// How often samples were not there in time. A stretch without samples counts once; one that was announced, or
    /// that no one was to hear, not at all.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.underruns.load(Ordering::Relaxed)
    }

    /// How often the playback jumped while it played, because its clock and the capture clock had come too far apart.
    #[must_use]
    pub fn resyncs(&self) -> u64 {
        self.resyncs.load(Ordering::Relaxed)
    }

    /// Samples that went from the ring into the playback, silent ones too, at the playback's rate.
    #[must_use]
    pub fn played_samples(&self) -> u64 {
        self.played_samples.load(Ordering::Relaxed)
    }
}
