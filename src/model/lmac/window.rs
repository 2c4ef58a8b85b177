//! A stretch of a segment that a layer looks at, in whole rows of the layer's map.

use std::ops::Range;

use candle_core::Tensor;

use crate::Result;

/// Frames of the segment, and how many of them one row of a map stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) frames: Range<usize>,
    row: usize,
}

impl Window {
    /// `frames` and `reach` more to each side, widened to whole rows, as far as a segment of `n_frames` goes.
    pub(super) fn around(frames: &Range<usize>, reach: usize, row: usize, n_frames: usize) -> Self {
        let start = frames.start.saturating_sub(reach) / row * row;
        let end = ((frames.end + reach).div_ceil(row) * row).min(n_frames);
        Self { frames: start..end, row }
    }

    /// The window's part of a map `[batch, rows, …]` of the whole segment.
    pub(super) fn of_whole(&self, map: &Tensor) -> Result<Tensor> {
        self.cut_at(map, 0)
    }

    /// The window's part of a map that begins where the wider window `from` begins, in rows of this window.
    pub(super) fn cut(&self, map: &Tensor, from: &Self) -> Result<Tensor> {
        self.cut_at(map, from.frames.start)
    }

    fn cut_at(&self, map: &Tensor, start: usize) -> Result<Tensor> {
        Ok(map.narrow(1, (self.frames.start - start) / self.row, self.frames.len() / self.row)?)
    }
}
