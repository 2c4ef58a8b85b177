//! How far back an input remembers. Many inputs are as large as their memories, so no more than what an event or a screen may
//! still ask for.

use super::detector::Detector;
use super::history::Geometry;

/// Seconds of mel columns that a screen can ask for.
pub(super) const WATERFALL_SECS: f64 = 12.0;

/// How far back is remembered, in frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Before the beginning of an event, or the newest stride where there is none.
    pub(super) before_event: u64,
    /// At most, whatever is under way.
    pub(super) most: u64,
    /// Feature columns, which a screen shows.
    pub(super) columns: u64,
}

impl Keep {
    /// `roll_secs` is pre-roll and post-roll.
    pub(super) fn new(geometry: &Geometry, detector: &Detector, frame_secs: f64, roll_secs: f64) -> Self {
        let frames = |secs: f64| (secs / frame_secs).ceil() as u64;
        let ahead = geometry.lookahead_frames as u64 + 2 * geometry.stride_frames as u64;
        let overlap = (geometry.stft.n_fft / geometry.stft.hop) as u64 + 2;
        let strides = (detector.params().of_strides as u64 + 1) * geometry.stride_frames as u64;
        // An event begins within the segment in which it is found, and that may be some strides old.
        let before_event = 2 * geometry.segment_frames as u64 + strides + frames(roll_secs) + 1 + ahead + 2 * overlap;
        // The silence that ends a stretch must not push what a screen shows out of memory.
        let columns = frames(WATERFALL_SECS) + (geometry.stride_frames + geometry.lookahead_frames) as u64;
        Self { before_event, most: before_event + detector.reach_frames(geometry.stride_frames), columns }
    }
}
