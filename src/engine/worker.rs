//! The worker: reads what was captured, resamples it, runs the pipeline, and tells the outside.
//!
//! Every event goes through the bounded channel of reports (a slow recorder makes the worker wait; nothing is lost), the
//! latest state into the snapshot slot. Positions are counted in samples of the source, gaps included; no number here
//! depends on when a sample was processed, but for the load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Sender, TrySendError};

use super::detector::DetectorParams;
use super::gauge::Gauge;
use super::pipeline::{Pipeline, PipelineParams};
use super::report::{EventReport, ModelRef, Report, StartReport, StatusReport, StopReport, Totals};
use super::snapshot::{Phase, SnapshotSlot};
use crate::audio::source::{Capture, CaptureState};
use crate::dsp::StreamingResampler;
use crate::interpret::Interpreter;
use crate::model::classifier::Classifier;
use crate::units::{SamplePos, SampleRate, StreamClock};
use crate::{Error, Result};

/// Most audio read at a time, in seconds.
const READ_SECS: f64 = 0.1;

/// How long to wait where nothing has come.
const NAP: Duration = Duration::from_millis(3);

/// Time between two snapshots.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(66);

/// Audio between two status reports, in seconds.
const STATUS_SECS: f64 = 10.0;

/// With more than this much audio waiting, in seconds, interpretation is shed …
const SHED_SECS: f64 = 2.0;

/// … until there is less than this.
const SHED_NO_MORE_SECS: f64 = 0.5;

/// A live source that delivers nothing for so long is worth a warning.
const SILENT_SOURCE: Duration = Duration::from_secs(5);

/// What a monitor can be told.
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// The model that listens, for events.
    pub model: ModelRef,
    /// When scores become an event.
    pub detector: DetectorParams,
    /// Audio kept before the onset, in seconds.
    pub pre_roll_secs: f64,
    /// Audio kept after the offset, in seconds.
    pub post_roll_secs: f64,
    /// Most components of an event that get audio of their own.
    pub max_components: usize,
    /// Whether the source delivers as quickly as it is read: then nothing is shed, and a request to stop is obeyed without
    /// reading what is left.
    pub fast: bool,
    /// Stop after so many seconds of audio.
    pub duration_secs: Option<f64>,
    /// Where events are recorded, for screens.
    pub record_dir: Option<String>,
    /// Whether anyone looks at snapshots.
    pub snapshots: bool,
}

/// A monitor that is ready to run.
pub struct Worker {
    pub(super) capture: Capture,
    pub(super) pipeline: Pipeline,
    pub(super) options: MonitorOptions,
    pub(super) gauge: Gauge,
    resampler: StreamingResampler,
    input_rate: SampleRate,
    /// Samples of the source so far, at its own rate, gaps included.
    position: u64,
    /// Of these, samples that were read.
    analysed: u64,
    shedding: bool,
    events: u64,
    next_status: u64,
    last_status: Totals,
    warned_slow: bool,
    warned_silent: bool,
}

/// Where a worker's reports go.
struct Outside<'a> {
    reports: &'a Sender<Report>,
    slot: &'a SnapshotSlot,
}

impl Worker {
    /// Puts a monitor together.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for options that cannot be used, [`crate::ErrorKind::Input`] where the source's rate cannot
    /// be converted to the model's.
    pub fn new(
        capture: Capture,
        classifier: Classifier,
        interpreter: Option<Box<dyn Interpreter>>,
        options: MonitorOptions,
    ) -> Result<Self> {
        let info = capture.info().clone();
        let model_rate = classifier.front_end().sample_rate;
        let resampler = StreamingResampler::new(info.sample_rate, model_rate)?;
        let params = PipelineParams {
            source: info.name.clone(),
            model: options.model.clone(),
            clock: StreamClock { start: info.started, sample_rate: model_rate },
            detector: options.detector.clone(),
            pre_roll_secs: options.pre_roll_secs,
            post_roll_secs: options.post_roll_secs,
            max_components: options.max_components,
        };
        Ok(Self {
            pipeline: Pipeline::new(params, classifier, interpreter)?,
            gauge: Gauge::new(),
            resampler,
            input_rate: info.sample_rate,
            position: 0,
            analysed: 0,
            shedding: false,
            events: 0,
            next_status: info.sample_rate.samples(STATUS_SECS),
            last_status: Totals::default(),
            warned_slow: false,
            warned_silent: false,
            capture,
            options,
        })
    }

    /// Runs on a thread of its own, named `worker`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Bug`] where the system gives no thread. The thread's own result is that of [`Self::run`].
    pub fn spawn(
        self,
        reports: Sender<Report>,
        slot: Arc<SnapshotSlot>,
        stop: Arc<AtomicBool>,
    ) -> Result<JoinHandle<Result<StopReport>>> {
        let body = move || self.run(&reports, &slot, &stop);
        Builder::new().name("worker".to_owned()).spawn(body).map_err(|e| {
            Error::bug(format!("the worker's thread could not start ({e}); end other programs")).with_source(e)
        })
    }

