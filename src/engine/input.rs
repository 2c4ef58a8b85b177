//! One input of the worker: its capture, its pipeline, and where it is.

use super::pipeline::Pipeline;
use super::report::{StatusReport, Totals};
use crate::Result;
use crate::audio::source::{Capture, CaptureState};
use crate::dsp::StreamingResampler;
use crate::units::{SamplePos, SampleRate};

/// Most audio read at a time, in seconds.
const READ_SECS: f64 = 0.1;

/// Audio between two status reports, in seconds.
pub(super) const STATUS_SECS: f64 = 10.0;

/// Why an input ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Well(&'static str),
    Broken(String),
}

/// One input.
pub(super) struct Input {
    pub(super) capture: Capture,
    pub(super) pipeline: Pipeline,
    resampler: StreamingResampler,
    rate: SampleRate,
    buffer: Vec<f32>,
    /// Samples at the model's rate that the pipeline has not taken yet, and how many of them it has.
    queue: Vec<f32>,
    taken: usize,
    /// Samples of the source so far, at its own rate, gaps included.
    position: u64,
    /// Of these, samples that were read.
    analysed: u64,
    /// Of these, samples that never came: lost with a device, or dropped by a full ring.
    last: u64,
    pub(super) events: u64,
    pub(super) started: bool,
    pub(super) ended: Option<Ended>,
    next_status: u64,
    pub(super) last_status: Totals,
    pub(super) warned_silent: bool,
}

impl Input {
    pub(super) fn new(capture: Capture, pipeline: Pipeline, duration_secs: Option<f64>) -> Result<Self> {
        let rate = capture.info().sample_rate;
        Ok(Self {
            resampler: StreamingResampler::new(rate, pipeline.params().clock.sample_rate)?,
            capture,
            pipeline,
            rate,
            buffer: vec![0.0; (rate.samples(READ_SECS) as usize).max(1)],
            queue: Vec::new(),
            taken: 0,
            position: 0,
            analysed: 0,
            last: duration_secs.map_or(u64::MAX, |secs| rate.samples(secs)),
            events: 0,
            started: false,
            ended: None,
            next_status: rate.samples(STATUS_SECS).max(1),
            last_status: Totals::default(),
            warned_silent: false,
        })
    }

    /// Reads the next samples, at most as far as `last` and the next status; gives how many, and the gap before them.
    pub(super) fn read(&mut self) -> (usize, u64) {
        // A read ends where a status report is due, so that it always tells of the same position.
        let most = self.last.min(self.next_status.max(self.position + 1)).saturating_sub(self.position);
        let most = self.buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let n = self.capture.read(&mut self.buffer[..most]);
        self.analysed += n as u64;
        (n, if n > 0 { self.capture.gap_before() } else { 0 })
    }

    /// Puts the last `n` samples read behind what waits for the pipeline.
    pub(super) fn hear(&mut self, n: usize) {
        self.position += n as u64;
        self.resampler.push(&self.buffer[..n], &mut self.queue);
    }

    /// Puts `n` samples of silence there.
    pub(super) fn hear_silence(&mut self, n: u64) {
        self.position += n;
        let silence = vec![0.0; usize::try_from(n).unwrap_or(0)];
        self.resampler.push(&silence, &mut self.queue);
    }

    /// Passes over samples that nobody hears; the pipeline begins a new stretch behind them.
    pub(super) fn skip(&mut self, n: u64) -> Result<()> {
        self.position += n;
        let model_rate = self.pipeline.params().clock.sample_rate;
        let position = u128::from(self.position) * u128::from(model_rate.hz()) / u128::from(self.rate.hz());
        self.pipeline.restart(SamplePos(u64::try_from(position).unwrap_or(u64::MAX)))
    }

    /// What the resampler still holds follows.
    pub(super) fn drain(&mut self) {
        self.resampler.finish(&mut self.queue);
    }

    /// Feeds the pipeline until a segment is due; whether one is.
    pub(super) fn feed(&mut self) -> bool {
        self.taken += self.pipeline.feed(&self.queue[self.taken..]);
        if self.taken == self.queue.len() {
            self.queue.clear();
            self.taken = 0;
        }
        self.pipeline.due().is_some()
    }

    /// Why it is over now, if it is.
    pub(super) fn look_for_end(&self, n_read: usize, stopping: bool) -> Option<Ended> {
        if self.position >= self.last {
            return Some(Ended::Well("duration reached"));
        }
        if n_read > 0 {
            return None;
        }
        match self.capture.state() {
            CaptureState::Failed(sentence) => Some(Ended::Broken(sentence)),
            CaptureState::Ended if stopping => Some(Ended::Well("stopped")),
            CaptureState::Ended => Some(Ended::Well("end of input")),
            CaptureState::Running | CaptureState::Lost => None,
        }
    }

    /// Whether a status report is due; the next one is then put off.
    pub(super) fn status_due(&mut self) -> bool {
        let due = self.position >= self.next_status;
        if due {
            let every = self.rate.samples(STATUS_SECS).max(1);
            self.next_status = (self.position / every + 1) * every;
        }
        due
    }

    /// Where the input is, in seconds since it began.
    pub(super) fn secs(&self) -> f64 {
        self.rate.secs(self.position)
    }

    /// Whether a gap of `n` samples is too long to be heard as silence: it would cost as much as what was lost.
    pub(super) fn is_long(&self, n: u64) -> bool {
        let geometry = self.pipeline.history().geometry();
        let segment = (geometry.segment_frames * geometry.stft.hop) as u64;
        self.rate.secs(n) > self.pipeline.params().clock.sample_rate.secs(segment)
    }

    /// Sound that waits to be analysed, in seconds.
    pub(super) fn waiting_secs(&self) -> f64 {
        self.rate.secs(self.capture.pending() as u64)
    }

    /// Counters since the stream began.
    pub(super) fn totals(&self) -> Totals {
        let account = self.capture.account();
        Totals {
            captured_samples: account.captured,
            analysed_samples: self.analysed,
            dropped_samples: account.dropped,
            xruns: account.xruns,
            invalid_samples: account.invalid,
            events: self.events,
            shed_strides: self.pipeline.n_shed(),
        }
    }

    /// The status as it is now.
    pub(super) fn status(&self, load: f64) -> StatusReport {
        let params = self.pipeline.params();
        StatusReport {
            source: params.source.clone(),
            position: self.pipeline.position(),
            clock: params.clock,
            level_dbfs: self.pipeline.level(self.pipeline.stride_secs()).rms_dbfs,
            load,
            totals: self.totals(),
        }
    }
}
