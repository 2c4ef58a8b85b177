//! The streaming short-time Fourier transform: samples in, frames out, each frame computed once.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use super::{Complex32, WindowKind, window_weights};
use crate::error::{Error, Result};

/// The largest transform accepted, in samples (more than five seconds at 192 kHz): a manifest with a slipped digit should be
/// an error, not gigabytes of memory.
const MAX_N_FFT: usize = 1 << 20;

/// How a signal is cut into frames. Frames are numbered as librosa numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StftParams {
    /// Length of the transform, in samples; need be neither even nor a power of two.
    pub n_fft: usize,
    /// Samples from one frame to the next; need divide nothing.
    pub hop: usize,
    /// Length of the window, in samples, at most `n_fft`; a shorter window sits in the middle of the frame.
    pub win_length: usize,
    /// The weighting function.
    pub window: WindowKind,
    /// Whether frame `t` is centred on sample `t * hop` (the signal is taken to be zero before its beginning and after its
    /// end: librosa's `center=True, pad_mode="constant"`), or begins there.
    pub centred: bool,
}

impl StftParams {
    /// Checks that the three lengths fit together.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage), naming the number at fault.
    pub fn validate(&self) -> Result<()> {
        let Self { n_fft, hop, win_length, .. } = *self;
        if !(2..=MAX_N_FFT).contains(&n_fft) {
            return Err(Error::usage(format!("n_fft is {n_fft}; give a length from 2 to {MAX_N_FFT} samples")));
        }
        if !(1..=MAX_N_FFT).contains(&hop) {
            return Err(Error::usage(format!("hop is {hop}; give a step from 1 to {MAX_N_FFT} samples")));
        }
        if !(1..=n_fft).contains(&win_length) {
            return Err(Error::usage(format!("win_length is {win_length}; give a length from 1 to n_fft = {n_fft}")));
        }
        Ok(())
    }

    /// Number of bins of a frame: `n_fft / 2 + 1`, from 0 Hz to half the sample rate.
    #[must_use]
    pub const fn n_bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Number of frames of a signal of `n_samples`, as in librosa: centred `1 + n_samples / hop` (for an even `n_fft`), else
    /// `1 + (n_samples - n_fft) / hop`, or 0 where not one frame fits.
    #[must_use]
    pub const fn n_frames(&self, n_samples: usize) -> usize {
        let padded = n_samples + 2 * self.centre_padding();
        if padded < self.n_fft { 0 } else { 1 + (padded - self.n_fft) / self.hop }
    }

    /// Zeros assumed before the first sample, and again after the last.
    pub(super) const fn centre_padding(&self) -> usize {
        if self.centred { self.n_fft / 2 } else { 0 }
    }

    /// Where the window begins inside a frame, in samples.
    pub(super) const fn window_offset(&self) -> usize {
        (self.n_fft - self.win_length) / 2
    }
}

/// A whole signal's frames: `[n_frames, n_bins]`, one frame after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Values of one frame.
    pub n_bins: usize,
    /// All frames' values; the length is a multiple of `n_bins`.
    pub frames: Vec<Complex32>,
}

impl Spectrogram {
    /// Number of frames.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.frames.len().checked_div(self.n_bins).unwrap_or(0)
    }

    /// The `n_bins` values of frame `i`.
    ///
    /// # Panics
    /// If there is no frame `i`.
    #[must_use]
    pub fn frame(&self, i: usize) -> &[Complex32] {
        &self.frames[i * self.n_bins..(i + 1) * self.n_bins]
    }

    /// The `n_bins` values of frame `i`, to change.
    ///
    /// # Panics
    /// If there is no frame `i`.
    pub fn frame_mut(&mut self, i: usize) -> &mut [Complex32] {
        &mut self.frames[i * self.n_bins..(i + 1) * self.n_bins]
    }
}

