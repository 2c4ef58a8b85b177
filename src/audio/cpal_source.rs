//! Capture devices through cpal. What runs on the audio thread stands in [`data_callback`] and [`error_callback`]; the
//! rest of this file belongs to threads that may wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{ErrorKind, I24, SampleFormat, SizedSample, StreamInstant, SupportedStreamConfigRange, U24};

use super::cpal_host::{Complaints, FORMATS, cannot_open, find};
use super::ring::{CapturePull, CapturePush};
use super::sample::ToF32;
use super::thread_source::EndState;
use crate::error::{Error, Result};
use crate::media::decode::MAX_CHANNELS;
use crate::units::SampleRate;

/// The rate to ask for where a device offers a range: what nearly all converters run at, so nothing is resampled twice.
const PREFERRED_HZ: u32 = 48_000;

/// How long closing a device may take before it is left to itself: some drivers never return from it.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

impl ToF32 for I24 {
    #[inline]
    fn to_f32(self) -> f32 {
        (f64::from(self.inner()) / 8_388_608.0) as f32
    }
}

impl ToF32 for U24 {
    #[inline]
    fn to_f32(self) -> f32 {
        (f64::from(self.inner()) / 8_388_608.0 - 1.0) as f32
    }
}

/// What opening a device gives.
pub(super) struct Opened {
    pub(super) rate: SampleRate,
    pub(super) channels: u16,
    pub(super) pull: CapturePull,
    pub(super) stream: DeviceStream,
}

/// A running capture stream.
pub(super) struct DeviceStream {
    stream: Option<cpal::Stream>,
    first_sample: Arc<FirstSample>,
    opened: SystemTime,
}

impl DeviceStream {
    /// Wall time of sample 0 by the capture clock, once the first samples have come.
    pub(super) fn first_sample_time(&self) -> Option<SystemTime> {
        let first = self.first_sample.get()?;
        let age = self.stream.as_ref()?.now().duration_since(first);
        // No sample is older than the stream, whatever a driver's clock says.
        SystemTime::now().checked_sub(age).map(|time| time.max(self.opened))
    }

    /// Closes the device.
    pub(super) fn stop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        // A driver whose device has died may wait in here for ever; the program must not.
        let (closed, done) = mpsc::channel();
        let closer = thread::Builder::new().name("device-closer".to_owned()).spawn(move || {
            drop(stream);
            let _ = closed.send(());
        });
        if closer.is_ok() {
            let _ = done.recv_timeout(CLOSE_PATIENCE);
        }
    }
}

impl Drop for DeviceStream {
    fn drop(&mut self) {
        self.stop();
    }
}

/// When the first sample was captured, in nanoseconds of the stream's clock; 0 while there was none.
#[derive(Debug, Default)]
struct FirstSample(AtomicU64);

impl FirstSample {
    fn set_once(&self, instant: StreamInstant) {
        if self.0.load(Ordering::Relaxed) == 0 {
            self.0.store((instant.as_nanos() as u64).max(1), Ordering::Relaxed);
        }
    }

    fn get(&self) -> Option<StreamInstant> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(StreamInstant::from_nanos(nanos)),
        }
    }
}

// ---- on the audio thread: the real-time rule holds from here …

fn data_callback<S: SizedSample + ToF32>(
    mut push: CapturePush,
    first_sample: Arc<FirstSample>,
) -> impl FnMut(&[S], &cpal::InputCallbackInfo) + Send + 'static {
    move |chunk, info| {
        first_sample.set_once(info.timestamp().capture);
        push.push_converted(chunk);
    }
}

fn error_callback(
    state: Arc<EndState>,
    counters: Arc<super::ring::CaptureCounters>,
) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| match error.kind() {
        ErrorKind::Xrun => {
            counters.xruns.fetch_add(1, Ordering::Relaxed);
        }
        // The stream goes on.
        ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
        ErrorKind::DeviceNotAvailable => state.fail_device("has gone; connect it again and restart the monitor"),
        ErrorKind::StreamInvalidated => state.fail_device("has changed its settings; restart the monitor"),
        _ => state.fail_device("stopped with an error of its driver; check the device and restart the monitor"),
    }
}

// ---- … to here.

/// Opens the capture device `id` (`None`: the default one) and starts it; `make_ring` gets its rate and channels.
pub(super) fn open(
    id: Option<&str>,
    state: Arc<EndState>,
    make_ring: impl FnOnce(SampleRate, u16) -> (CapturePush, CapturePull),
) -> Result<Opened> {
    let _complaints = Complaints::catch();
    let name = id.map_or_else(|| "the default capture device".to_owned(), |id| format!("the capture device '{id}'"));
    let failed = |e: cpal::Error| cannot_open(&name, e);
    let device = find(id, &name)?;
    let ranges = device.supported_input_configs().map_err(failed)?;
    let choice = choose(ranges).ok_or_else(|| {
        Error::input(format!("{name} offers no format with 1 to {MAX_CHANNELS} channels; choose another device"))
    })?;
    let (push, pull) = make_ring(choice.rate, choice.channels);
    let first_sample = Arc::new(FirstSample::default());
    let opened = SystemTime::now();
    let stream = build(&device, &choice, push, Arc::clone(&first_sample), state).map_err(failed)?;
    stream.play().map_err(failed)?;
    let stream = DeviceStream { stream: Some(stream), first_sample, opened };
    Ok(Opened { rate: choice.rate, channels: choice.channels, pull, stream })
}

