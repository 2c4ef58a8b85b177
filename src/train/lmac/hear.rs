//! The classifier's front end behind a mask, in operations that have a gradient: |X'| = exp(m · ln(1 + |X|)) − 1, power,
//! mel bands, compression.

use candle_core::{Device, Tensor};

use crate::Result;
use crate::dsp::{Compression, FrontEndParams, MelFilterbank, SpectrumPower};
use crate::model::lmac::BandSpread;

/// From a mask in bands to what the classifier would see of the masked sound.
pub struct MaskedFrontEnd {
    /// `[n_mels, n_bins]`.
    spread: Tensor,
    /// The mel filterbank, `[n_bins, n_mels]`.
    mel: Tensor,
    power: SpectrumPower,
    compression: Compression,
}

impl MaskedFrontEnd {
    /// The front end of `params`.
    ///
    /// # Errors
    /// As [`MelFilterbank::new`].
    pub fn new(params: &FrontEndParams) -> Result<Self> {
        let spread = BandSpread::new(params)?;
        let bank = MelFilterbank::new(&params.mel, params.sample_rate, params.stft.n_fft)?;
        let (n_bins, n_mels) = (bank.n_bins(), bank.n_mels());
        let mut mel = vec![0.0; n_bins * n_mels];
        for band in 0..n_mels {
            let (first, weights) = bank.weights(band);
            weights.iter().enumerate().for_each(|(i, w)| mel[(first + i) * n_mels + band] = *w);
        }
        Ok(Self {
            spread: Tensor::from_vec(spread.matrix(), (n_mels, n_bins), &Device::Cpu)?,
            mel: Tensor::from_vec(mel, (n_bins, n_mels), &Device::Cpu)?,
            power: params.power,
            compression: params.compression,
        })
    }

    /// A mask in bands `[batch, n_frames, n_mels]` over the bins, `[batch, n_frames, n_bins]`.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn spread(&self, bands: &Tensor) -> Result<Tensor> {
        times_matrix(bands, &self.spread)
    }

    /// What the classifier sees, `[batch, n_frames, n_mels]`, of a sound whose ln(1 + |X|) is `log_magnitude`, `[batch,
    /// n_frames, n_bins]`, masked or not. The sound is not made: frames of a masked spectrogram that do not quite fit one
    /// another are seen as they are.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn features(&self, log_magnitude: &Tensor) -> Result<Tensor> {
        let magnitude = (log_magnitude.exp()? - 1.0)?;
        let spectrum = match self.power {
            SpectrumPower::Magnitude => magnitude,
            SpectrumPower::Power => magnitude.sqr()?,
        };
        let bands = times_matrix(&spectrum, &self.mel)?;
        let log10 = |x: &Tensor, floor: f32| x.maximum(f64::from(floor))?.log()? / std::f64::consts::LN_10;
        Ok(match self.compression {
            Compression::Log1p => (bands + 1.0)?.log()?,
            Compression::Db { floor } => (log10(&bands, floor)? * 10.0)?,
            Compression::Log10 { floor, scale, offset } => {
                log10(&bands, floor)?.affine(f64::from(scale), f64::from(offset))?
            }
        })
    }
}

/// The last dimension times a matrix.
fn times_matrix(x: &Tensor, matrix: &Tensor) -> Result<Tensor> {
    let (batch, n_frames, n) = x.dims3()?;
    Ok(x.reshape((batch * n_frames, n))?.matmul(matrix)?.reshape((batch, n_frames, matrix.dim(1)?))?)
}