/// Cuts a stream into frames and transforms each once. Unscaled, as in librosa: a sine of amplitude `a` on a bin's
/// frequency has magnitude `a * sum(window) / 2` there.
///
/// [`push`](Self::push) costs one transform a hop, however long the stream and whatever the chunking, and never allocates.
#[derive(Clone)]
pub struct StreamingStft {
    params: StftParams,
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// Share of a sample that is taken from the one after it; 0 for none.
    pre_emphasis: f32,
    /// The samples not yet done with are `pending[begin..end]`.
    pending: Vec<f32>,
    begin: usize,
    end: usize,
    /// Samples still to pass over before the next frame begins (only where the hop is longer than a frame).
    skip: usize,
    weighted: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl StreamingStft {
    /// A transform at the beginning of a stream.
    ///
    /// # Errors
    /// As [`StftParams::validate`].
    pub fn new(params: &StftParams) -> Result<Self> {
        Self::with_pre_emphasis(params, 0.0)
    }

    /// A transform of `y[n] = x[n + 1] - pre_emphasis * x[n]` in place of the stream `x`, frame by frame where the frames of
    /// `x` are: the sample that `y` needs beyond the window's end is inside the frame. `pre_emphasis` is 0 (then `y` is `x`)
    /// to less than 1.
    ///
    /// # Errors
    /// As [`StftParams::validate`], and where a frame has no sample to spare behind the window.
    pub fn with_pre_emphasis(params: &StftParams, pre_emphasis: f32) -> Result<Self> {
        params.validate()?;
        if !(0.0..1.0).contains(&pre_emphasis) {
            return Err(Error::usage(format!("pre_emphasis is {pre_emphasis}; give 0 to less than 1")));
        }
        if pre_emphasis > 0.0 && params.n_fft < params.win_length + 2 {
            return Err(Error::usage(format!(
                "win_length is {}; with pre-emphasis give at most n_fft - 2 = {}",
                params.win_length,
                params.n_fft - 2
            )));
        }
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(params.n_fft);
        let mut stft = Self {
            params: *params,
            window: window_weights(params.window, params.win_length),
            pre_emphasis,
            // Twice a frame: the rest is moved to the front once per n_fft samples, not once per hop.
            pending: vec![0.0; 2 * params.n_fft],
            begin: 0,
            end: 0,
            skip: 0,
            weighted: vec![0.0; params.n_fft],
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        };
        stft.reset();
        Ok(stft)
    }

    /// The parameters it was made with.
    #[must_use]
    pub const fn params(&self) -> &StftParams {
        &self.params
    }

    /// Forgets the stream: the next sample pushed is a first one.
    pub fn reset(&mut self) {
        self.begin = 0;
        self.skip = 0;
        self.end = self.params.centre_padding();
        self.pending[..self.end].fill(0.0);
    }

    /// Takes the stream's next samples (any number) and hands each frame they complete to `on_frame`, in order, as
    /// `n_bins` values.
    pub fn push(&mut self, mut samples: &[f32], mut on_frame: impl FnMut(&[Complex32])) {
        while !samples.is_empty() {
            let skipped = self.skip.min(samples.len());
            self.skip -= skipped;
            samples = &samples[skipped..];
            let taken = self.fill(samples.len(), |room| room.copy_from_slice(&samples[..room.len()]));
            samples = &samples[taken..];
            self.drain(&mut on_frame);
        }
    }

    /// Ends the stream: hands out the frames that reach past the last sample (none unless centred), so that all frames
    /// together are [`StftParams::n_frames`]; samples after the last frame are dropped. Then it is as new.
    pub fn finish(&mut self, mut on_frame: impl FnMut(&[Complex32])) {
        let mut zeros = self.params.centre_padding();
        while zeros > 0 {
            let skipped = self.skip.min(zeros);
            self.skip -= skipped;
            zeros -= skipped;
            zeros -= self.fill(zeros, |room| room.fill(0.0));
            self.drain(&mut on_frame);
        }
        self.reset();
    }

    /// All frames of `samples` at once, from the beginning of a stream to its end.
    pub(super) fn whole(mut self, samples: &[f32]) -> Spectrogram {
        let n_bins = self.params.n_bins();
        let mut frames = Vec::with_capacity(self.params.n_frames(samples.len()) * n_bins);
        self.push(samples, |frame| frames.extend_from_slice(frame));
        self.finish(|frame| frames.extend_from_slice(frame));
        Spectrogram { n_bins, frames }
    }

    /// Makes room and lets `write` fill as much of `wanted` as fits; returns how much that was.
    fn fill(&mut self, wanted: usize, write: impl FnOnce(&mut [f32])) -> usize {
        if self.end == self.pending.len() {
            self.pending.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        let taken = wanted.min(self.pending.len() - self.end);
        write(&mut self.pending[self.end..self.end + taken]);
        self.end += taken;
        taken
    }

    /// Transforms every frame that is complete.
    fn drain(&mut self, on_frame: &mut impl FnMut(&[Complex32])) {
        while self.end - self.begin >= self.params.n_fft {
            self.transform(self.begin);
            on_frame(&self.spectrum);
            let held = self.end - self.begin;
            self.begin += self.params.hop.min(held);
            self.skip = self.params.hop.saturating_sub(held);
        }
    }

    /// Windows and transforms the `n_fft` samples of `pending` from `begin`.
    fn transform(&mut self, begin: usize) {
        let offset = self.params.window_offset();
        let samples = &self.pending[begin + offset..];
        // The transform uses its input as scratch space, so the zeros around a short window are written each time.
        self.weighted[..offset].fill(0.0);
        self.weighted[offset + self.window.len()..].fill(0.0);
        let weighted = self.weighted[offset..].iter_mut().zip(&self.window);
        if self.pre_emphasis == 0.0 {
            weighted.zip(samples).for_each(|((out, weight), sample)| *out = sample * weight);
        } else {
            let emphasised = samples.windows(2).map(|pair| pair[1] - self.pre_emphasis * pair[0]);
            weighted.zip(emphasised).for_each(|((out, weight), sample)| *out = sample * weight);
        }
        let done = self.fft.process_with_scratch(&mut self.weighted, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok(), "the buffers come from the plan itself: {done:?}");
    }
}

/// All frames of `samples` at once: what [`StreamingStft`] gives for them, bit for bit.
///
/// # Errors
/// As [`StftParams::validate`].
pub fn stft(params: &StftParams, samples: &[f32]) -> Result<Spectrogram> {
    Ok(StreamingStft::new(params)?.whole(samples))
}
