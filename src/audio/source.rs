//! Opens an input, whatever it is, and hands its samples to one reader.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use super::fan::ChannelChoice;
pub use super::ring::{Account, CaptureCounters};
pub use super::spec::{InputSpec, SampleFormat};

use super::demo::DemoFeed;
use super::file_source::FileFeed;
use super::ring::{CapturePull, CapturePush, capture_ring};
use super::stdin_source::RawFeed;
use super::thread_source::{EndState, Feed, Pace, ThreadSource};
use crate::error::{Error, Result};
use crate::media::decode::RecordingReader;
use crate::units::SampleRate;

/// Lengths that the ring may have, in seconds.
const RING_SECS: std::ops::RangeInclusive<f64> = 0.1..=600.0;

/// A pipe is read this much faster than real time at most. Its writer's clock is another than ours: were ours the slower
/// by a hair, a live pipe would fill up over the hours.
const PIPE_SPEED: f64 = 1.005;

/// How to open an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptureOptions {
    /// As quickly as the reader reads, without loss, instead of at real-time pace. For `file:`, `stdin:` and `demo`.
    pub fast: bool,
    /// How long the worker may stall before samples are lost, in seconds: 0.1 to 600.
    pub ring_secs: f64,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { fast: false, ring_secs: 10.0 }
    }
}

/// What an open input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// As in events: `file:yard.wav`.
    pub name: String,
    /// The input's own rate.
    pub sample_rate: SampleRate,
    /// The input's channels, before downmixing.
    pub channels: u16,
    /// Wall time of sample 0. For a device it is the moment of opening until the first samples have been read, and from
    /// then on what the capture clock says.
    pub started: SystemTime,
}

/// Whether more samples will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureState {
    /// Samples come, or have not all been read.
    Running,
    /// The source has ended, or was stopped, and every sample has been read.
    Ended,
    /// The source broke, and every sample before that has been read. The text is the sentence to show.
    Failed(String),
}

/// A device that is gone, and being waited for.
#[derive(Debug, Clone)]
pub struct Lost {
    /// What happened and what is being done, for people.
    pub sentence: String,
    /// Since when.
    pub since: Instant,
    /// How often it was tried to open it again.
    pub attempts: u32,
}

/// What delivers the samples.
enum Backend {
    Thread(ThreadSource),
    #[cfg(feature = "cpal")]
    Device(super::cpal_source::DeviceStream),
}

/// One open input.
pub struct Capture {
    info: SourceInfo,
    pull: CapturePull,
    state: Arc<EndState>,
    backend: Backend,
    last_arrival: Instant,
    live: bool,
    #[cfg(feature = "cpal")]
    clock_read: bool,
}

/// Opens `spec` and begins to capture.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for `fast` on a device and a ring length out of range, [`crate::ErrorKind::Input`] where
/// the device or the recording cannot be opened.
pub fn open(spec: &InputSpec, options: &CaptureOptions) -> Result<Capture> {
    if options.fast && !spec.can_be_fast() {
        return Err(Error::usage(format!(
            "--fast is for file:, stdin: and demo; {spec} delivers at its own pace, so leave --fast out"
        )));
    }
    check(options)?;
    match spec {
        InputSpec::Default => open_device(spec, None, options),
        InputSpec::Device(id) => open_device(spec, Some(id), options),
        InputSpec::File(path) => {
            let reader = RecordingReader::open(path)?;
            let (rate, channels) = (reader.sample_rate(), reader.channels());
            let thread = Thread { name: "file-source", rate, channels, speed: 1.0, may_block: false };
            thread.start(spec.to_string(), FileFeed { reader, name: spec.to_string() }, options)
        }
        &InputSpec::Stdin { rate, channels, format } => {
            open_raw(spec.to_string(), std::io::stdin(), rate, channels, format, options)
        }
        InputSpec::Demo => {
            let feed = DemoFeed::new();
            let rate = feed.sample_rate();
            let thread = Thread { name: "demo-source", rate, channels: 1, speed: 1.0, may_block: false };
            thread.start(spec.to_string(), feed, options)
        }
    }
}

/// Opens a stream of raw interleaved samples under the name `name`: what `stdin:` does with standard input. Reads of the
/// stream may end anywhere; bytes that make no whole channel frame at its end are let go.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for a ring length out of range or no channel, [`crate::ErrorKind::Input`] where the system
/// gives no thread.
pub fn open_raw(
    name: String,
    reader: impl Read + Send + 'static,
    rate: SampleRate,
    channels: u16,
    format: SampleFormat,
    options: &CaptureOptions,
) -> Result<Capture> {
    check(options)?;
    if channels == 0 {
        return Err(Error::usage("a stream of raw samples needs at least one channel"));
    }
    let thread = Thread { name: "stdin-source", rate, channels, speed: PIPE_SPEED, may_block: true };
    thread.start(name, RawFeed::new(reader, channels, format), options)
}

