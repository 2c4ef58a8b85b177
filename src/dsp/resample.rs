//! From any channel count and rate to the one channel and rate that a model wants.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler, WindowFunction};

use crate::error::{Error, Result};
use crate::units::SampleRate;

/// Length of the anti-aliasing filter in samples of the lower of the two rates, at least. It sets how far the pass band reaches
/// and the delay.
const MIN_FILTER_SAMPLES: usize = 512;

/// Changes the sample rate of a stream, block by block with an FFT (rubato's synchronous resampler).
///
/// Its own delay is taken out: output sample 0 is the signal's value at input sample 0, and a whole stream of `n` samples
/// becomes `round(n * to / from)`. Any chunking gives the same output, bit for bit. Between equal rates samples pass as they
/// are. Flat (within 0.1 dB) to 96 % of the lower Nyquist frequency, and nothing gets through from above it (139 dB down and
/// more where measured).
///
/// The output lags by up to [`lag_secs`](Self::lag_secs): 40 ms from 48 kHz to 22.05 kHz, at most 125 ms between usual rates.
/// Rates without a large common divisor work too, but in blocks of up to a second or more, so prefer usual rates for live
/// sound.
pub struct StreamingResampler {
    from: SampleRate,
    to: SampleRate,
    /// `None` between equal rates.
    blocks: Option<Blocks>,
    n_in: u64,
    n_out: u64,
}

struct Blocks {
    fft: Fft<f32>,
    input: Vec<f32>,
    filled: usize,
    output: Vec<f32>,
    /// Output samples still to drop: the filter's delay.
    to_drop: usize,
}

impl StreamingResampler {
    /// A resampler at the beginning of a stream.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for different rates of which one lies outside [`SampleRate::HEARD_HZ`].
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self> {
        let blocks = if from == to { None } else { Some(Blocks::new(from, to)?) };
        Ok(Self { from, to, blocks, n_in: 0, n_out: 0 })
    }

    /// Takes the stream's next samples (any number) and appends what can be told so far to `out`.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.n_in += samples.len() as u64;
        let before = out.len();
        match &mut self.blocks {
            None => out.extend_from_slice(samples),
            Some(blocks) => blocks.push(samples, out),
        }
        self.n_out += (out.len() - before) as u64;
    }

    /// Ends the stream: appends the rest to `out`, as if silence followed; then it is as new.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(blocks) = &mut self.blocks {
            let total = n_resampled(self.n_in, self.from, self.to);
            let missing = usize::try_from(total.saturating_sub(self.n_out)).unwrap_or(usize::MAX);
            let end = out.len().saturating_add(missing);
            while out.len() < end {
                blocks.push_silence(out);
            }
            out.truncate(end);
            blocks.reset();
        }
        self.n_in = 0;
        self.n_out = 0;
    }

    /// The longest time between taking a sample and handing out the one that corresponds to it, in seconds.
    #[must_use]
    pub fn lag_secs(&self) -> f64 {
        // A block must be full, and half a filter (a block long too) must have passed.
        self.blocks.as_ref().map_or(0.0, |blocks| self.from.secs(blocks.input.len() as u64) * 1.5)
    }
}

impl Blocks {
    fn new(from: SampleRate, to: SampleRate) -> Result<Self> {
        for rate in [from, to] {
            if !rate.is_heard() {
                return Err(out_of_range(from, to, rate));
            }
        }
        let (from_hz, to_hz) = (from.hz() as usize, to.hz() as usize);
        let divisor = gcd(from_hz, to_hz);
        let (unit_in, unit_out) = (from_hz / divisor, to_hz / divisor);
        // An even number of units makes both block lengths even, and so the delay, half a block, a whole sample on both sides.
        let units = MIN_FILTER_SAMPLES.div_ceil(unit_in.min(unit_out)).next_multiple_of(2);
        let fft = Fft::<f32>::new_custom(
            from_hz,
            to_hz,
            unit_in * units,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|e| {
            Error::bug(format!("no resampler from {from_hz} Hz to {to_hz} Hz ({e}); please report this")).with_source(e)
        })?;
        Ok(Self {
            input: vec![0.0; fft.input_frames_next()],
            filled: 0,
            output: vec![0.0; fft.output_frames_next()],
            to_drop: fft.output_delay(),
            fft,
        })
    }

    fn push(&mut self, mut samples: &[f32], out: &mut Vec<f32>) {
        while !samples.is_empty() {
            let n = samples.len().min(self.input.len() - self.filled);
            self.input[self.filled..self.filled + n].copy_from_slice(&samples[..n]);
            self.filled += n;
            samples = &samples[n..];
            if self.filled == self.input.len() {
                self.convert(out);
            }
        }
    }

    /// Fills the block up with zeros and converts it.
    fn push_silence(&mut self, out: &mut Vec<f32>) {
        self.input[self.filled..].fill(0.0);
        self.convert(out);
    }

    fn convert(&mut self, out: &mut Vec<f32>) {
        self.filled = 0;
        let (n_in, n_out) = (self.input.len(), self.output.len());
        let done = match (
            InterleavedSlice::new(&self.input, 1, n_in),
            InterleavedSlice::new_mut(&mut self.output, 1, n_out),
        ) {
            (Ok(input), Ok(mut output)) => self.fft.process_into_buffer(&input, &mut output, None).is_ok(),
            _ => false,
        };
        debug_assert!(done, "the block lengths come from the resampler itself");
        let dropped = self.to_drop.min(n_out);
        self.to_drop -= dropped;
        out.extend_from_slice(&self.output[dropped..]);
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.filled = 0;
        self.to_drop = self.fft.output_delay();
    }
}

fn out_of_range(from: SampleRate, to: SampleRate, wrong: SampleRate) -> Error {
    let (low, high) = SampleRate::HEARD_HZ.into_inner();
    Error::input(format!(
        "cannot convert from {} Hz to {} Hz: {} Hz lies outside {low} to {high} Hz; convert the sound with another program first",
        from.hz(),
        to.hz(),
        wrong.hz()
    ))
}

/// `round(n * to / from)`.
fn n_resampled(n: u64, from: SampleRate, to: SampleRate) -> u64 {
    let (from, to) = (u128::from(from.hz()), u128::from(to.hz()));
    u64::try_from((u128::from(n) * to + from / 2) / from).unwrap_or(u64::MAX)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// All of `samples` at another rate: what [`StreamingResampler`] gives for them, bit for bit.
///
/// # Errors
/// As [`StreamingResampler::new`].
pub fn resample(samples: &[f32], from: SampleRate, to: SampleRate) -> Result<Vec<f32>> {
    let mut resampler = StreamingResampler::new(from, to)?;
    let mut out = Vec::new();
    resampler.push(samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}

/// Appends the mean over `channels` channels of each channel frame in `interleaved` to `out`; a channel frame cut short at the
/// end is left out. One channel (or 0) passes as it is.
pub fn downmix(interleaved: &[f32], channels: usize, out: &mut Vec<f32>) {
    if channels <= 1 {
        out.extend_from_slice(interleaved);
    } else {
        let scale = 1.0 / channels as f32;
        out.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale));
    }
}
