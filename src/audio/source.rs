//! Opens an input, whatever it is, and hands its samples to readers: one, or one a channel.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

pub use super::capture::{Capture, CaptureState, Conditioning, SourceInfo};
pub use super::capture_options::CaptureOptions;
pub use super::fan::ChannelChoice;
pub use super::live::Lost;
pub use super::ring::Account;
pub use super::sample_format::SampleFormat;
pub use super::spec::InputSpec;
pub use crate::media::recorded_at::StartTime;

use super::capture::Origin;
use super::dated;
use super::demo::DemoFeed;
use super::fan::{CaptureFan, Lane};
use super::file_source::{FileFeed, Place, open_recording, open_stdin};
use super::keeper::{Keeper, Timing};
use super::live::Attach;
use super::net_address::NetAddress;
use super::net_source;
use super::ring::{CapturePull, capture_ring};
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

/// Opens `spec` and begins to capture: one input for each channel chosen, in that order, or one for the mean of all. A device
/// that is lost later is tried again until it is back or the capture is stopped.
///
/// A pipe through which a recording comes is waited for until its header is there; [`Opening`](super::opening::Opening) does not wait.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for `fast` or a start time on a device, a start time in the future and a ring length out of
/// range, [`crate::ErrorKind::Input`] where the device or the recording cannot be opened, or has not the channels asked for.
pub fn open(spec: &InputSpec, options: CaptureOptions) -> Result<Vec<Capture>> {
    let start = dated::start_of(spec, &options)?;
    let mut captures = open_undated(spec, options)?;
    if let Some(start) = start {
        dated::date(&mut captures, start);
    }
    Ok(captures)
}

fn open_undated(spec: &InputSpec, options: CaptureOptions) -> Result<Vec<Capture>> {
    if options.fast && !spec.can_be_fast() {
        return Err(Error::usage(format!(
            "--fast is for recordings, stdin: and demo; {spec} delivers at its own pace, so leave --fast out"
        )));
    }
    check(&options)?;
    match spec {
        InputSpec::Default => open_device(spec, None, options),
        InputSpec::Device(id) => open_device(spec, Some(id), options),
        InputSpec::Jack(pattern) => open_jack(spec, pattern.as_deref(), options),
        InputSpec::File(path) => {
            let place = Place::of(path)?;
            play(spec, open_recording(path, place)?, place, &options)
        }
        InputSpec::StdinAuto => play(spec, open_stdin()?, Place::Pipe, &options),
        &InputSpec::Stdin { rate, channels, format } => {
            open_raw_lanes(spec.to_string(), std::io::stdin(), rate, channels, format, &options)
        }
        InputSpec::Network(address) => open_network(address, options),
        InputSpec::Demo => {
            let feed = DemoFeed::new();
            let rate = feed.sample_rate();
            let thread = Thread { name: "demo-source", rate, channels: 1, speed: 1.0, may_block: false };
            thread.start(spec.to_string(), feed, &options)
        }
    }
}

/// Hears a recording that is open.
fn play(spec: &InputSpec, reader: RecordingReader, place: Place, options: &CaptureOptions) -> Result<Vec<Capture>> {
    let (rate, channels) = (reader.sample_rate(), reader.channels());
    let thread = match place {
        Place::File => Thread { name: "file-source", rate, channels, speed: 1.0, may_block: false },
        Place::Pipe => Thread { name: "pipe-source", rate, channels, speed: PIPE_SPEED, may_block: true },
    };
    thread.start(spec.to_string(), FileFeed { reader, name: spec.to_string() }, options)
}

/// Opens a stream of raw interleaved samples under the name `name`, as one input: the mean of its channels, whatever the
/// options say. This is what `stdin:` does with standard input. Reads of the stream may end anywhere; bytes that make no whole
/// channel frame at its end are let go.
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
    let options = CaptureOptions { channels: ChannelChoice::Mix, ..options.clone() };
    let captures = open_raw_lanes(name, reader, rate, channels, format, &options)?;
    captures.into_iter().next().ok_or_else(|| Error::input("a stream of raw samples gives no input"))
}

