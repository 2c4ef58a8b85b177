//! The worker: reads what was captured, resamples it, runs the pipelines, and tells the outside.
//!
//! All inputs share one thread and one model: the segments that are due go to the networks as one batch. Every event goes
//! through the bounded channel of reports (a slow recorder makes the worker wait; nothing is lost), the latest state into the
//! snapshot slot. Positions are counted in samples of each source, gaps included; no number here depends on when a sample was
//! processed, but for load and lag.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;

use super::broadcast::{BroadcastPush, Broadcasts};
use super::controls::{Change, Controls, Settings};
use super::explainer::Explainer;
use super::gauge::Gauge;
use super::history::Geometry;
use super::inference::Inference;
use super::input::{Ended, Input};
use super::lane::{Lane, LaneState};
use super::listen::Listener;
use super::outside::{NAP, Outside};
use super::progress::Progress;
use super::report::{ListenReport, Report, StartReport, StopReport};
use super::shedding::{Governor, ShedLevel};
use super::snapshot_slot::SnapshotSlot;
use crate::audio::source::Capture;
use crate::units::SampleRate;
use crate::{Error, Result};

pub use super::live_listening::LiveListening;
pub use super::monitor_options::MonitorOptions;

/// A monitor that is ready to run.
pub struct Worker {
    /// Those that are open, lane by lane.
    pub(super) inputs: Vec<Input>,
    pub(super) lanes: Vec<LaneState>,
    pub(super) inference: Inference,
    pub(super) options: MonitorOptions,
    pub(super) gauge: Gauge,
    pub(super) controls: Arc<Controls>,
    progress: Arc<Progress>,
    governor: Governor,
    pub(super) live: Option<LiveListening>,
    /// What is heard from elsewhere, and who renders it, by the inputs' indices.
    pub(super) broadcasts: Arc<Broadcasts>,
    pub(super) broadcast: BTreeMap<usize, Listener<BroadcastPush>>,
    /// The lane whose first input is played, and the rate that its positions are told in; none before an input is open.
    listened: Option<(usize, SampleRate)>,
    pub(super) explainer: Option<Explainer>,
    /// The method of the explainer.
    pub(super) explained_by: Option<String>,
    /// What broke, in order: the first sentence, and how many did.
    broken: (Option<String>, usize),
    pub(super) warned_slow: bool,
}

impl Worker {
    /// Puts a monitor of one or more inputs together.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] for options that cannot be used, [`crate::ErrorKind::Input`] where there is no input or a
    /// source's rate cannot be converted to the model's.
    pub fn new(captures: Vec<Capture>, inference: Inference, options: MonitorOptions) -> Result<Self> {
        Self::of_lanes(captures.into_iter().map(Lane::of).collect(), inference, options)
    }

    /// Puts a monitor together that hears several lanes at the same time, and on each one source after another. The inputs of
    /// a lane may come later.
    ///
    /// # Errors
    /// As [`Worker::new`].
    pub fn of_lanes(lanes: Vec<Lane>, inference: Inference, options: MonitorOptions) -> Result<Self> {
        if lanes.iter().all(|lane| lane.inputs.is_empty() && lane.supply.is_none()) {
            return Err(Error::input("there is nothing to listen to; give at least one --input"));
        }
        let first = |(i, lane): (usize, &Lane)| Some((i, lane.inputs.first()?.info().sample_rate));
        let listened = lanes.iter().enumerate().find_map(first);
        let (supplies, open): (Vec<_>, Vec<_>) = lanes.into_iter().map(|lane| (lane.supply, lane.inputs)).unzip();
        let mut worker = Self {
            inputs: Vec::new(),
            lanes: supplies.into_iter().map(LaneState::new).collect(),
            inference,
            gauge: Gauge::new(),
            controls: Arc::default(),
            progress: Arc::default(),
            governor: Governor::new(options.ring_secs),
            options,
            live: None,
            broadcasts: Arc::default(),
            broadcast: BTreeMap::new(),
            listened,
            explainer: None,
            explained_by: None,
            broken: (None, 0),
            warned_slow: false,
        };
        for (lane, captures) in open.into_iter().enumerate() {
            for capture in captures {
                let input = worker.input(capture, lane)?;
                worker.inputs.push(input);
            }
        }
        Ok(worker)
    }

