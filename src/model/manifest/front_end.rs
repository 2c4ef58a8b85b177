//! The front end's part of the manifest: from samples to the classifier's input.

use serde::{Deserialize, Serialize};

use crate::units::SampleRate;

/// From samples to the classifier's input. All gains and floors are fixed: nothing scales by a segment's own maximum,
/// so that any chunking of a stream gives the same input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontEnd {
    /// Rate that the model hears at; the stream is resampled to it. 8 000…192 000 Hz.
    pub sample_rate_hz: u32,
    /// FFT length in samples; even.
    pub n_fft: usize,
    /// Samples from one frame to the next, 1…`win_length`.
    pub hop: usize,
    /// Length of the window in samples, 2…`n_fft`.
    pub win_length: usize,
    /// The weighting function.
    pub window: WindowKind,
    /// Whether the window is periodic (as in spectral analysis) and not symmetric.
    pub periodic: bool,
    /// Whether frame t is centred on sample t·hop (zeros before the stream) and not begins there.
    pub centred: bool,
    /// Mel bands, 1…n_fft/2 + 1.
    pub n_mels: usize,
    /// Formula of the mel scale.
    pub mel_scale: MelScale,
    /// Area of the mel triangles.
    pub mel_norm: MelNorm,
    /// Lower edge of the lowest band, at least 0.
    pub f_min_hz: f64,
    /// Upper edge of the highest band, at most half the sample rate.
    pub f_max_hz: f64,
    /// What the mel bands sum.
    pub power: SpectrumKind,
    /// From mel energies to the classifier's input.
    pub compression: Compression,
}

/// Weighting functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowKind {
    /// Raised cosine.
    Hann,
    /// Raised cosine on a pedestal (0.54 − 0.46 cos).
    Hamming,
}

/// Formulas of the mel scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelScale {
    /// Linear below 1 kHz, logarithmic above (librosa's default).
    Slaney,
    /// 2595·log10(1 + f/700).
    Htk,
}

/// Area of the mel triangles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelNorm {
    /// Each triangle has the same area (librosa's default).
    Slaney,
    /// Each triangle has height 1.
    None,
}

/// What the mel bands sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectrumKind {
    /// |X|².
    Power,
    /// |X|.
    Magnitude,
}

/// From mel energies to the classifier's input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Compression {
    /// `log10(max(mel, floor)) · scale + offset`.
    Log10 {
        /// Smallest energy that is told apart; greater than 0.
        floor: f64,
        /// Gain after the logarithm; not 0.
        scale: f64,
        /// Added last.
        offset: f64,
    },
    /// `ln(1 + mel)`.
    Log1p {},
    /// `10·log10(max(mel, floor))` for power, `20·log10(…)` for magnitudes.
    Db {
        /// Smallest energy that is told apart; greater than 0.
        floor: f64,
    },
}

impl FrontEnd {
    /// Bins of a frame's spectrum: n_fft/2 + 1.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// The model's sample rate; `None` for 0 Hz, which no checked manifest has.
    #[must_use]
    pub const fn sample_rate(&self) -> Option<SampleRate> {
        SampleRate::new(self.sample_rate_hz)
    }

    /// Seconds from one frame to the next.
    #[must_use]
    pub fn frame_secs(&self) -> f64 {
        self.hop as f64 / f64::from(self.sample_rate_hz)
    }
}