/// As [`open_raw`], with an input for each channel that the options choose.
///
/// # Errors
/// As [`open_raw`], and [`crate::ErrorKind::Input`] for a channel that the stream does not have.
pub fn open_raw_lanes(
    name: String,
    reader: impl Read + Send + 'static,
    rate: SampleRate,
    channels: u16,
    format: SampleFormat,
    options: &CaptureOptions,
) -> Result<Vec<Capture>> {
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

/// A fan for a device of `channels` channels and the reading ends of its rings.
fn fan(options: &CaptureOptions, rate: SampleRate, channels: u16) -> Result<(CaptureFan, Vec<(Lane, CapturePull)>)> {
    let capacity = rate.samples(options.ring_secs) as usize;
    let (mut pushes, mut pulls) = (Vec::new(), Vec::new());
    for lane in options.channels.lanes(channels)? {
        let (push, pull) = capture_ring(capacity, channels);
        pushes.push((lane, push));
        pulls.push((lane, pull));
    }
    Ok((CaptureFan::new(pushes, channels), pulls))
}

/// As in events: a channel that is an input of its own stands behind the source's name.
fn lane_name(source: &str, lane: Lane) -> String {
    lane.channel.map_or_else(|| source.to_owned(), |channel| format!("{source}#{channel}"))
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
    fn start(self, source: String, feed: impl Feed, options: &CaptureOptions) -> Result<Vec<Capture>> {
        let (fan, pulls) = fan(options, self.rate, self.channels).map_err(|e| named(&source, e))?;
        let state = Arc::new(EndState::default());
        let pace = if options.fast { Pace::Fast } else { Pace::RealTime { speed: self.speed } };
        let started = SystemTime::now();
        let thread = ThreadSource::spawn(self.name, feed, fan, self.rate, pace, Arc::clone(&state), self.may_block)?;
        let waker = thread.thread();
        let name = source.as_str().into();
        let may_block = thread.may_block();
        let origin = Origin::Thread { name, state, source: Arc::new(Mutex::new(thread)), waker, may_block };
        let capture = |(lane, pull)| {
            let name = lane_name(&source, lane);
            let info = SourceInfo { name, sample_rate: self.rate, channels: self.channels, started, recorded: false };
            Capture::new(info, pull, origin.clone())
        };
        Ok(pulls.into_iter().map(capture).collect())
    }
}

fn named(source: &str, e: Error) -> Error {
    Error::new(e.kind(), format!("{source}: {e}"))
}

/// Opens a network stream and keeps it open.
fn open_network(address: &NetAddress, options: CaptureOptions) -> Result<Vec<Capture>> {
    let from = address.clone();
    let attach = move |held| net_source::open(&from, held, |held| fan(&options, held.rate, held.channels));
    open_live(&address.to_string(), Arc::new(attach), net_source::TIMING)
}

/// Opens a live device called `source` and keeps it open.
fn open_live(source: &str, attach: Attach, timing: Timing) -> Result<Vec<Capture>> {
    let started = SystemTime::now();
    let opened = Keeper::open(source, attach, timing)?;
    let keeper = Arc::new(opened.keeper);
    let capture = |(index, (lane, pull))| {
        let name = lane_name(source, lane);
        let (sample_rate, channels) = (opened.held.rate, opened.held.channels);
        let info = SourceInfo { name, sample_rate, channels, started, recorded: false };
        let origin = Origin::Live { keeper: Arc::clone(&keeper), clock: Arc::clone(&opened.clock), lane: index };
        Capture::new(info, pull, origin)
    };
    Ok(opened.lanes.into_iter().enumerate().map(capture).collect())
}

#[cfg(feature = "cpal")]
fn open_device(spec: &InputSpec, id: Option<&str>, options: CaptureOptions) -> Result<Vec<Capture>> {
    let device = super::cpal_source::DeviceChoice::new(id, options.channels.clone());
    let attach = move |held| device.open(held, |held| fan(&options, held.rate, held.channels));
    open_live(&spec.to_string(), Arc::new(attach), Timing::default())
}

#[cfg(not(feature = "cpal"))]
fn open_device(spec: &InputSpec, _id: Option<&str>, _options: CaptureOptions) -> Result<Vec<Capture>> {
    Err(Error::usage(format!(
        "this build has no sound devices, so it cannot open {spec}; build it with the feature cpal, or use file:, stdin: or demo"
    )))
}

#[cfg(feature = "jack")]
fn open_jack(spec: &InputSpec, pattern: Option<&str>, options: CaptureOptions) -> Result<Vec<Capture>> {
    let choice = super::jack_client::JackChoice {
        pattern: pattern.map(str::to_owned),
        channels: options.channels.clone(),
        out: options.jack_out.clone(),
    };
    let attach = move |held| choice.open(held, |held| fan(&options, held.rate, held.channels));
    let name = spec.to_string();
    open_live(&name, Arc::new(attach), Timing::default()).map_err(|e| named(&name, e))
}

#[cfg(not(feature = "jack"))]
fn open_jack(spec: &InputSpec, _pattern: Option<&str>, _options: CaptureOptions) -> Result<Vec<Capture>> {
    Err(Error::usage(format!(
        "this build has no JACK, so it cannot open {spec}; build it with the feature jack, or use another input"
    )))
}
