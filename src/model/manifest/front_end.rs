//! The front end's part of the manifest: from samples to the classifier's input.

use serde::{Deserialize, Deserializer, Serialize};

use crate::dsp::{Compression, FrontEndParams, MelNorm, MelParams, MelScale, SpectrumPower, StftParams, WindowKind};
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// From samples to the classifier's input. All gains and floors are fixed: nothing scales by a segment's own maximum,
/// so that any chunking of a stream gives the same input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEndSpec {
    /// Rate that the model hears at; the stream is resampled to it. 8 000…192 000 Hz.
    pub sample_rate_hz: u32,
    /// FFT length in samples, at least 2.
    pub n_fft: usize,
    /// Samples from one frame to the next, 1…`win_length`.
    pub hop: usize,
    /// Length of the window in samples, 2…`n_fft`.
    pub win_length: usize,
    /// The weighting function.
    pub window: WindowKind,
    /// Whether the window is periodic, as its name says too; written down for whoever reads the weights elsewhere.
    pub periodic: bool,
    /// Whether frame t is centred on sample t·hop (zeros before the stream) and not begins there.
    pub centred: bool,
    /// High frequencies are raised first, `y[n] = x[n + 1] - pre_emphasis * x[n]`: 0…1, less than 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pre_emphasis: f32,
    /// Mel bands, 1…n_fft/2 + 1; values of a column, where there are no bands.
    pub n_mels: usize,
    /// Formula of the mel scale; or `bins` or `samples`, where columns are those. Height, edges and power are of bands alone
    /// then.
    pub mel_scale: MelScale,
    /// Height of the mel triangles.
    pub mel_norm: MelNorm,
    /// Lower edge of the lowest band, at least 0.
    pub f_min_hz: f32,
    /// Upper edge of the highest band, at most half the sample rate.
    pub f_max_hz: f32,
    /// What the mel bands sum.
    pub power: SpectrumPower,
    /// From mel energies to the classifier's input.
    #[serde(deserialize_with = "strict_compression")]
    pub compression: Compression,
}

impl FrontEndSpec {
    /// What the DSP is built from.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] for a sample rate of 0 Hz, which no checked manifest has.
    pub fn params(&self) -> Result<FrontEndParams> {
        let sample_rate = SampleRate::new(self.sample_rate_hz)
            .ok_or_else(|| Error::model("front_end.sample_rate_hz = 0 cannot be used; give 8000 to 192000 Hz"))?;
        Ok(FrontEndParams {
            sample_rate,
            stft: StftParams {
                n_fft: self.n_fft,
                hop: self.hop,
                win_length: self.win_length,
                window: self.window,
                centred: self.centred,
            },
            pre_emphasis: self.pre_emphasis,
            mel: MelParams {
                n_mels: self.n_mels,
                scale: self.mel_scale,
                norm: self.mel_norm,
                f_min_hz: self.f_min_hz,
                f_max_hz: self.f_max_hz,
            },
            power: self.power,
            compression: self.compression,
        })
    }

    /// Bins of a frame's spectrum: n_fft/2 + 1.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Seconds from one frame to the next.
    #[must_use]
    pub fn frame_secs(&self) -> f64 {
        self.hop as f64 / f64::from(self.sample_rate_hz)
    }
}

impl From<&FrontEndParams> for FrontEndSpec {
    fn from(p: &FrontEndParams) -> Self {
        Self {
            sample_rate_hz: p.sample_rate.hz(),
            n_fft: p.stft.n_fft,
            hop: p.stft.hop,
            win_length: p.stft.win_length,
            window: p.stft.window,
            periodic: p.stft.window.is_periodic(),
            centred: p.stft.centred,
            pre_emphasis: p.pre_emphasis,
            n_mels: p.mel.n_mels,
            mel_scale: p.mel.scale,
            mel_norm: p.mel.norm,
            f_min_hz: p.mel.f_min_hz,
            f_max_hz: p.mel.f_max_hz,
            power: p.power,
            compression: p.compression,
        }
    }
}

/// For serde: no pre-emphasis is not written.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(share: &f32) -> bool {
    *share == 0.0
}

/// Reads a compression, refusing unknown keys beside `kind = "log1p"` and `"none"` too: serde lets them pass beside a variant
/// that has no fields, so those variants have an empty set of them here.
fn strict_compression<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Compression, D::Error> {
    #[derive(Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
    enum Strict {
        None {},
        Log10 { floor: f32, scale: f32, offset: f32 },
        Log1p {},
        Db { floor: f32 },
        Ln { floor: f32, scale: f32, offset: f32 },
    }
    Ok(match Strict::deserialize(deserializer)? {
        Strict::Log10 { floor, scale, offset } => Compression::Log10 { floor, scale, offset },
        Strict::None {} => Compression::None,
        Strict::Log1p {} => Compression::Log1p,
        Strict::Db { floor } => Compression::Db { floor },
        Strict::Ln { floor, scale, offset } => Compression::Ln { floor, scale, offset },
    })
}
