//! Playback devices through cpal. What runs on the audio thread stands in [`data_callback`] and [`error_callback`], and in
//! [`Lease::play`]; the rest of this file belongs to threads that may wait.

use std::sync::Arc;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{
    ErrorKind, FromSample, I24, SampleFormat, SizedSample, SupportedBufferSize, SupportedStreamConfigRange, U24,
};

use super::cpal_host::{Complaints, FORMATS, find_playback};
use super::keeper::Timing;
use super::playback::PlaybackPull;
use super::playback_clock::ListenClock;
use super::playback_keeper::{Lease, Opener, Playback, Session, Stream};
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// The rate to ask for where a device offers a range: what nearly all converters run at.
const PREFERRED_HZ: u32 = 48_000;

/// Length of the buffers to ask for; twice as much waits in the device. Left to itself, PulseAudio takes two seconds ahead:
/// more than the ring has.
const BUFFER_SECS: f64 = 0.04;

/// Rates that can be converted to.
const RATES_HZ: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// A playback device, and how it is to be opened.
#[derive(Debug, Clone)]
pub struct PlaybackDevice {
    id: Option<String>,
    /// For sentences.
    name: String,
    rate: SampleRate,
}

impl PlaybackDevice {
    /// See [`super::playback_device::choose`].
    pub(super) fn choose(id: Option<&str>) -> Result<Self> {
        let _complaints = Complaints::catch();
        let name =
            id.map_or_else(|| "the default playback device".to_owned(), |id| format!("the playback device '{id}'"));
        let (_, choice) = find(id, &name, None)?;
        Ok(Self { id: id.map(str::to_owned), name, rate: choice.rate })
    }

    /// The rate that it plays at, whenever it is opened.
    #[must_use]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Plays what `pull` has, at the rate that the device was chosen with: each sample of the input's timeline at the
    /// ring's delay behind `clock`, which counts at `input_rate`. A device that is lost is tried again until the playback
    /// is dropped; neither the capture nor the worker waits for it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] where the device cannot be opened now.
    pub fn start(self, pull: PlaybackPull, clock: Arc<ListenClock>, input_rate: SampleRate) -> Result<Playback> {
        let name = self.name.clone();
        let open: Opener = Box::new(move |lease, state| self.open(lease, state));
        Session { name, open, pull, clock, input_rate, timing: Timing::default() }.start()
    }

    fn open(&self, lease: Lease, state: Arc<EndState>) -> Result<Stream> {
        let _complaints = Complaints::catch();
        let failed = |e: cpal::Error| cannot_open(&self.name, e);
        let (device, choice) = find(self.id.as_deref(), &self.name, Some(self.rate))?;
        let stream = build(&device, choice, lease, state).map_err(failed)?;
        // A connection to a server lives as long as the last thing that uses it; the stream must be that.
        drop(device);
        stream.play().map_err(failed)?;
        Ok(Box::new(stream))
    }
}

// ---- on the audio thread: the real-time rule holds from here …

fn data_callback<S: SizedSample + FromSample<f32>>(
    mut lease: Lease,
    channels: usize,
) -> impl FnMut(&mut [S], &cpal::OutputCallbackInfo) + Send + 'static {
    move |out, _| lease.play(out, channels, S::from_sample)
}

fn error_callback(state: Arc<EndState>) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        // The stream goes on.
        ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        ErrorKind::DeviceNotAvailable => state.fail_device("has gone"),
        ErrorKind::StreamInvalidated => state.fail_device("has lost its server, or changed its settings"),
        _ => state.fail_device("stopped with an error of its driver"),
    }
}

// ---- … to here.

fn missing(name: &str) -> Error {
    Error::output(format!("cannot find {name}; `earwitness devices` lists what there is, --listen off does without"))
}

fn cannot_open(name: &str, e: cpal::Error) -> Error {
    let remedy = match e.kind() {
        ErrorKind::DeviceBusy => "close the program that uses it",
        ErrorKind::PermissionDenied => "add this user to the group audio",
        ErrorKind::HostUnavailable => "start the sound system",
        _ => "connect it, choose another (`earwitness devices` lists what there is), or use --listen off",
    };
    let why = e.to_string();
    Error::output(format!("cannot play on {name} ({}); {remedy}", why.trim_end_matches('.'))).with_source(e)
}

/// Finds a device that plays, and how to open it: at `rate`, where it was chosen before.
fn find(id: Option<&str>, name: &str, rate: Option<SampleRate>) -> Result<(cpal::Device, Choice)> {
    let device = find_playback(id).ok_or_else(|| missing(name))?;
    let ranges = device.supported_output_configs().map_err(|e| cannot_open(name, e))?;
    let choice = best(ranges, rate).ok_or_else(|| {
        Error::output(match rate {
            None => format!("{name} offers no format that can be played; choose another device"),
            Some(rate) => {
                format!("{name} no longer plays at {} Hz; set it back, or restart the monitor", rate.hz())
            }
        })
    })?;
    Ok((device, choice))
}

/// How a device is to be opened.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Choice {
    rate: SampleRate,
    channels: u16,
    format: SampleFormat,
    /// Channel frames of a buffer; `None` where the device does not say what it can do, and has its way.
    buffer: Option<u32>,
}

