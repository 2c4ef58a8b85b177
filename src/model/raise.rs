//! From a coarse map of a network to the size of a finer one, and to the values of its input.

use candle_core::Tensor;

use super::ops::upsample;
use super::tap_shapes::MapSize;
use crate::{Error, Result};

/// A map brought to the size of a finer one, as [`super::tap_shapes::TapShapes`] has them: bands are doubled again and again.
pub(super) fn raise(x: &Tensor, from: MapSize, to: MapSize) -> Result<Tensor> {
    let mut x = x.contiguous()?;
    let doublings = from.doublings(to).ok_or_else(|| Error::bug(format!("{from:?} does not become {to:?}")))?;
    for left in (0..doublings).rev() {
        let rows = if left == 0 { from.frames / to.frames } else { 1 };
        x = upsample(&x, rows, to.bands >> left)?;
    }
    Ok(x)
}

/// A map whose channels are the values of a cell of `frames` frames and `bands` bands, as those values,
/// `[batch, n_frames, n_mels]`; the last band is repeated where one was left out.
pub(super) fn out_of_cells(cells: &Tensor, (frames, bands): (usize, usize), n_mels: usize) -> Result<Tensor> {
    let (batch, time, n_bands, _) = cells.dims4()?;
    let x = cells.reshape(&[batch, time, n_bands, frames, bands][..])?.permute((0, 1, 3, 2, 4))?.contiguous()?;
    let x = x.reshape((batch, time * frames, n_bands * bands))?;
    let last = x.narrow(2, n_bands * bands - 1, 1)?;
    let mut parts = vec![x];
    parts.extend(std::iter::repeat_n(last, n_mels - n_bands * bands));
    Ok(Tensor::cat(&parts, 2)?)
}