    /// Plays the interpretation of the first input while it happens, and then that of what follows on its lane.
    #[must_use]
    pub fn with_listening(mut self, live: LiveListening) -> Self {
        self.live = Some(live);
        self
    }

    /// What is played live: how the segments of the first input lie in the stream, the model's rate, and the input's. `None`
    /// where no input is open yet.
    #[must_use]
    pub fn first_input(&self) -> Option<(Geometry, SampleRate, SampleRate)> {
        let input = self.inputs.first()?;
        let params = input.pipeline.params();
        Some((*input.pipeline.history().geometry(), params.clock.sample_rate, input.capture.info().sample_rate))
    }

    /// What a screen may ask of it.
    #[must_use]
    pub fn controls(&self) -> Arc<Controls> {
        Arc::clone(&self.controls)
    }

    /// Its sign of life.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
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
    ) -> Result<JoinHandle<Result<Vec<StopReport>>>> {
        let body = move || self.run(&reports, &slot, &stop);
        Builder::new().name("worker".to_owned()).spawn(body).map_err(|e| {
            Error::bug(format!("the worker's thread could not start ({e}); end other programs")).with_source(e)
        })
    }

    /// Listens until every source has ended and nothing follows, `stop` is set or the duration is reached. Whatever is open on
    /// an input is closed and reported when it ends, and a stop report is its last one. An input that breaks does not end the
    /// others, nor what follows on its lane.
    ///
    /// Gives the stop reports of the inputs that were open last, in their order.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] where a source broke, [`crate::ErrorKind::Output`] where no one takes the reports any
    /// more. All that could be reported has been by then.
    pub fn run(mut self, reports: &Sender<Report>, slot: &SnapshotSlot, stop: &AtomicBool) -> Result<Vec<StopReport>> {
        let outside = Outside { reports, slot, stop };
        let listened = self.listen(&outside);
        for input in &mut self.inputs {
            input.capture.stop();
        }
        let failure = listened.err();
        if let Some(e) = &failure {
            // What ended the worker ended every input that was still open.
            let reason = e.to_string();
            self.close_lanes();
            let _ = self.end_all(&Ended::Broken(reason), &outside);
        }
        let broken = match std::mem::take(&mut self.broken) {
            (None, _) => None,
            (Some(sentence), 1) => Some(Error::input(sentence)),
            (Some(sentence), n) => Some(Error::input(format!("{n} inputs broke; the first: {sentence}"))),
        };
        if self.options.snapshots {
            self.publish(&outside);
            if self.inputs.is_empty() {
                // A screen that has nothing to show need not stay.
                outside.stop.store(true, Ordering::Relaxed);
            }
        }
        self.publish_last(&outside);
        match failure.or(broken) {
            Some(e) => Err(e),
            None => Ok(self.inputs.iter().map(|input| self.stop_report(input)).collect()),
        }
    }

    /// Reads until every input has ended.
    fn listen(&mut self, outside: &Outside<'_>) -> Result<()> {
        let mut stopping = false;
        loop {
            if !stopping && outside.stop.load(Ordering::Relaxed) {
                self.inputs.iter_mut().for_each(|input| input.capture.stop());
                self.close_lanes();
                // What was heard up to now counts; what a fast source has read ahead was not heard by anyone yet.
                stopping = true;
                if self.options.fast {
                    return self.end_all(&Ended::Well("stopped"), outside);
                }
            }
            let (mut idle, mut moving) = (true, true);
            for index in 0..self.inputs.len() {
                if self.inputs[index].ended.is_some() {
                    continue;
                }
                let n = self.hear(index, outside)?;
                if self.is_listened_to(index)
                    && let Some(clock) = self.live.as_ref().and_then(|live| live.clock.as_ref())
                {
                    clock.set(self.listened_position(index));
                }
                idle &= n == 0;
                moving &= n > 0 || self.inputs[index].capture.pending() == 0;
                if let Some(ended) = self.inputs[index].look_for_end(n, stopping) {
                    self.end(index, ended, outside)?;
                }
            }
            self.go_on()?;
            self.compute(outside)?;
            self.shed();
            self.report_explained(outside)?;
            self.tell(outside)?;
            if moving {
                self.progress.beat();
            }
            if self.is_over() {
                return Ok(());
            }
            if idle {
                std::thread::sleep(NAP);
            }
        }
    }

    /// Takes what an input has captured, and the gap before it; how many samples.
    fn hear(&mut self, index: usize, outside: &Outside<'_>) -> Result<usize> {
        let (n, gap) = self.inputs[index].read();
        if n == 0 {
            return Ok(0);
        }
        if !std::mem::replace(&mut self.inputs[index].started, true) {
            self.start(index, outside)?;
        }
        let began = Instant::now();
        if gap > 0 {
            // Positions stay true to the source's. A short gap is heard as silence; at a long one the stretch ends and
            // another begins.
            if self.inputs[index].is_long(gap) {
                self.flush(index, outside)?;
                self.inputs[index].skip(gap)?;
            } else {
                self.inputs[index].hear_silence(gap);
            }
        }
        self.inputs[index].hear(n);
        self.inputs[index].look_after_clock();
        self.gauge.worked(began.elapsed());
        Ok(n)
    }

    /// Runs all pipelines as far as what was heard reaches: what is due goes to the networks as one batch.
    fn compute(&mut self, outside: &Outside<'_>) -> Result<()> {
        self.controls.take_changes().into_iter().for_each(|change| self.change(change));
        let began = Instant::now();
        let mut waited = Duration::ZERO;
        let mut done = Ok(());
        while done.is_ok() {
            let due: Vec<usize> = (0..self.inputs.len()).filter(|i| self.inputs[*i].feed()).collect();
            if due.is_empty() {
                break;
            }
            // In pieces, because each segment of a batch takes room for all its hidden layers.
            for piece in due.chunks(self.inference.largest_batch()) {
                done = done.and_then(|()| self.resolve(piece, &mut waited, outside));
            }
        }
        self.gauge.worked(began.elapsed().saturating_sub(waited));
        self.gauge.heard(self.audio_secs());
        self.report_reasons(outside)?;
        self.report_onsets(outside)?;
        done
    }

    /// Listens for something else from here on, on all inputs.
    fn change(&mut self, change: Change) {
        match change {
            Change::Edit(edit) => {
                // What is opened later goes by it, too.
                self.options.detector.edit(edit);
                self.inputs.iter_mut().for_each(|input| input.pipeline.edit(edit));
            }
            Change::Settings(settings) => {
                let Settings { detector, pre_roll_secs, post_roll_secs, onsets, reasons } = &*settings;
                for input in &mut self.inputs {
                    if let Err(e) = input.pipeline.reconfigure(detector, *pre_roll_secs, *post_roll_secs) {
                        tracing::error!("{e}");
                        return;
                    }
                }
                self.options.detector.clone_from(detector);
                (self.options.pre_roll_secs, self.options.post_roll_secs) = (*pre_roll_secs, *post_roll_secs);
                (self.options.onsets, self.options.reasons) = (*onsets, *reasons);
            }
        }
    }

    /// Ends an input's stretch: what is still on its way through is computed and reported.
    fn flush(&mut self, index: usize, outside: &Outside<'_>) -> Result<()> {
        self.inputs[index].drain();
        self.compute(outside)?;
        let began = Instant::now();
        let mut events = Vec::new();
        let done = self.inputs[index].pipeline.finish(&mut self.inference, &mut events);
        self.gauge.worked(began.elapsed());
        self.report(index, events, outside)?;
        done
    }

    /// An input is over: what is open is closed and reported.
    fn end(&mut self, index: usize, ended: Ended, outside: &Outside<'_>) -> Result<()> {
        if !std::mem::replace(&mut self.inputs[index].started, true) {
            self.start(index, outside)?;
        }
        let flushed = self.flush(index, outside);
        self.inputs[index].capture.stop();
        self.inputs[index].ended = Some(ended.clone());
        let input = &mut self.inputs[index];
        let channels = input.look_after_channels();
        channels.into_iter().chain(input.nothing_heard()).for_each(|sentence| tracing::warn!("{sentence}"));
        let listened_to = self.is_listened_to(index);
        if let Some(live) = self.live.as_mut().filter(|_| listened_to) {
            live.listener.finish();
        }
        self.look_ahead(self.inputs[index].lane, &ended);
        if let Ended::Broken(sentence) = ended {
            if !self.is_over() {
                tracing::error!("{sentence}; the other inputs go on");
            }
            self.broken.0.get_or_insert(sentence);
            self.broken.1 += 1;
        }
        // While other inputs go on, events of this one may be explained behind its stop.
        if self.is_over() {
            self.finish_explaining(outside)?;
        }
        self.report_levels(index, outside)?;
        let report = self.stop_report(&self.inputs[index]);
        self.send(outside, Report::Stop(report))?;
        flushed
    }

    fn end_all(&mut self, ended: &Ended, outside: &Outside<'_>) -> Result<()> {
        let mut all = Ok(());
        for index in 0..self.inputs.len() {
            if self.inputs[index].ended.is_none() {
                all = all.and(self.end(index, ended.clone(), outside));
            }
        }
        all
    }

    /// An input's first report, once its capture clock is known: it is as soon as something has been read.
    fn start(&mut self, index: usize, outside: &Outside<'_>) -> Result<()> {
        let live = self.live.as_ref().filter(|_| self.is_listened_to(index));
        let input = &mut self.inputs[index];
        let info = input.capture.info().clone();
        input.begin(info.started);
        let params = input.pipeline.params();
        let report = StartReport {
            source: info.name,
            clock: params.clock,
            model: params.model.clone(),
            method: input.pipeline.method().to_owned(),
            input_rate: info.sample_rate,
            input_channels: info.channels,
            stride_secs: input.pipeline.stride_secs(),
            listen: live.map(|live| ListenReport { output: live.output.clone(), delay_secs: live.delay_secs }),
        };
        self.send(outside, Report::Start(report))
    }

    /// Under overload, work is shed in a fixed order, before any sample is lost.
    fn shed(&mut self) {
        if self.options.fast {
            return;
        }
        let waiting_secs = self.inputs.iter().map(Input::waiting_secs).fold(0.0, f64::max);
        let before = self.governor.level();
        let level = self.governor.update(waiting_secs, self.audio_secs());
        if level == before {
            return;
        }
        for input in &mut self.inputs {
            input.pipeline.shed(level.explains(), level.stride_factor());
        }
        if let Some(explainer) = &self.explainer {
            explainer.hold(!level.runs_jobs());
        }
        if level > before {
            tracing::warn!("{waiting_secs:.1} s of sound wait; shedding {}", level.words().join(", "));
        } else if level.words().is_empty() {
            tracing::info!("caught up; nothing is shed any more");
        } else {
            tracing::info!("catching up; still shedding {}", level.words().join(", "));
        }
    }

    /// What is being shed.
    pub(super) fn shed_words(&self) -> &'static [&'static str] {
        self.governor.level().words()
    }

    /// How much work is being shed.
    pub(super) const fn shedding(&self) -> ShedLevel {
        self.governor.level()
    }

    /// Where the input is that is furthest on its lane, in seconds.
    fn audio_secs(&self) -> f64 {
        self.inputs.iter().map(|input| self.lane_secs(input)).fold(0.0, f64::max)
    }

    /// Whether this input is the one that can be played.
    pub(super) fn is_listened_to(&self, index: usize) -> bool {
        let Some((lane, _)) = self.listened else { return false };
        self.inputs.iter().position(|input| input.lane == lane) == Some(index)
    }

    /// How far the lane that is played has been captured, at the rate of its first source.
    fn listened_position(&self, index: usize) -> u64 {
        let input = &self.inputs[index];
        let rate = self.listened.map_or(input.capture.info().sample_rate, |(_, rate)| rate);
        let before = self.lane_secs(input) - input.secs();
        rate.samples(before) + input.captured_position_at(rate)
    }
}
