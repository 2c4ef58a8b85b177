//! The samples in the middle of a frame, taken back out of its transform: what a network hears that listens to samples.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner};

use super::{Complex32, StftParams, window_weights};
use crate::error::{Error, Result};

/// Least weight that the window may have where samples are taken out: what is divided by less is mostly rounding.
const LEAST_WEIGHT: f32 = 0.25;

/// Undoes transform and window for the middle `n` samples of each frame. Where `n` is the hop, the samples of successive
/// frames follow each other without a gap.
#[derive(Clone)]
pub(super) struct FrameSamples {
    fft: Arc<dyn ComplexToReal<f32>>,
    spectrum: Vec<Complex32>,
    samples: Vec<f32>,
    scratch: Vec<Complex32>,
    /// One over the window and the transform's own factor, of the samples from `first` on.
    scale: Vec<f32>,
    first: usize,
}

impl FrameSamples {
    /// For the `n` middle samples of frames that `stft` makes.
    ///
    /// # Errors
    /// A usage error where the window hardly holds them.
    pub(super) fn new(stft: &StftParams, n: usize) -> Result<Self> {
        let window = window_weights(stft.window, stft.win_length);
        let first = stft.n_fft.saturating_sub(n) / 2;
        let weight = |at: usize| at.checked_sub(stft.window_offset()).and_then(|at| window.get(at)).copied();
        let weights: Vec<f32> = (first..first + n).map(|at| weight(at).unwrap_or(0.0)).collect();
        if weights.iter().any(|w| *w < LEAST_WEIGHT) {
            return Err(Error::usage(format!(
                "a window of {} samples hardly holds {n} samples in its middle; give a win_length of at least twice as many",
                stft.win_length
            )));
        }
        let fft = RealFftPlanner::<f32>::new().plan_fft_inverse(stft.n_fft);
        Ok(Self {
            spectrum: fft.make_input_vec(),
            samples: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            scale: weights.iter().map(|w| 1.0 / (w * stft.n_fft as f32)).collect(),
            first,
            fft,
        })
    }

    /// Writes the middle samples of `frame` into `out`.
    pub(super) fn take(&mut self, frame: &[Complex32], out: &mut [f32]) {
        self.spectrum.iter_mut().zip(frame).for_each(|(to, from)| *to = *from);
        // A real signal has no imaginary part at 0 Hz and, where it has such a bin, at half the sample rate.
        let last = self.spectrum.len() - 1;
        self.spectrum[0].im = 0.0;
        if self.samples.len().is_multiple_of(2) {
            self.spectrum[last].im = 0.0;
        }
        let done = self.fft.process_with_scratch(&mut self.spectrum, &mut self.samples, &mut self.scratch);
        debug_assert!(done.is_ok(), "the buffers come from the plan itself: {done:?}");
        let middle = self.samples[self.first..].iter().zip(&self.scale);
        out.iter_mut().zip(middle).for_each(|(out, (sample, scale))| *out = sample * scale);
    }
}
