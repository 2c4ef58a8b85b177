//! What a classifier sees: compressed mel columns, one per STFT frame. Gain and floor are fixed (never taken from the
//! signal's own maximum), so that a stream and a recording of it give the same numbers.

use serde::{Deserialize, Serialize};

use super::frame_samples::FrameSamples;
use super::{Complex32, MelFilterbank, MelParams, MelScale, Spectrogram, StftParams, StreamingStft};
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
    /// Not at all; samples always.
    None,
    /// `ln(1 + x)`.
    Log1p,
    /// `10 log10(max(x, floor))`, in dB for a power spectrum: librosa's `power_to_db(ref=1, amin=floor, top_db=None)`.
    Db {
        /// Smallest value told apart; above 0.
        floor: f32,
    },
    /// `ln(x + floor) * scale + offset`.
    Ln {
        /// Added before the logarithm; above 0.
        floor: f32,
        /// Factor on the logarithm.
        scale: f32,
        /// Added last.
        offset: f32,
    },
}

impl Compression {
    /// How fast the compressed value rises with `x`: 0 below the floor.
    pub(crate) fn slope(self, x: f32) -> f32 {
        let of_log10 = |floor: f32, scale: f32| if x > floor { scale / (x * std::f32::consts::LN_10) } else { 0.0 };
        match self {
            Self::None => 1.0,
            Self::Log1p => 1.0 / (1.0 + x),
            Self::Db { floor } => of_log10(floor, 10.0),
            Self::Log10 { floor, scale, .. } => of_log10(floor, scale),
            Self::Ln { floor, scale, .. } => scale / (x + floor),
        }
    }

