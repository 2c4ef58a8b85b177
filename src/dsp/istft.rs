//! The streaming inverse STFT: frames in, samples out, lined up with the samples that the frames were made from.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner};

use super::{Complex32, Spectrogram, StftParams, window_weights};
use crate::error::{Error, Result};

/// The least that a sample is divided by, as a share of the sum of squared windows it would have inside a stream (of 1 where
/// that is more). Only the outermost samples of a stream with Hann windows can be so thinly covered (an uncentred stream's
/// two ends; the end of a centred one whose hop is about half its window). Dividing by the true sum there would restore an
/// untouched signal, but it turns what a mask leaves at a frame's edge into a click thousands of times too loud; this way
/// it is a fade, over less than a tenth of the window. Whoever needs those samples untouched pushes one more hop of zeros.
/// Hamming windows end at 0.08, whose square is above this: they never fade.
const MIN_COVERAGE: f32 = 0.006;

/// Weighted overlap-add: each frame is transformed back, weighted with the window again, added, and every sample is divided
/// by the sum of the squared windows that reached it. Untouched frames give the samples back to 1e-6 (relative), for any
/// hop up to the window's length that leaves no sample uncovered; changed frames give the nearest signal in least squares.
///
/// Output sample `i` lines up with input sample `i`. [`push_frame`](Self::push_frame) never allocates.
pub struct StreamingIstft {
    params: StftParams,
    fft: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
    window_squared: Vec<f32>,
    /// Sums over the samples that the next frame's window covers, the first of which is `position`.
    sum: Vec<f32>,
    coverage: Vec<f32>,
    /// For each of them, the least that its sum is divided by.
    min_coverage: Vec<f32>,
    /// Stream position of `sum[0]`; negative inside the padding of a centred stream.
    position: i64,
    /// Stream position of the next sample to hand out.
    emitted: i64,
    spectrum: Vec<Complex32>,
    samples: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl StreamingIstft {
    /// An inverse at the beginning of a stream.
    ///
    /// # Errors
    /// As [`StftParams::validate`], and [`ErrorKind::Usage`](crate::ErrorKind::Usage) where the hop is longer than the
    /// window, which leaves samples that no frame holds.
    pub fn new(params: &StftParams) -> Result<Self> {
        params.validate()?;
        let StftParams { n_fft, hop, win_length, .. } = *params;
        if hop > win_length {
            return Err(Error::usage(format!(
                "a hop of {hop} samples skips samples between windows of {win_length}; give a hop of at most {win_length} to make audio from frames"
            )));
        }
        let fft = RealFftPlanner::<f32>::new().plan_fft_inverse(n_fft);
        let window = window_weights(params.window, win_length);
        let window_squared: Vec<f32> = window.iter().map(|w| w * w).collect();
        // Inside a stream a sample is reached by every window value that lies whole hops away.
        let inside: Vec<f32> = (0..hop).map(|i| window_squared.iter().skip(i).step_by(hop).sum()).collect();
        let min_coverage =
            (0..win_length).map(|i| (MIN_COVERAGE * inside[i % hop].min(1.0)).max(f32::MIN_POSITIVE)).collect();
        let mut istft = Self {
            params: *params,
            window_squared,
            window,
            sum: vec![0.0; win_length],
            coverage: vec![0.0; win_length],
            min_coverage,
            position: 0,
            emitted: 0,
            spectrum: fft.make_input_vec(),
            samples: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        };
        istft.reset();
        Ok(istft)
    }

    /// The parameters it was made with.
    #[must_use]
    pub const fn params(&self) -> &StftParams {
        &self.params
    }

    /// How far the output is behind the frames, in samples: once the frame that ends before input sample `e` is pushed, all
    /// output before `e - delay_samples()` has been handed out. (`n_fft - hop` for a window as long as the frame.)
    #[must_use]
    pub const fn delay_samples(&self) -> usize {
        self.params.n_fft - self.params.window_offset() - self.params.hop
    }

    /// Forgets the stream: the next frame pushed is a first one.
    pub fn reset(&mut self) {
        self.sum.fill(0.0);
        self.coverage.fill(0.0);
        self.position = self.params.window_offset() as i64 - self.params.centre_padding() as i64;
        self.emitted = 0;
    }

    /// Takes the stream's next frame (`n_bins` values; missing ones count as zero) and hands the samples that no later frame
    /// can change to `on_samples`, in order: `hop` of them, fewer (or none) while a centred stream's padding passes by, a
    /// few more at the beginning of an uncentred stream whose window is shorter than its frame. The imaginary parts at 0 Hz
    /// and at half the sample rate are ignored.
    pub fn push_frame(&mut self, frame: &[Complex32], mut on_samples: impl FnMut(&[f32])) {
        self.transform(frame);
        let hop = self.params.hop;
        if self.position > self.emitted {
            // Only before the first frame of an uncentred stream with a short window: samples that no window reaches. The
            // zeros come from the frame itself, whose beginning is not used for anything else.
            let gap = (self.position - self.emitted) as usize;
            self.samples[..gap].fill(0.0);
            on_samples(&self.samples[..gap]);
            self.emitted = self.position;
        }
        // Of the hop's samples that are now complete, those before the stream's first sample are padding.
        let padding = (self.emitted - self.position).clamp(0, hop as i64) as usize;
        if padding < hop {
            normalise(&mut self.sum[padding..hop], &self.coverage[padding..hop], &self.min_coverage[padding..hop]);
            on_samples(&self.sum[padding..hop]);
        }
        self.position += hop as i64;
        self.emitted = self.emitted.max(self.position);
        shift(&mut self.sum, hop);
        shift(&mut self.coverage, hop);
    }

    /// Ends a stream of `n_samples_total` samples: hands out the rest, zeros where no frame reached; then it is as new. A
    /// stream whose hop is longer than half its window may already have handed out up to `hop` samples too many, which
    /// the caller drops ([`istft`] does).
    pub fn finish(&mut self, n_samples_total: usize, mut on_samples: impl FnMut(&[f32])) {
        let total = i64::try_from(n_samples_total).unwrap_or(i64::MAX);
        normalise(&mut self.sum, &self.coverage, &self.min_coverage);
        while self.emitted < total {
            // First what is held, then silence.
            let begin = usize::try_from(self.emitted - self.position).unwrap_or(0).min(self.sum.len());
            if begin == self.sum.len() {
                self.sum.fill(0.0);
                self.position = self.emitted;
                continue;
            }
            let n = (self.sum.len() - begin).min((total - self.emitted) as usize);
            on_samples(&self.sum[begin..begin + n]);
            self.emitted += n as i64;
        }
        self.reset();
    }

    /// Adds the frame's weighted samples to the sums.
    fn transform(&mut self, frame: &[Complex32]) {
        debug_assert_eq!(frame.len(), self.params.n_bins(), "a frame of this transform");
        let n_bins = self.spectrum.len();
        let n = frame.len().min(n_bins);
        self.spectrum[..n].copy_from_slice(&frame[..n]);
        self.spectrum[n..].fill(Complex32::default());
        // A real signal has none there; realfft refuses to ignore them by itself.
        self.spectrum[0].im = 0.0;
        if self.params.n_fft.is_multiple_of(2) {
            self.spectrum[n_bins - 1].im = 0.0;
        }
        let done = self.fft.process_with_scratch(&mut self.spectrum, &mut self.samples, &mut self.scratch);
        debug_assert!(done.is_ok(), "the buffers come from the plan itself: {done:?}");
        let scale = 1.0 / self.params.n_fft as f32;
        let samples = &self.samples[self.params.window_offset()..];
        for ((sum, sample), weight) in self.sum.iter_mut().zip(samples).zip(&self.window) {
            *sum += sample * weight * scale;
        }
        for (coverage, squared) in self.coverage.iter_mut().zip(&self.window_squared) {
            *coverage += squared;
        }
    }
}

fn normalise(sum: &mut [f32], coverage: &[f32], min_coverage: &[f32]) {
    for ((sum, coverage), least) in sum.iter_mut().zip(coverage).zip(min_coverage) {
        *sum /= coverage.max(*least);
    }
}

/// Drops the first `n` values and appends as many zeros.
fn shift(values: &mut [f32], n: usize) {
    values.copy_within(n.., 0);
    let kept = values.len() - n;
    values[kept..].fill(0.0);
}

/// The `n_samples` samples that `spectrogram` was made from: what [`StreamingIstft`] gives for it, bit for bit.
///
/// # Errors
/// As [`StreamingIstft::new`], and [`ErrorKind::Usage`](crate::ErrorKind::Usage) where the spectrogram has another number
/// of bins than `params`.
pub fn istft(params: &StftParams, spectrogram: &Spectrogram, n_samples: usize) -> Result<Vec<f32>> {
    let mut streaming = StreamingIstft::new(params)?;
    if spectrogram.n_bins != params.n_bins() {
        return Err(Error::usage(format!(
            "a spectrogram of {} bins cannot be inverted with n_fft = {}; give the parameters it was made with",
            spectrogram.n_bins, params.n_fft
        )));
    }
    let mut samples = Vec::with_capacity(n_samples + params.win_length);
    for i in 0..spectrogram.n_frames() {
        streaming.push_frame(spectrogram.frame(i), |ready| samples.extend_from_slice(ready));
    }
    streaming.finish(n_samples, |ready| samples.extend_from_slice(ready));
    samples.truncate(n_samples);
    Ok(samples)
}