fn check(options: &CaptureOptions) -> Result<()> {
    if RING_SECS.contains(&options.ring_secs) {
        return Ok(());
    }
    let (low, high) = (RING_SECS.start(), RING_SECS.end());
    Err(Error::usage(format!("the ring's length must be from {low} to {high} seconds, not {}", options.ring_secs)))
}

/// A ring of the length asked for.
fn ring(options: &CaptureOptions, rate: SampleRate, channels: u16) -> (CapturePush, CapturePull) {
    capture_ring(rate.samples(options.ring_secs) as usize, channels)
}

/// What a source thread needs to know.
struct Thread {
    name: &'static str,
    rate: SampleRate,
    channels: u16,
    speed: f64,
    may_block: bool,
}

impl Thread {
    fn start(self, source: String, feed: impl Feed, options: &CaptureOptions) -> Result<Capture> {
        let (push, pull) = ring(options, self.rate, self.channels);
        let state = Arc::new(EndState::default());
        let pace = if options.fast { Pace::Fast } else { Pace::RealTime { speed: self.speed } };
        let started = SystemTime::now();
        let thread = ThreadSource::spawn(self.name, feed, push, self.rate, pace, Arc::clone(&state), self.may_block)?;
        let info = SourceInfo { name: source, sample_rate: self.rate, channels: self.channels, started };
        Ok(Capture::new(info, pull, state, Backend::Thread(thread)))
    }
}

#[cfg(feature = "cpal")]
fn open_device(spec: &InputSpec, id: Option<&str>, options: &CaptureOptions) -> Result<Capture> {
    let state = Arc::new(EndState::default());
    let started = SystemTime::now();
    let opened = super::cpal_source::open(id, Arc::clone(&state), |rate, channels| ring(options, rate, channels))?;
    let info = SourceInfo { name: spec.to_string(), sample_rate: opened.rate, channels: opened.channels, started };
    Ok(Capture::new(info, opened.pull, state, Backend::Device(opened.stream)))
}

#[cfg(not(feature = "cpal"))]
fn open_device(spec: &InputSpec, _id: Option<&str>, _options: &CaptureOptions) -> Result<Capture> {
    Err(Error::usage(format!(
        "this build has no sound devices, so it cannot open {spec}; build it with the feature cpal, or use file:, stdin: or demo"
    )))
}

impl Capture {
    fn new(info: SourceInfo, pull: CapturePull, state: Arc<EndState>, backend: Backend) -> Self {
        let last_arrival = Instant::now();
        let live = match &backend {
            Backend::Thread(thread) => thread.may_block(),
            #[cfg(feature = "cpal")]
            Backend::Device(_) => true,
        };
        Self {
            live,
            info,
            pull,
            state,
            backend,
            last_arrival,
            #[cfg(feature = "cpal")]
            clock_read: false,
        }
    }

    /// What was opened.
    #[must_use]
    pub const fn info(&self) -> &SourceInfo {
        &self.info
    }

    /// Copies mono samples at the input's own rate into `out` and says how many; 0 where there are none now. Never waits.
    pub fn read(&mut self, out: &mut [f32]) -> usize {
        let n = self.pull.read(out);
        if n > 0 {
            self.last_arrival = Instant::now();
            match &self.backend {
                Backend::Thread(thread) => thread.wake(),
                #[cfg(feature = "cpal")]
                Backend::Device(stream) => {
                    if !std::mem::replace(&mut self.clock_read, true) {
                        self.info.started = stream.first_sample_time().unwrap_or(self.info.started);
                    }
                }
            }
        }
        n
    }

    /// How many samples were lost just before the first one of the last [`read`](Self::read). A read never goes across
    /// such a gap; adding it keeps the reader's position true to the source's.
    #[must_use]
    pub const fn gap_before(&self) -> u64 {
        self.pull.gap_before()
    }

    /// Whether more samples will come.
    #[must_use]
    pub fn state(&self) -> CaptureState {
        // The order counts: what was pushed before the end is visible once the end is.
        if !self.state.has_ended() || self.pending() > 0 {
            return CaptureState::Running;
        }
        self.state.failure(&self.info.name).map_or(CaptureState::Ended, CaptureState::Failed)
    }

    /// Where every sample went, at one moment.
    #[must_use]
    pub fn account(&self) -> Account {
        self.pull.account()
    }

    /// Whether this input has a life of its own: it must not be kept waiting, and should never fall silent for good.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// What is known of a device that is gone and being waited for.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        None
    }

    /// Counters since the input was opened.
    #[must_use]
    pub fn counters(&self) -> &CaptureCounters {
        self.pull.counters()
    }

    /// Samples that wait to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pull.pending()
    }

    /// How long no sample has been read, because none came or because no one asked. A device that died without a word
    /// shows here.
    #[must_use]
    pub fn idle_for(&self) -> Duration {
        self.last_arrival.elapsed()
    }

    /// Ends the capture. What is in the ring can still be read; then the state is [`CaptureState::Ended`].
    pub fn stop(&mut self) {
        match &mut self.backend {
            Backend::Thread(thread) => thread.stop(),
            #[cfg(feature = "cpal")]
            Backend::Device(stream) => stream.stop(),
        }
        self.state.end();
    }
}
