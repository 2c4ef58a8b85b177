//! One input of the worker: its capture, its pipeline, and where it is.

use std::time::{Duration, Instant, SystemTime};

use super::health::{Health, HealthMonitor};
use super::intake::Intake;
use super::pipeline::Pipeline;
use super::report::{LevelsReport, TimedLevels, Totals};
use super::snapshot::Phase;
use super::stillness::Stillness;
use super::wall::ClockWatch;
use crate::Result;
use crate::audio::channel_watch::{ChannelTrouble, ChannelWatch};
use crate::audio::source::{Capture, CaptureState};
use crate::dsp::Level;
use crate::units::{SamplePos, SampleRate, SecondLevels};

/// Most audio read at a time, in seconds.
const READ_SECS: f64 = 0.1;

/// Audio that a level is taken over, in seconds.
const LEVEL_SECS: f64 = 0.2;

/// Audio between two status reports, in seconds.
pub(super) const STATUS_SECS: f64 = 10.0;

/// A recording that held no sound for so long, in seconds, is worth a word.
const LEAST_STILL_SECS: f64 = 1.0;

/// Why an input ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Well(&'static str),
    Broken(String),
}

impl Ended {
    /// The source has no more samples.
    pub(super) const OF_INPUT: &str = "end of input";
}

/// What the worker had spent when an input was opened, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    pub(super) busy_secs: f64,
    pub(super) wall_secs: f64,
}

/// Time between two looks at the clocks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One input.
pub(super) struct Input {
    /// Number of its lane.
    pub(super) lane: usize,
    pub(super) before: Before,
    pub(super) capture: Capture,
    pub(super) pipeline: Pipeline,
    intake: Intake,
    rate: SampleRate,
    buffer: Vec<f32>,
    /// Samples at the model's rate that the pipeline has not taken yet, and how many of them it has.
    queue: Vec<f32>,
    taken: usize,
    /// Samples of the source so far, at its own rate, gaps included.
    position: u64,
    /// Of these, samples that were read.
    pub(super) analysed: u64,
    /// Where to stop.
    last: u64,
    pub(super) events: u64,
    pub(super) started: bool,
    pub(super) ended: Option<Ended>,
    next_status: u64,
    pub(super) last_status: Totals,
    /// What the input is able to hear; watched where nobody waits for the source.
    pub(super) health: Health,
    monitor: Option<HealthMonitor>,
    /// Of what is not watched: whether it has held an offset and nothing else.
    stillness: Stillness,
    channels: ChannelWatch,
    /// What is wrong with the channels that are mixed, as a sentence.
    channel_trouble: Option<String>,
    /// Keeps wall times true, from the first sample on, and when that was last looked after.
    clock: Option<(ClockWatch, Instant)>,
    /// What is wrong, for people.
    pub(super) trouble: Option<String>,
}

