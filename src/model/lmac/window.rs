//! A stretch of a segment that a layer looks at, in whole rows of the layer's map.

use std::ops::Range;

use candle_core::Tensor;

use crate::Result;

/// Frames of the segment, and how many of them one row of a map stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) frames: Range<usize>,
    pub(super) row: usize,
}

impl Window {
    /// `frames` and `reach` more to each side, widened to whole rows, as far as a segment of `n_frames` goes. Nothing of nothing.
    pub(super) fn around(frames: &Range<usize>, reach: usize, row: usize, n_frames: usize) -> Self {
        if frames.is_empty() {
            return Self { frames: frames.start..frames.start, row };
        }
        let start = frames.start.saturating_sub(reach) / row * row;
        let end = ((frames.end + reach).div_ceil(row) * row).min(n_frames);
        Self { frames: start..end, row }
    }
}

/// The window's part of a map `[batch, rows, …]` whose first row stands for frame `start`.
pub(super) fn cut(map: &Tensor, start: usize, window: &Window) -> Result<Tensor> {
    Ok(map.narrow(1, (window.frames.start - start) / window.row, window.frames.len() / window.row)?)
}
