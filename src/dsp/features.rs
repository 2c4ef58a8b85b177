//! What a classifier sees: compressed mel columns, one per STFT frame. Gain and floor are fixed (never taken from the
//! signal's own maximum), so that a stream and a recording of it give the same numbers.

use serde::{Deserialize, Serialize};

use super::{Complex32, MelFilterbank, MelParams, StftParams, StreamingStft};
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// What of a complex spectrum goes into the mel bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpectrumPower {
    /// `|X|`.
    Magnitude,
    /// `|X|²`.
    Power,
}

/// How a mel value `x` is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Compression {
    /// `log10(max(x, floor)) * scale + offset`.
    Log10 {
        /// Smallest value told apart; above 0.
        floor: f32,
        /// Factor on the logarithm.
        scale: f32,
        /// Added last.
        offset: f32,
    },
    /// `ln(1 + x)`.
    Log1p,
    /// `10 log10(max(x, floor))`, in dB for a power spectrum: librosa's `power_to_db(ref=1, amin=floor, top_db=None)`.
    Db {
        /// Smallest value told apart; above 0.
        floor: f32,
    },
}

impl Compression {
    /// How fast the compressed value rises with `x`: 0 below the floor.
    pub(crate) fn slope(self, x: f32) -> f32 {
        let of_log10 = |floor: f32, scale: f32| if x > floor { scale / (x * std::f32::consts::LN_10) } else { 0.0 };
        match self {
            Self::Log1p => 1.0 / (1.0 + x),
            Self::Db { floor } => of_log10(floor, 10.0),
            Self::Log10 { floor, scale, .. } => of_log10(floor, scale),
        }
    }

    fn validate(self) -> Result<()> {
        let fit = match self {
            Self::Log1p => true,
            Self::Db { floor } => floor.is_finite() && floor > 0.0,
            Self::Log10 { floor, scale, offset } => {
                floor.is_finite() && floor > 0.0 && scale.is_finite() && offset.is_finite()
            }
        };
        if fit {
            Ok(())
        } else {
            Err(Error::usage(format!(
                "the compression {self:?} is not usable; give a floor above 0 and finite numbers"
            )))
        }
    }

    /// What a band without energy becomes.
    #[must_use]
    pub fn silence(self) -> f32 {
        let mut value = [0.0];
        self.apply(&mut value);
        value[0]
    }

    /// Compresses every value in place.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::Log1p => values.iter_mut().for_each(|x| *x = x.ln_1p()),
            Self::Db { floor } => values.iter_mut().for_each(|x| *x = 10.0 * x.max(floor).log10()),
            Self::Log10 { floor, scale, offset } => {
                values.iter_mut().for_each(|x| *x = x.max(floor).log10() * scale + offset);
            }
        }
    }
}

/// Everything that decides a model's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrontEndParams {
    /// The signal's rate.
    pub sample_rate: SampleRate,
    /// How it is cut into frames.
    pub stft: StftParams,
    /// The bands.
    pub mel: MelParams,
    /// What goes into the bands.
    pub power: SpectrumPower,
    /// What comes out of them.
    pub compression: Compression,
}

/// Turns STFT frames into compressed mel columns.
pub struct FrontEnd {
    params: FrontEndParams,
    bank: MelFilterbank,
    spectrum: Vec<f32>,
}

impl FrontEnd {
    /// The front end of `params`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage), naming the parameter that does not fit.
    pub fn new(params: &FrontEndParams) -> Result<Self> {
        params.stft.validate()?;
        params.compression.validate()?;
        let bank = MelFilterbank::new(&params.mel, params.sample_rate, params.stft.n_fft)?;
        Ok(Self { params: *params, spectrum: vec![0.0; bank.n_bins()], bank })
    }

    /// The parameters it was made with.
    #[must_use]
    pub const fn params(&self) -> &FrontEndParams {
        &self.params
    }

    /// The mel filterbank.
    #[must_use]
    pub const fn bank(&self) -> &MelFilterbank {
        &self.bank
    }

    /// Number of values in a column.
    #[must_use]
    pub fn n_mels(&self) -> usize {
        self.bank.n_mels()
    }

    /// Turns one STFT frame (`[n_bins]`) into one compressed column (`out`, `[n_mels]`), without allocating.
    ///
    /// # Panics
    /// If `frame` has fewer than `n_bins` values.
    pub fn column(&mut self, frame: &[Complex32], out: &mut [f32]) {
        self.mel(frame, out);
        self.compress(out);
    }

    /// The first half of [`column`](Self::column): the bands' sums before compression, of magnitudes or powers as the
    /// parameters say.
    ///
    /// # Panics
    /// As [`column`](Self::column).
    pub fn mel(&mut self, frame: &[Complex32], out: &mut [f32]) {
        let frame = &frame[..self.spectrum.len()];
        match self.params.power {
            SpectrumPower::Power => self.spectrum.iter_mut().zip(frame).for_each(|(s, x)| *s = x.norm_sqr()),
            SpectrumPower::Magnitude => self.spectrum.iter_mut().zip(frame).for_each(|(s, x)| *s = magnitude(*x)),
        }
        self.bank.apply(&self.spectrum, out);
    }

    /// The second half of [`column`](Self::column): compresses the bands' sums in place.
    pub fn compress(&self, mel: &mut [f32]) {
        self.params.compression.apply(mel);
    }

    /// All columns of a whole signal, `[n_frames, n_mels]`, one after the other; the same numbers as frame by frame.
    ///
    /// # Errors
    /// As [`StftParams::validate`].
    pub fn batch(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        let mut stft = StreamingStft::new(&self.params.stft)?;
        let n_mels = self.n_mels();
        let mut columns = vec![0.0; self.params.stft.n_frames(samples.len()) * n_mels];
        let mut rest = columns.as_mut_slice();
        let mut on_frame = |frame: &[Complex32]| {
            if let Some((column, after)) = std::mem::take(&mut rest).split_at_mut_checked(n_mels) {
                self.column(frame, column);
                rest = after;
            }
        };
        stft.push(samples, &mut on_frame);
        stft.finish(&mut on_frame);
        Ok(columns)
    }
}

/// `ln(1 + |X|)` of one STFT frame, bin by bin: the spectrogram that L2I's dictionary is learnt from and its mask applied to.
/// Stops at the shorter of the two slices.
pub fn log1p_magnitude(frame: &[Complex32], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(frame) {
        *out = magnitude(*x).ln_1p();
    }
}

/// The plain square root: `norm()` guards against overflow with `hypot`, at many times the cost, and spectra of audio stay far
/// from the ends of the range.
fn magnitude(x: Complex32) -> f32 {
    x.norm_sqr().sqrt()
}
