//! Ψ: hidden layers to activations (extended L2I paper, section III-D; the layers as in the authors' program).

use candle_core::Tensor;

use super::L2iNet;
use crate::model::ops::{conv2d, matmul, plain_conv2d};
use crate::{Error, Result};

impl L2iNet {
    /// H `[batch, n_frames, n_components]` from the last three blocks' outputs, earliest first.
    pub(super) fn psi(&self, taps: &[Tensor]) -> Result<Tensor> {
        let [early, middle, late] = taps else {
            return Err(Error::bug(format!("L2I reads three hidden layers and was given {}", taps.len())));
        };
        // What all three maps are brought to: the latest map's bands, and a whole multiple of its frames.
        let bands = self.config.tap_bands[2];
        let (frames, middle_frames) = self.config.common_frames();

        let middle = self.resize_time(&middle.narrow(1, 0, middle_frames)?.contiguous()?, frames)?;
        let middle = mean_bands(&self.convolve(&middle, "conv1.weight", "conv1.bias")?, bands)?;
        let late = self.resize_time(late, middle_frames)?;
        let late = self.resize_time(&self.convolve(&late, "conv7.weight", "conv7.bias")?, frames)?;
        let early = self.fold_bands(&early.narrow(1, 0, frames)?, bands, "conv8.weight", "conv8.bias")?;

        let x = Tensor::cat(&[middle, late, early], 3)?;
        let x = self.convolve(&self.resize_time(&x, 2 * frames)?, "conv2.weight", "conv2.bias")?;
        let x = self.fold_bands(&self.resize_time(&x, 4 * frames)?, 1, "conv6.weight", "conv6.bias")?;
        let x = self.resize_time(&x, self.config.n_frames)?;
        let x = self.convolve(&x, "conv4.weight", "conv4.bias")?;
        let x = self.convolve(&x, "conv5.weight", "conv5.bias")?;
        Ok(x.squeeze(2)?)
    }

    /// Convolution, bias, ReLU.
    fn convolve(&self, x: &Tensor, weight: &'static str, bias: &'static str) -> Result<Tensor> {
        let weight = self.tensor(weight)?;
        let y =
            if self.own_kernels { conv2d(&x.contiguous()?, weight, None, false)? } else { plain_conv2d(x, weight)? };
        Ok(y.broadcast_add(self.tensor(bias)?)?.relu()?)
    }

    /// A convolution whose kernel and stride are one group of bands: groups side by side, one dense layer, ReLU.
    fn fold_bands(&self, x: &Tensor, bands: usize, weight: &'static str, bias: &'static str) -> Result<Tensor> {
        let (batch, time, freq, channels) = x.dims4()?;
        let group = freq / bands;
        let x = x.narrow(2, 0, group * bands)?.contiguous()?.reshape((batch * time * bands, group * channels))?;
        let y = matmul(&x, self.tensor(weight)?)?.broadcast_add(self.tensor(bias)?)?.relu()?;
        let width = y.dim(1)?;
        Ok(y.reshape((batch, time, bands, width))?)
    }

    /// Linear interpolation over time, as a matrix product: candle's own interpolation has no gradient.
    fn resize_time(&self, x: &Tensor, frames: usize) -> Result<Tensor> {
        let (batch, time, freq, channels) = x.dims4()?;
        if time == frames {
            return Ok(x.clone());
        }
        let matrix = self.resizings.get(&(time, frames)).ok_or_else(|| {
            Error::bug(format!("L2I was given a hidden layer of {time} frames where {frames} are to come of it"))
        })?;
        let matrix = matrix.expand((batch, frames, time))?.contiguous()?;
        let x = x.contiguous()?.reshape((batch, time, freq * channels))?;
        Ok(matrix.matmul(&x)?.reshape((batch, frames, freq, channels))?)
    }
}

/// Mean over groups of bands, so that `bands` are left.
fn mean_bands(x: &Tensor, bands: usize) -> Result<Tensor> {
    let (batch, time, freq, channels) = x.dims4()?;
    let group = freq / bands;
    let x = x.narrow(2, 0, group * bands)?.contiguous()?;
    Ok(x.reshape((batch, time, bands, group, channels))?.mean(3)?)
}
