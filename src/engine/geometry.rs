//! How a stream is cut up into frames, segments and strides.

use std::ops::Range;

use crate::dsp::{FrontEndParams, MelScale, StftParams};

/// How a stream is cut up. All lengths are in frames unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Samples to frames.
    pub stft: StftParams,
    /// Values of a feature column.
    pub n_mels: usize,
    /// Whether these are samples, and not bands.
    pub hears_samples: bool,
    /// Length of a segment.
    pub segment_frames: usize,
    /// From one segment to the next.
    pub stride_frames: usize,
    /// Where the first segment ends (exclusive); the next one ends a stride later.
    pub first_end: u64,
    /// A frame gets its mask from the first segment that ends more than this after it, so that the frame has a future
    /// inside the segment.
    pub lookahead_frames: usize,
    /// Over so many frames one segment's mask fades into the next one's.
    pub fade_frames: usize,
}

impl Geometry {
    /// Strides that a mask looks ahead, where the segment is long enough.
    const LOOKAHEAD_STRIDES: usize = 2;
    /// Frames of a cross-fade, where the stride is long enough.
    const FADE_FRAMES: usize = 8;

    /// The geometry of a live stream: the first segment ends after one stride.
    #[must_use]
    pub fn new(front_end: &FrontEndParams, segment_frames: usize, stride_frames: usize) -> Self {
        let stride_frames = stride_frames.max(1);
        let strides = (segment_frames / stride_frames).saturating_sub(1).min(Self::LOOKAHEAD_STRIDES);
        Self {
            stft: front_end.stft,
            n_mels: front_end.mel.n_mels,
            hears_samples: front_end.mel.scale == MelScale::Samples,
            segment_frames,
            stride_frames,
            first_end: stride_frames as u64,
            lookahead_frames: strides * stride_frames,
            // The segment before ends where the lookahead does: past that it has nothing to fade from.
            fade_frames: Self::FADE_FRAMES.min(stride_frames).min(strides * stride_frames),
        }
    }

    /// Position of the first sample that frame `t` holds; negative where the frame begins before the stream.
    #[must_use]
    pub const fn frame_start(&self, t: i64) -> i64 {
        let padding = if self.stft.centred { self.stft.n_fft / 2 } else { 0 };
        t * self.stft.hop as i64 - padding as i64
    }

    /// Position of the sample that frame `t` is centred on.
    #[must_use]
    pub const fn centre(&self, t: i64) -> i64 {
        let centre = if self.stft.centred { 0 } else { self.stft.n_fft / 2 };
        t * self.stft.hop as i64 + centre as i64
    }

    /// The samples that a range of frames holds.
    #[must_use]
    pub const fn span(&self, frames: &Range<i64>) -> Range<i64> {
        self.frame_start(frames.start)..self.frame_start(frames.end - 1) + self.stft.n_fft as i64
    }

    /// The frames that hold any of these samples, from frame 0 on.
    #[must_use]
    pub fn frames_touching(&self, samples: &Range<i64>) -> Range<u64> {
        let (hop, n_fft) = (self.stft.hop as i64, self.stft.n_fft as i64);
        let padding = -self.frame_start(0);
        let first = (samples.start + padding - n_fft).div_euclid(hop) + 1;
        let last = (samples.end - 1 + padding).div_euclid(hop);
        first.max(0) as u64..(last + 1).max(first).max(0) as u64
    }

    /// Where the last segment of a stream of `n_samples` ends that a mask looks ahead to; silence stands behind the stream.
    #[must_use]
    pub const fn last_end(&self, n_samples: usize) -> u64 {
        let stride = self.stride_frames as u64;
        (self.stft.n_frames(n_samples) as u64).div_ceil(stride) * stride + self.lookahead_frames as u64
    }

    /// The frames of the segment that ends at `end`; negative before the stream, where the segment holds silence.
    #[must_use]
    pub const fn segment(&self, end: u64) -> Range<i64> {
        end as i64 - self.segment_frames as i64..end as i64
    }
}