    /// Listens until the source ends, `stop` is set or the duration is reached; then everything that is open is closed and
    /// reported, and a stop report is the last one.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where the source broke, [`crate::ErrorKind::Output`] where no one takes the reports any
    /// more. All that could be reported has been by then.
    pub fn run(mut self, reports: &Sender<Report>, slot: &SnapshotSlot, stop: &AtomicBool) -> Result<StopReport> {
        let outside = Outside { reports, slot };
        let ended = self.listen(&outside, stop).and_then(|ended| {
            self.flush(&outside)?;
            Ok(ended)
        });
        self.capture.stop();
        let (reason, failure) = match ended {
            Ok(Ended::Well(reason)) => (reason.to_owned(), None),
            Ok(Ended::Broken(sentence)) => (sentence.clone(), Some(Error::input(sentence))),
            Err(e) => (e.to_string(), Some(e)),
        };
        let report = StopReport {
            position: self.pipeline.position(),
            clock: self.pipeline.params().clock,
            reason: reason.clone(),
            totals: self.totals(),
            busy_secs: self.gauge.busy_secs(),
            wall_secs: self.gauge.wall_secs(),
        };
        let phase = if failure.is_some() { Phase::Failed(reason) } else { Phase::Ended(reason) };
        if self.options.snapshots {
            outside.slot.publish(self.snapshot(phase));
        }
        let told = self.send(&outside, Report::Stop(report.clone()));
        match failure {
            Some(e) => Err(e),
            None => told.map(|()| report),
        }
    }

    /// Reads until there is a reason to end.
    fn listen(&mut self, outside: &Outside<'_>, stop: &AtomicBool) -> Result<Ended> {
        let mut buffer = vec![0.0; (self.input_rate.samples(READ_SECS) as usize).max(1)];
        let last = self.options.duration_secs.map_or(u64::MAX, |secs| self.input_rate.samples(secs));
        let mut started = false;
        let mut stopping = false;
        let ended = loop {
            if !stopping && stop.load(Ordering::Relaxed) {
                self.capture.stop();
                // What was heard up to now counts; what a fast source has read ahead was not heard by anyone yet.
                stopping = true;
                if self.options.fast {
                    break Ended::Well("stopped");
                }
            }
            if self.position >= last {
                break Ended::Well("duration reached");
            }
            // A read ends where a status report is due, so that it always tells of the same position.
            let most = last.min(self.next_status.max(self.position + 1)) - self.position;
            let most = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
            let n = self.capture.read(&mut buffer[..most]);
            if n > 0 {
                if !std::mem::replace(&mut started, true) {
                    self.start(outside)?;
                }
                self.warned_silent = false;
                self.hear(&buffer[..n], outside)?;
                self.shed();
            }
            self.tell(outside)?;
            if n == 0 {
                match self.capture.state() {
                    CaptureState::Failed(sentence) => break Ended::Broken(sentence),
                    CaptureState::Ended if stopping => break Ended::Well("stopped"),
                    CaptureState::Ended => break Ended::Well("end of input"),
                    CaptureState::Running => self.wait(),
                }
            }
        };
        if !started {
            self.start(outside)?;
        }
        Ok(ended)
    }

    /// Nothing has come.
    fn wait(&mut self) {
        if !self.options.fast && !self.warned_silent && self.capture.idle_for() > SILENT_SOURCE {
            self.warned_silent = true;
            tracing::warn!(
                "{} has delivered nothing for {} s; check that it runs",
                self.pipeline.params().source,
                SILENT_SOURCE.as_secs()
            );
        }
        std::thread::sleep(NAP);
    }

    /// The first report, once the capture clock is known: it is as soon as something has been read.
    fn start(&mut self, outside: &Outside<'_>) -> Result<()> {
        let info = self.capture.info().clone();
        self.pipeline.set_start(info.started);
        let params = self.pipeline.params();
        let classifier = self.pipeline.classifier();
        let stride = classifier.stride_frames() * classifier.front_end().stft.hop;
        let report = StartReport {
            source: info.name,
            clock: params.clock,
            model: params.model.clone(),
            method: self.pipeline.method().to_owned(),
            input_rate: info.sample_rate,
            input_channels: info.channels,
            stride_secs: params.clock.sample_rate.secs(stride as u64),
        };
        self.send(outside, Report::Start(report))
    }

    /// Takes samples that were read, and the gap before them.
    fn hear(&mut self, samples: &[f32], outside: &Outside<'_>) -> Result<()> {
        let gap = self.capture.gap_before();
        if gap > 0 {
            self.lost(gap, outside)?;
        }
        self.analysed += samples.len() as u64;
        self.compute(samples, outside)
    }

