//! How an input is to be opened.

#[cfg(feature = "jack")]
use std::sync::Arc;

use super::fan::ChannelChoice;
#[cfg(feature = "jack")]
use super::jack_out::JackOut;
use crate::media::recorded_at::StartTime;

/// How to open an input.
#[derive(Clone)]
pub struct CaptureOptions {
    /// As quickly as the reader reads, without loss, instead of at real-time pace. For `file:`, `stdin:` and `demo`. With
    /// several channels, the slowest reader sets the pace.
    pub fast: bool,
    /// How long the worker may stall before samples are lost, in seconds: 0.1 to 600.
    pub ring_secs: f64,
    /// Which channels become inputs.
    pub channels: ChannelChoice,
    /// When the recording began; without it, what the recording itself tells.
    pub start_time: Option<StartTime>,
    /// What the client of a JACK input plays on a port of its own, `interpretation`.
    #[cfg(feature = "jack")]
    pub jack_out: Option<Arc<JackOut>>,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            fast: false,
            ring_secs: 10.0,
            channels: ChannelChoice::Mix,
            start_time: None,
            #[cfg(feature = "jack")]
            jack_out: None,
        }
    }
}