    fn validate(self) -> Result<()> {
        let fit = match self {
            Self::None | Self::Log1p => true,
            Self::Db { floor } => floor.is_finite() && floor > 0.0,
            Self::Log10 { floor, scale, offset } | Self::Ln { floor, scale, offset } => {
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
            Self::None => {}
            Self::Log1p => values.iter_mut().for_each(|x| *x = x.ln_1p()),
            Self::Db { floor } => values.iter_mut().for_each(|x| *x = 10.0 * x.max(floor).log10()),
            Self::Log10 { floor, scale, offset } => {
                values.iter_mut().for_each(|x| *x = x.max(floor).log10() * scale + offset);
            }
            Self::Ln { floor, scale, offset } => {
                values.iter_mut().for_each(|x| *x = (*x + floor).ln() * scale + offset);
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
    /// High frequencies are raised before the transform, `y[n] = x[n + 1] - pre_emphasis * x[n]`; 0 (not at all) to less
    /// than 1. Columns alone are made of `y`: masks and sound are of `x`, whose frames are the same samples.
    pub pre_emphasis: f32,
    /// The bands.
    pub mel: MelParams,
    /// What goes into the bands.
    pub power: SpectrumPower,
    /// What comes out of them.
    pub compression: Compression,
}

/// Turns STFT frames into compressed mel columns, or back into the samples in their middle
/// ([`MelScale::Samples`]): then the columns of successive frames are the signal itself, without a gap.
#[derive(Clone)]
pub struct FrontEnd {
    params: FrontEndParams,
    bank: MelFilterbank,
    /// Where columns are samples.
    samples: Option<FrameSamples>,
    spectrum: Vec<f32>,
    /// Response of the pre-emphasis at each bin; empty without.
    emphasis: Vec<Complex32>,
}

impl FrontEnd {
    /// The front end of `params`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage), naming the parameter that does not fit.
    pub fn new(params: &FrontEndParams) -> Result<Self> {
        StreamingStft::with_pre_emphasis(&params.stft, params.pre_emphasis)?;
        params.compression.validate()?;
        let samples = samples(params)?;
        let bank = MelFilterbank::new(&params.mel, params.sample_rate, params.stft.n_fft)?;
        let response = |bin: usize| {
            let turn = std::f32::consts::TAU * bin as f32 / params.stft.n_fft as f32;
            Complex32::from_polar(1.0, turn) - params.pre_emphasis
        };
        let emphasis = if params.pre_emphasis == 0.0 { Vec::new() } else { (0..bank.n_bins()).map(response).collect() };
        Ok(Self { params: *params, spectrum: vec![0.0; bank.n_bins()], samples, emphasis, bank })
    }

    /// A transform at the beginning of a stream, whose frames [`column`](Self::column) takes: with the pre-emphasis.
    ///
    /// # Errors
    /// None that [`new`](Self::new) would not have had.
    pub fn stft(&self) -> Result<StreamingStft> {
        StreamingStft::with_pre_emphasis(&self.params.stft, self.params.pre_emphasis)
    }

    /// All frames of a whole signal that [`column`](Self::column) takes.
    ///
    /// # Errors
    /// As [`stft`](Self::stft).
    pub fn frames(&self, samples: &[f32]) -> Result<Spectrogram> {
        Ok(self.stft()?.whole(samples))
    }

    /// Makes of a frame of the plain signal about what [`stft`](Self::stft) gives there, where only spectra are at hand: each
    /// bin is multiplied by the filter's response. That leaves out what the window's shape changes within one sample.
    pub fn emphasise(&self, frame: &mut [Complex32]) {
        frame.iter_mut().zip(&self.emphasis).for_each(|(x, response)| *x *= response);
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

    /// Turns one frame of [`stft`](Self::stft) (`[n_bins]`) into one compressed column (`out`, `[n_mels]`), without allocating.
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
        if let Some(samples) = &mut self.samples {
            samples.take(frame, out);
            return;
        }
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
        let mut stft = self.stft()?;
        let n_mels = self.n_mels();
        let mut columns = Vec::with_capacity(self.params.stft.n_frames(samples.len()) * n_mels);
        let mut on_frame = |frame: &[Complex32]| {
            let at = columns.len();
            columns.resize(at + n_mels, 0.0);
            self.column(frame, &mut columns[at..]);
        };
        stft.push(samples, &mut on_frame);
        stft.finish(&mut on_frame);
        Ok(columns)
    }

    /// All columns of a whole recording as PyTorch's centred STFT makes them: what is before its beginning and behind its end
    /// is its own reflection, and not silence. A stream cannot do so; networks are compared with their origin by it.
    /// The pre-emphasis comes first and leaves one sample less.
    ///
    /// # Errors
    /// As [`StftParams::validate`], and where the signal is too short to be reflected.
    pub fn batch_reflected(&mut self, samples: &[f32]) -> Result<Vec<f32>> {
        let FrontEndParams { stft, pre_emphasis, .. } = self.params;
        let signal: Vec<f32> = match pre_emphasis {
            0.0 => samples.to_vec(),
            share => samples.windows(2).map(|pair| pair[1] - share * pair[0]).collect(),
        };
        let reach = stft.n_fft / 2;
        if signal.len() <= reach {
            return Err(Error::usage(format!(
                "a signal of {} samples is too short to be reflected; give more than {}",
                samples.len(),
                reach + 1
            )));
        }
        let before = signal[1..=reach].iter().rev();
        let after = signal[signal.len() - 1 - reach..signal.len() - 1].iter().rev();
        let padded: Vec<f32> = before.chain(&signal).chain(after).copied().collect();
        let frames = StreamingStft::new(&StftParams { centred: false, ..stft })?.whole(&padded);
        let mut columns = vec![0.0; frames.n_frames() * self.n_mels()];
        for (i, column) in columns.chunks_exact_mut(self.bank.n_mels()).enumerate() {
            self.column(frames.frame(i), column);
        }
        Ok(columns)
    }
}

/// What takes samples out of frames, where columns are samples.
fn samples(params: &FrontEndParams) -> Result<Option<FrameSamples>> {
    if params.mel.scale != MelScale::Samples {
        return Ok(None);
    }
    let (hop, n_mels) = (params.stft.hop, params.mel.n_mels);
    if n_mels != hop || params.pre_emphasis != 0.0 || params.compression != Compression::None {
        return Err(Error::usage(format!(
            "columns of {n_mels} samples do not follow each other at a hop of {hop} without change; give n_mels = hop, no \
             pre-emphasis, and compression none"
        )));
    }
    FrameSamples::new(&params.stft, n_mels).map(Some)
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