/// How a device is to be opened.
#[derive(Debug, PartialEq)]
struct Choice {
    rate: SampleRate,
    channels: u16,
    format: SampleFormat,
}

/// The best of what a device offers: the fewest channels, then the rate nearest to [`PREFERRED_HZ`], then the first of
/// [`FORMATS`].
///
/// A device without software in between offers only what it has, and gets no choice from us. One with a converting layer
/// offers everything; it is then asked for what needs no conversion with the usual microphone.
fn choose(ranges: impl Iterator<Item = SupportedStreamConfigRange>) -> Option<Choice> {
    ranges
        .filter(|range| (1..=MAX_CHANNELS).contains(&range.channels()))
        .filter_map(|range| {
            let format = range.sample_format();
            let rank = FORMATS.iter().position(|&f| f == format)?;
            let hz = PREFERRED_HZ.max(range.min_sample_rate()).min(range.max_sample_rate());
            let choice = Choice { rate: SampleRate::new(hz)?, channels: range.channels(), format };
            Some((choice, (range.channels(), hz.abs_diff(PREFERRED_HZ), rank)))
        })
        .min_by_key(|(_, order)| *order)
        .map(|(choice, _)| choice)
}

fn build(
    device: &cpal::Device,
    choice: &Choice,
    push: CapturePush,
    first: Arc<FirstSample>,
    state: Arc<EndState>,
) -> Result<cpal::Stream, cpal::Error> {
    let config = cpal::StreamConfig {
        channels: choice.channels,
        sample_rate: choice.rate.hz(),
        // Any chunk length will do, so the driver has its way.
        buffer_size: cpal::BufferSize::Default,
    };
    let on_error = error_callback(state, Arc::clone(push.counters()));
    macro_rules! stream {
        ($($format:ident => $sample:ty),*) => {
            match choice.format {
                $(SampleFormat::$format => {
                    device.build_input_stream(config, data_callback::<$sample>(push, first), on_error, None)
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
    use cpal::SupportedBufferSize;

    fn range(channels: u16, hz: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, hz.0, hz.1, SupportedBufferSize::Unknown, format)
    }

    fn chosen(ranges: &[SupportedStreamConfigRange]) -> Option<(u16, u32, SampleFormat)> {
        choose(ranges.iter().copied()).map(|c| (c.channels, c.rate.hz(), c.format))
    }

    #[test]
    fn mono_then_the_usual_rate_then_the_usual_format() {
        use SampleFormat::{DsdU8, F32, I16, I32};
        // What a converting layer offers.
        let anything = [1, 2, 8].map(|n| [F32, I32, I16].map(|format| range(n, (4000, 384_000), format)));
        assert_eq!(chosen(anything.as_flattened()), Some((1, 48_000, I16)));
        // What converters offer.
        assert_eq!(chosen(&[range(2, (44_100, 44_100), I32), range(2, (96_000, 96_000), I16)]), Some((2, 44_100, I32)));
        assert_eq!(chosen(&[range(1, (8000, 16_000), F32)]), Some((1, 16_000, F32)));
        assert_eq!(
            chosen(&[range(32, (48_000, 48_000), F32), range(4, (96_000, 192_000), F32)]),
            Some((4, 96_000, F32))
        );
        assert_eq!(chosen(&[range(2, (48_000, 48_000), DsdU8), range(9, (48_000, 48_000), F32)]), None);
        assert_eq!(chosen(&[range(2, (0, 0), F32)]), None);
    }

    #[test]
    fn packed_formats_have_their_zero_in_place() {
        let i24 = |v| I24::new(v).unwrap().to_f32();
        let u24 = |v| U24::new(v).unwrap().to_f32();
        assert_eq!([i24(-8_388_608), i24(0), i24(4_194_304)], [-1.0, 0.0, 0.5]);
        assert_eq!([u24(0), u24(8_388_608), u24(12_582_912)], [-1.0, 0.0, 0.5]);
    }

    #[test]
    fn errors_that_a_stream_survives_do_not_end_it() {
        let state = Arc::new(EndState::default());
        let (push, _pull) = super::super::ring::capture_ring(4, 1);
        let counters = Arc::clone(push.counters());
        let mut callback = error_callback(Arc::clone(&state), Arc::clone(&counters));
        callback(ErrorKind::Xrun.into());
        callback(ErrorKind::Xrun.into());
        callback(ErrorKind::RealtimeDenied.into());
        assert_eq!((counters.xruns.load(Ordering::Relaxed), state.has_ended()), (2, false));
        callback(ErrorKind::DeviceNotAvailable.into());
        callback(ErrorKind::BackendError.into());
        let sentence = state.failure("device:x").unwrap();
        assert!(state.has_ended() && sentence.starts_with("device:x has gone"), "{sentence}");
    }
}