/// The best of what a device offers: the rate nearest to the usual one, then the fewest channels (all of them get the same),
/// then the first of [`FORMATS`]. With `only`, no other rate.
fn best(ranges: impl Iterator<Item = SupportedStreamConfigRange>, only: Option<SampleRate>) -> Option<Choice> {
    let wanted = only.map_or(PREFERRED_HZ, SampleRate::hz);
    ranges
        .filter(|range| range.channels() > 0)
        .filter_map(|range| {
            let format = range.sample_format();
            let rank = FORMATS.iter().position(|&f| f == format)?;
            let hz = wanted.max(range.min_sample_rate()).min(range.max_sample_rate());
            let usable = RATES_HZ.contains(&hz) && only.is_none_or(|only| only.hz() == hz);
            let rate = SampleRate::new(hz)?;
            let buffer = match *range.buffer_size() {
                SupportedBufferSize::Range { min, max } => Some((rate.samples(BUFFER_SECS) as u32).min(max).max(min)),
                SupportedBufferSize::Unknown => None,
            };
            let choice = Choice { rate, channels: range.channels(), format, buffer };
            usable.then_some((choice, (hz.abs_diff(wanted), range.channels(), rank)))
        })
        .min_by_key(|(_, order)| *order)
        .map(|(choice, _)| choice)
}

fn build(
    device: &cpal::Device,
    choice: Choice,
    lease: Lease,
    state: Arc<EndState>,
) -> Result<cpal::Stream, cpal::Error> {
    let config = cpal::StreamConfig {
        channels: choice.channels,
        sample_rate: choice.rate.hz(),
        buffer_size: choice.buffer.map_or(cpal::BufferSize::Default, cpal::BufferSize::Fixed),
    };
    let channels = usize::from(choice.channels);
    let on_error = error_callback(state);
    macro_rules! stream {
        ($($format:ident => $sample:ty),*) => {
            match choice.format {
                $(SampleFormat::$format => {
                    device.build_output_stream(config, data_callback::<$sample>(lease, channels), on_error, None)
                })*
                _ => Err(ErrorKind::UnsupportedConfig.into()),
            }
        };
    }
    stream!(
        I8 => i8, I16 => i16, I24 => I24, I32 => i32, I64 => i64,
        U8 => u8, U16 => u16, U24 => U24, U32 => u32, U64 => u64,
        F32 => f32, F64 => f64
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chosen(ranges: &[(u16, (u32, u32), SampleFormat)], hz: Option<u32>) -> Option<(u16, u32, SampleFormat)> {
        let range = |&(channels, (low, high), format): &_| {
            SupportedStreamConfigRange::new(channels, low, high, SupportedBufferSize::Unknown, format)
        };
        best(ranges.iter().map(range), hz.and_then(SampleRate::new)).map(|c| (c.channels, c.rate.hz(), c.format))
    }

    #[test]
    fn the_usual_rate_then_the_fewest_channels_then_the_usual_format() {
        use SampleFormat::{DsdU8, F32, I16, I32};
        let anything = [1, 2, 8].map(|n| [F32, I32, I16].map(|format| (n, (4000, 384_000), format)));
        assert_eq!(chosen(anything.as_flattened(), None), Some((1, 48_000, I16)));
        assert_eq!(chosen(anything.as_flattened(), Some(44_100)), Some((1, 44_100, I16)));
        let converters = [(1, (44_100, 44_100), I32), (8, (96_000, 96_000), F32), (2, (48_000, 48_000), I32)];
        assert_eq!(chosen(&converters, None), Some((2, 48_000, I32)));
        assert_eq!(chosen(&converters, Some(96_000)), Some((8, 96_000, F32)));
        assert_eq!(chosen(&converters, Some(22_050)), None);
        assert_eq!(chosen(&[(2, (48_000, 48_000), DsdU8), (2, (384_000, 384_000), F32)], None), None);
    }

    #[test]
    fn buffers_are_short_where_the_device_says_what_it_can_do() {
        let chosen = |size| {
            let range = SupportedStreamConfigRange::new(1, 48_000, 48_000, size, SampleFormat::F32);
            best([range].into_iter(), None).unwrap().buffer
        };
        assert_eq!(chosen(SupportedBufferSize::Range { min: 1, max: 100_000 }), Some(1920));
        assert_eq!(chosen(SupportedBufferSize::Range { min: 4096, max: 100_000 }), Some(4096));
        assert_eq!(chosen(SupportedBufferSize::Range { min: 1, max: 512 }), Some(512));
        assert_eq!(chosen(SupportedBufferSize::Unknown), None);
    }

    #[test]
    fn only_errors_that_end_a_stream_end_it() {
        let state = Arc::new(EndState::default());
        let mut callback = error_callback(Arc::clone(&state));
        callback(ErrorKind::Xrun.into());
        callback(ErrorKind::RealtimeDenied.into());
        assert!(!state.has_ended());
        callback(ErrorKind::DeviceNotAvailable.into());
        assert_eq!(state.failure("device:x").unwrap(), "device:x has gone");
    }
}
