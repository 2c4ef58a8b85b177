//! What the decoder remembers of a stream, so that a stride costs a stride: rows of each layer that the next segment will want
//! again.

use candle_core::Tensor;

use super::window::Window;
use crate::Result;

/// The newest rows of each layer, of one class in one stream.
#[derive(Debug, Clone, Default)]
pub struct MaskMemory {
    layers: Vec<Option<Rows>>,
    /// The stream's frame in which the segment begins; before the stream it is negative.
    origin: i64,
}

/// Rows of a layer's output, from a frame of the stream on.
#[derive(Debug, Clone)]
struct Rows {
    start: i64,
    end: i64,
    /// `[1, rows, bands, channels]`.
    values: Tensor,
}

impl MaskMemory {
    /// Turns to the segment of `n_frames` frames that ends with frame `end` of the stream.
    pub(super) fn begin(&mut self, end: u64, n_frames: usize) {
        self.origin = end as i64 - n_frames as i64;
    }

    /// What is not there of a window of layer `i`'s output: its end, or all of it.
    pub(super) fn missing(&self, i: usize, wanted: &Window) -> Window {
        let start = wanted.frames.start as i64 + self.origin;
        let frames = match self.layers.get(i) {
            Some(Some(rows)) if rows.start <= start && start < rows.end => {
                let known_to = usize::try_from(rows.end - self.origin).unwrap_or(0);
                known_to.min(wanted.frames.end)..wanted.frames.end
            }
            _ => wanted.frames.clone(),
        };
        Window { frames, row: wanted.row }
    }

    /// The part of a window that is there: what [`missing`](Self::missing) leaves of it. One map, or none.
    pub(super) fn recall(&self, i: usize, wanted: &Window, missing: &Window) -> Result<Vec<Tensor>> {
        let n_rows = (missing.frames.start - wanted.frames.start) / wanted.row;
        match self.layers.get(i) {
            Some(Some(rows)) if n_rows > 0 => {
                let from = (wanted.frames.start as i64 + self.origin - rows.start) as usize / wanted.row;
                Ok(vec![rows.values.narrow(1, from, n_rows)?])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Keeps layer `i`'s output over a window, up to frame `settled` of the segment, from which on later frames change it.
    pub(super) fn keep(&mut self, i: usize, out: &Tensor, window: &Window, settled: usize) {
        let end = window.frames.end.min(settled);
        let n_rows = end.saturating_sub(window.frames.start) / window.row;
        if self.layers.len() <= i {
            self.layers.resize(i + 1, None);
        }
        self.layers[i] = match out.narrow(1, 0, n_rows) {
            Ok(values) if n_rows > 0 => {
                let start = window.frames.start as i64 + self.origin;
                Some(Rows { start, end: start + (n_rows * window.row) as i64, values })
            }
            _ => None,
        };
    }
}