impl Input {
    pub(super) fn new(
        capture: Capture,
        pipeline: Pipeline,
        duration_secs: Option<f64>,
        watched: bool,
        lane: usize,
        before: Before,
    ) -> Result<Self> {
        let rate = capture.info().sample_rate;
        Ok(Self {
            lane,
            before,
            intake: Intake::new(capture.conditioning(), rate, pipeline.params().clock.sample_rate)?,
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
            health: Health::Hearing,
            monitor: watched.then(|| HealthMonitor::new(rate)),
            stillness: Stillness::new(),
            channels: ChannelWatch::new(rate),
            channel_trouble: None,
            clock: None,
            trouble: None,
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
        match &mut self.monitor {
            Some(monitor) => monitor.hear(&self.buffer[..n]),
            None => self.buffer[..n].iter().for_each(|sample| self.stillness.push(*sample)),
        }
        self.intake.hear(&mut self.buffer[..n], &mut self.queue);
    }

    /// The stream has begun at `start`: from here on its clock is watched, if anything is. A recording keeps its own time.
    pub(super) fn begin(&mut self, start: SystemTime) {
        if self.capture.info().recorded {
            return self.pipeline.set_recorded(start, SystemTime::now());
        }
        self.pipeline.set_start(start);
        if self.monitor.is_some() {
            let rate = self.pipeline.params().clock.sample_rate;
            self.clock = Some((ClockWatch::new(start, rate), Instant::now()));
        }
    }

    /// Compares the stream's clock with the system's, about once a second and only when something has come.
    pub(super) fn look_after_clock(&mut self) {
        if self.capture.info().recorded {
            self.keep_out_of_the_future();
            return;
        }
        let captured = self.model_position(self.captured_position());
        let Some((watch, last)) = &mut self.clock else { return };
        if last.elapsed() < LOOK_EVERY {
            return;
        }
        *last = Instant::now();
        let Some(moved) = watch.look(captured, SystemTime::now()) else { return };
        self.pipeline.correct_start(moved.start);
        let source = &self.pipeline.params().source;
        if moved.stepped {
            tracing::warn!(
                "the clock was set, or sound is missing: the times of {source} move by {:.1} s",
                moved.by_secs
            );
        } else {
            tracing::debug!("the times of {source} move by {:.2} s, by which its clock had drifted", moved.by_secs);
        }
    }

    /// Whatever was taken for a recording's beginning, what has been read of it has happened: where it lasts longer than could
    /// be known, it began earlier.
    fn keep_out_of_the_future(&mut self) {
        let (clock, now) = (self.pipeline.params().clock, SystemTime::now());
        if clock.wall(self.model_position(self.position)) <= now {
            return;
        }
        let heard = Duration::try_from_secs_f64(self.secs()).ok();
        if let Some(start) = heard.and_then(|heard| now.checked_sub(heard)) {
            self.pipeline.correct_start(start);
        }
    }

    /// A position of the source as one at the model's rate.
    fn model_position(&self, position: u64) -> SamplePos {
        let model_rate = self.pipeline.params().clock.sample_rate;
        let position = u128::from(position) * u128::from(model_rate.hz()) / u128::from(self.rate.hz());
        SamplePos(u64::try_from(position).unwrap_or(u64::MAX))
    }

    /// Looks at the channels that are mixed; gives the sentence on what is wrong with them where that has turned out now.
    pub(super) fn look_after_channels(&mut self) -> Option<String> {
        while let Some(look) = self.capture.channel_look() {
            self.channels.push(&look);
        }
        let trouble = if self.ended.is_some() { self.channels.at_end() } else { self.channels.trouble() };
        let sentence = trouble.map(|trouble| trouble.sentence(&self.pipeline.params().source));
        let is_new = sentence.is_some() && sentence != self.channel_trouble;
        self.channel_trouble.clone_from(&sentence);
        sentence.filter(|_| is_new)
    }

    /// What there is to say of a recording that is over and held an offset and nothing else.
    pub(super) fn nothing_heard(&self) -> Option<String> {
        let offset = self.stillness.offset().filter(|_| self.monitor.is_none())?;
        (self.stillness.run() == self.analysed && self.secs() >= LEAST_STILL_SECS).then(|| {
            let source = &self.pipeline.params().source;
            format!(
                "{source} holds no sound, but a constant offset of {offset:.2}; check that a microphone was connected, and \
                 to the right channel"
            )
        })
    }

    /// What the input is able to hear now; whether that has changed.
    pub(super) fn look_after_health(&mut self) -> bool {
        let Some(monitor) = &mut self.monitor else {
            self.trouble.clone_from(&self.channel_trouble);
            return false;
        };
        let lost = self.capture.lost();
        // Where something waits, it is the worker that has been busy.
        let idle = if self.capture.pending() > 0 { Duration::ZERO } else { self.capture.idle_for() };
        let health = monitor.health(idle, lost.is_some());
        monitor.note(health);
        let source = &self.pipeline.params().source;
        let deaf = || health.is_deaf().then(|| health.sentence(source));
        // Where channels cancel, the silence that is left of them says nothing of the microphone.
        let cancel = self.channels.trouble() == Some(ChannelTrouble::Cancel) && health.is_silent();
        let channels = self.channel_trouble.as_ref().filter(|_| cancel || !health.is_deaf());
        self.trouble = lost.map(|lost| lost.sentence).or_else(|| channels.cloned()).or_else(deaf);
        std::mem::replace(&mut self.health, health) != health
    }

    /// Logs what has turned out now: `channels` of the channels, `turned` of the health. What was said is not said again.
    pub(super) fn say(&mut self, channels: Option<&str>, turned: bool) {
        if let Some(sentence) = channels {
            tracing::warn!("{sentence}");
        }
        match &self.trouble {
            _ if !turned => {}
            Some(sentence) if self.health.is_deaf() && self.channel_trouble.as_ref() != Some(sentence) => {
                tracing::warn!("{sentence}");
            }
            _ if self.health.is_deaf() => {}
            _ => tracing::info!("{} hears again", self.pipeline.params().source),
        }
    }

    /// Puts `n` samples of silence there.
    pub(super) fn hear_silence(&mut self, n: u64) {
        self.position += n;
        if let Some(monitor) = &mut self.monitor {
            monitor.gap();
        }
        self.intake.hear_silence(n, &mut self.queue);
    }

    /// Passes over samples that nobody hears; the pipeline begins a new stretch behind them.
    pub(super) fn skip(&mut self, n: u64) -> Result<()> {
        self.position += n;
        if let Some(monitor) = &mut self.monitor {
            monitor.gap();
        }
        self.intake.skip(n);
        self.pipeline.restart(self.model_position(self.position))
    }

    /// What the resampler still holds follows.
    pub(super) fn drain(&mut self) {
        self.intake.drain(&mut self.queue);
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
            CaptureState::Ended => Some(Ended::Well(Ended::OF_INPUT)),
            // The time without the device counts, though its samples come only with the device.
            CaptureState::Lost => {
                let away = self.capture.lost().map_or(0.0, |lost| lost.since.elapsed().as_secs_f64());
                let over = self.secs() + away >= self.rate.secs(self.last);
                over.then_some(Ended::Well("duration reached"))
            }
            CaptureState::Running => None,
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

    /// How far the source has been captured, at its own rate, gaps included; also those among the samples that wait, which
    /// `position` does not know yet.
    pub(super) fn captured_position(&self) -> u64 {
        self.capture.account().captured + self.capture.away()
    }

    /// The same at another rate.
    pub(super) fn captured_position_at(&self, rate: SampleRate) -> u64 {
        let position = u128::from(self.captured_position()) * u128::from(rate.hz()) / u128::from(self.rate.hz());
        u64::try_from(position).unwrap_or(u64::MAX)
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

    /// How far behind the capture the pipeline is, in seconds.
    pub(super) fn lag_secs(&self) -> f64 {
        let model_rate = self.pipeline.params().clock.sample_rate;
        self.waiting_secs() + model_rate.secs((self.queue.len() - self.taken) as u64)
    }

    /// Takes the levels measured since the last call, if there are any.
    pub(super) fn take_levels(&mut self) -> Option<LevelsReport> {
        let over = self.intake.take_levels();
        let timed = |(second, levels): (u64, SecondLevels)| TimedLevels {
            begin: self.model_position(second * u64::from(self.rate.hz())),
            levels,
        };
        let seconds: Vec<TimedLevels> = over.into_iter().map(timed).collect();
        let params = self.pipeline.params();
        (!seconds.is_empty()).then(|| LevelsReport {
            source: params.source.clone(),
            calibration_db: self.capture.conditioning().levels_db.unwrap_or_default(),
            clock: params.clock,
            seconds,
        })
    }

    /// Level of the last moments.
    pub(super) fn level(&self) -> Level {
        self.pipeline.level(LEVEL_SECS)
    }

    /// Whether it runs.
    pub(super) fn phase(&self) -> Phase {
        match &self.ended {
            None => Phase::Running,
            Some(Ended::Well(reason)) => Phase::Ended((*reason).to_owned()),
            Some(Ended::Broken(sentence)) => Phase::Failed(sentence.clone()),
        }
    }
}