    /// Keeps positions true to the source's. A short gap is heard as silence; at a long one, which would cost as much as
    /// what was lost, the stretch ends and another begins.
    fn lost(&mut self, gap: u64, outside: &Outside<'_>) -> Result<()> {
        let classifier = self.pipeline.classifier();
        let model_rate = classifier.front_end().sample_rate;
        let segment_secs = model_rate.secs((classifier.n_frames() * classifier.front_end().stft.hop) as u64);
        if self.input_rate.secs(gap) <= segment_secs {
            let silence = vec![0.0; usize::try_from(gap).unwrap_or(0)];
            return self.compute(&silence, outside);
        }
        self.flush(outside)?;
        self.position += gap;
        let position = u128::from(self.position) * u128::from(model_rate.hz()) / u128::from(self.input_rate.hz());
        self.pipeline.restart(SamplePos(u64::try_from(position).unwrap_or(u64::MAX)))
    }

    /// Resamples and runs the pipeline.
    fn compute(&mut self, samples: &[f32], outside: &Outside<'_>) -> Result<()> {
        self.position += samples.len() as u64;
        let began = Instant::now();
        let (mut resampled, mut events) = (Vec::new(), Vec::new());
        self.resampler.push(samples, &mut resampled);
        let done = self.pipeline.push(&resampled, &mut events);
        self.gauge.worked(began.elapsed(), self.input_rate.secs(self.position));
        self.report(events, outside)?;
        done
    }

    /// Ends the stretch: what is still on its way through is computed and reported.
    fn flush(&mut self, outside: &Outside<'_>) -> Result<()> {
        let began = Instant::now();
        let (mut resampled, mut events) = (Vec::new(), Vec::new());
        self.resampler.finish(&mut resampled);
        let done = self.pipeline.push(&resampled, &mut events).and_then(|()| self.pipeline.finish(&mut events));
        self.gauge.worked(began.elapsed(), self.input_rate.secs(self.position));
        self.report(events, outside)?;
        done
    }

    fn report(&mut self, events: Vec<EventReport>, outside: &Outside<'_>) -> Result<()> {
        for event in events {
            self.events += 1;
            self.gauge.event(&event.event);
            self.send(outside, Report::Event(Box::new(event)))?;
        }
        Ok(())
    }

    /// Status and snapshot, where they are due.
    fn tell(&mut self, outside: &Outside<'_>) -> Result<()> {
        let totals = self.totals();
        let lost = (totals.dropped_samples, totals.xruns) != (self.last_status.dropped_samples, self.last_status.xruns);
        let due = self.position >= self.next_status;
        if due || (lost && self.gauge.a_second_since_told()) {
            let level = self.pipeline.level(self.pipeline.stride_secs());
            let report = StatusReport {
                position: self.pipeline.position(),
                clock: self.pipeline.params().clock,
                level_dbfs: level.rms_dbfs,
                load: self.gauge.load(),
                totals,
            };
            self.last_status = totals;
            self.gauge.told();
            let every = self.input_rate.samples(STATUS_SECS).max(1);
            self.next_status = (self.position / every + 1) * every;
            self.send(outside, Report::Status(report))?;
        }
        if self.options.snapshots && self.gauge.snapshot_due(SNAPSHOT_EVERY) {
            outside.slot.publish(self.snapshot(Phase::Running));
        }
        Ok(())
    }

    /// Under overload, interpretation goes first.
    fn shed(&mut self) {
        let waiting_secs = self.input_rate.secs(self.capture.pending() as u64);
        let shed = !self.options.fast && waiting_secs > if self.shedding { SHED_NO_MORE_SECS } else { SHED_SECS };
        if shed != self.shedding {
            self.shedding = shed;
            self.pipeline.shed_interpretation(shed);
            if shed {
                tracing::warn!(
                    "{waiting_secs:.1} s of sound wait; segments are explained only where an event needs it"
                );
            } else {
                tracing::info!("caught up; every segment is explained again");
            }
        }
    }

    /// Whether interpretation is being shed.
    pub(super) const fn is_shedding(&self) -> bool {
        self.shedding
    }

    /// Counters since the stream began.
    pub(super) fn totals(&self) -> Totals {
        let counters = self.capture.counters();
        Totals {
            captured_samples: counters.captured_samples.load(Ordering::Relaxed),
            analysed_samples: self.analysed,
            dropped_samples: counters.dropped_samples.load(Ordering::Relaxed),
            xruns: counters.xruns.load(Ordering::Relaxed),
            invalid_samples: counters.invalid_samples.load(Ordering::Relaxed),
            events: self.events,
            shed_strides: self.pipeline.n_shed(),
        }
    }

    fn send(&mut self, outside: &Outside<'_>, report: Report) -> Result<()> {
        let gone = || Error::output("the recorder has ended, so events have nowhere to go; see what it said before");
        match outside.reports.try_send(report) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
            Err(TrySendError::Full(report)) => {
                if !self.options.fast && !std::mem::replace(&mut self.warned_slow, true) {
                    tracing::warn!("events are written more slowly than they come; waiting for the recorder");
                }
                outside.reports.send(report).map_err(|_| gone())
            }
        }
    }
}

/// Why listening ended.
enum Ended {
    Well(&'static str),
    Broken(String),
}
